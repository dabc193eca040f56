//! Tasks that end in every way a task can, and a worker that has them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use celery::prelude::*;
use celery_redis::{
    Outcome, Signature, WorkerBuilder, current_request, data, fail, ignore, reject, retry_in,
};
use serde_json::Value;

use super::{DEADLINE, RedisServer, Running};

#[derive(Default)]
pub struct Counter(pub AtomicU32);

#[celery::task]
pub async fn add(x: i64, y: i64) -> TaskResult<i64> {
    Ok(x + y)
}

#[celery::task]
pub async fn count() -> TaskResult<u32> {
    Ok(data::<Counter>()?.0.fetch_add(1, Ordering::SeqCst))
}

#[celery::task(acks_late = true, max_retries = 2)]
pub async fn flaky(failures: u32) -> TaskResult<u32> {
    let retries = current_request().expect("inside a task").retries;
    if retries < failures {
        Err(retry_in(Duration::from_millis(50), format!("try {retries}")))
    } else {
        Ok(retries)
    }
}

#[celery::task(max_retries = 0)]
pub async fn expected() -> TaskResult<()> {
    Err(TaskError::ExpectedError("no luck".into()))
}

#[celery::task(acks_late = true)]
pub async fn panics() -> TaskResult<()> {
    panic!("oh no")
}

#[celery::task(hard_time_limit = 60)]
pub async fn sleeps() -> TaskResult<()> {
    std::future::pending().await
}

#[celery::task(acks_late = true)]
pub async fn refuses(requeue: bool) -> TaskResult<String> {
    let request = current_request().expect("inside a task");
    if request.redelivered {
        Ok("later".into())
    } else {
        Err(reject(requeue))
    }
}

#[celery::task]
pub async fn ignores() -> TaskResult<()> {
    Err(ignore())
}

#[celery::task]
pub async fn drops_its_error() -> TaskResult<u32> {
    let _ = fail("ValueError", "changed my mind");
    Ok(1)
}

#[celery::task]
pub async fn headers() -> TaskResult<Value> {
    Ok(Value::Object(
        current_request().expect("inside a task").headers.clone(),
    ))
}

/// A worker with all of them.
pub fn tasks(builder: WorkerBuilder) -> WorkerBuilder {
    builder
        .data(Arc::new(Counter::default()))
        .register::<add>()
        .register::<count>()
        .register::<flaky>()
        .register::<expected>()
        .register::<panics>()
        .register::<sleeps>()
        .register::<refuses>()
        .register::<ignores>()
        .register::<drops_its_error>()
        .register::<headers>()
}

pub fn worker(redis: &RedisServer) -> Running {
    Running::start(tasks(redis.worker()))
}

pub async fn outcome(redis: &RedisServer, signature: Signature) -> Outcome {
    let client = redis.client();
    let id = client.send(&signature).await.expect("the call is sent");
    client.result(id).get(DEADLINE).await.expect("an outcome in time")
}

pub fn failure(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Failure(failure) => (failure.exc_type, failure.message),
        other => panic!("{other:?}"),
    }
}
