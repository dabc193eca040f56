//! That the soft time limit is what it is in Celery: a word of warning for those who listen, an end for the others.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use celery::prelude::*;
use celery_redis::{Outcome, Signature, TaskFailure, soft_limit};
use serde_json::json;
use support::{
    DEADLINE, RedisServer, Running,
    calls::{failure, outcome, sleeps},
    python::run,
};

/// Works until it is told of the limit, then cleans up for a while and returns normally.
#[celery::task]
async fn cleans_up(millis: u64) -> TaskResult<String> {
    let soft_limit = soft_limit();
    assert!(!soft_limit.is_reached());
    tokio::select! {
        () = std::future::pending() => unreachable!("it never ends"),
        () = soft_limit.reached() => {}
    }
    tokio::time::sleep(Duration::from_millis(millis)).await;
    assert!(soft_limit.is_reached());
    Ok("cleaned up".into())
}

/// Gives in when it is told.
#[celery::task(max_retries = 3)]
async fn gives_in() -> TaskResult<()> {
    let soft_limit = soft_limit();
    soft_limit.reached().await;
    Err(soft_limit.exceeded())
}

/// Asks and does not listen.
#[celery::task]
async fn goes_on() -> TaskResult<()> {
    let _asked = soft_limit();
    std::future::pending().await
}

/// Has limits of its own: a soft one of one second.
#[celery::task(time_limit = 1, hard_time_limit = 20)]
async fn limited() -> TaskResult<String> {
    soft_limit().reached().await;
    Ok("told".into())
}

/// Asks though there is nothing to be told of.
#[celery::task]
async fn unlimited() -> TaskResult<bool> {
    let soft_limit = soft_limit();
    tokio::select! {
        () = soft_limit.reached() => Ok(true),
        () = tokio::time::sleep(Duration::from_millis(50)) => Ok(soft_limit.is_reached()),
    }
}

fn worker(redis: &RedisServer) -> Running {
    let builder = redis
        .worker()
        .register::<cleans_up>()
        .register::<gives_in>()
        .register::<goes_on>()
        .register::<limited>()
        .register::<unlimited>()
        .register::<sleeps>();
    Running::start(builder)
}

fn soft(task: &str) -> Signature {
    Signature::new(task).soft_time_limit(Duration::from_millis(100))
}

#[tokio::test]
async fn a_task_that_asked_has_until_the_hard_limit_to_end_as_it_likes() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let both = |task| soft(task).time_limit(Duration::from_secs(10));
    for call in [both("cleans_up"), soft("cleans_up")] {
        // Longer than the soft limit itself.
        assert_eq!(
            outcome(&redis, call.arg(300)).await,
            Outcome::Success(json!("cleaned up"))
        );
    }
    assert_eq!(
        outcome(&redis, Signature::new("limited")).await,
        Outcome::Success(json!("told"))
    );
    assert_eq!(
        outcome(&redis, Signature::new("unlimited")).await,
        Outcome::Success(json!(false))
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_task_that_asked_and_goes_on_is_ended_by_the_hard_limit() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let hard = |task| soft(task).time_limit(Duration::from_millis(400));
    for call in [hard("goes_on"), hard("cleans_up").arg(60_000)] {
        let Outcome::Failure(TaskFailure { exc_type, args, .. }) = outcome(&redis, call).await else {
            panic!("it is to fail");
        };
        assert_eq!((exc_type.as_str(), args), ("TimeLimitExceeded", vec![json!(0.4)]));
    }
    worker.stop().await;
}

#[tokio::test]
async fn python_sees_celerys_own_exception_whether_a_task_asked_or_not() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let client = redis.client();
    let mut ids = Vec::new();
    for task in ["sleeps", "gives_in"] {
        let id = client.send(&soft(task)).await.unwrap();
        let (exc_type, _) = failure(client.result(id.clone()).get(DEADLINE).await.unwrap());
        assert_eq!(exc_type, "SoftTimeLimitExceeded", "{task}");
        ids.push(id.to_string());
    }
    let code = format!(
        "from app import app\n\
         from celery.exceptions import SoftTimeLimitExceeded\n\
         for id in {ids:?}:\n\
         \x20   result = app.AsyncResult(id)\n\
         \x20   try:\n\
         \x20       result.get(timeout=20)\n\
         \x20   except SoftTimeLimitExceeded:\n\
         \x20       print(result.state)"
    );
    assert_eq!(run(&redis, &["-c", &code]), "FAILURE\nFAILURE\n");
    worker.stop().await;
}
