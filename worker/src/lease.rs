//! Holding an instance's lease while a job acts on it.
//!
//! A second delivery of the same task finds the lease taken and waits. A job that loses its lease (its
//! worker was frozen, or a person wants something else by now) stops before its next side effect.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::InstanceId;
use domain::instance::InstanceState;
use entities::StoreError;
use entities::model::runner_instances;
use entities::repo::leases;
use entities::repo::lifecycle::{self, Lease};
use tracing::warn;
use uuid::Uuid;

use crate::context::Context;
use crate::jobs::JobError;

/// How long a lease lasts without renewal. Shorter than the visibility timeout, so that the worker that is
/// given a killed one's task can take it at once; longer than any single call to an engine's list or GitHub.
pub const LEASE: TimeDelta = TimeDelta::seconds(45);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// For how long after a renewal a side effect may begin without another one.
const FRESH: TimeDelta = TimeDelta::seconds(5);

/// A lease that is held.
pub struct Held<'a> {
    context: &'a Context,
    id: &'a InstanceId,
    token: String,
    states: Mutex<Vec<InstanceState>>,
    confirmed_at: Mutex<DateTime<Utc>>,
}

impl<'a> Held<'a> {
    /// Takes the lease of an instance in one of these states. `None` when the state has moved on or
    /// another run holds it.
    pub async fn take(
        context: &'a Context,
        id: &'a InstanceId,
        states: &[InstanceState],
    ) -> Result<Option<(Self, runner_instances::Model)>, StoreError> {
        let token = Uuid::new_v4().to_string();
        let now = context.now();
        let lease = Lease {
            token: &token,
            until: now + LEASE,
        };
        let Some(row) = lifecycle::claim(&context.db, id, states, &lease, now).await? else {
            return Ok(None);
        };
        let held = Self {
            context,
            id,
            token,
            states: Mutex::new(states.to_vec()),
            confirmed_at: Mutex::new(now),
        };
        Ok(Some((held, row)))
    }

    /// What later writes must name.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// From now on the instance is in this state.
    pub fn now_in(&self, state: InstanceState) {
        *self.states.lock().unwrap_or_else(PoisonError::into_inner) = vec![state];
    }

    /// To be called before each side effect: fails if the lease was lost or the state was changed by
    /// somebody else.
    pub async fn ensure(&self) -> Result<(), JobError> {
        let confirmed = *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.context.now();
        // A clock that was set back proves nothing.
        if now >= confirmed && now - confirmed < FRESH {
            return Ok(());
        }
        self.renew().await
    }

    async fn renew(&self) -> Result<(), JobError> {
        let now = self.context.now();
        let lease = Lease {
            token: &self.token,
            until: now + LEASE,
        };
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if leases::renew_in(&self.context.db, self.id, &states, &lease, now).await? {
            *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
            Ok(())
        } else {
            Err(JobError::overtaken())
        }
    }

    /// Runs `work` and renews the lease meanwhile. When it is lost, `work` is dropped where it stands.
    pub async fn keep<T>(&self, work: impl Future<Output = Result<T, JobError>>) -> Result<T, JobError> {
        let renewing = async {
            let mut ticks = tokio::time::interval(RENEW_EVERY);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                match self.renew().await {
                    Ok(()) => {}
                    Err(error) if error.is_overtaken() => return error,
                    // The database may be back before the lease runs out; `ensure` decides.
                    Err(error) => warn!(instance.id = %self.id, %error, "a lease was not renewed"),
                }
            }
        };
        tokio::select! {
            result = work => result,
            lost = renewing => Err(lost),
        }
    }

    /// Gives the lease back. A failure is no harm: it runs out by itself.
    pub async fn release(self) {
        if let Err(error) = lifecycle::release_lease(&self.context.db, self.id, &self.token).await {
            warn!(instance.id = %self.id, %error, "a lease was not given back; it runs out by itself");
        }
    }
}
