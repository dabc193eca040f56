//! The GitHub client against the simulated GitHub, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::Clock;
use github::{DeleteOutcome, Error, GitHub, JitConfig, JitConfigRequest, MissingRight, RunnerStatus, Target};
use secrecy::ExposeSecret;
use testkit::github::{Effect, Fault, Level, Pat, SANDBOX_PAT, SimulatedGitHub};

struct World {
    server: SimulatedGitHub,
    github: GitHub,
    target: Target,
}

async fn world() -> World {
    world_with(SANDBOX_PAT).await
}

/// The client goes by the simulation's clock, so that moving one moves both.
async fn world_with(token: &str) -> World {
    let server = SimulatedGitHub::start().await.unwrap();
    let github = client(&server, token);
    World {
        server,
        github,
        target: "acme/web".parse().unwrap(),
    }
}

fn client(server: &SimulatedGitHub, token: &str) -> GitHub {
    GitHub::with_clock(
        server.url(),
        token.to_owned().into(),
        Arc::new(server.clock().clone()),
    )
    .unwrap()
}

impl World {
    async fn jit(&self, name: &str) -> Result<JitConfig, Error> {
        let request = JitConfigRequest {
            name: name.to_owned(),
            runner_group_id: 1,
            labels: vec!["self-hosted".into(), "gpu".into()],
            work_folder: "_work".into(),
        };
        self.github.generate_jit_config(&self.target, &request).await
    }
}

#[tokio::test]
async fn tokens_are_minted_and_last_an_hour() {
    for target in ["acme/web", "acme"] {
        let World { server, github, .. } = world().await;
        let target = target.parse().unwrap();
        for token in [
            github.create_registration_token(&target).await,
            github.create_remove_token(&target).await,
        ] {
            let token = token.unwrap();
            assert_eq!(token.token.expose_secret().len(), 29);
            let left = token.expires_at - server.clock().now();
            assert!(
                left > TimeDelta::minutes(59) && left <= TimeDelta::hours(1),
                "{left}"
            );
            assert!(!format!("{token:?}").contains(token.token.expose_secret()));
        }
    }
}

#[tokio::test]
async fn a_jit_runner_is_registered_offline_without_a_version_and_with_its_three_files() {
    let world = world().await;
    let config = world.jit("r1").await.unwrap();
    let names: Vec<String> = config
        .files()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, [".credentials", ".credentials_rsaparams", ".runner"]);
    let runner = world
        .github
        .get_runner(&world.target, config.runner.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(runner, config.runner);
    assert_eq!(
        (runner.status, runner.busy, runner.version.as_deref()),
        (RunnerStatus::Offline, false, None)
    );
    assert_eq!(runner.ephemeral, Some(true));
    let labels: Vec<&str> = runner.labels.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(labels, ["self-hosted", "gpu"]);
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_that_a_look_up_resolves() {
    let world = world().await;
    let first = world.jit("same").await.unwrap();
    let error = world.jit("same").await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { message, .. } if message.contains("already exists")),
        "{error}"
    );
    assert!(!error.is_retryable());
    let found = world
        .github
        .find_runner(&world.target, "same")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.id, first.runner.id);
    assert_eq!(
        world.github.find_runner(&world.target, "sam").await.unwrap(),
        None
    );
    assert_eq!(
        world.github.delete_runner(&world.target, found.id).await.unwrap(),
        DeleteOutcome::Deleted
    );
    world.jit("same").await.unwrap();
}

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
async fn all_pages_are_listed_and_an_unchanged_list_costs_nothing() {
    let world = world().await;
    for n in 0..205 {
        world.jit(&format!("r{n}")).await.unwrap();
    }
    assert_eq!(world.github.list_runners(&world.target).await.unwrap().len(), 205);
    world.server.clear_requests();
    let again = world.github.clone().list_runners(&world.target).await.unwrap();
    assert_eq!(again.len(), 205);
    let statuses: Vec<u16> = world
        .server
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [304, 304, 304]);
    world
        .github
        .delete_runner(&world.target, again[204].id)
        .await
        .unwrap();
    assert_eq!(world.github.list_runners(&world.target).await.unwrap().len(), 204);
}

#[tokio::test]
async fn runners_of_other_targets_stay_out_of_sight() {
    let world = world().await;
    let runner = world.jit("r1").await.unwrap().runner;
    let other: Target = "acme/other".parse().unwrap();
    assert_eq!(world.github.list_runners(&other).await.unwrap(), []);
    assert_eq!(world.github.get_runner(&other, runner.id).await.unwrap(), None);
    assert_eq!(
        world.github.delete_runner(&other, runner.id).await.unwrap(),
        DeleteOutcome::NotFound
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
async fn each_missing_right_is_named() {
    let world = world().await;
    let target = &world.target;
    for (level, missing) in [
        (Some(Level::Admin), vec![]),
        (
            Some(Level::ReadRunners),
            vec![MissingRight::WriteRunners(target.clone())],
        ),
        (
            Some(Level::See),
            vec![
                MissingRight::ReadRunners(target.clone()),
                MissingRight::WriteRunners(target.clone()),
            ],
        ),
        (
            Some(Level::SingleSignOn),
            vec![MissingRight::SeeTarget(target.clone())],
        ),
        (None, vec![MissingRight::SeeTarget(target.clone())]),
    ] {
        let token = format!("token-{level:?}");
        let pat = Pat::new(&token);
        world.server.add_pat(
            level
                .into_iter()
                .fold(pat, |pat, level| pat.with_grant("*", level)),
        );
        let access = client(&world.server, &token).verify(target).await.unwrap();
        assert_eq!(access.missing, missing, "{level:?}");
        assert_eq!(access.is_sufficient(), level == Some(Level::Admin));
        assert_eq!(access.login.as_deref(), Some("octocat"));
    }
    let access = world.github.verify(&"acme".parse().unwrap()).await.unwrap();
    assert_eq!(access.scopes.clone().unwrap(), ["admin:org", "repo"]);
    assert!(access.is_sufficient());
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
        .script(Fault::next(Effect::Delay(Duration::from_secs(120))));
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

#[tokio::test]
async fn the_enterprise_server_paths_answer_too() {
    let World { server, target, .. } = world().await;
    let api_url = github::api_url_for_host(server.url()).unwrap();
    assert!(api_url.path().ends_with("/api/v3"));
    let github = GitHub::new(&api_url, SANDBOX_PAT.to_owned().into()).unwrap();
    assert_eq!(github.list_runners(&target).await.unwrap(), []);
}

#[tokio::test]
async fn runners_survive_a_restart_of_a_server_with_a_state_file() {
    let directory = tempfile::tempdir().unwrap();
    let options = || testkit::github::Options {
        state_file: Some(directory.path().join("github.json")),
        ..Default::default()
    };
    let server = SimulatedGitHub::start_with(options()).await.unwrap();
    let target: Target = "acme/web".parse().unwrap();
    let request = JitConfigRequest {
        name: "r1".into(),
        runner_group_id: 1,
        labels: vec!["x".into()],
        work_folder: "_work".into(),
    };
    let before = client(&server, SANDBOX_PAT)
        .generate_jit_config(&target, &request)
        .await
        .unwrap()
        .runner;
    server.stop().await.unwrap();
    let server = SimulatedGitHub::start_with(options()).await.unwrap();
    let after = client(&server, SANDBOX_PAT)
        .find_runner(&target, "r1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn runners_that_stay_away_are_removed_by_github_itself() {
    let world = world().await;
    let id = world.jit("r1").await.unwrap().runner.id;
    world.server.clock().advance(TimeDelta::hours(23));
    assert!(
        world
            .github
            .get_runner(&world.target, id)
            .await
            .unwrap()
            .is_some()
    );
    world.server.clock().advance(TimeDelta::hours(2));
    assert!(
        world
            .github
            .get_runner(&world.target, id)
            .await
            .unwrap()
            .is_none()
    );
}
