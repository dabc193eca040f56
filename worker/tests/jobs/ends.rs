//! How instances end: by a job done, by a person's wish, by a fault.

use domain::instance::{DesiredState, InstanceState};
use runner_pilot_worker::jobs::{JobError, register_runner, send_heartbeat, unregister_runner};
use testkit::github::{Effect, Fault, JobSpec, SANDBOX_PAT};
use testkit::harness::eventually;
use testkit::runner_image::{self, Variant};

use super::support::{Fixture, PATIENCE, REPO, RunnerKind};

#[tokio::test]
async fn an_ephemeral_runner_that_did_its_job_is_removed() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.github.queue_job(JobSpec::new(REPO, "sample", 1))?;
    fixture.until(&id, InstanceState::Draining).await?;
    let row = fixture.row(&id).await?;
    assert_eq!(row.desired()?, DesiredState::Removed);
    assert!(
        row.state_reason.as_deref().unwrap().contains("did its job"),
        "{row:?}"
    );
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_runner_of_another_name_is_left_alone_whatever_id_was_written_down() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let ours = fixture.running(RunnerKind::default()).await?;
    let theirs = fixture.running(RunnerKind::default()).await?;
    // As after a change of the runner's target, where GitHub counts anew.
    let foreign = fixture.row(&theirs).await?.github_runner_id;
    fixture.write_github_id(&ours, foreign).await?;
    fixture.drain(&ours, DesiredState::Removed).await?;
    unregister_runner::run(&fixture.context, &ours, 0).await?;
    assert_eq!(fixture.row(&ours).await?.state()?, InstanceState::Removed);
    let left: Vec<i64> = fixture.github.registrations().iter().map(|one| one.id).collect();
    assert_eq!(left, foreign.into_iter().collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_running_job_is_waited_for_and_never_killed() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let job = fixture.github.queue_job(JobSpec::new(REPO, "sample", 4))?;
    fixture
        .github
        .wait_until("the job runs", PATIENCE, |github| {
            github.job(job.id).filter(|job| job.started_at.is_some())
        })
        .await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let wait = unregister_runner::run(&fixture.context, &id, 0)
        .await
        .unwrap_err();
    assert!(
        matches!(&wait, JobError::Retry { after: Some(after), .. } if after.as_secs() == 10),
        "{wait:?}"
    );
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Draining);
    assert_eq!(fixture.containers().await?.len(), 1);
    eventually(PATIENCE, "the instance is removed", || async {
        unregister_runner::run(&fixture.context, &id, 1).await?;
        anyhow::ensure!(fixture.row(&id).await?.is_deleted);
        Ok(())
    })
    .await?;
    let job = fixture.github.job(job.id).unwrap();
    assert_eq!(format!("{:?}", job.conclusion), "Some(Succeeded)");
    Ok(())
}

#[tokio::test]
async fn what_an_own_token_can_not_remove_is_left_to_github_and_said() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = super::secrets::registration_token(&fixture).await?;
    let own = RunnerKind {
        ephemeral: false,
        own_token: Some(&token),
        ..RunnerKind::default()
    };
    let id = fixture.running(own).await?;
    fixture.drain(&id, DesiredState::Stopped).await?;
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Stopped);
    assert!(fixture.containers().await?.is_empty());
    // The simulation, strict like the API's two endpoints, takes only a removal token for a removal.
    let tried = fixture.github.registrations();
    assert_eq!(tried.len(), 1, "{tried:?}");
    let timeline = fixture.timeline(&id).await?.join("\n");
    assert!(
        timeline.contains("removes it by itself after 14 days"),
        "{timeline}"
    );
    Ok(())
}

#[tokio::test]
async fn a_job_of_a_runner_with_its_own_token_is_waited_for_too() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = super::secrets::registration_token(&fixture).await?;
    let own = RunnerKind {
        own_token: Some(&token),
        ..RunnerKind::default()
    };
    let id = fixture.running(own).await?;
    let job = fixture.github.queue_job(JobSpec::new(REPO, "sample", 4))?;
    eventually(PATIENCE, "the log tells of the job", || async {
        let value = send_heartbeat::run(&fixture.context, &id).await?;
        anyhow::ensure!(value["status"] == "busy", "{value}");
        Ok(())
    })
    .await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let wait = unregister_runner::run(&fixture.context, &id, 0)
        .await
        .unwrap_err();
    assert!(matches!(wait, JobError::Retry { .. }), "{wait:?}");
    eventually(PATIENCE, "the instance is removed", || async {
        unregister_runner::run(&fixture.context, &id, 1).await?;
        anyhow::ensure!(fixture.row(&id).await?.is_deleted);
        Ok(())
    })
    .await?;
    let job = fixture.github.job(job.id).unwrap();
    assert_eq!(format!("{:?}", job.conclusion), "Some(Succeeded)");
    Ok(())
}

#[tokio::test]
async fn an_expired_token_fails_the_instance_and_says_what_to_do() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = super::secrets::registration_token(&fixture).await?;
    fixture.github.clock().advance(chrono::TimeDelta::hours(2));
    let own = RunnerKind {
        own_token: Some(&token),
        ..RunnerKind::default()
    };
    let id = fixture.pending(own).await?;
    register_runner::run(&fixture.context, &id).await?;
    fixture.until(&id, InstanceState::Failed).await?;
    let reason = fixture.row(&id).await?.state_reason.unwrap();
    assert!(reason.contains("github_runner_token"), "{reason}");
    assert!(fixture.containers().await?.is_empty());
    assert!(
        fixture
            .timeline(&id)
            .await?
            .iter()
            .any(|line| line.contains("last lines"))
    );
    Ok(())
}

#[tokio::test]
async fn a_container_removed_by_hand_fails_the_instance_and_its_registration_goes() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.engine.remove_containers(&fixture.label()).await?;
    fixture.until(&id, InstanceState::Failed).await?;
    let reason = fixture.row(&id).await?.state_reason.unwrap();
    assert!(
        reason.contains("removed from its node by somebody else"),
        "{reason}"
    );
    assert!(fixture.github.registrations().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_deprecated_runner_and_one_that_crashes_are_told_apart() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    for (variant, words) in [
        (Variant::Deprecated, "no longer accepts this version"),
        (Variant::CrashAtStart, "crashed (exit code 1)"),
    ] {
        let image = runner_image::build_variant(fixture.engine.docker(), variant).await?;
        let kind = RunnerKind {
            image: &image,
            ..RunnerKind::default()
        };
        let id = fixture.pending(kind).await?;
        register_runner::run(&fixture.context, &id).await?;
        fixture.until(&id, InstanceState::Failed).await?;
        let reason = fixture.row(&id).await?.state_reason.unwrap();
        assert!(reason.contains(words), "{variant:?}: {reason}");
        assert!(fixture.containers().await?.is_empty(), "{variant:?}");
        assert!(fixture.github.registrations().is_empty(), "{variant:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_runner_that_never_comes_online_fails_after_its_deadline() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let image = runner_image::build_variant(fixture.engine.docker(), Variant::NeverConnects).await?;
    let kind = RunnerKind {
        image: &image,
        ..RunnerKind::default()
    };
    let id = fixture.pending(kind).await?;
    register_runner::run(&fixture.context, &id).await?;
    send_heartbeat::run(&fixture.context, &id).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Starting);
    fixture.clock.advance(chrono::TimeDelta::minutes(6));
    send_heartbeat::run(&fixture.context, &id).await?;
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Failed);
    assert!(row.state_reason.unwrap().contains("within 5 minutes"));
    assert!(fixture.containers().await?.is_empty());
    assert!(fixture.github.registrations().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_registration_that_github_lost_its_answer_to_is_not_made_twice() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    fixture
        .github
        .script(Fault::next(Effect::StatusAfterEffect(502)).on("POST", "generate-jitconfig"));
    let id = fixture.pending(RunnerKind::default()).await?;
    let first = register_runner::run(&fixture.context, &id).await.unwrap_err();
    assert!(matches!(first, JobError::Retry { .. }), "{first:?}");
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Pending);
    register_runner::run(&fixture.context, &id).await?;
    fixture.until(&id, InstanceState::Running).await?;
    assert_eq!(fixture.github.registrations().len(), 1);
    assert_eq!(fixture.containers().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_without_asking_again() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    fixture
        .github
        .script(Fault::next(Effect::TooManyRequests(30)).on("POST", "generate-jitconfig"));
    let id = fixture.pending(RunnerKind::default()).await?;
    let limited = register_runner::run(&fixture.context, &id).await.unwrap_err();
    let JobError::Retry {
        after: Some(after), ..
    } = limited
    else {
        panic!("{limited:?}");
    };
    assert!((25..=31).contains(&after.as_secs()), "{after:?}");
    fixture.github.clear_requests();
    register_runner::run(&fixture.context, &id).await.unwrap_err();
    assert!(
        fixture.github.requests().is_empty(),
        "GitHub was asked inside the pause"
    );
    fixture.clock.advance(chrono::TimeDelta::seconds(40));
    register_runner::run(&fixture.context, &id).await?;
    Ok(())
}

#[tokio::test]
async fn a_refused_credential_fails_the_instance_and_leaves_nothing() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    fixture.github.revoke_pat(SANDBOX_PAT);
    let id = fixture.pending(RunnerKind::default()).await?;
    let error = register_runner::run(&fixture.context, &id).await.unwrap_err();
    assert!(matches!(error, JobError::Fail { .. }), "{error:?}");
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Failed);
    assert!(row.state_reason.unwrap().contains("does not accept the token"));
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_restart_ends_in_a_new_container() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let before = fixture.row(&id).await?.instance_identifier;
    fixture.drain(&id, DesiredState::Running).await?;
    unregister_runner::run(&fixture.context, &id, 0).await?;
    register_runner::run(&fixture.context, &id).await?;
    fixture.until(&id, InstanceState::Running).await?;
    assert_ne!(fixture.row(&id).await?.instance_identifier, before);
    assert_eq!(fixture.containers().await?.len(), 1);
    assert_eq!(fixture.github.registrations().len(), 1);
    Ok(())
}
