//! `send_heartbeat`: looks at container and runner, refreshes `runner_status:{id}`, and reacts to what the
//! look means.
//!
//! It holds no lease while it looks. What has to happen is done by compare-and-set or by sending a task, so
//! that two looks at once do no harm.

use std::time::Duration;

use celery::prelude::*;
use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::{InstanceState, InstanceStatus};
use domain::redis_keys::{self, RUNNER_STATUS_TTL};
use domain::tasks::TaskCall;
use domain::telemetry::RunnerStatus;
use entities::repo::assignment::{self, Assignment};
use entities::repo::lifecycle::{self, Observed};
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use tracing::{debug, instrument};

use super::outcome::{refresh_runner, tell_instance};
use super::{JobError, conclude, react, task};
use crate::context::Context;
use crate::decide::log_hint::{self, LogHint};
use crate::decide::look::{self, Action, ContainerSeen, Look, RunnerSeen};
use crate::lease::Held;
use crate::nodes::{ContainerState, Engine, NodeError, OwnedContainer};
use crate::registration::Account;
use crate::steps::Step;

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
#[celery::task(
    name = "send_heartbeat",
    acks_late = true,
    max_retries = 2,
    hard_time_limit = 60
)]
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
        Err(error) => return Ok(unreachable_node(&error)),
    };
    let (container, seen) = match look_at_container(context, &engine, id).await {
        Ok(seen) => seen,
        Err(error) if error.is_outage() => return Ok(unreachable_node(&error.into())),
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
    context.reached(Step::Looked).await;
    let Some(written) = write_status(context, &assignment, status, &look).await? else {
        return Ok(json!({"skipped": "the instance has gone meanwhile"}));
    };
    react::act(
        context,
        &engine,
        &assignment,
        container.as_ref(),
        seen.as_ref(),
        action,
    )
    .await?;
    if state == InstanceState::Starting && action == Action::Nothing && overdue {
        react::give_up_start(context, &assignment).await?;
    }
    chase(context, &assignment, action, &look).await;
    serde_json::to_value(written).map_err(|error| JobError::fail(error.to_string()))
}

fn unreachable_node(error: &JobError) -> Value {
    debug!(%error, "the node did not answer a heartbeat");
    json!({"skipped": "the node did not answer"})
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

/// Redis always, the database only when something changed or a minute has passed. `None` when the instance has
/// gone since the look began: then nothing is left written.
async fn write_status(
    context: &Context,
    assignment: &Assignment,
    status: InstanceStatus,
    look: &Look,
) -> Result<Option<RunnerStatus>, JobError> {
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
    if !conclude::is_still_live(context, &id).await? {
        return Ok(None);
    }
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
    Ok(Some(value))
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
