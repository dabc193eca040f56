//! What Redis says of runners: workers write it there at each look, and it goes away by itself.

use domain::ids::InstanceId;
use domain::redis_keys;
use domain::telemetry::RunnerStatus;

use crate::context::Context;
use crate::dto::instance::Live;
use crate::error::chain;

/// How many are asked for with one command, so that none of them holds Redis up.
const AT_ONCE: usize = 1_000;

/// What is known of each of these, in one round trip.
pub async fn read(context: &Context, ids: &[InstanceId]) -> Vec<Live> {
    if ids.is_empty() {
        return Vec::new();
    }
    let mut pipeline = redis::pipe();
    for some in ids.chunks(AT_ONCE) {
        let keys: Vec<String> = some.iter().map(redis_keys::runner_status).collect();
        pipeline.mget(keys);
    }
    let answered: redis::RedisResult<Vec<Vec<Option<String>>>> =
        pipeline.query_async(&mut context.redis.clone()).await;
    match answered {
        Ok(values) => values
            .iter()
            .flatten()
            .map(|value| live(value.as_deref()))
            .collect(),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "Redis does not answer: statuses are the last known ones");
            vec![Live::Unknown; ids.len()]
        }
    }
}

fn live(value: Option<&str>) -> Live {
    match value.map(serde_json::from_str::<RunnerStatus>) {
        Some(Ok(report)) => Live::Reported(report),
        Some(Err(_)) => Live::Unknown,
        None => Live::Silent,
    }
}
