//! The usage and the timelines of instances that belong together, on both databases.

use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::InstanceState::{self, Draining, Removed, Stopping};
use domain::telemetry::RunnerMetrics;
use entities::DatabaseConnection;
use entities::repo::groups::Group;
use entities::repo::lifecycle::{self, Transition};
use entities::repo::metrics::{self, Range};
use entities::repo::page::{ListQuery, Sort};
use entities::repo::samples::{self, Sample};
use entities::repo::{fleet, timeline};

use crate::support::{Fleet, both, noon};

fn sample(instance: &InstanceId, second: i64, cpu_usage: f64) -> Sample {
    Sample {
        instance: instance.clone(),
        at: noon() + TimeDelta::seconds(second),
        metrics: RunnerMetrics {
            cpu_usage,
            memory_usage: cpu_usage / 2.0,
            disk_usage: 20.0,
        },
    }
}

async fn instance(db: &DatabaseConnection, fleet: &Fleet) -> anyhow::Result<InstanceId> {
    let row = fleet::insert_instance(db, &fleet.runner, &fleet.node, noon()).await?;
    Ok(row.id()?)
}

/// Takes an instance away, `minutes` after noon.
async fn remove(db: &DatabaseConnection, id: &InstanceId, minutes: i64) -> anyhow::Result<()> {
    for to in [Draining, Stopping, Removed] {
        let step = Transition {
            to,
            from: &InstanceState::ALL,
            lease_token: None,
            desired: None,
            reason: None,
            message: "x",
        };
        lifecycle::apply(db, id, &step, noon() + TimeDelta::minutes(minutes)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn usage_that_is_shared_is_the_mean_of_each_instances_mean() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let (ours, theirs) = (
            Fleet::insert(&db, "ours").await?,
            Fleet::insert(&db, "theirs").await?,
        );
        let (often, rarely) = (instance(&db, &ours).await?, instance(&db, &ours).await?);
        let (gone, long_gone) = (instance(&db, &ours).await?, instance(&db, &ours).await?);
        let foreign = instance(&db, &theirs).await?;
        remove(&db, &gone, 1).await?;
        remove(&db, &long_gone, -1).await?;
        let taken = [
            sample(&often, -1, 99.0),
            sample(&often, 0, 10.0),
            sample(&often, 3, 20.0),
            sample(&often, 6, 30.0),
            sample(&rarely, 9, 60.0),
            sample(&gone, 21, 8.0),
            // It was removed before the range began: a sample that comes late is not of this time.
            sample(&long_gone, 2, 99.0),
            sample(&foreign, 2, 99.0),
            sample(&rarely, 30, 99.0),
        ];
        samples::insert(&db, &taken).await?;
        let range = Range {
            from: noon(),
            to: noon() + TimeDelta::seconds(30),
            points: 3,
        };
        let runner = ours.runner.id()?;
        for group in [Group::OfRunner(&runner), Group::OnNode(&ours.node)] {
            let points = metrics::list_shared_points(&db, &ours.org, group, range).await?;
            let seen: Vec<_> = points
                .iter()
                .map(|shared| {
                    let point = shared.point;
                    (
                        (point.at - noon()).num_seconds(),
                        (
                            point.mean.cpu_usage,
                            point.mean.memory_usage,
                            point.mean.disk_usage,
                        ),
                        point.cpu_peak,
                        point.samples,
                        shared.instances,
                    )
                })
                .collect();
            assert_eq!(
                seen,
                [
                    (0, (40.0, 20.0, 20.0), 60.0, 4, 2),
                    (20, (8.0, 4.0, 20.0), 8.0, 1, 1),
                ]
            );
            let elsewhere = metrics::list_shared_points(&db, &theirs.org, group, range).await?;
            assert_eq!(elsewhere, [], "another organisation asked with our id");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_timeline_that_is_shared_names_each_instance_and_keeps_the_removed_ones() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let (ours, theirs) = (
            Fleet::insert(&db, "ours").await?,
            Fleet::insert(&db, "theirs").await?,
        );
        let (stays, goes) = (instance(&db, &ours).await?, instance(&db, &ours).await?);
        instance(&db, &theirs).await?;
        remove(&db, &goes, 1).await?;
        let row = lifecycle::find(&db, &stays).await?.unwrap();
        let quoted = lifecycle::Event {
            kind: timeline::LOG,
            message: "login as root",
            detail: None,
        };
        lifecycle::add_event(&db, &row, quoted, noon() + TimeDelta::minutes(2)).await?;
        let query = |offset| ListQuery {
            limit: 2,
            offset,
            sort: Sort {
                column: "created_at",
                descending: true,
            },
            q: None,
        };
        let entries = |with_log| timeline::Entries { kind: None, with_log };
        let runner = ours.runner.id()?;
        for group in [Group::OfRunner(&runner), Group::OnNode(&ours.node)] {
            let page = timeline::list_shared(&db, &ours.org, group, noon(), entries(true), &query(0)).await?;
            let seen: Vec<_> = page
                .items
                .iter()
                .map(|shared| {
                    assert_eq!(shared.runner_id, runner.as_str());
                    let about = shared.entry.runner_instance_id.as_str();
                    (about, shared.entry.kind.as_str(), shared.is_removed)
                })
                .collect();
            assert_eq!(
                seen,
                [(stays.as_str(), "log", false), (goes.as_str(), "state", true)]
            );
            assert_eq!(page.items[0].instance_name, row.name);
            // One went in three steps, and one entry quotes a log.
            assert_eq!(page.total, 4);
            let since = noon() + TimeDelta::seconds(90);
            let later = timeline::list_shared(&db, &ours.org, group, since, entries(true), &query(0)).await?;
            assert_eq!(later.total, 1, "one was gone before");
            let without =
                timeline::list_shared(&db, &ours.org, group, noon(), entries(false), &query(2)).await?;
            assert_eq!((without.total, without.items.len()), (3, 1));
            let elsewhere =
                timeline::list_shared(&db, &theirs.org, group, noon(), entries(true), &query(0)).await?;
            assert_eq!(
                (elsewhere.total, elsewhere.items),
                (0, Vec::new()),
                "another organisation asked with our id"
            );
        }
    }
    Ok(())
}
