//! What the API reads and writes of the fleet, on both databases.

use chrono::TimeDelta;
use domain::ids::{CredentialId, OrgId, RunnerId, UserId};
use domain::instance::{InstanceState, InstanceStatus};
use domain::runner::RunnerStatus;
use domain::telemetry::RunnerMetrics;
use entities::repo::credentials::{CredentialSpec, SealedSecret};
use entities::repo::instance_lists::{self, InstanceQuery};
use entities::repo::lifecycle::Transition;
use entities::repo::page::{ListQuery, Sort};
use entities::repo::runners::{RunnerQuery, TokenChange};
use entities::repo::samples::Sample;
use entities::repo::{
    credentials, derived, fleet, instances, lifecycle, metrics, nodes, runners, samples, timeline,
};

use crate::support::{Fleet, both, noon};

fn everything(column: &'static str) -> ListQuery {
    ListQuery {
        limit: 100,
        offset: 0,
        sort: Sort {
            column,
            descending: false,
        },
        q: None,
    }
}

#[tokio::test]
async fn usage_is_averaged_over_equal_stretches() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "usage").await?;
        let row = fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon()).await?;
        let id = row.id()?;
        let sample = |second: i64, cpu_usage: f64| Sample {
            instance: id.clone(),
            at: noon() + TimeDelta::seconds(second),
            metrics: RunnerMetrics {
                cpu_usage,
                memory_usage: 10.0,
                disk_usage: 20.0,
            },
        };
        let taken = [
            sample(-1, 99.0),
            sample(0, 10.0),
            sample(9, 30.0),
            sample(25, 50.0),
            sample(30, 99.0),
        ];
        samples::insert(&db, &taken).await?;
        let range = metrics::Range {
            from: noon(),
            to: noon() + TimeDelta::seconds(30),
            points: 3,
        };
        let points = metrics::list_points(&db, &id, range).await?;
        let seen: Vec<_> = points
            .iter()
            .map(|point| {
                (
                    (point.at - noon()).num_seconds(),
                    point.mean.cpu_usage,
                    point.cpu_peak,
                    point.samples,
                )
            })
            .collect();
        assert_eq!(seen, [(0, 20.0, 30.0, 2), (20, 50.0, 50.0, 1)]);
    }
    Ok(())
}

#[tokio::test]
async fn a_search_takes_percent_signs_and_underscores_for_what_they_are() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "Alpha_1").await?;
        let found = |q: &str| {
            let query = RunnerQuery {
                list: ListQuery {
                    q: Some(q.to_owned()),
                    ..everything("name")
                },
                status: None,
            };
            let (db, org) = (db.clone(), fleet.org.clone());
            async move { runners::list(&db, &org, &query).await.map(|page| page.total) }
        };
        assert_eq!(found("ALPHA").await?, 1);
        assert_eq!(found("a_1").await?, 1);
        assert_eq!(found("acme/a").await?, 1);
        assert_eq!(found("%").await?, 0);
        assert_eq!(found("aX1").await?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_row_of_another_organisation_is_not_found_changed_or_deleted() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let (ours, theirs) = (
            Fleet::insert(&db, "ours").await?,
            Fleet::insert(&db, "theirs").await?,
        );
        let id = ours.runner.id()?;
        assert!(runners::find(&db, &theirs.org, &id).await?.is_none());
        assert!(!runners::soft_delete(&db, &theirs.org, &id, noon()).await?);
        assert!(nodes::find(&db, &theirs.org, &ours.node).await?.is_none());
        assert!(!nodes::soft_delete(&db, &theirs.org, &ours.node, noon()).await?);
        let row = fleet::insert_instance(&db, &ours.runner, &ours.node, noon()).await?;
        let (instance, their_runner) = (row.id()?, theirs.runner.id()?);
        assert!(instances::find(&db, &ours.org, &id, &instance).await?.is_some());
        assert!(instances::find(&db, &theirs.org, &id, &instance).await?.is_none());
        assert!(
            instances::find(&db, &ours.org, &their_runner, &instance)
                .await?
                .is_none()
        );
        assert!(
            instances::find(&db, &theirs.org, &their_runner, &instance)
                .await?
                .is_none()
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_runner_is_busy_while_any_of_its_instances_is() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "busy").await?;
        let (runner, org) = (fleet.runner.id()?, &fleet.org);
        let one = fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon())
            .await?
            .id()?;
        let two = fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon())
            .await?
            .id()?;
        let mut seen = Vec::new();
        for (instance, status) in [
            (&one, InstanceStatus::Busy),
            (&two, InstanceStatus::Busy),
            (&one, InstanceStatus::Idle),
            (&two, InstanceStatus::Offline),
        ] {
            lifecycle::record_status(&db, instance, status, noon()).await?;
            derived::refresh_runner_status(&db, &runner, noon()).await?;
            seen.push(runners::find(&db, org, &runner).await?.map(|row| row.status));
        }
        let words: Vec<&str> = seen.iter().flatten().map(String::as_str).collect();
        assert_eq!(words, ["busy", "busy", "busy", "idle"]);

        // What is being taken down runs no job, whatever was last heard of it.
        lifecycle::record_status(&db, &one, InstanceStatus::Busy, noon()).await?;
        derived::refresh_runner_status(&db, &runner, noon()).await?;
        for to in [InstanceState::Draining, InstanceState::Stopping] {
            let step = Transition {
                to,
                from: &InstanceState::ALL,
                lease_token: None,
                desired: None,
                reason: None,
                message: "x",
            };
            lifecycle::apply(&db, &one, &step, noon()).await?;
        }
        let changed = derived::refresh_runner_status(&db, &runner, noon()).await?;
        assert_eq!(changed, Some(RunnerStatus::Idle));
        assert_eq!(derived::refresh_runner_status(&db, &runner, noon()).await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn what_takes_up_room_is_counted_per_node_and_per_runner() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "room").await?;
        let (runner, node) = (fleet.runner.id()?, fleet.node.as_str());
        fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon()).await?;
        let gone = fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon())
            .await?
            .id()?;
        assert_eq!(instances::count_taking_room(&db, &runner).await?, 2);
        let step = lifecycle::Transition {
            to: domain::instance::InstanceState::Failed,
            from: &domain::instance::InstanceState::ALL,
            lease_token: None,
            desired: None,
            reason: Some("x"),
            message: "x",
        };
        lifecycle::apply(&db, &gone, &step, noon()).await?;
        assert_eq!(instances::count_taking_room(&db, &runner).await?, 1);
        assert_eq!(nodes::count_in_use(&db, [node]).await?.get(node), Some(&1));
        let counts = runners::count_instances(&db, [runner.as_str()]).await?;
        let mut counts: Vec<(&str, u64)> = counts[runner.as_str()]
            .iter()
            .map(|entry| (entry.state.as_str(), entry.count))
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [("failed", 1), ("pending", 1)]);
        let query = InstanceQuery {
            list: everything("created_at"),
            runner: Some(runner.clone()),
            states: vec![domain::instance::InstanceState::Failed],
            node: Some(fleet.node.clone()),
        };
        let page = instance_lists::list(&db, &fleet.org, &query).await?;
        assert_eq!(
            page.items.iter().map(|row| row.uid.as_str()).collect::<Vec<_>>(),
            [gone.as_str()]
        );
        let entries = timeline::Entries {
            kind: Some("state"),
            with_log: false,
        };
        let events = timeline::list(&db, &fleet.org, &gone, entries, &everything("created_at")).await?;
        assert_eq!(events.total, 1);
    }
    Ok(())
}

async fn credential(
    db: &entities::DatabaseConnection,
    org: &OrgId,
    user: &UserId,
) -> anyhow::Result<CredentialId> {
    let id = CredentialId::new();
    let spec = CredentialSpec {
        name: "pat".into(),
        kind: "pat".into(),
        api_url: "https://api.github.com/".into(),
        web_url: "https://github.com/".into(),
    };
    let secret = SealedSecret {
        sealed: "v1|sealed".into(),
        hint: "cdef".into(),
    };
    credentials::insert(db, &id, org, user, spec, secret, noon()).await?;
    Ok(id)
}

#[tokio::test]
async fn a_credential_is_in_use_until_the_last_instance_of_its_runner_is_removed() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "creds").await?;
        let user: UserId = fleet.runner.user_id.parse()?;
        let (org, runner) = (&fleet.org, fleet.runner.id()?);
        let id = credential(&db, org, &user).await?;
        assert!(credentials::list_runner_names(&db, org, &id, 5).await?.is_empty());
        let spec = entities::repo::runners::RunnerSpec {
            name: "creds".into(),
            docker_image: "x".into(),
            github_repo: "a/b".into(),
            scope: domain::runner::RunnerScope::Repo,
            credential_id: Some(id.clone()),
            runner_group_id: 1,
            labels: vec!["a".into()],
            ephemeral: true,
            min_idle: 0,
            max_instances: 5,
            resources: domain::runner::Resources::default(),
            node_selection: domain::runner::NodeSelection::default(),
        };
        let changed = runners::update(&db, org, &runner, spec.clone(), TokenChange::Clear, noon()).await?;
        assert_eq!(
            changed.as_ref().map(|row| row.labels().unwrap_or_default()),
            Some(vec!["a".to_owned()])
        );
        let instance = fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon())
            .await?
            .id()?;
        assert_eq!(credentials::list_runner_names(&db, org, &id, 5).await?, ["creds"]);
        runners::soft_delete(&db, org, &runner, noon()).await?;
        assert_eq!(credentials::list_runner_names(&db, org, &id, 5).await?, ["creds"]);
        for to in [
            domain::instance::InstanceState::Draining,
            domain::instance::InstanceState::Stopping,
            domain::instance::InstanceState::Removed,
        ] {
            let step = lifecycle::Transition {
                to,
                from: &domain::instance::InstanceState::ALL,
                lease_token: None,
                desired: None,
                reason: None,
                message: "x",
            };
            assert!(
                lifecycle::apply(&db, &instance, &step, noon()).await?.is_some(),
                "{to}"
            );
        }
        assert!(credentials::list_runner_names(&db, org, &id, 5).await?.is_empty());
        // The name is free again.
        let other = RunnerId::new();
        runners::insert(&db, &other, org, &user, spec, None, noon()).await?;
    }
    Ok(())
}
