//! People, their organisations, and what they sign in with.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, json_binary, string_len, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

use crate::columns::{create, drop, id, id_null, index, references, table, unique, word};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            // One row: what tells this installation's containers from another's on the same engine.
            table("installation").col(word("singleton")).to_owned(),
            table("users")
                .col(string_len("full_name", 100))
                // Lower case, so that the unique index compares as mail systems do.
                .col(string_len("email", 254))
                .col(text("password"))
                // Raised to end every session of the user at once.
                .col(integer("token_version").default(0))
                .to_owned(),
            table("orgs")
                .col(string_len("name", 100))
                .col(word("org_type"))
                .col(id("org_creator"))
                .foreign_key(&mut references("orgs", "org_creator", "users"))
                .to_owned(),
            table("org_users")
                .col(id("org_id"))
                .col(id("user_id"))
                .col(word("role"))
                .col(json_binary("permissions"))
                .foreign_key(&mut references("org_users", "org_id", "orgs"))
                .foreign_key(&mut references("org_users", "user_id", "users"))
                .to_owned(),
            table("refresh_tokens")
                .col(id("user_id"))
                // Every token that came of one sign-in; reuse of a spent one revokes them all.
                .col(id("family"))
                .col(string_len("token_hash", 64))
                .col(timestamp_with_time_zone("expires_at"))
                .col(timestamp_with_time_zone("family_expires_at"))
                .col(timestamp_with_time_zone_null("used_at"))
                .col(timestamp_with_time_zone_null("revoked_at"))
                .col(text_null("ip_address"))
                .col(text_null("user_agent"))
                .foreign_key(&mut references("refresh_tokens", "user_id", "users"))
                .to_owned(),
            table("invitations")
                .col(id("org_id"))
                .col(string_len("email", 254))
                .col(word("role"))
                .col(json_binary("permissions"))
                .col(string_len("token_hash", 64))
                .col(id("invited_by"))
                .col(timestamp_with_time_zone("expires_at"))
                .col(timestamp_with_time_zone_null("accepted_at"))
                .foreign_key(&mut references("invitations", "org_id", "orgs"))
                .foreign_key(&mut references("invitations", "invited_by", "users"))
                .to_owned(),
            table("api_tokens")
                .col(id("user_id"))
                .col(id_null("org_id"))
                .col(string_len("name", 100))
                .col(string_len("token_hash", 64))
                // The first characters, by which a person recognises the token.
                .col(string_len("hint", 16))
                .col(json_binary("permissions"))
                .col(timestamp_with_time_zone_null("expires_at"))
                .col(timestamp_with_time_zone_null("last_used_at"))
                .foreign_key(&mut references("api_tokens", "user_id", "users"))
                .foreign_key(&mut references("api_tokens", "org_id", "orgs"))
                .to_owned(),
        ];
        let indexes = vec![
            unique("installation", &["singleton"]),
            unique("users", &["email"]),
            unique("orgs", &["name"]),
            index("orgs", &["org_creator"]),
            unique("org_users", &["org_id", "user_id"]),
            index("org_users", &["user_id"]),
            unique("refresh_tokens", &["token_hash"]),
            index("refresh_tokens", &["user_id"]),
            index("refresh_tokens", &["family"]),
            index("refresh_tokens", &["family_expires_at"]),
            unique("invitations", &["token_hash"]),
            index("invitations", &["org_id"]),
            index("invitations", &["email"]),
            unique("api_tokens", &["token_hash"]),
            index("api_tokens", &["user_id"]),
            index("api_tokens", &["org_id"]),
        ];
        create(manager, tables, indexes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(
            manager,
            &[
                "api_tokens",
                "invitations",
                "refresh_tokens",
                "org_users",
                "orgs",
                "users",
                "installation",
            ],
        )
        .await
    }
}
