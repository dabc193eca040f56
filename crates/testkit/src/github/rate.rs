//! The hourly request budgets and their headers.

use chrono::{DateTime, TimeDelta, Utc};

/// A budget of requests per hour.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) name: &'static str,
    pub(super) limit: u64,
    pub(super) used: u64,
    pub(super) reset: DateTime<Utc>,
}

/// The budgets of all tokens together; a simulation has one customer.
#[derive(Debug, Clone)]
pub(super) struct Budgets {
    core: Bucket,
    registration: Bucket,
}

impl Budgets {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let bucket = |name, limit| Bucket {
            name,
            limit,
            used: 0,
            reset: now + TimeDelta::hours(1),
        };
        Self {
            core: bucket("core", 5_000),
            registration: bucket("actions_runner_registration", 10_000),
        }
    }

    /// The budget that a request to `path` draws on, with its window renewed when it's over.
    pub(super) fn bucket_for(&mut self, path: &str, now: DateTime<Utc>) -> &mut Bucket {
        let registering = path.ends_with("/registration-token") || path.ends_with("/generate-jitconfig");
        let bucket = if registering {
            &mut self.registration
        } else {
            &mut self.core
        };
        if now >= bucket.reset {
            bucket.used = 0;
            bucket.reset = now + TimeDelta::hours(1);
        }
        bucket
    }

    pub(super) fn all(&self) -> [&Bucket; 2] {
        [&self.core, &self.registration]
    }

    /// Leaves `remaining` requests in the core budget until `reset`.
    pub(super) fn set_core(&mut self, remaining: u64, reset: DateTime<Utc>) {
        self.core.used = self.core.limit.saturating_sub(remaining);
        self.core.reset = reset;
    }
}

impl Bucket {
    pub(super) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// The `x-ratelimit-*` headers of a reply.
    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining().to_string()),
            ("x-ratelimit-used", self.used.to_string()),
            ("x-ratelimit-reset", self.reset.timestamp().to_string()),
            ("x-ratelimit-resource", self.name.to_owned()),
        ]
    }
}
