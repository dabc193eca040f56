//! Nodes, GitHub credentials, runners and their instances.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, integer_null, json_binary, json_binary_null, string_len,
    string_len_null, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::columns::{create, drop, id, id_null, index, references, table, unique, word};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(
            manager,
            vec![nodes(), github_credentials(), runners(), runner_instances()],
            indexes(),
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(
            manager,
            &["runner_instances", "runners", "github_credentials", "nodes"],
        )
        .await
    }
}

fn nodes() -> TableCreateStatement {
    table("nodes")
        .col(string_len("name", 64))
        .col(string_len_null("ip_address", 253))
        .col(integer_null("port"))
        .col(string_len_null("socket_path", 107))
        .col(word("type"))
        .col(word("status"))
        .col(id("user_id"))
        .col(id("org_id"))
        // For type `local`: the host whose workers reach the engine.
        .col(string_len_null("host", 253))
        // Sealed JSON of CA, client certificate and client key, all PEM.
        .col(text_null("tls_material"))
        // How many instances may take up room on it.
        .col(integer("capacity"))
        // What the engine last said of itself, and the named checks with their results.
        .col(json_binary_null("facts"))
        .col(json_binary_null("checks"))
        .col(text_null("status_reason"))
        .col(timestamp_with_time_zone_null("last_checked_at"))
        .foreign_key(&mut references("nodes", "user_id", "users"))
        .foreign_key(&mut references("nodes", "org_id", "orgs"))
        .to_owned()
}

fn github_credentials() -> TableCreateStatement {
    table("github_credentials")
        .col(id("org_id"))
        .col(id("user_id"))
        .col(string_len("name", 64))
        .col(word("kind"))
        // Sealed. GitHub's tokens have no fixed length.
        .col(text("secret"))
        // The last four characters, by which a person recognises the token.
        .col(string_len("hint", 8))
        .col(text("api_url"))
        .col(text("web_url"))
        .foreign_key(&mut references("github_credentials", "org_id", "orgs"))
        .foreign_key(&mut references("github_credentials", "user_id", "users"))
        .to_owned()
}

fn runners() -> TableCreateStatement {
    table("runners")
        .col(string_len("name", 64))
        .col(word("status"))
        .col(id("user_id"))
        .col(id("org_id"))
        .col(string_len("docker_image", 255))
        .col(string_len("github_repo", 201))
        // Sealed; either this or a credential is set.
        .col(text_null("github_runner_token"))
        .col(string_len_null("github_runner_token_hint", 8))
        .col(json_binary("labels"))
        .col(word("scope"))
        .col(id_null("credential_id"))
        .col(big_integer("runner_group_id").default(1))
        .col(boolean("ephemeral"))
        .col(integer("min_idle"))
        .col(integer("max_instances"))
        .col(json_binary("resources"))
        .col(json_binary("node_selection"))
        .foreign_key(&mut references("runners", "user_id", "users"))
        .foreign_key(&mut references("runners", "org_id", "orgs"))
        .foreign_key(&mut references("runners", "credential_id", "github_credentials"))
        .to_owned()
}

fn runner_instances() -> TableCreateStatement {
    table("runner_instances")
        .col(id("runner_id"))
        // The runner's organisation, so that every query can be scoped by it.
        .col(id("org_id"))
        .col(id("node_id"))
        // The runner's name at GitHub, derived from the row's own id.
        .col(string_len("name", 64))
        // The container's id; only ever written by a worker, from the engine's answer.
        .col(string_len_null("instance_identifier", 64))
        .col(string_len_null("instance_host", 253))
        .col(json_binary("instance_meta"))
        .col(word("status"))
        .col(word("state"))
        .col(word("desired_state"))
        .col(text_null("state_reason"))
        .col(timestamp_with_time_zone("state_changed_at"))
        .col(timestamp_with_time_zone_null("state_deadline"))
        // Which worker acts on it at the moment, and until when nobody else may.
        .col(string_len_null("lease_token", 36))
        .col(timestamp_with_time_zone_null("lease_until"))
        .col(integer("attempts").default(0))
        .col(big_integer_null("github_runner_id"))
        .col(timestamp_with_time_zone_null("last_heartbeat"))
        .foreign_key(&mut references("runner_instances", "runner_id", "runners"))
        .foreign_key(&mut references("runner_instances", "org_id", "orgs"))
        .foreign_key(&mut references("runner_instances", "node_id", "nodes"))
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        unique("nodes", &["org_id", "name"]),
        index("nodes", &["org_id", "is_deleted"]),
        unique("github_credentials", &["org_id", "name"]),
        unique("runners", &["org_id", "name"]),
        index("runners", &["credential_id"]),
        unique("runner_instances", &["name"]),
        index("runner_instances", &["runner_id", "is_deleted"]),
        index("runner_instances", &["node_id", "state"]),
        index("runner_instances", &["org_id", "state"]),
        index("runner_instances", &["state", "state_deadline"]),
        index("runner_instances", &["lease_until"]),
    ]
}
