//! Leases and transitions under competition, and the queries of the periodic jobs.

use crate::support::{Fleet, both, noon};
use chrono::TimeDelta;
use domain::ids::{InstanceId, OrgId};
use domain::instance::{DesiredState, InstanceState, InstanceStatus};
use domain::telemetry::RunnerMetrics;
use entities::DatabaseConnection;
use entities::repo::lifecycle::{self, Lease, Observed, Transition};
use entities::repo::page::{ListQuery, Sort};
use entities::repo::samples::{self, Sample};
use entities::repo::timeline::{self, Entries};
use entities::repo::{fleet, housekeeping};
use futures::future::try_join_all;

async fn instance(db: &DatabaseConnection, fleet: &Fleet) -> anyhow::Result<InstanceId> {
    Ok(fleet::insert_instance(db, &fleet.runner, &fleet.node, noon())
        .await?
        .id()?)
}

fn lease(token: &str) -> Lease<'_> {
    Lease {
        token,
        until: noon() + TimeDelta::seconds(60),
    }
}

fn step(to: InstanceState) -> Transition<'static> {
    Transition {
        to,
        from: &InstanceState::ALL,
        lease_token: None,
        desired: None,
        reason: None,
        message: "test",
    }
}

#[tokio::test]
async fn a_failed_attempt_is_a_warning_on_the_timeline_and_leaves_no_status() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let now = noon();
        lifecycle::apply(&db, &id, &step(InstanceState::Creating), now).await?;
        lifecycle::record_status(&db, &id, InstanceStatus::Busy, now).await?;
        let failed = Transition {
            reason: Some("GitHub did not answer"),
            message: "Attempt 1 of 5 failed: GitHub did not answer.",
            ..step(InstanceState::Pending)
        };
        let row = lifecycle::apply(&db, &id, &failed, now).await?;
        assert_eq!(row.map(|row| row.status).as_deref(), Some("offline"));
        let everything = ListQuery {
            limit: 10,
            offset: 0,
            sort: Sort {
                column: "uid",
                descending: false,
            },
            q: None,
        };
        let kinds = async |kind| {
            let entries = Entries {
                kind: Some(kind),
                with_log: true,
            };
            timeline::list(&db, &fleet.org, &id, entries, &everything).await
        };
        let warnings = kinds("warning").await?;
        assert_eq!(warnings.total, 1);
        assert!(
            warnings.items[0].message.starts_with("Attempt 1 of 5"),
            "{warnings:?}"
        );
        assert_eq!(kinds("state").await?.total, 1);
    }
    Ok(())
}

#[tokio::test]
async fn only_one_of_many_claims_succeeds() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let tokens: Vec<String> = (0..10).map(|n| format!("run-{n}")).collect();
        let claims = try_join_all(tokens.iter().map(async |token| {
            lifecycle::claim(&db, &id, &[InstanceState::Pending], &lease(token), noon()).await
        }))
        .await?;
        assert_eq!(claims.iter().flatten().count(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_lease_passes_on_when_it_has_run_out_and_its_old_holder_changes_nothing_more() -> anyhow::Result<()>
{
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let pending = [InstanceState::Pending];
        assert!(
            lifecycle::claim(&db, &id, &pending, &lease("old"), noon())
                .await?
                .is_some()
        );
        let later = noon() + TimeDelta::seconds(61);
        let new = Lease {
            token: "new",
            until: later + TimeDelta::seconds(60),
        };
        assert!(lifecycle::claim(&db, &id, &pending, &new, later).await?.is_some());

        assert!(
            !lifecycle::renew_lease(
                &db,
                &id,
                &Lease {
                    token: "old",
                    until: new.until
                },
                later
            )
            .await?
        );
        let learnt = Observed {
            github_runner_id: Some(Some(7)),
            ..Observed::default()
        };
        assert!(!lifecycle::record(&db, &id, "old", learnt.clone(), later).await?);
        let creating = Transition {
            lease_token: Some("old"),
            ..step(InstanceState::Creating)
        };
        assert!(lifecycle::apply(&db, &id, &creating, later).await?.is_none());
        assert!(lifecycle::record(&db, &id, "new", learnt, later).await?);

        // Its giving back does not take the new holder's lease away either.
        lifecycle::release_lease(&db, &id, "old").await?;
        assert!(lifecycle::renew_lease(&db, &id, &new, later).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_step_that_the_table_does_not_allow_changes_nothing() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        assert!(
            lifecycle::apply(&db, &id, &step(InstanceState::Running), noon())
                .await?
                .is_none()
        );
        let row = lifecycle::find(&db, &id).await?.expect("the row");
        assert_eq!(row.state()?, InstanceState::Pending);
    }
    Ok(())
}

#[tokio::test]
async fn of_two_steps_from_one_state_one_wins() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let from_pending = Transition {
            from: &[InstanceState::Pending],
            ..step(InstanceState::Draining)
        };
        let steps =
            try_join_all((0..8).map(async |_| lifecycle::apply(&db, &id, &from_pending, noon()).await))
                .await?;
        assert_eq!(steps.iter().flatten().count(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_removed_instance_is_deleted_and_offline_and_its_name_is_kept() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        lifecycle::record_status(&db, &id, InstanceStatus::Idle, noon()).await?;
        let removing = Transition {
            desired: Some(DesiredState::Removed),
            ..step(InstanceState::Draining)
        };
        for next in [
            removing,
            step(InstanceState::Stopping),
            step(InstanceState::Removed),
        ] {
            assert!(
                lifecycle::apply(&db, &id, &next, noon()).await?.is_some(),
                "{next:?}"
            );
        }
        let row = lifecycle::find(&db, &id).await?.expect("the row");
        assert!(row.is_deleted && row.deleted_at.is_some() && row.state_deadline.is_none());
        assert_eq!(row.status()?, InstanceStatus::Offline);
        // A late heartbeat does not bring it back.
        lifecycle::record_status(&db, &id, InstanceStatus::Online, noon()).await?;
        assert_eq!(
            lifecycle::find(&db, &id).await?.expect("the row").status()?,
            InstanceStatus::Offline
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_overdue_is_listed_until_its_deadline_starts_anew() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let later = noon() + TimeDelta::minutes(2);
        assert!(lifecycle::list_overdue(&db, noon(), 10).await?.is_empty());
        assert_eq!(lifecycle::list_overdue(&db, later, 10).await?.len(), 1);
        let held = Lease {
            token: "t",
            until: later + TimeDelta::seconds(1),
        };
        lifecycle::claim(&db, &id, &[InstanceState::Pending], &held, later).await?;
        assert!(
            lifecycle::list_overdue(&db, later, 10).await?.is_empty(),
            "someone is acting on it"
        );
        lifecycle::release_lease(&db, &id, "t").await?;
        lifecycle::restart_deadline(&db, &id, InstanceState::Pending, later).await?;
        assert!(lifecycle::list_overdue(&db, later, 10).await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn live_instances_come_with_the_host_that_must_look_at_them() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let (live, _pending) = (instance(&db, &fleet).await?, instance(&db, &fleet).await?);
        for next in [InstanceState::Creating, InstanceState::Starting] {
            lifecycle::apply(&db, &live, &step(next), noon()).await?;
        }
        let listed = fleet::list_live(&db, None, 10).await?;
        assert_eq!(
            listed,
            [fleet::Addressed {
                id: live.clone(),
                host: Some("box".into())
            }]
        );
        assert!(fleet::list_live(&db, Some(&live), 10).await?.is_empty());
        assert_eq!(fleet::list_nodes(&db, None, 10).await?.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn demand_counts_spare_instances_only() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let demand = async || anyhow::Ok(fleet::list_demand(&db, None).await?.remove(0));
        assert_eq!((demand().await?.total, demand().await?.missing()), (0, 2));
        let busy = instance(&db, &fleet).await?;
        lifecycle::record_status(&db, &busy, InstanceStatus::Busy, noon()).await?;
        assert_eq!(
            (
                demand().await?.total,
                demand().await?.unavailable,
                demand().await?.missing()
            ),
            (1, 1, 2)
        );
        let leaving = instance(&db, &fleet).await?;
        lifecycle::apply(&db, &leaving, &step(InstanceState::Draining), noon()).await?;
        assert_eq!(
            (
                demand().await?.total,
                demand().await?.unavailable,
                demand().await?.missing()
            ),
            (2, 2, 1)
        );
        for next in [InstanceState::Stopping, InstanceState::Stopped] {
            lifecycle::apply(&db, &leaving, &step(next), noon()).await?;
        }
        assert_eq!((demand().await?.total, demand().await?.missing()), (1, 2));
        let room = fleet::list_room(&db, &fleet.org).await?;
        assert_eq!(
            (room.len(), room[0].used, room[0].capacity, room[0].is_active),
            (1, 1, 3, true)
        );
        assert!(fleet::list_room(&db, &OrgId::new()).await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn samples_are_pruned_oldest_first_in_portions() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let metrics = RunnerMetrics {
            cpu_usage: 1.0,
            memory_usage: 2.0,
            disk_usage: 3.0,
        };
        let taken: Vec<Sample> = (0..10)
            .map(|n| Sample {
                instance: id.clone(),
                at: noon() + TimeDelta::seconds(n),
                metrics,
            })
            .collect();
        samples::insert(&db, &taken).await?;
        samples::insert(&db, &[]).await?;
        let before = noon() + TimeDelta::seconds(7);
        assert_eq!(housekeeping::prune_samples(&db, before, 5).await?, 5);
        assert_eq!(housekeeping::prune_samples(&db, before, 5).await?, 2);
        assert_eq!(housekeeping::prune_samples(&db, before, 5).await?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn the_install_id_is_the_same_for_all_who_ask_at_once() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let ids =
            try_join_all((0..6).map(async |_| entities::repo::installation::install_id(&db, noon()).await))
                .await?;
        assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    }
    Ok(())
}

#[tokio::test]
async fn writers_that_read_first_wait_for_each_other() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let id = instance(&db, &fleet).await?;
        let writes = (0..12).map(async |n: i64| {
            let txn = entities::begin(&db).await?;
            let row = lifecycle::find(&txn, &id).await?.expect("the row");
            tokio::task::yield_now().await;
            lifecycle::record_status(
                &txn,
                &row.id()?,
                InstanceStatus::Idle,
                noon() + TimeDelta::seconds(n),
            )
            .await?;
            txn.commit().await?;
            anyhow::Ok(())
        });
        try_join_all(writes).await?;
    }
    Ok(())
}
