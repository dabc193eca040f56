//! What the client makes of refusals, limits and broken connections.

use std::time::Duration;

use chrono::TimeDelta;
use github::{DeleteOutcome, Error, JitConfigRequest};
use testkit::github::{Effect, Fault, Level, Pat};

use crate::world::{World, client, world, world_with};

#[tokio::test]
async fn a_registration_that_took_effect_behind_a_502_is_found_by_name() {
    let world = world().await;
    world
        .server
        .script(Fault::next(Effect::StatusAfterEffect(502)).on("POST", "generate-jitconfig"));
    let error = world.jit("r1").await.unwrap_err();
    assert!(
        matches!(error, Error::Server { status: 502, .. }) && error.is_retryable(),
        "{error}"
    );
    assert!(matches!(
        world.jit("r1").await.unwrap_err(),
        Error::Conflict { .. }
    ));
    assert!(
        world
            .github
            .find_runner(&world.target, "r1")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_runner_that_is_gone_and_a_token_that_lost_its_rights_are_told_apart() {
    let world = world().await;
    assert_eq!(world.github.get_runner(&world.target, 99).await.unwrap(), None);
    let outcome = world.github.delete_runner(&world.target, 99).await.unwrap();
    assert_eq!(outcome, DeleteOutcome::NotFound);
    world.server.add_pat(Pat::new("weak").with_grant("*", Level::See));
    let weak = client(&world.server, "weak");
    assert!(matches!(
        weak.get_runner(&world.target, 99).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        weak.delete_runner(&world.target, 99).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_bad_token_is_unauthorized_and_never_shown() {
    let world = world_with("ghp_canary").await;
    let error = world
        .github
        .create_registration_token(&world.target)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && !error.is_retryable());
    assert!(!format!("{error} {error:?} {:?}", world.github).contains("canary"));
    world.server.add_pat(Pat::admin("ghp_canary"));
    world
        .github
        .create_registration_token(&world.target)
        .await
        .unwrap();
    world.server.revoke_pat("ghp_canary");
    let error = world.github.verify(&world.target).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }));
}

#[tokio::test]
async fn nothing_is_sent_inside_a_retry_after_window_by_any_clone() {
    for effect in [Effect::TooManyRequests(30), Effect::SecondaryLimit(30)] {
        let world = world().await;
        world.server.script(Fault::next(effect));
        let error = world.github.list_runners(&world.target).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        world.server.clear_requests();
        world.server.clock().advance(TimeDelta::seconds(28));
        for clone in [world.github.clone(), world.github.clone()] {
            let error = clone.create_registration_token(&world.target).await.unwrap_err();
            assert!(matches!(error, Error::RateLimited { .. }) && error.is_retryable());
        }
        assert_eq!(world.server.requests(), []);
        world.server.clock().advance(TimeDelta::seconds(3));
        world
            .github
            .create_registration_token(&world.target)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_used_up_budget_holds_back_its_calls_until_the_reset() {
    let world = world().await;
    world.github.list_runners(&world.target).await.unwrap();
    world.jit("r1").await.unwrap();
    world.server.set_core_budget(0, TimeDelta::minutes(10));
    assert!(matches!(
        world.github.find_runner(&world.target, "r1").await,
        Err(Error::RateLimited { .. })
    ));
    world.server.clear_requests();
    assert!(matches!(
        world.github.find_runner(&world.target, "r1").await,
        Err(Error::RateLimited { .. })
    ));
    assert_eq!(world.server.requests(), []);
    // Registering draws on a bucket of its own, which is not used up.
    world.jit("r2").await.unwrap();
    world
        .server
        .clock()
        .advance(TimeDelta::minutes(10) + TimeDelta::seconds(2));
    world
        .github
        .find_runner(&world.target, "r1")
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn each_failure_has_its_own_name() {
    let world = world().await;
    let list = async || world.github.list_runners(&world.target).await.unwrap_err();
    world
        .server
        .script(Fault::next(Effect::Status(503, "unavailable".into())));
    let error = list().await;
    assert!(
        matches!(error, Error::Server { status: 503, .. }) && error.is_retryable(),
        "{error}"
    );
    world.server.script(Fault::next(Effect::Cut));
    let error = list().await;
    assert!(
        matches!(error, Error::Network { .. }) && error.is_retryable(),
        "{error}"
    );
    world.server.script(Fault::next(Effect::Flood(8 * 1024 * 1024)));
    assert!(matches!(list().await, Error::TooLarge { .. }));
    world.server.script(Fault::next(Effect::Flood(1024)));
    assert!(matches!(list().await, Error::Decode { .. }));
    world
        .server
        .script(Fault::next(Effect::Redirect("http://127.0.0.1:1/".into())));
    assert!(matches!(list().await, Error::Unexpected { status: 301, .. }));
    world
        .server
        .script(Fault::next(Effect::Status(403, "Resource not accessible".into())));
    let error = list().await;
    assert!(
        matches!(&error, Error::Forbidden { message, .. } if message == "Resource not accessible"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout_within_fifteen_seconds() {
    let world = world().await;
    world
        .server
        .script(Fault::next(Effect::Delay(Duration::from_mins(2))));
    let started = std::time::Instant::now();
    let error = world.github.list_runners(&world.target).await.unwrap_err();
    assert!(
        matches!(error, Error::Timeout { .. }) && error.is_retryable(),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_network_error() {
    let World {
        server,
        github,
        target,
    } = world().await;
    server.stop().await.unwrap();
    let error = github.list_runners(&target).await.unwrap_err();
    assert!(
        matches!(error, Error::Network { .. }) && error.is_retryable(),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_that_github_refuses_says_why() {
    let world = world().await;
    let request = JitConfigRequest {
        name: "r".into(),
        runner_group_id: 1,
        labels: vec![],
        work_folder: "_work".into(),
    };
    let error = world
        .github
        .generate_jit_config(&world.target, &request)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Unprocessable { message, .. } if message.contains("labels")),
        "{error}"
    );
}
