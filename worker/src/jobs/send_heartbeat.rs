//! `send_heartbeat`: looks at container and runner, refreshes `runner_status:{id}`, and reacts to what the
//! look means.
//!
//! It holds no lease while it looks. What has to happen is done by compare-and-set or by sending a task, so
//! that two looks at once do no harm.

use std::time::Duration;

use celery::prelude::*;
use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState, InstanceStatus, Overdue};
use domain::redis_keys::{self, RUNNER_STATUS_TTL};
use domain::tasks::TaskCall;
use domain::telemetry::RunnerStatus;
use entities::repo::assignment::{self, Assignment};
use entities::repo::lifecycle::{self, Observed, Transition};
use github::DeleteOutcome;
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use tracing::{debug, instrument};

use super::outcome::{refresh_runner, tell_instance};
use super::register_runner::{meta, resources_of};
use super::{JobError, conclude, moved, task};
use crate::context::Context;
use crate::decide::exit::{self, Ending, Remains};
use crate::decide::log_hint::{self, LogHint};
use crate::decide::look::{self, Action, ContainerSeen, Look, RunnerSeen};
use crate::lease::Held;
use crate::nodes::{ContainerState, Engine, NodeError, OwnedContainer};
use crate::registration::Account;

/// The database is told at least this often that somebody looked.
const WRITE_EVERY: TimeDelta = TimeDelta::seconds(60);
/// How old a shared list of runners may be for an instance that is expected to come online.
const FRESH_LIST: Duration = Duration::from_secs(1);
/// While it is expected, it is looked at this often.
const CHASE_EVERY: Duration = Duration::from_secs(2);
/// For this long after its start.
const CHASE_FOR: TimeDelta = TimeDelta::seconds(60);
/// As much of the log as is read.
const LOG_LINES: u32 = 200;
const LOG_BYTES: usize = 64 << 10;

/// The task. It comes again by itself, so it is tried twice only.
#[celery::task(name = "send_heartbeat", acks_late = true, max_retries = 2, hard_time_limit = 60)]
pub async fn send_heartbeat(runner_instance_id: String) -> TaskResult<Value> {
    let id = task::id::<InstanceId>(&runner_instance_id)?;
    task::run(|context| async move { run(&context, &id).await }).await
}

/// Looks at one instance. The answer is the status as it stands in Redis.
#[instrument(skip_all, fields(instance.id = %id))]
pub async fn run(context: &Context, id: &InstanceId) -> Result<Value, JobError> {
    let Some(assignment) = assignment::find(&context.db, id).await? else {
        return Ok(json!({"skipped": "there is no such instance"}));
    };
    let state = assignment.instance.state()?;
    if !state.is_live() {
        return Ok(json!({"skipped": format!("the instance is {state}")}));
    }
    // A node that does not answer proves nothing: the instance stays, its status expires.
    let engine = match context.engine(&assignment.node).await {
        Ok(engine) => engine,
        Err(error) => return unreachable_node(&error),
    };
    let (container, seen) = match look_at_container(context, &engine, id).await {
        Ok(seen) => seen,
        Err(error) if error.is_outage() => return unreachable_node(&error.into()),
        Err(error) => return Err(error.into()),
    };
    let mut look = Look {
        state,
        previous: assignment.instance.status()?,
        container: seen_of(seen.as_ref()),
        runner: RunnerSeen::Unknown,
        hint: None,
        registered_before_start: assignment.runner.ephemeral && assignment.credential.is_some(),
        now: context.now(),
    };
    look.runner = look_at_runner(context, &assignment, state).await?;
    let wants_hint = match look.runner {
        RunnerSeen::Unknown | RunnerSeen::Absent => seen.as_ref().is_some_and(|seen| seen.running),
        RunnerSeen::Present { .. } => false,
    };
    if wants_hint && let Some(container) = &container {
        look.hint = read_hint(&engine, container).await;
    }
    let (status, action) = look::judge(&look);
    let overdue = assignment
        .instance
        .state_deadline
        .is_some_and(|deadline| deadline < look.now);
    let written = write_status(context, &assignment, status, &look).await?;
    act(context, &engine, &assignment, container.as_ref(), seen.as_ref(), action).await?;
    if state == InstanceState::Starting && action == Action::Nothing && overdue {
        give_up_start(context, &assignment).await?;
    }
    chase(context, &assignment, action, &look).await;
    serde_json::to_value(written).map_err(|error| JobError::fail(error.to_string()))
}

fn unreachable_node(error: &JobError) -> Result<Value, JobError> {
    debug!(%error, "the node did not answer a heartbeat");
    Ok(json!({"skipped": "the node did not answer"}))
}

async fn look_at_container(
    context: &Context,
    engine: &Engine,
    id: &InstanceId,
) -> Result<(Option<OwnedContainer>, Option<ContainerState>), NodeError> {
    let Some(found) = engine.find_by_instance(&context.install_id, id).await? else {
        return Ok((None, None));
    };
    match engine.inspect(&found.container).await {
        Ok(state) => Ok((Some(found.container), Some(state))),
        Err(NodeError::NotFound(_)) => Ok((None, None)),
        Err(error) => Err(error),
    }
}

fn seen_of(state: Option<&ContainerState>) -> ContainerSeen {
    match state {
        None => ContainerSeen::Missing,
        Some(state) if state.running => ContainerSeen::Running(state.started_at),
        Some(state) if state.started => ContainerSeen::Ended,
        Some(_) => ContainerSeen::Created,
    }
}

/// What GitHub knows. One list per credential and target serves all instances; only an absence is asked
/// about once more, because a list misses runners that come while its pages are read.
async fn look_at_runner(
    context: &Context,
    assignment: &Assignment,
    state: InstanceState,
) -> Result<RunnerSeen, JobError> {
    let Ok(Some(account)) = Account::of(context, assignment) else {
        return Ok(RunnerSeen::Unknown);
    };
    let max_age = match state {
        InstanceState::Starting => FRESH_LIST,
        _ => context.monitoring.heartbeat_interval / 2,
    };
    let instance = &assignment.instance;
    let listed = match account.runners(context, max_age).await {
        Ok(list) => list.get(&instance.name).cloned(),
        Err(error) => {
            debug!(%error, "GitHub did not answer a heartbeat");
            return Ok(RunnerSeen::Unknown);
        }
    };
    let runner = match (listed, instance.github_runner_id) {
        (Some(runner), known) => {
            if known != Some(runner.id) {
                remember_id(context, assignment, runner.id).await?;
            }
            Some(runner)
        }
        (None, Some(known)) => match account.client.get_runner(&account.target, known).await {
            Ok(runner) => runner,
            Err(error) => {
                debug!(%error, "GitHub did not answer a heartbeat");
                return Ok(RunnerSeen::Unknown);
            }
        },
        (None, None) => None,
    };
    Ok(match runner {
        None => RunnerSeen::Absent,
        Some(runner) => RunnerSeen::Present {
            online: runner.status == github::RunnerStatus::Online,
            busy: runner.busy,
        },
    })
}

/// A runner that registered itself is given its id once GitHub lists it. Under a lease, because another job
/// may be about to forget it; if that one acts now, a later look does it.
async fn remember_id(context: &Context, assignment: &Assignment, id: i64) -> Result<(), JobError> {
    let instance = assignment.instance.id()?;
    let states = [InstanceState::Starting, InstanceState::Running];
    if let Some((lease, _)) = Held::take(context, &instance, &states).await? {
        let observed = Observed {
            github_runner_id: Some(Some(id)),
            ..Observed::default()
        };
        lifecycle::record(&context.db, &instance, lease.token(), observed, context.now()).await?;
        lease.release().await;
    }
    Ok(())
}

async fn read_hint(engine: &Engine, container: &OwnedContainer) -> Option<LogHint> {
    match engine.tail_logs(container, LOG_LINES, LOG_BYTES).await {
        Ok(log) => log_hint::last(&log),
        Err(error) => {
            debug!(%error, "a log could not be read");
            None
        }
    }
}

/// Redis always, the database only when something changed or a minute has passed.
async fn write_status(
    context: &Context,
    assignment: &Assignment,
    status: InstanceStatus,
    look: &Look,
) -> Result<RunnerStatus, JobError> {
    let instance = &assignment.instance;
    let id = instance.id()?;
    let value = RunnerStatus {
        status,
        last_heartbeat: look.now,
    };
    let json = serde_json::to_string(&value).map_err(|error| JobError::fail(error.to_string()))?;
    context
        .redis
        .clone()
        .set_ex::<_, _, ()>(redis_keys::runner_status(&id), json, RUNNER_STATUS_TTL.as_secs())
        .await?;
    let changed = status != look.previous;
    let stale = instance
        .last_heartbeat
        .is_none_or(|last| look.now - last >= WRITE_EVERY);
    if changed || stale {
        lifecycle::record_status(&context.db, &id, status, look.now).await?;
    }
    if changed && let Some(row) = lifecycle::find(&context.db, &id).await? {
        tell_instance(context, &row).await?;
        refresh_runner(context, &row).await?;
    }
    Ok(value)
}

async fn act(
    context: &Context,
    engine: &Engine,
    assignment: &Assignment,
    container: Option<&OwnedContainer>,
    seen: Option<&ContainerState>,
    action: Action,
) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    match action {
        Action::Nothing => Ok(()),
        Action::BecomeRunning => {
            let step = Transition {
                to: InstanceState::Running,
                from: &[InstanceState::Starting],
                lease_token: None,
                desired: None,
                reason: None,
                message: "The runner is online.",
            };
            moved(context, &id, &step).await?;
            Ok(())
        }
        Action::FinishDraining => {
            let call = TaskCall::UnregisterRunner(id);
            context.send_in(&call, &assignment.node, Duration::ZERO).await
        }
        Action::ReplaceGhost => {
            let reason = "GitHub no longer knows this runner although its container runs: it would never get a job again. It is replaced.";
            drain(context, assignment, DesiredState::Running, reason).await
        }
        Action::Conclude => conclude_end(context, engine, assignment, container, seen).await,
    }
}

/// The container ended by itself: a finished ephemeral runner is removed, anything else has failed.
async fn conclude_end(
    context: &Context,
    engine: &Engine,
    assignment: &Assignment,
    container: Option<&OwnedContainer>,
    seen: Option<&ContainerState>,
) -> Result<(), JobError> {
    let (Some(container), Some(seen)) = (container, seen) else {
        let reason = "The container was removed from its node by somebody else. Start the instance again to make a new one.";
        return fail(context, assignment, reason).await;
    };
    let log = engine
        .tail_logs(container, LOG_LINES, LOG_BYTES)
        .await
        .unwrap_or_default();
    let known_at_github = is_known(context, assignment).await?;
    record_remains(context, assignment, seen).await?;
    let remains = Remains {
        exit_code: seen.exit_code.unwrap_or_default(),
        oom_killed: seen.oom_killed,
        log: &log,
        ephemeral: assignment.runner.ephemeral,
        known_at_github,
        memory_mb: resources_of(assignment)?.memory_mb,
    };
    match exit::classify(&remains) {
        Ending::JobDone { result } => {
            let reason = match result {
                Some(result) => format!("The ephemeral runner did its job (result: {result})."),
                None => "The ephemeral runner did its job.".to_owned(),
            };
            drain(context, assignment, DesiredState::Removed, &reason).await
        }
        Ending::Fault(reason) => fail(context, assignment, &reason).await,
    }
}

/// A fresh word: the shared list may be older than the end. `None` where nobody can ask.
async fn is_known(context: &Context, assignment: &Assignment) -> Result<Option<bool>, JobError> {
    let asked = async {
        let Some(account) = Account::of(context, assignment)? else {
            return Ok(None);
        };
        let Some(id) = conclude::github_id(&account, assignment).await? else {
            return Ok(Some(false));
        };
        let runner = account.client.get_runner(&account.target, id).await?;
        Ok(Some(runner.is_some()))
    };
    match asked.await {
        // A credential that is no good any more must not keep the instance from its end.
        Err(JobError::Fail { reason }) => {
            debug!(reason, "GitHub could not be asked");
            Ok(None)
        }
        outcome => outcome,
    }
}

/// Exit code and cause stay readable after the container is gone.
async fn record_remains(
    context: &Context,
    assignment: &Assignment,
    seen: &ContainerState,
) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    let states = [InstanceState::Starting, InstanceState::Running];
    if let Some((lease, _)) = Held::take(context, &id, &states).await? {
        let observed = Observed {
            instance_meta: Some(meta(assignment, seen)),
            ..Observed::default()
        };
        lifecycle::record(&context.db, &id, lease.token(), observed, context.now()).await?;
        lease.release().await;
    }
    Ok(())
}

/// The runner did not come online in time. GitHub is told first: should it run a job after all, it stays.
async fn give_up_start(context: &Context, assignment: &Assignment) -> Result<(), JobError> {
    let Some((_, Overdue::Fail(reason))) = InstanceState::Starting.deadline() else {
        return Ok(());
    };
    if let Some(account) = Account::of(context, assignment)?
        && let Some(id) = conclude::github_id(&account, assignment).await?
        && account.client.delete_runner(&account.target, id).await? == DeleteOutcome::Busy
    {
        return Ok(());
    }
    fail(context, assignment, reason).await
}

/// → `draining`, towards this wish; the task that does the rest is sent.
async fn drain(
    context: &Context,
    assignment: &Assignment,
    desired: DesiredState,
    reason: &str,
) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    let step = Transition {
        to: InstanceState::Draining,
        from: &[InstanceState::Starting, InstanceState::Running],
        lease_token: None,
        desired: Some(desired),
        reason: Some(reason),
        message: reason,
    };
    if moved(context, &id, &step).await?.is_some() {
        let call = TaskCall::UnregisterRunner(id);
        context.send_in(&call, &assignment.node, Duration::ZERO).await?;
    }
    Ok(())
}

/// → `failed`; what is left of container and registration is removed.
pub async fn fail(context: &Context, assignment: &Assignment, reason: &str) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    let states = [InstanceState::Starting, InstanceState::Running];
    // Two looks at once: the second finds the lease taken or the state moved on.
    let Some((lease, _)) = Held::take(context, &id, &states).await? else {
        return Ok(());
    };
    let cleaned = lease
        .keep(async { Ok(conclude::clean_up(context, &lease, &id).await) })
        .await?;
    let reason = cleaned.after(reason);
    let step = Transition {
        to: InstanceState::Failed,
        from: &states,
        lease_token: Some(lease.token()),
        desired: None,
        reason: Some(&reason),
        message: &reason,
    };
    let failed = moved(context, &id, &step).await?;
    lease.release().await;
    if failed.is_some() {
        context.last_samples.forget(&id);
        let keys = [redis_keys::runner_status(&id), redis_keys::runner_metrics(&id)];
        context.redis.clone().del::<_, ()>(&keys).await?;
    }
    Ok(())
}

/// A runner that was just started is looked at every other second until it is online, so that people don't
/// wait for the next round of heartbeats.
async fn chase(context: &Context, assignment: &Assignment, action: Action, look: &Look) {
    let since = look.now - assignment.instance.state_changed_at;
    if look.state != InstanceState::Starting || action != Action::Nothing || since > CHASE_FOR {
        return;
    }
    let Ok(id) = assignment.instance.id() else {
        return;
    };
    let call = TaskCall::SendHeartbeat(id);
    if let Err(error) = context.send_in(&call, &assignment.node, CHASE_EVERY).await {
        debug!(%error, "the next look was not sent; the next round of heartbeats takes it");
    }
}
