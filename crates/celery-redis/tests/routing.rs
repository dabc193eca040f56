//! That calls without a queue go where Celery's own app would send them, and those to an exchange where it leads.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::{process::Stdio, time::Duration};

use celery::prelude::*;
use celery_redis::{
    Client, Outcome, Signature, TaskRoutes,
    beat::{Beat, Entry},
    current_request, retry_in,
};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, Process, RedisServer, Running, calls, eventually,
    gate::until_held,
    python::{run, script},
    spawn_worker,
};
use tokio_util::sync::CancellationToken;

fn routes() -> TaskRoutes {
    TaskRoutes::new()
        .route("exact", "exactly")
        .route("feed.*", "feeds")
        .regex(r"(video|image)\.", "media")
        .expect("a pattern")
}

/// The names of the tasks in a queue, first sent first.
async fn tasks_in(connection: &mut MultiplexedConnection, queue: &str) -> Vec<String> {
    let messages: Vec<String> = connection.lrange(queue, 0, -1).await.expect("a list");
    let names = messages.iter().rev().map(|message| {
        let message: Value = serde_json::from_str(message).expect("JSON");
        message["headers"]["task"].as_str().unwrap_or_default().to_owned()
    });
    names.collect()
}

async fn until_in(connection: &mut MultiplexedConnection, queue: &str, tasks: &[&str]) {
    eventually(&format!("{tasks:?} are in {queue}"), async || {
        (tasks_in(connection, queue).await == tasks).then_some(())
    })
    .await;
}

/// Retries once, then says which queue it came from.
#[celery::task(max_retries = 1)]
async fn exact() -> TaskResult<String> {
    let request = current_request().expect("inside a task");
    if request.retries == 0 {
        return Err(retry_in(Duration::ZERO, "once more"));
    }
    Ok(request.queue.clone())
}

#[tokio::test]
async fn what_follows_from_a_task_goes_where_the_workers_routes_lead() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    // Without queues of its own the worker serves its default one.
    let builder = calls::tasks(redis.worker())
        .default_queue("main")
        .task_routes(routes());
    let worker = Running::start(builder);
    let client = Client::builder(&redis.url())
        .default_queue("main")
        .build()
        .unwrap();
    let add = || Signature::new("add").args([1, 1]);
    let call = add()
        .link(Signature::new("feed.import"))
        .link(Signature::new("video.cut").queue("by-name"))
        .then(Signature::new("exact"));
    client.start(call).await.unwrap();
    until_in(&mut connection, "feeds", &["feed.import"]).await;
    until_in(&mut connection, "by-name", &["video.cut"]).await;
    until_in(&mut connection, "exactly", &["exact"]).await;
    client
        .start(celery_redis::chord([add(), add()], Signature::new("image.scale")))
        .await
        .unwrap();
    until_in(&mut connection, "media", &["image.scale"]).await;
    let failing = Signature::new("expected").link_error(Signature::new("feed.alarm"));
    client.send(&failing).await.unwrap();
    until_in(&mut connection, "feeds", &["feed.import", "feed.alarm"]).await;
    // What nothing routes comes back to the worker itself.
    let last = client
        .start(add().then(Signature::new("add").arg(5)))
        .await
        .unwrap();
    let sum = client.result(last.id).get(DEADLINE).await.unwrap();
    assert_eq!(sum, Outcome::Success(json!(7)));
    worker.stop().await;
    // Whatever was sent there is bound there, as Python's workers expect it.
    let bound: bool = connection
        .sismember("_kombu.binding.feeds", "feeds\x06\x16\x06\x16feeds")
        .await
        .unwrap();
    assert!(bound);
}

#[tokio::test]
async fn a_retry_stays_in_the_queue_that_it_came_from() {
    let redis = RedisServer::start();
    let builder = redis
        .worker()
        .queues(["elsewhere"])
        .task_routes(routes())
        .register::<exact>();
    let worker = Running::start(builder);
    let client = redis.client();
    let id = client
        .send(&Signature::new("exact").queue("elsewhere"))
        .await
        .unwrap();
    let queue = client.result(id).get(DEADLINE).await.unwrap();
    assert_eq!(queue, Outcome::Success(json!("elsewhere")));
    worker.stop().await;
}

#[tokio::test]
async fn clients_and_beats_route_as_well() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let client = Client::builder(&redis.url())
        .task_routes(routes())
        .build()
        .unwrap();
    for task in ["exact", "feed.import", "plain"] {
        client.send(&Signature::new(task)).await.unwrap();
    }
    client
        .send(&Signature::new("exact").queue("by-name"))
        .await
        .unwrap();
    for (queue, task) in [
        ("exactly", "exact"),
        ("feeds", "feed.import"),
        ("celery", "plain"),
        ("by-name", "exact"),
    ] {
        until_in(&mut connection, queue, &[task]).await;
    }
    let often = |name: &str| Entry::every(name, Duration::from_millis(100), Signature::new(name));
    let beat = Beat::builder(&redis.url())
        .default_queue("ticks")
        .task_routes(routes())
        .entry(often("video.watch"))
        .entry(often("tick"))
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    let beating = beat.run(stop.clone());
    let watching = async {
        for (queue, task) in [("media", "video.watch"), ("ticks", "tick")] {
            eventually("the beat has sent it there", async || {
                tasks_in(&mut connection, queue)
                    .await
                    .contains(&task.to_owned())
                    .then_some(())
            })
            .await;
        }
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(beating, watching);
    ended.unwrap();
}

/// Python's worker on the queues that are bound to exchanges.
async fn python_worker_behind_exchanges(redis: &RedisServer) -> Process {
    let worker = Process::spawn(
        script(
            redis,
            &[
                "-m", "celery", "-A", "routing", "worker", "-l", "ERROR", "-P", "threads", "-c", "1",
            ],
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null()),
    );
    let mut connection = redis.connection().await;
    eventually("both exchanges are bound", async || {
        let bound: u64 = redis::cmd("EXISTS")
            .arg(&["_kombu.binding.media", "_kombu.binding.world"])
            .query_async(&mut connection)
            .await
            .unwrap();
        (bound == 2).then_some(())
    })
    .await;
    worker
}

#[tokio::test]
async fn a_call_to_an_exchange_reaches_the_queues_of_a_python_worker_bound_to_it() {
    let redis = RedisServer::start();
    let _python = python_worker_behind_exchanges(&redis).await;
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let code = "from app import add, mul\n\
                first = lambda: add.s(1, 2).set(queue='rs')\n\
                video = dict(exchange='media', routing_key='video')\n\
                today = dict(exchange='world', routing_key='news.berlin.today')\n\
                print((first() | mul.s(10).set(**video)).delay().get(timeout=20))\n\
                print((first() | mul.s(20).set(**today, priority=6)).delay().get(timeout=20))\n\
                print((first() | mul.s(30).set(**video, queue='nobody')).delay().get(timeout=20))";
    assert_eq!(run(&redis, &["-c", code]), "30\n60\n90\n");
    let mut connection = redis.connection().await;
    assert!(tasks_in(&mut connection, "nobody").await.is_empty());
}

#[tokio::test]
async fn a_call_to_an_exchange_reaches_each_queue_bound_and_one_that_leads_nowhere_is_refused() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let bindings = [
        "k\x06\x16\x06\x16one",
        "k\x06\x16\x06\x16two",
        "other\x06\x16\x06\x16three",
        "a.#\x06\x16^a\\..*?$\x06\x16four",
    ];
    let _: () = connection.sadd("_kombu.binding.x", &bindings).await.unwrap();
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let code = "from app import add, echo\n\
                to = lambda **options: add.apply_async((1, 2), queue='rs', link=echo.s().set(**options))\n\
                print(to(exchange='x', routing_key='k').get(timeout=20))\n\
                print(to(exchange='x', routing_key='a.b.c').get(timeout=20))\n\
                print(to(routing_key='k').get(timeout=20))\n\
                lost = to(exchange='x', routing_key='nowhere').get(timeout=20, propagate=False)\n\
                print(type(lost).__name__, lost)";
    let printed = run(&redis, &["-c", code]);
    assert!(printed.starts_with("3\n3\n3\nRuntimeError"), "{printed}");
    assert!(printed.contains("no queue is bound"), "{printed}");
    for queue in ["one", "two", "four"] {
        until_in(&mut connection, queue, &["tasks.echo"]).await;
    }
    // A key without an exchange counts for nothing, as in Celery.
    until_in(&mut connection, "celery", &["tasks.echo"]).await;
    assert!(tasks_in(&mut connection, "three").await.is_empty());
    until_held(&mut connection, 0).await;
}
