//! Every call, when all goes well.

use chrono::TimeDelta;
use domain::Clock;
use github::{
    DeleteOutcome, Error, GitHub, JitConfigRequest, MissingRight, RunnerStatus, SampleJob, Sandbox, Target,
};
use secrecy::ExposeSecret;
use testkit::github::{Level, Pat, SANDBOX_PAT, SimulatedGitHub};

use crate::world::{World, client, world};

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

#[tokio::test]
async fn the_sandbox_takes_a_sample_job_without_a_token_and_refuses_an_impossible_one() {
    let server = SimulatedGitHub::start().await.unwrap();
    let sandbox = Sandbox::new(server.url()).unwrap();
    let job = SampleJob {
        target: "acme/web".into(),
        labels: vec!["gpu".into()],
        name: "Sample job".into(),
        duration_secs: 3,
    };
    let queued = sandbox.queue_job(&job).await.unwrap();
    let known = server.job(queued.id).unwrap();
    assert_eq!(
        (known.spec.target.as_str(), known.spec.duration_secs),
        ("acme/web", 3)
    );
    assert_eq!(known.spec.labels, ["gpu"]);
    let impossible = SampleJob {
        name: String::new(),
        ..job
    };
    let refused = sandbox.queue_job(&impossible).await;
    assert!(matches!(refused, Err(Error::Unprocessable { .. })), "{refused:?}");
}
