//! `register_runner`: takes an instance from `pending` to `starting`.
//!
//! The order makes every step repeatable: the container is found by its labels before it is made; it is made
//! first and started last; the registration is looked up by name before it is minted, and minted right
//! before the start. A container that exists but does not run may hold any configuration, so it is made anew.

use std::time::Duration;

use celery::prelude::*;
use domain::ids::InstanceId;
use domain::instance::InstanceState;
use domain::runner::Resources;
use domain::tasks::TaskCall;
use entities::model::runner_instances;
use entities::repo::assignment::{self, Assignment};
use entities::repo::lifecycle::{self, Event, Observed, Transition};
use serde_json::{Value, json};
use tracing::instrument;

use super::{JobError, conclude, moved, noted, task};
use crate::context::Context;
use crate::lease::Held;
use crate::node_access;
use crate::nodes::{
    ContainerSpec, ContainerState, Created, Engine, ImageOutcome, OwnedContainer, PullProgress,
};
use crate::registration::{Registration, runs_as_root};
use crate::steps::Step;

/// After this many failed attempts the instance is failed.
const MAX_ATTEMPTS: i32 = 5;
/// When the first look at a started runner is taken; it connects within about four seconds.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The task. Retries are bounded by [`MAX_ATTEMPTS`]; the larger number only covers waiting for a lease.
#[celery::task(
    name = "register_runner",
    acks_late = true,
    max_retries = 1000,
    hard_time_limit = 900
)]
pub async fn register_runner(runner_instance_id: String) -> TaskResult<Value> {
    let id = task::id::<InstanceId>(&runner_instance_id)?;
    task::run(|context| async move { run(&context, &id).await }).await
}

/// Registers and starts an instance that is `pending`, or was left `creating` by a killed worker.
#[instrument(skip_all, fields(instance.id = %id))]
pub async fn run(context: &Context, id: &InstanceId) -> Result<Value, JobError> {
    let states = [InstanceState::Pending, InstanceState::Creating];
    let Some((lease, row)) = Held::take(context, id, &states).await? else {
        return conclude::not_claimed(context, id, &states).await;
    };
    context.reached(Step::Claimed).await;
    let result = lease.keep(Box::pin(attempt(context, &lease, &row))).await;
    match result {
        Ok(assignment) => {
            lease.release().await;
            let look = TaskCall::SendHeartbeat(id.clone());
            // Without it the next round of heartbeats finds the runner online.
            let _ = context.send_in(&look, &assignment.node, FIRST_LOOK).await;
            Ok(json!({"state": "starting"}))
        }
        Err(error) => Err(Box::pin(failed(context, lease, id, error)).await?),
    }
}

async fn attempt(
    context: &Context,
    lease: &Held<'_>,
    row: &runner_instances::Model,
) -> Result<Assignment, JobError> {
    let id = row.id()?;
    let assignment = assignment::find(&context.db, &id)
        .await?
        .ok_or_else(|| JobError::fail("the instance is gone"))?;
    begin(context, lease, &assignment).await?;
    let registration = Registration::of(context, &assignment)?;
    let engine = context.engine(&assignment.node).await?;
    let image = ensure_image(context, &engine, &assignment).await?;
    context.reached(Step::ImageReady).await;

    let spec = container_spec(context, &assignment, &registration, &image)?;
    // The look-up changes nothing and does not need the container.
    let (container, stale) = tokio::join!(
        container(context, lease, &engine, &spec, &assignment),
        registration.find(&assignment)
    );
    let Container { container, running } = container?;
    context.reached(Step::ContainerCreated).await;
    if !running {
        lease.ensure().await?;
        let prepared = registration.prepare(&assignment, stale?).await?;
        context.reached(Step::Registered).await;
        let observed = Observed {
            github_runner_id: Some(prepared.github_runner_id),
            instance_identifier: Some(Some(container.id.as_str().to_owned())),
            ..Observed::default()
        };
        record(context, lease, &id, observed).await?;
        context.reached(Step::RegistrationRecorded).await;
        let fed = engine.feed(&container, &prepared.input).await?;
        context.reached(Step::Fed).await;
        lease.ensure().await?;
        engine.start(&container).await?;
        drop(fed);
    }
    context.reached(Step::Started).await;
    started(context, lease, &engine, &container, &assignment).await?;
    context.reached(Step::RecordedStart).await;
    Ok(assignment)
}

/// `pending` → `creating`; a worker that takes over a `creating` one says so.
async fn begin(context: &Context, lease: &Held<'_>, assignment: &Assignment) -> Result<(), JobError> {
    let row = &assignment.instance;
    if row.state()? == InstanceState::Pending {
        let step = Transition {
            to: InstanceState::Creating,
            from: &[InstanceState::Pending],
            lease_token: Some(lease.token()),
            desired: None,
            reason: None,
            message: "A worker prepares the container.",
        };
        moved(context, &row.id()?, &step)
            .await?
            .ok_or_else(JobError::overtaken)?;
        lease.now_in(InstanceState::Creating);
    } else {
        let event = Event {
            kind: "progress",
            message: "A worker goes on where another one stopped.",
            detail: None,
        };
        noted(context, row, event).await?;
    }
    Ok(())
}

/// Pulls the image if it is missing; what the engine says of it goes onto the timeline meanwhile.
async fn ensure_image(
    context: &Context,
    engine: &Engine,
    assignment: &Assignment,
) -> Result<ImageOutcome, JobError> {
    let image = assignment
        .runner
        .docker_image
        .parse()
        .map_err(|error| JobError::fail(format!("the runner's docker_image {error}")))?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<PullProgress>();
    let pulling = engine.ensure_image(&image, move |progress| {
        // The receiver ends after the pull does.
        let _ = sender.send(progress);
    });
    let telling = async {
        while let Some(mut progress) = receiver.recv().await {
            // Only the latest of what piled up while the last entry was written.
            while let Ok(newer) = receiver.try_recv() {
                progress = newer;
            }
            let PullProgress {
                layers_done,
                layers,
                bytes,
                total_bytes,
            } = progress;
            let message = format!(
                "Pulling the image: {layers_done} of {layers} layers, {} of {} MB.",
                bytes / 1_000_000,
                total_bytes / 1_000_000
            );
            let event = Event {
                kind: "progress",
                message: &message,
                detail: Some(json!({
                    "layers_done": layers_done, "layers": layers, "bytes": bytes, "total_bytes": total_bytes,
                })),
            };
            if let Err(error) = noted(context, &assignment.instance, event).await {
                tracing::warn!(%error, "a pull's progress was not noted");
            }
        }
    };
    let (outcome, ()) = tokio::join!(pulling, telling);
    Ok(outcome?)
}

fn container_spec(
    context: &Context,
    assignment: &Assignment,
    registration: &Registration,
    image: &ImageOutcome,
) -> Result<ContainerSpec, JobError> {
    let Assignment { instance, runner, .. } = assignment;
    let wrong = |what: &str| {
        JobError::fail(format!(
            "the runner's {what} can't be read; save the runner again"
        ))
    };
    // A deprecated runner would else end with 0, as after a job.
    let mut env = vec![(
        "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE".to_owned(),
        "1".to_owned(),
    )];
    if runs_as_root(image.user.as_deref()) {
        env.push(("RUNNER_ALLOW_RUNASROOT".to_owned(), "1".to_owned()));
    }
    Ok(ContainerSpec {
        install_id: context.install_id.clone(),
        instance: instance.id()?,
        runner: runner.uid.parse().map_err(|_| wrong("id"))?,
        org: runner.org_id.parse().map_err(|_| wrong("organisation"))?,
        name: instance.name.clone(),
        image: runner.docker_image.parse().map_err(|_| wrong("docker_image"))?,
        command: registration.command(context, assignment)?,
        env,
        resources: resources_of(assignment)?,
    })
}

/// The limits of an assignment's containers.
pub fn resources_of(assignment: &Assignment) -> Result<Resources, JobError> {
    serde_json::from_value(assignment.runner.resources.clone())
        .map_err(|_| JobError::fail("the runner's resources can't be read; save the runner again"))
}

struct Container {
    container: OwnedContainer,
    running: bool,
}

/// The instance's container: running, or new. One that is there and does not run is the remains of an attempt
/// whose outcome nobody wrote down: it has ended, or may have been given a configuration that is worth nothing
/// now. It is removed and made anew.
async fn container(
    context: &Context,
    lease: &Held<'_>,
    engine: &Engine,
    spec: &ContainerSpec,
    assignment: &Assignment,
) -> Result<Container, JobError> {
    lease.ensure().await?;
    let Created { container, adopted } = engine.create_or_adopt(spec).await?;
    if !adopted {
        let running = false;
        return Ok(Container { container, running });
    }
    let state = engine.inspect(&container).await?;
    if state.running {
        let running = true;
        return Ok(Container { container, running });
    }
    if state.started {
        conclude::note_last_lines(context, engine, &container, assignment).await?;
    }
    lease.ensure().await?;
    engine.remove(&container).await?;
    Ok(Container {
        container: engine.create_or_adopt(spec).await?.container,
        running: false,
    })
}

/// `creating` → `starting`, with all that is known of the container.
async fn started(
    context: &Context,
    lease: &Held<'_>,
    engine: &Engine,
    container: &OwnedContainer,
    assignment: &Assignment,
) -> Result<(), JobError> {
    let state = engine.inspect(container).await?;
    let id = &container.instance;
    let observed = Observed {
        instance_identifier: Some(Some(container.id.as_str().to_owned())),
        instance_host: Some(node_access::host_of(&assignment.node)),
        instance_meta: Some(meta(assignment, &state)),
        ..Observed::default()
    };
    record(context, lease, id, observed).await?;
    let step = Transition {
        to: InstanceState::Starting,
        from: &[InstanceState::Creating],
        lease_token: Some(lease.token()),
        desired: None,
        reason: None,
        message: "The container was started.",
    };
    moved(context, id, &step).await?.ok_or_else(JobError::overtaken)?;
    lease.now_in(InstanceState::Starting);
    Ok(())
}

async fn record(
    context: &Context,
    lease: &Held<'_>,
    id: &InstanceId,
    observed: Observed,
) -> Result<(), JobError> {
    if lifecycle::record(&context.db, id, lease.token(), observed, context.now()).await? {
        Ok(())
    } else {
        Err(JobError::overtaken())
    }
}

/// The allow-listed facts of a container. Never more: an inspection holds its environment.
pub fn meta(assignment: &Assignment, state: &ContainerState) -> Value {
    let ContainerState {
        running: _,
        started: _,
        exit_code,
        oom_killed,
        error: _,
        started_at,
        finished_at: _,
        image_id,
        network,
        cpus,
        memory_mb,
        pids,
    } = state;
    let mut meta = json!({
        "image": assignment.runner.docker_image,
        "image_id": image_id,
        "network": network,
        "cpus": cpus,
        "memory_mb": memory_mb,
        "pids": pids,
        "started_at": started_at,
    });
    if let Some(exit_code) = exit_code {
        meta["exit_code"] = json!(exit_code);
        meta["oom_killed"] = json!(oom_killed);
    }
    meta
}

/// After a failed attempt: back to `pending` for another one, or `failed` once it is final, with whatever
/// was half made removed. Returns the error that the task ends with.
async fn failed(
    context: &Context,
    lease: Held<'_>,
    id: &InstanceId,
    error: JobError,
) -> Result<JobError, JobError> {
    if error.is_overtaken() {
        lease.release().await;
        return Ok(error);
    }
    let Some(assignment) = assignment::find(&context.db, id).await? else {
        return Ok(error);
    };
    let attempts = assignment.instance.attempts + 1;
    let reason = process::telemetry::redact(error.reason()).into_owned();
    let is_final = matches!(error, JobError::Fail { .. }) || attempts >= MAX_ATTEMPTS;
    let observed = Observed {
        attempts: Some(attempts),
        ..Observed::default()
    };
    record(context, &lease, id, observed).await?;
    if is_final {
        let states = [InstanceState::Creating, InstanceState::Pending];
        conclude::fail(context, lease, &assignment, &states, &reason).await?;
        return Ok(JobError::Fail { reason });
    }
    let after = match &error {
        JobError::Retry {
            after: Some(after), ..
        } => *after,
        JobError::Retry { .. } | JobError::Fail { .. } => {
            task::growing_pause(u32::try_from(attempts).unwrap_or(0))
        }
    };
    let message = format!("Attempt {attempts} of {MAX_ATTEMPTS} failed: {reason}.");
    let step = Transition {
        to: InstanceState::Pending,
        from: &[InstanceState::Creating],
        lease_token: Some(lease.token()),
        desired: None,
        reason: Some(&reason),
        message: &message,
    };
    moved(context, id, &step).await?;
    conclude::look_again_in(context, id, InstanceState::Pending, after).await?;
    lease.release().await;
    Ok(JobError::retry_after(after, reason))
}
