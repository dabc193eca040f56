//! How fast one caller may ask, so that a runaway script or a stolen token does not take the server from
//! everybody else. Kept in this process; each api process counts for itself.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::error::ApiError;

/// Beyond this many callers the settled ones are forgotten.
const MAX_KEYS: usize = 10_000;
/// How many seconds' worth may come at once: a page that opens, a script that creates a fleet.
const BURST_SECS: u32 = 60;

type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It looks.
    Read,
    /// It changes something.
    Write,
}

/// Requests a second that each caller may make in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficRates {
    /// That look.
    pub reads: u32,
    /// That change something.
    pub writes: u32,
}

/// What a caller has left, as answers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests at once.
    pub limit: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// After how many seconds all of them are.
    pub reset_secs: u32,
}

/// The limits of this process.
#[derive(Debug)]
pub struct Traffic {
    rates: TrafficRates,
    reads: Option<Limiter>,
    writes: Option<Limiter>,
}

fn limiter(per_second: u32) -> Option<Limiter> {
    let burst = NonZeroU32::new(per_second.saturating_mul(BURST_SECS))?;
    let quota = Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(burst);
    Some(RateLimiter::keyed(quota).with_middleware())
}

impl Traffic {
    /// Limits with these rates.
    pub fn new(rates: TrafficRates) -> Self {
        Self {
            rates,
            reads: limiter(rates.reads),
            writes: limiter(rates.writes),
        }
    }

    /// Counts a request of a caller; 429 when it is one too many.
    pub fn count(&self, caller: &str, kind: Kind) -> Result<Option<Allowance>, ApiError> {
        let (limiter, rate) = match kind {
            Kind::Read => (&self.reads, self.rates.reads),
            Kind::Write => (&self.writes, self.rates.writes),
        };
        let Some(limiter) = limiter else { return Ok(None) };
        if limiter.len() > MAX_KEYS {
            limiter.retain_recent();
        }
        match limiter.check_key(&caller.to_owned()) {
            Ok(state) => {
                let (limit, remaining) = (state.quota().burst_size().get(), state.remaining_burst_capacity());
                Ok(Some(Allowance {
                    limit,
                    remaining,
                    reset_secs: limit.saturating_sub(remaining).div_ceil(rate.max(1)),
                }))
            }
            Err(until) => {
                let wait: Duration = until.wait_time_from(DefaultClock::default().now());
                Err(ApiError::too_many(wait.as_secs() + 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_it_is_too_much() {
        let traffic = Traffic::new(TrafficRates { reads: 1, writes: 1 });
        for left in (0..BURST_SECS).rev() {
            let allowance = traffic.count("ada", Kind::Write).unwrap().unwrap();
            assert_eq!((allowance.limit, allowance.remaining), (BURST_SECS, left));
            assert_eq!(allowance.reset_secs, BURST_SECS - left);
        }
        let refused = traffic.count("ada", Kind::Write);
        assert!(matches!(refused, Err(ApiError::TooMany(_, wait)) if (1..=2).contains(&wait)));
        // Others, and looking, are not affected.
        assert!(traffic.count("bob", Kind::Write).is_ok() && traffic.count("ada", Kind::Read).is_ok());
    }
}
