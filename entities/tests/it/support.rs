//! A migrated database of each kind, and the rows that most tests need.

use chrono::{DateTime, Utc};
use domain::ids::{NodeId, OrgId, RunnerId, UserId};
use entities::DatabaseConnection;
use entities::model::{nodes, orgs, runners, users};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ActiveModelTrait, Set};
use serde_json::json;
use testkit::harness::database::{DatabaseKind, TestDatabase};

/// Both kinds of database, freshly migrated.
pub async fn both() -> anyhow::Result<Vec<(TestDatabase, DatabaseConnection)>> {
    let mut databases = Vec::new();
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let database = TestDatabase::create(kind).await?;
        let db = entities::connect(database.url()).await?;
        Migrator::up(&db, None).await?;
        databases.push((database, db));
    }
    Ok(databases)
}

/// A fixed time; tests move on from it.
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_435_200, 0).unwrap_or_default()
}

/// An organisation with one active node and one runner.
pub struct Fleet {
    /// The organisation.
    pub org: OrgId,
    /// The node's id.
    pub node: NodeId,
    /// The runner's row.
    pub runner: runners::Model,
}

impl Fleet {
    /// Inserts it; names derive from `name`.
    pub async fn insert(db: &DatabaseConnection, name: &str) -> anyhow::Result<Self> {
        let (user, org, node, runner) = (UserId::new(), OrgId::new(), NodeId::new(), RunnerId::new());
        let now = noon();
        users::ActiveModel {
            uid: Set(user.to_string()),
            created_at: Set(now),
            updated_at: Set(now),
            deleted_at: Set(None),
            is_deleted: Set(false),
            is_active: Set(true),
            full_name: Set("Ada".into()),
            email: Set(format!("{name}@example.org")),
            password: Set("-".into()),
            token_version: Set(0),
        }
        .insert(db)
        .await?;
        orgs::ActiveModel {
            uid: Set(org.to_string()),
            created_at: Set(now),
            updated_at: Set(now),
            deleted_at: Set(None),
            is_deleted: Set(false),
            is_active: Set(true),
            name: Set(name.into()),
            org_type: Set("organization".into()),
            org_creator: Set(user.to_string()),
        }
        .insert(db)
        .await?;
        nodes::ActiveModel {
            uid: Set(node.to_string()),
            created_at: Set(now),
            updated_at: Set(now),
            deleted_at: Set(None),
            is_deleted: Set(false),
            is_active: Set(true),
            name: Set(name.into()),
            ip_address: Set(None),
            port: Set(None),
            socket_path: Set(None),
            r#type: Set("local".into()),
            status: Set("active".into()),
            user_id: Set(user.to_string()),
            org_id: Set(org.to_string()),
            host: Set(Some("box".into())),
            tls_material: Set(None),
            capacity: Set(3),
            facts: Set(None),
            checks: Set(None),
            status_reason: Set(None),
            last_checked_at: Set(None),
        }
        .insert(db)
        .await?;
        let runner = runners::ActiveModel {
            uid: Set(runner.to_string()),
            created_at: Set(now),
            updated_at: Set(now),
            deleted_at: Set(None),
            is_deleted: Set(false),
            is_active: Set(true),
            name: Set(name.into()),
            status: Set("idle".into()),
            user_id: Set(user.to_string()),
            org_id: Set(org.to_string()),
            docker_image: Set("runner-pilot/sim-runner:latest".into()),
            github_repo: Set("acme/app".into()),
            github_runner_token: Set(None),
            github_runner_token_hint: Set(None),
            labels: Set(json!(["linux"])),
            scope: Set("repo".into()),
            credential_id: Set(None),
            runner_group_id: Set(1),
            ephemeral: Set(true),
            min_idle: Set(2),
            max_instances: Set(3),
            resources: Set(json!({})),
            node_selection: Set(json!({"node_ids": []})),
        }
        .insert(db)
        .await?;
        Ok(Self { org, node, runner })
    }
}
