//! What a person does with an instance: start, stop, restart, remove. What is allowed in which state is
//! one pure function, [`plan`]; the database then moves the instance on by compare-and-set.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::change::Change;
use domain::ids::{InstanceId, NodeId, RunnerId};
use domain::instance::{DesiredState, InstanceState};
use domain::tasks::TaskCall;
use entities::model::runner_instances::Model;
use entities::repo::lifecycle::{self, Event, Transition};
use entities::repo::{instances, nodes, runners};
use entities::{DatabaseTransaction, StoreError};
use serde_json::json;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::instance::InstanceView;
use crate::error::ApiError;
use crate::services::instances::{Names, announce, instance_id, view};
use crate::services::placement;
use crate::services::runners::runner_id;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A registered runner in a running container.
    Start,
    /// No container, but ready to be started again.
    Stop,
    /// A new container in place of this one.
    Restart,
    /// Gone for good.
    Remove,
}

impl Action {
    /// For the audit log.
    const fn audit_name(self) -> &'static str {
        match self {
            Self::Start => "instance.started",
            Self::Stop => "instance.stopped",
            Self::Restart => "instance.restarted",
            Self::Remove => "instance.deleted",
        }
    }

    /// For the timeline: continues "… by somebody".
    const fn message(self) -> &'static str {
        match self {
            Self::Start => "Start asked for",
            Self::Stop => "Stop asked for",
            Self::Restart => "Restart asked for",
            Self::Remove => "Removal asked for",
        }
    }
}

/// How an instance gets to where it is asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The state changes now, and a worker takes it from there.
    Move {
        to: InstanceState,
        desired: DesiredState,
    },
    /// A worker is at it already: only the end changes.
    Wish(DesiredState),
    /// It is on its way there already.
    Nothing,
}

/// What `action` means for an instance in `state` of which `desired` is wanted, or why it is refused.
fn plan(action: Action, state: InstanceState, desired: DesiredState) -> Result<Step, &'static str> {
    use InstanceState::{Creating, Draining, Failed, Pending, Removed, Running, Starting, Stopped, Stopping};
    let drain = |desired| Step::Move {
        to: Draining,
        desired,
    };
    match (action, state) {
        (_, Removed) => Err("it is removed"),
        (Action::Remove, Draining | Stopping) if desired == DesiredState::Removed => Ok(Step::Nothing),
        (Action::Remove, Draining | Stopping) => Ok(Step::Wish(DesiredState::Removed)),
        (Action::Remove, Pending | Creating | Starting | Running | Stopped | Failed) => {
            Ok(drain(DesiredState::Removed))
        }
        (Action::Start | Action::Stop | Action::Restart, Draining | Stopping)
            if desired == DesiredState::Removed =>
        {
            Err("it is being removed")
        }
        (Action::Start, Stopped | Failed) => Ok(Step::Move {
            to: Pending,
            desired: DesiredState::Running,
        }),
        (Action::Start, Pending | Creating | Starting) => Err("it is being started already"),
        (Action::Start, Running) => Err("it runs already"),
        (Action::Start, Draining | Stopping) => match desired {
            DesiredState::Running => Err("it is being restarted already"),
            DesiredState::Stopped | DesiredState::Removed => {
                Err("it is being stopped; start it once it has stopped, or restart it")
            }
        },
        (Action::Stop, Pending | Creating | Starting | Running) => Ok(drain(DesiredState::Stopped)),
        (Action::Stop, Draining | Stopping) => match desired {
            DesiredState::Running => Ok(Step::Wish(DesiredState::Stopped)),
            DesiredState::Stopped | DesiredState::Removed => Err("it is being stopped already"),
        },
        (Action::Stop, Stopped) => Err("it has stopped already"),
        (Action::Stop, Failed) => Err("it has failed and does not run; start it again or delete it"),
        (Action::Restart, Starting | Running) => Ok(drain(DesiredState::Running)),
        (Action::Restart, Pending | Creating) => Err("it is being started already"),
        (Action::Restart, Draining | Stopping) => match desired {
            DesiredState::Running => Err("it is being restarted already"),
            DesiredState::Stopped | DesiredState::Removed => Ok(Step::Wish(DesiredState::Running)),
        },
        (Action::Restart, Stopped | Failed) => Err("it does not run; start it"),
    }
}

/// The states in which a wish alone may be changed.
const LEAVING: [InstanceState; 2] = [InstanceState::Draining, InstanceState::Stopping];

fn refused(why: &str) -> ApiError {
    ApiError::conflict("state", format!("The instance can't do that now: {why}."))
}

fn overtaken() -> ApiError {
    ApiError::conflict(
        "state",
        "The instance has just changed. Read it again and decide anew.",
    )
}

/// Does what is asked for, or says why the instance's state does not allow it.
pub async fn act(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    action: Action,
) -> Result<InstanceView, ApiError> {
    let (runner, id, now) = (
        runner_id(names.runner)?,
        instance_id(names.instance)?,
        context.now(),
    );
    let txn = entities::begin(&context.db).await?;
    // The runner first: its row guards the maximum, and everybody locks in this order.
    let runner_row = runners::lock(&txn, &access.org_id, &runner)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let row = instances::lock(&txn, &access.org_id, &runner, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let step = plan(action, row.state()?, row.desired()?).map_err(refused)?;
    if let Step::Move {
        to: InstanceState::Pending,
        ..
    } = step
    {
        placement::check_maximum(&txn, &runner_row).await?;
        let node = choose_node(&txn, access, &runner_row, &row).await?;
        instances::assign_node(&txn, &id, &node, now).await?;
    }
    let call = take(&txn, access, &row, action, step, now).await?;
    let detail = json!({"name": row.name, "runner_id": row.runner_id, "from": row.state});
    access
        .audit(&txn, now, action.audit_name(), ("instance", &row.uid), detail)
        .await?;
    let row = instances::lock(&txn, &access.org_id, &runner, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let host = host_of(&txn, access, &row).await?;
    txn.commit().await.map_err(StoreError::from)?;
    if step != Step::Nothing {
        announce(context, access, &row).await?;
    }
    if let Some(call) = call {
        context.send_softly(&[(call, host)]).await;
    }
    view(context, row).await
}

/// Its old node if there is room, or else another: the old one may have gone or filled up since.
async fn choose_node(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    runner: &entities::model::runners::Model,
    row: &Model,
) -> Result<domain::ids::NodeId, ApiError> {
    let selection = runner.node_selection()?;
    let old = row
        .node_id
        .parse()
        .map_err(|_| StoreError::Corrupt("runner_instances.node_id"))?;
    if let Ok(node) = placement::place(txn, &access.org_id, &selection, Some(&old)).await {
        return Ok(node.id()?);
    }
    Ok(placement::place(txn, &access.org_id, &selection, None)
        .await?
        .id()?)
}

/// Writes one step; the answer is the task that a worker then has to be sent.
async fn take(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    row: &Model,
    action: Action,
    step: Step,
    now: DateTime<Utc>,
) -> Result<Option<TaskCall>, ApiError> {
    let id: InstanceId = row.id()?;
    let message = format!("{} by {}.", action.message(), access.caller.email);
    match step {
        Step::Nothing => Ok(None),
        Step::Wish(desired) => {
            if !instances::set_desired(txn, &id, &LEAVING, desired, now).await? {
                return Err(overtaken());
            }
            let event = Event {
                kind: "state",
                message: &message,
                detail: Some(json!({"desired_state": desired})),
            };
            lifecycle::add_event(txn, row, event, now).await?;
            Ok(None)
        }
        Step::Move { to, desired } => {
            let transition = Transition {
                to,
                from: &[row.state()?],
                lease_token: None,
                desired: Some(desired),
                reason: None,
                message: &message,
            };
            lifecycle::transition(txn, &id, &transition, now)
                .await?
                .ok_or_else(overtaken)?;
            Ok(Some(if to == InstanceState::Pending {
                TaskCall::RegisterRunner(id)
            } else {
                TaskCall::UnregisterRunner(id)
            }))
        }
    }
}

/// The host whose workers alone reach the instance's node, if it is tied to one. A deleted node ties it to none:
/// workers take the instance off GitHub and leave the node alone.
async fn host_of(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    row: &Model,
) -> Result<Option<String>, ApiError> {
    let node = row
        .node_id
        .parse()
        .map_err(|_| StoreError::Corrupt("runner_instances.node_id"))?;
    let node = nodes::find(txn, &access.org_id, &node).await?;
    Ok(node.and_then(|node| node.queue_host().map(str::to_owned)))
}

/// The hosts of those nodes that are tied to one, by the node's uid, in one query for all instances.
async fn hosts_of(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    rows: &[Model],
) -> Result<HashMap<String, String>, ApiError> {
    let uids: HashSet<&str> = rows.iter().map(|row| row.node_id.as_str()).collect();
    let ids = uids
        .into_iter()
        .map(|uid| {
            uid.parse()
                .map_err(|_| StoreError::Corrupt("runner_instances.node_id"))
        })
        .collect::<Result<Vec<NodeId>, _>>()?;
    let nodes = nodes::find_all(txn, &access.org_id, &ids).await?;
    Ok(nodes
        .into_iter()
        .filter_map(|node| Some((node.uid.clone(), node.queue_host()?.to_owned())))
        .collect())
}

/// Brings an instance to where a person wants it, from wherever it is; nothing where it is wanted there
/// already.
pub async fn want(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    desired: DesiredState,
) -> Result<InstanceView, ApiError> {
    let row = crate::services::instances::find(context, access, names).await?;
    let has_failed = row.state()? == InstanceState::Failed;
    if row.desired()? == desired && !(has_failed && desired == DesiredState::Running) {
        return view(context, row).await;
    }
    let is_leaving = LEAVING.contains(&row.state()?);
    let action = match desired {
        DesiredState::Running if is_leaving => Action::Restart,
        DesiredState::Running => Action::Start,
        DesiredState::Stopped => Action::Stop,
        DesiredState::Removed => Action::Remove,
    };
    act(context, access, names, action).await
}

/// What is left to do after the commit for instances that are let go.
#[derive(Debug, Default)]
pub struct Leaving {
    /// The tasks to be sent, with the host of each.
    pub calls: Vec<(TaskCall, Option<String>)>,
    /// What to tell open pages.
    pub changes: Vec<Change>,
}

/// Lets every instance of a runner go.
pub async fn remove_all(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    runner: &RunnerId,
    now: DateTime<Utc>,
) -> Result<Leaving, ApiError> {
    let mut leaving = Leaving::default();
    let rows = instances::lock_all(txn, &access.org_id, runner).await?;
    let hosts = hosts_of(txn, access, &rows).await?;
    for row in rows {
        let step = plan(Action::Remove, row.state()?, row.desired()?).map_err(refused)?;
        if let Some(call) = take(txn, access, &row, Action::Remove, step, now).await? {
            leaving.calls.push((call, hosts.get(&row.node_id).cloned()));
            leaving.changes.push(Change::InstanceChanged {
                runner_id: runner.clone(),
                instance_id: row.id()?,
                state: InstanceState::Draining,
                status: row.status()?,
            });
        }
    }
    Ok(leaving)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 4] = [Action::Start, Action::Stop, Action::Restart, Action::Remove];
    const WISHES: [DesiredState; 3] = [
        DesiredState::Running,
        DesiredState::Stopped,
        DesiredState::Removed,
    ];

    #[test]
    fn every_move_is_one_that_the_state_machine_allows() {
        for state in InstanceState::ALL {
            for desired in WISHES {
                for action in ACTIONS {
                    if let Ok(Step::Move { to, .. }) = plan(action, state, desired) {
                        assert!(state.can_become(to), "{action:?}: {state} to {to}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_wish_changes_only_where_a_worker_is_at_it() {
        for state in InstanceState::ALL {
            for desired in WISHES {
                for action in ACTIONS {
                    if let Ok(Step::Wish(wish)) = plan(action, state, desired) {
                        assert!(LEAVING.contains(&state) && wish != desired, "{action:?}: {state}");
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_lives_can_be_removed_and_removal_is_never_taken_back() {
        for state in InstanceState::ALL {
            let outcome = plan(Action::Remove, state, DesiredState::Running);
            assert_eq!(outcome.is_ok(), state != InstanceState::Removed, "{state}");
        }
        for state in LEAVING {
            for action in [Action::Start, Action::Stop, Action::Restart] {
                assert!(
                    plan(action, state, DesiredState::Removed).is_err(),
                    "{action:?} {state}"
                );
            }
        }
    }
}
