//! Old samples become means of five minutes.

use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::telemetry::RunnerMetrics;
use entities::DatabaseConnection;
use entities::model::monitoring;
use entities::repo::samples::{self, Sample};
use entities::repo::{fleet, rollup};
use sea_orm::{EntityTrait, QueryOrder};

use crate::support::{Fleet, both, noon};

async fn stored(db: &DatabaseConnection) -> anyhow::Result<Vec<(String, i64, f64)>> {
    let rows = monitoring::Entity::find()
        .order_by_asc(monitoring::Column::RunnerInstanceId)
        .order_by_asc(monitoring::Column::Timestamp)
        .all(db)
        .await?;
    let short = |row: monitoring::Model| {
        let after = (row.timestamp - noon()).num_seconds();
        (row.runner_instance_id, after, row.cpu_usage)
    };
    Ok(rows.into_iter().map(short).collect())
}

#[tokio::test]
async fn an_hour_becomes_means_of_five_minutes_once() -> anyhow::Result<()> {
    for (_database, db) in both().await? {
        let fleet = Fleet::insert(&db, "acme").await?;
        let mut ids: Vec<InstanceId> = Vec::new();
        for _ in 0..2 {
            let row = fleet::insert_instance(&db, &fleet.runner, &fleet.node, noon()).await?;
            ids.push(row.id()?);
        }
        let sample = |instance: &InstanceId, secs: i64, cpu_usage: f64| Sample {
            instance: instance.clone(),
            at: noon() + TimeDelta::seconds(secs),
            metrics: RunnerMetrics {
                cpu_usage,
                memory_usage: 2.0,
                disk_usage: 3.0,
            },
        };
        let written = [
            sample(&ids[0], 0, 10.0),
            sample(&ids[0], 30, 20.0),
            sample(&ids[0], 299, 30.0),
            sample(&ids[0], 300, 50.0),
            sample(&ids[1], 61, 70.0),
            // Of the next hour.
            sample(&ids[0], 3600, 1.0),
            sample(&ids[0], 3630, 2.0),
        ];
        samples::insert(&db, &written).await?;
        assert_eq!(rollup::first_hour(&db).await?, Some(noon()));
        let now = noon() + TimeDelta::days(2);
        assert_eq!(rollup::roll_up_hour(&db, noon(), now).await?, 2);
        let (one, two) = (ids[0].to_string(), ids[1].to_string());
        let expected = vec![
            (one.clone(), 0, 20.0),
            (one.clone(), 300, 50.0),
            (one.clone(), 3600, 1.0),
            (one, 3630, 2.0),
            (two, 61, 70.0),
        ];
        assert_eq!(stored(&db).await?, expected);
        assert_eq!(
            rollup::roll_up_hour(&db, noon(), now).await?,
            0,
            "it is rolled up already"
        );
        assert_eq!(stored(&db).await?, expected);
    }
    Ok(())
}
