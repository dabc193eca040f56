//! That options of a chain, group or chord itself reach what Celery gives them to.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::{RedisServer, python::run, spawn_worker};

#[test]
fn options_of_a_workflow_reach_the_calls_that_celery_gives_them_to() {
    let redis = RedisServer::start();
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let printed = run(&redis, &["canvas_options.py"]);
    let same = printed.lines().filter(|line| line.starts_with("same: ")).count();
    assert!(!printed.contains("different: "), "{printed}");
    assert_eq!(same, 17, "{printed}");
}

#[test]
fn a_chord_waits_for_each_member_of_a_group_that_ends_one_of_its_members() {
    let redis = RedisServer::start();
    let _rust = spawn_worker(&redis, &["-Q", "rs", "-n", "rs@h"]);
    let code = "from app import add, tsum\n\
                from celery import chain, chord, group\n\
                plus = lambda n: add.s(n).set(queue='rs')\n\
                header = [chain([plus(1), group([plus(2), plus(3)])]), plus(4)]\n\
                body = tsum.s().set(queue='rs', task_id='body')\n\
                add.apply_async((3, 4), queue='rs', link=chord(header, body)).get(timeout=20)\n\
                print(body.type.AsyncResult('body').get(timeout=20))";
    assert_eq!(run(&redis, &["-c", code]), "32\n");
}
