//! The migrations run up and down on both databases, and constraints answer by their names.

use crate::support::{Fleet, both};
use entities::StoreError;
use entities::model::{orgs, runners};
use migration::{Migrator, MigratorTrait, SchemaManager};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};

const TABLES: [&str; 15] = [
    "installation",
    "users",
    "orgs",
    "org_users",
    "refresh_tokens",
    "invitations",
    "api_tokens",
    "nodes",
    "github_credentials",
    "runners",
    "runner_instances",
    "monitoring",
    "instance_events",
    "jobs",
    "audit_log",
];

#[tokio::test]
async fn the_schema_goes_up_down_and_up_again() -> anyhow::Result<()> {
    for (database, db) in both().await? {
        let manager = SchemaManager::new(&db);
        for table in TABLES {
            assert!(
                manager.has_table(table).await?,
                "{:?} has no {table} after up",
                database.kind()
            );
            for column in [
                "uid",
                "created_at",
                "updated_at",
                "deleted_at",
                "is_deleted",
                "is_active",
            ] {
                assert!(
                    manager.has_column(table, column).await?,
                    "{table} has no {column}"
                );
            }
        }
        Migrator::down(&db, None).await?;
        for table in TABLES {
            assert!(
                !manager.has_table(table).await?,
                "{:?} still has {table} after down",
                database.kind()
            );
        }
        Migrator::up(&db, None).await?;
        Fleet::insert(&db, "again").await?;
    }
    Ok(())
}

#[tokio::test]
async fn lists_and_upkeep_find_their_rows_by_an_index() -> anyhow::Result<()> {
    for (database, db) in both().await? {
        let manager = SchemaManager::new(&db);
        for (table, column) in [
            ("org_users", "user_id"),
            ("invitations", "org_id"),
            ("nodes", "org_id_is_deleted"),
            ("runner_instances", "runner_id_is_deleted"),
            ("runner_instances", "node_id_state"),
            ("runner_instances", "org_id_state"),
            ("runner_instances", "org_id_is_deleted_name_uid"),
            ("runner_instances", "runner_id_is_deleted_deleted_at"),
            ("runner_instances", "node_id_is_deleted_deleted_at"),
            ("monitoring", "runner_instance_id_timestamp"),
            ("instance_events", "runner_instance_id_uid"),
            ("audit_log", "org_id_uid"),
            ("runner_instances", "state_deadline"),
            ("runner_instances", "deleted_at"),
            ("refresh_tokens", "expires_at"),
            ("invitations", "expires_at"),
            ("audit_log", "created_at"),
        ] {
            let name = format!("ix_{table}_{column}");
            assert!(
                manager.has_index(table, &name).await?,
                "{:?} has no {name}",
                database.kind()
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_model_reads_its_table() -> anyhow::Result<()> {
    use entities::model::{
        api_tokens, audit_log, github_credentials, installation, instance_events, invitations, jobs,
        monitoring, nodes, org_users, refresh_tokens, runner_instances, users,
    };
    for (_database, db) in both().await? {
        api_tokens::Entity::find().all(&db).await?;
        audit_log::Entity::find().all(&db).await?;
        github_credentials::Entity::find().all(&db).await?;
        installation::Entity::find().all(&db).await?;
        instance_events::Entity::find().all(&db).await?;
        invitations::Entity::find().all(&db).await?;
        jobs::Entity::find().all(&db).await?;
        monitoring::Entity::find().all(&db).await?;
        nodes::Entity::find().all(&db).await?;
        org_users::Entity::find().all(&db).await?;
        orgs::Entity::find().all(&db).await?;
        refresh_tokens::Entity::find().all(&db).await?;
        runner_instances::Entity::find().all(&db).await?;
        runners::Entity::find().all(&db).await?;
        users::Entity::find().all(&db).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_name_is_unique_among_the_living_and_the_constraint_is_named() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let mut twin = fleet.runner.clone().into_active_model();
        twin.uid = Set(domain::ids::RunnerId::new().into());
        twin.name = Set("ACME".into());
        let error = StoreError::from(
            twin.clone()
                .reset_all()
                .insert(&db)
                .await
                .expect_err("a second runner of the same name"),
        );
        assert!(
            matches!(&error, StoreError::Conflict { constraint } if constraint == "uq_runners_org_id_lower_name"),
            "{error:?}"
        );

        let mut gone = fleet.runner.into_active_model();
        gone.is_deleted = Set(true);
        gone.update(&db).await?;
        twin.reset_all().insert(&db).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_row_can_not_refer_to_what_does_not_exist() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let mut orphan = fleet.runner.into_active_model().reset_all();
        orphan.uid = Set(domain::ids::RunnerId::new().into());
        orphan.name = Set("orphan".into());
        orphan.org_id = Set(domain::ids::OrgId::new().into());
        let error = StoreError::from(orphan.insert(&db).await.expect_err("a runner of no organisation"));
        assert!(matches!(error, StoreError::BrokenReference(_)), "{error:?}");
    }
    Ok(())
}

/// How many migrations came before names were compared in any case.
const BEFORE_NAMES_IN_ANY_CASE: u32 = 4;

#[tokio::test]
async fn twins_that_differ_by_case_are_told_apart_when_that_becomes_forbidden() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let all = u32::try_from(Migrator::migrations().len())?;
        Migrator::down(&db, Some(all - BEFORE_NAMES_IN_ANY_CASE)).await?;
        let fleet = Fleet::insert(&db, "acme").await?;
        Fleet::insert(&db, "ACME").await?;
        let long = "x".repeat(64);
        for (name, seconds) in [
            ("Acme", 1),
            ("aCME", 2),
            ("acme-2", 3),
            (long.as_str(), 4),
            (&long.to_uppercase(), 5),
        ] {
            let mut twin = fleet.runner.clone().into_active_model().reset_all();
            twin.uid = Set(domain::ids::RunnerId::new().into());
            twin.name = Set(name.to_owned());
            twin.created_at = Set(fleet.runner.created_at + chrono::TimeDelta::seconds(seconds));
            twin.insert(&db).await?;
        }
        Migrator::up(&db, None).await?;
        let mut runners = runners::Entity::find().all(&db).await?;
        runners.retain(|row| row.org_id == fleet.org.as_str());
        runners.sort_by_key(|row| row.created_at);
        let names: Vec<&str> = runners.iter().map(|row| row.name.as_str()).collect();
        let cut = format!("{}-2", "X".repeat(62));
        assert_eq!(names, ["acme", "Acme-3", "aCME-4", "acme-2", &long, &cut]);
        let mut orgs: Vec<String> = orgs::Entity::find()
            .all(&db)
            .await?
            .into_iter()
            .map(|row| row.name)
            .collect();
        orgs.sort();
        // Made in the same second: the one with the smaller id is the older.
        assert!(
            orgs == ["ACME 2", "acme"] || orgs == ["ACME", "acme 2"],
            "{orgs:?}"
        );
        // And back, and again: nothing is left to be told apart.
        Migrator::down(&db, Some(1)).await?;
        Migrator::up(&db, None).await?;
        assert_eq!(runners::Entity::find().all(&db).await?.len(), 7);
    }
    Ok(())
}
