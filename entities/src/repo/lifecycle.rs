//! An instance's life in the database: leases, compare-and-set transitions with their timeline entry,
//! and what is overdue.
//!
//! Two workers may be given the same task. [`claim`] lets one act; every later write of that one names
//! its lease, so that a worker which lost it (frozen, cut off) changes nothing any more.

use chrono::{DateTime, Utc};
use domain::ids::{EventId, InstanceId};
use domain::instance::{DesiredState, InstanceState, InstanceStatus};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, Set,
};
use serde_json::Value;

use crate::StoreError;
use crate::model::instance_events;
use crate::model::runner_instances::{Column, Entity, Model};

impl Model {
    /// The row's id.
    pub fn id(&self) -> Result<InstanceId, StoreError> {
        self.uid
            .parse()
            .map_err(|_| StoreError::Corrupt("runner_instances.uid"))
    }

    /// Where the instance stands in its life.
    pub fn state(&self) -> Result<InstanceState, StoreError> {
        self.state
            .parse()
            .map_err(|_| StoreError::Corrupt("runner_instances.state"))
    }

    /// What a person wants of it.
    pub fn desired(&self) -> Result<DesiredState, StoreError> {
        self.desired_state
            .parse()
            .map_err(|_| StoreError::Corrupt("runner_instances.desired_state"))
    }

    /// What the runner in it was when last written to the database.
    pub fn status(&self) -> Result<InstanceStatus, StoreError> {
        self.status
            .parse()
            .map_err(|_| StoreError::Corrupt("runner_instances.status"))
    }
}

/// The right to act on an instance, held by one run of a task until a time.
#[derive(Debug, Clone)]
pub struct Lease<'a> {
    /// Unique to the run of the task that holds it.
    pub token: &'a str,
    /// When others may take it.
    pub until: DateTime<Utc>,
}

/// A step from one state to the next, with what its timeline entry says.
#[derive(Debug, Clone)]
pub struct Transition<'a> {
    /// The state that follows.
    pub to: InstanceState,
    /// The states it may follow here; those from which `to` is not allowed at all are ignored.
    pub from: &'a [InstanceState],
    /// The lease that the writer must still hold; `None` where a person or a sweep acts.
    pub lease_token: Option<&'a str>,
    /// What a person wants from now on, where this step changes it.
    pub desired: Option<DesiredState>,
    /// Why the instance is in the new state; shown beside the state until the next step.
    pub reason: Option<&'a str>,
    /// What happened, for the timeline.
    pub message: &'a str,
}

/// The instance, deleted or not.
pub async fn find(db: &impl ConnectionTrait, id: &InstanceId) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id.as_str()).one(db).await?)
}

/// Takes the lease of an instance that is in one of these states, unless another run holds it. The
/// answer is the row as claimed, or `None` when somebody else acts or the state has moved on.
pub async fn claim(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    states: &[InstanceState],
    lease: &Lease<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let free = Condition::any()
        .add(Column::LeaseToken.is_null())
        .add(Column::LeaseUntil.lt(now))
        .add(Column::LeaseToken.eq(lease.token));
    let claimed = Entity::update_many()
        .col_expr(Column::LeaseToken, Expr::value(lease.token))
        .col_expr(Column::LeaseUntil, Expr::value(lease.until))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.is_in(states.iter().map(|state| state.as_str())))
        .filter(free)
        .exec(db)
        .await?;
    if claimed.rows_affected == 0 {
        Ok(None)
    } else {
        find(db, id).await
    }
}

/// Extends a lease that is still held; `false` means that it was lost and the holder must stop.
pub async fn renew_lease(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    lease: &Lease<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let renewed = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(lease.until))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::LeaseToken.eq(lease.token))
        .filter(Column::LeaseUntil.gte(now))
        .exec(db)
        .await?;
    Ok(renewed.rows_affected == 1)
}

/// Gives a lease back, if it is still held.
pub async fn release_lease(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    token: &str,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::LeaseToken, Expr::value(Option::<String>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::LeaseToken.eq(token))
        .exec(db)
        .await?;
    Ok(())
}

/// Moves an instance on by compare-and-set and writes its timeline entry, in the caller's transaction.
/// The answer is the row after the step, or `None` when it was not in a state that allows it (any more)
/// or the lease was lost: then nothing was written.
pub async fn transition(
    txn: &DatabaseTransaction,
    id: &InstanceId,
    step: &Transition<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let from = step
        .from
        .iter()
        .filter(|state| state.can_become(step.to))
        .map(|state| state.as_str());
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(step.to.as_str()))
        .col_expr(Column::StateReason, Expr::value(step.reason))
        .col_expr(Column::StateChangedAt, Expr::value(now))
        .col_expr(
            Column::StateDeadline,
            Expr::value(step.to.deadline().map(|(after, _)| now + after)),
        )
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.is_in(from));
    if let Some(token) = step.lease_token {
        update = update
            .filter(Column::LeaseToken.eq(token))
            .filter(Column::LeaseUntil.gte(now));
    }
    if let Some(desired) = step.desired {
        update = update.col_expr(Column::DesiredState, Expr::value(desired.as_str()));
    }
    match step.to {
        InstanceState::Removed => {
            update = update
                .col_expr(Column::IsDeleted, Expr::value(true))
                .col_expr(Column::IsActive, Expr::value(false))
                .col_expr(Column::DeletedAt, Expr::value(now))
                .col_expr(Column::Status, Expr::value(InstanceStatus::Offline.as_str()));
        }
        // No runner of it is there, or not any more.
        InstanceState::Pending | InstanceState::Stopped | InstanceState::Failed => {
            update = update.col_expr(Column::Status, Expr::value(InstanceStatus::Offline.as_str()));
        }
        InstanceState::Creating
        | InstanceState::Starting
        | InstanceState::Running
        | InstanceState::Draining
        | InstanceState::Stopping => {}
    }
    if update.exec(txn).await?.rows_affected == 0 {
        return Ok(None);
    }
    let row = find(txn, id)
        .await?
        .ok_or(StoreError::Corrupt("runner_instances"))?;
    // Back to the start with a reason: an attempt has failed, and another one follows.
    let failed_attempt = step.to == InstanceState::Pending && step.reason.is_some();
    let event = Event {
        kind: if failed_attempt { "warning" } else { "state" },
        message: step.message,
        detail: Some(serde_json::json!({"state": step.to})),
    };
    add_event(txn, &row, event, now).await?;
    Ok(Some(row))
}

/// [`transition`] in a transaction of its own.
pub async fn apply(
    db: &DatabaseConnection,
    id: &InstanceId,
    step: &Transition<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let txn = crate::begin(db).await?;
    let row = transition(&txn, id, step, now).await?;
    txn.commit().await?;
    Ok(row)
}

/// What the timeline is told.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// `state`, `progress`, `warning` or `failure`.
    pub kind: &'a str,
    /// One sentence, without secrets.
    pub message: &'a str,
    /// Figures that belong to it.
    pub detail: Option<Value>,
}

/// Adds an entry to an instance's timeline.
pub async fn add_event(
    db: &impl ConnectionTrait,
    instance: &Model,
    event: Event<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = instance_events::ActiveModel {
        uid: Set(EventId::new().into()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        runner_instance_id: Set(instance.uid.clone()),
        org_id: Set(instance.org_id.clone()),
        kind: Set(event.kind.to_owned()),
        message: Set(event.message.to_owned()),
        detail: Set(event.detail),
    };
    row.insert(db).await?;
    Ok(())
}

/// What a worker learnt of an instance while holding its lease.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The container's id, from the engine's answer; `Some(None)` forgets it.
    pub instance_identifier: Option<Option<String>>,
    /// The node's address or host.
    pub instance_host: Option<String>,
    /// The allow-listed facts of the container.
    pub instance_meta: Option<Value>,
    /// The runner's id at GitHub; `Some(None)` forgets it.
    pub github_runner_id: Option<Option<i64>>,
    /// How often registration was tried.
    pub attempts: Option<i32>,
}

/// Writes what was learnt; `false` means that the lease was lost and nothing was written.
pub async fn record(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    lease_token: &str,
    observed: Observed,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Observed {
        instance_identifier,
        instance_host,
        instance_meta,
        github_runner_id,
        attempts,
    } = observed;
    let mut update = Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::LeaseToken.eq(lease_token))
        .filter(Column::LeaseUntil.gte(now));
    if let Some(value) = instance_identifier {
        update = update.col_expr(Column::InstanceIdentifier, Expr::value(value));
    }
    if let Some(value) = instance_host {
        update = update.col_expr(Column::InstanceHost, Expr::value(value));
    }
    if let Some(value) = instance_meta {
        update = update.col_expr(Column::InstanceMeta, Expr::value(value));
    }
    if let Some(value) = github_runner_id {
        update = update.col_expr(Column::GithubRunnerId, Expr::value(value));
    }
    if let Some(value) = attempts {
        update = update.col_expr(Column::Attempts, Expr::value(value));
    }
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Writes the status a heartbeat found. No lease: heartbeats only observe.
pub async fn record_status(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    status: InstanceStatus,
    heartbeat: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(status.as_str()))
        .col_expr(Column::LastHeartbeat, Expr::value(heartbeat))
        .col_expr(Column::UpdatedAt, Expr::value(heartbeat))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(())
}

/// Instances that nobody holds a lease of and whose state has outlived its deadline, or whose worker died in a state
/// that lasts only while one is at work; oldest first.
pub async fn list_overdue(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    let at_work = [InstanceState::Creating, InstanceState::Stopping];
    // A lease that was given back is no longer there; one that ran out was not given back.
    let abandoned = Condition::all()
        .add(Column::State.is_in(at_work.map(InstanceState::as_str)))
        .add(Column::LeaseUntil.lt(now));
    let rows = Entity::find()
        .filter(Column::IsDeleted.eq(false))
        // A failed one's deadline is the time of its next clean-up, which has a list of its own.
        .filter(Column::State.ne(InstanceState::Failed.as_str()))
        .filter(Condition::any().add(Column::StateDeadline.lt(now)).add(abandoned))
        .filter(
            Condition::any()
                .add(Column::LeaseUntil.is_null())
                .add(Column::LeaseUntil.lt(now)),
        )
        .order_by_asc(Column::StateDeadline)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows)
}

/// Starts a state's deadline anew after its task was sent again, if the state is still that one.
pub async fn restart_deadline(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    state: InstanceState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(
            Column::StateDeadline,
            Expr::value(state.deadline().map(|(after, _)| now + after)),
        )
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.eq(state.as_str()))
        .exec(db)
        .await?;
    Ok(())
}
