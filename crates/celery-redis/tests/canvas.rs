//! Workflows sent by the Rust client: carried out by Python workers, by Rust workers, and by both together.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use celery_redis::{Canvas, Client, Outcome, Signature, chain, chord, group};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, eventually,
    python::{python_worker, run},
    spawn_worker,
};

/// Queues of the Python and of the Rust worker.
const SIDES: [&str; 2] = ["py", "rs"];

fn add(side: &str, args: &[i64]) -> Signature {
    Signature::new("tasks.add").args(args.to_vec()).queue(side)
}

fn mul(side: &str, by: i64) -> Signature {
    Signature::new("tasks.mul").arg(by).queue(side)
}

fn sum(side: &str) -> Signature {
    Signature::new("tasks.tsum").queue(side)
}

async fn value(client: &Client, canvas: impl Into<Canvas>) -> Value {
    let started = client.start(canvas).await.expect("the workflow is sent");
    match client
        .result(started.id)
        .get(DEADLINE * 2)
        .await
        .expect("a result")
    {
        Outcome::Success(value) => value,
        other => panic!("{other:?}"),
    }
}

/// What a task stored. A Python worker sends what follows from a task before it stores the task's own result, so the
/// last step's may be there first.
async fn stored(connection: &mut MultiplexedConnection, id: &str) -> Value {
    let raw: String = eventually("the step's own result is stored", async || {
        let raw: Option<String> = connection
            .get(format!("celery-task-meta-{id}"))
            .await
            .expect("a reply");
        raw
    })
    .await;
    serde_json::from_str(&raw).expect("JSON")
}

#[tokio::test]
async fn check_12_a_chain_of_ours_runs_on_python_rust_and_both() {
    let redis = RedisServer::start();
    let _python = python_worker(&redis, &["-P", "threads", "-c", "2", "-Q", "py"]);
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let client = redis.client();
    let mut connection = redis.connection().await;
    for [first, second, third] in [
        ["py", "py", "py"],
        ["rs", "rs", "rs"],
        ["py", "rs", "py"],
        ["rs", "py", "rs"],
    ] {
        let started = client
            .start(add(first, &[1, 2]).then(mul(second, 10)).then(add(third, &[4])))
            .await
            .unwrap();
        let result = client.result(started.id.clone()).get(DEADLINE * 2).await.unwrap();
        assert_eq!(result, Outcome::Success(json!(34)));
        // Every step has the id that we fixed, and names the one before as its parent.
        assert_eq!(started.steps.len(), 3);
        assert_eq!(
            stored(&mut connection, started.steps[0].as_str()).await["result"],
            json!(3)
        );
        for pair in started.steps.windows(2) {
            let meta = stored(&mut connection, pair[1].as_str()).await;
            assert_eq!(meta["parent_id"], json!(pair[0].as_str()), "{meta}");
        }
        let children = stored(&mut connection, started.steps[0].as_str()).await["children"].clone();
        assert_eq!(children, json!([[[started.steps[1].as_str(), null], null]]));
    }
}

#[tokio::test]
async fn check_13_a_group_of_ours_gives_its_values_in_order() {
    let redis = RedisServer::start();
    let _python = python_worker(&redis, &["-P", "threads", "-c", "2", "-Q", "py"]);
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let client = redis.client();
    let members = (0..10).map(|number| add(SIDES[usize::try_from(number % 2).unwrap()], &[number, 1]));
    let started = client.start(group(members)).await.unwrap();
    let values = client.results(&started.members, DEADLINE * 2).await.unwrap();
    let expected: Vec<Outcome> = (1..=10).map(|number| Outcome::Success(json!(number))).collect();
    assert_eq!(values, expected);
    // Python finds the group by its id, and its values in order.
    client.save_group(&started).await.unwrap();
    let code = format!(
        "import app, celery.result as r; print(r.GroupResult.restore({:?}, app=app.app).get(timeout=20))",
        started.id.as_str()
    );
    assert_eq!(
        run(&redis, &["-c", &code]).trim(),
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
    );
}

#[tokio::test]
async fn check_14_a_chord_of_ours_runs_its_body_once_with_all_values_in_order() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let members = (0..5).map(|number| add(SIDES[usize::try_from(number % 2).unwrap()], &[number, 10]));
    let body = Signature::new("tasks.echo").queue("rs");
    let started = client.start(chord(members, body)).await.unwrap();
    let sizes: Vec<String> = connection.keys("celery-taskset-meta-*.s").await.unwrap();
    assert_eq!(sizes.len(), 1, "{sizes:?}");
    let life: i64 = connection.ttl(&sizes[0]).await.unwrap();
    assert!((86_000..=86_400).contains(&life), "{life}");
    // One member of each side is delivered twice, as after a sweep.
    for side in SIDES {
        let copy: String = connection.lindex(side, -1).await.unwrap();
        let _: i64 = connection.rpush(side, copy).await.unwrap();
    }
    let python = python_worker(&redis, &["-P", "threads", "-c", "2", "-Q", "py"]);
    let rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let result = client.result(started.id).get(DEADLINE * 2).await.unwrap();
    assert_eq!(
        result,
        Outcome::Success(json!({"args": [[10, 11, 12, 13, 14]], "kwargs": {}}))
    );
    eventually("the copies were taken, too", async || {
        let held: u64 = connection.hlen("unacked").await.unwrap();
        let waiting = client.queue_len("rs").await.unwrap() + client.queue_len("py").await.unwrap();
        (held == 0 && waiting == 0).then_some(())
    })
    .await;
    let totals = client
        .control()
        .timeout(DEADLINE)
        .ask("stats", serde_json::Map::new())
        .await
        .unwrap();
    assert_eq!(totals["rs@h"]["total"], json!({"tasks.add": 3, "tasks.echo": 1}));
    // A Python worker acknowledges before it runs, and starts the body before it tidies up: what either of them has
    // taken has ended only when the worker has.
    python.terminate().await;
    rust.terminate().await;
    let group = sizes[0].strip_suffix(".s").unwrap();
    let keys: Vec<String> = connection.keys("celery-taskset-meta-*").await.unwrap();
    assert_eq!(keys, [format!("{group}.c")], "only the mark remains");
    let mark: String = connection.get(&keys[0]).await.unwrap();
    assert_eq!(mark, "done");
}

#[tokio::test]
async fn groups_and_chords_of_ours_inside_chains_give_their_value() {
    let redis = RedisServer::start();
    let _python = python_worker(&redis, &["-P", "threads", "-c", "2", "-Q", "py"]);
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let client = redis.client();
    for [one, two] in [["rs", "py"], ["py", "rs"], ["rs", "rs"]] {
        let fan = || group([mul(two, 2), mul(one, 3)]);
        assert_eq!(
            value(&client, add(one, &[1, 1]).then(fan()).then(sum(two))).await,
            json!(10)
        );
        let inner = add(two, &[1, 1]).then(mul(one, 5));
        let header = [inner, add(one, &[3, 4]).into()];
        let nested = chord(header, sum(one).then(add(two, &[100])));
        assert_eq!(value(&client, nested).await, json!(117));
        let deep = chord(
            [
                chord([add(one, &[1, 2]), add(two, &[3, 4])], sum(two)),
                Canvas::from(add(one, &[5, 5])),
            ],
            sum(one),
        );
        assert_eq!(value(&client, deep).await, json!(20));
        let chained = chain([chain([add(one, &[1, 1]), mul(two, 2)]), add(one, &[1]).into()]);
        assert_eq!(value(&client, chained).await, json!(5));
    }
}

#[tokio::test]
async fn a_failing_step_fails_what_follows_and_tells_the_errback() {
    let redis = RedisServer::start();
    let _python = python_worker(&redis, &["-P", "threads", "-c", "2", "-Q", "py"]);
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let client = redis.client();
    let mut connection = redis.connection().await;
    for side in SIDES {
        let errback = Signature::new("tasks.failed_id").queue("py");
        let boom = Signature::new("tasks.boom").queue(side);
        let started = client
            .start(boom.then(add("rs", &[1])).link_error(&errback))
            .await
            .unwrap();
        let result = client.result(started.id).get(DEADLINE * 2).await.unwrap();
        assert!(matches!(result, Outcome::Failure(failure) if failure.exc_type == "ValueError"));
        let failed = started.steps[0].as_str();
        eventually("the errback was told which call failed", async || {
            let told: Option<String> = connection.get("failed-id").await.unwrap();
            (told.as_deref() == Some(failed)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_stamp_of_ours_is_what_python_revokes_by() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let stamped = add("rs", &[1, 2]).stamp("tenant", "acme");
    let id = client.send(&stamped).await.unwrap();
    let raw: String = connection.lindex("rs", 0).await.unwrap();
    let message: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(message["headers"]["stamps"], json!({"tenant": "acme"}));
    assert_eq!(message["headers"]["stamped_headers"], json!(["tenant"]));
    let parked: String = connection.rpop("rs", None).await.unwrap();
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let revoke = "import app; print(app.app.control.revoke_by_stamped_headers({'tenant': ['acme']}, reply=True, timeout=20, limit=1))";
    let replies = run(&redis, &["-c", revoke]);
    assert!(replies.contains("flagged as revoked"), "{replies}");
    let _: i64 = connection.lpush("rs", parked).await.unwrap();
    let result = client.result(id).get(DEADLINE).await.unwrap();
    assert_eq!(
        result,
        Outcome::Revoked {
            reason: "revoked".into()
        }
    );
}
