//! Limits on guessing: failed sign-ins per account and per network, and new accounts per network. Kept in
//! this process, so that they hold when Redis is away; each api process counts for itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::ApiError;

/// Beyond this many keys the settled ones are forgotten.
const MAX_KEYS: usize = 10_000;

/// How much is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Failed sign-ins of one account in a row, and after how long one more is allowed.
    pub account: (u32, Duration),
    /// Failed sign-ins from one network, which many people may share.
    pub network: (u32, Duration),
    /// New accounts from one network.
    pub registration: (u32, Duration),
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            account: (10, Duration::from_mins(1)),
            network: (50, Duration::from_secs(10)),
            registration: (20, Duration::from_mins(3)),
        }
    }
}

/// The limits of this process.
pub struct Limits {
    accounts: Failures<String>,
    networks: Failures<IpAddr>,
    registrations: Option<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Limits {
    /// Limits with these rates.
    pub fn new(rates: Rates) -> Self {
        let (burst, period) = rates.registration;
        let registrations = NonZeroU32::new(burst)
            .and_then(|burst| Some(RateLimiter::keyed(Quota::with_period(period)?.allow_burst(burst))));
        Self {
            accounts: Failures::new(rates.account),
            networks: Failures::new(rates.network),
            registrations,
        }
    }

    /// Counts an attempt to sign in as a failure, before it is known whether it is one: attempts made at
    /// the same time must not all pass. To be taken back with [`Self::forgive`] when it succeeds.
    pub fn attempt(&self, account: &str, ip: Option<IpAddr>) -> Result<(), ApiError> {
        let now = Instant::now();
        self.accounts.count(account.to_owned(), now).map_err(too_many)?;
        if let Some(network) = ip.map(network) {
            self.networks.count(network, now).map_err(too_many)?;
        }
        Ok(())
    }

    /// Takes back what [`Self::attempt`] counted, and every failure of the account before.
    pub fn forgive(&self, account: &str, ip: Option<IpAddr>) {
        self.accounts.clear(account);
        if let Some(network) = ip.map(network) {
            self.networks.take_back(&network);
        }
    }

    /// Counts a new account.
    pub fn register(&self, ip: Option<IpAddr>) -> Result<(), ApiError> {
        let (Some(limiter), Some(ip)) = (&self.registrations, ip) else {
            return Ok(());
        };
        if limiter.len() > MAX_KEYS {
            limiter.retain_recent();
        }
        let refused = limiter.check_key(&network(ip)).err();
        refused.map_or(Ok(()), |until| {
            Err(too_many(until.wait_time_from(DefaultClock::default().now())))
        })
    }
}

/// How many refusals of one user are written down: these at once, then one per ten seconds.
const DENIALS: (u32, Duration) = (20, Duration::from_secs(10));

/// Bounds what refusals write down.
pub struct Denials(Failures<String>);

impl Default for Denials {
    fn default() -> Self {
        Self(Failures::new(DENIALS))
    }
}

impl Denials {
    /// Whether one more of this user's is written down.
    pub fn allow(&self, user: &str) -> bool {
        self.0.count(user.to_owned(), Instant::now()).is_ok()
    }
}

fn too_many(wait: Duration) -> ApiError {
    ApiError::too_many(wait.as_secs() + 1)
}

/// One household or office: an IPv4 /24 or an IPv6 /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => std::net::Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
        IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Leaky buckets that a success empties. (`governor` has no way to take back what was counted.)
struct Failures<K> {
    burst: f64,
    leak_per_sec: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl<K: Eq + Hash> Failures<K> {
    fn new((burst, period): (u32, Duration)) -> Self {
        Self {
            burst: burst.into(),
            leak_per_sec: 1.0 / period.as_secs_f64().max(0.001),
            buckets: Mutex::default(),
        }
    }

    fn level(&self, bucket: Bucket, now: Instant) -> f64 {
        let leaked = now.saturating_duration_since(bucket.at).as_secs_f64() * self.leak_per_sec;
        (bucket.level - leaked).max(0.0)
    }

    fn count(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MAX_KEYS {
            buckets.retain(|_, bucket| self.level(*bucket, now) > 0.0);
        }
        let level = buckets.get(&key).map_or(0.0, |bucket| self.level(*bucket, now));
        let over = level + 1.0 - self.burst;
        if over > 0.0 {
            return Err(Duration::from_secs_f64(over / self.leak_per_sec));
        }
        buckets.insert(
            key,
            Bucket {
                level: level + 1.0,
                at: now,
            },
        );
        Ok(())
    }

    fn clear<Q: ?Sized + Eq + Hash>(&self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        self.buckets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }

    fn take_back(&self, key: &K) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.level = (bucket.level - 1.0).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_one_more_is_allowed_per_period() {
        let failures = Failures::new((3, Duration::from_mins(1)));
        let start = Instant::now();
        for _ in 0..3 {
            failures.count("a", start).unwrap();
        }
        assert_eq!(failures.count("a", start).unwrap_err().as_secs(), 60);
        assert!(failures.count("b", start).is_ok());
        assert!(failures.count("a", start + Duration::from_secs(61)).is_ok());
        assert!(failures.count("a", start + Duration::from_secs(61)).is_err());
    }

    #[test]
    fn a_success_empties_the_account() {
        let limits = Limits::new(Rates {
            account: (2, Duration::from_mins(1)),
            ..Rates::default()
        });
        let ip = "192.0.2.7".parse().ok();
        for _ in 0..10 {
            limits.attempt("ada", ip).unwrap();
            limits.forgive("ada", ip);
        }
        limits.attempt("ada", ip).unwrap();
        limits.attempt("ada", ip).unwrap();
        assert!(limits.attempt("ada", ip).is_err());
    }

    #[test]
    fn one_network_cannot_try_many_accounts() {
        let limits = Limits::new(Rates {
            network: (5, Duration::from_mins(1)),
            ..Rates::default()
        });
        let attempts =
            (0..10).map(|n| limits.attempt(&format!("user{n}"), format!("192.0.2.{n}").parse().ok()));
        assert_eq!(attempts.flatten().count(), 5);
        assert!(limits.attempt("other", "198.51.100.1".parse().ok()).is_ok());
    }

    #[test]
    fn new_accounts_are_limited_per_network() {
        let limits = Limits::new(Rates {
            registration: (2, Duration::from_mins(1)),
            ..Rates::default()
        });
        let ip = "2001:db8::1".parse().ok();
        assert!(limits.register(ip).is_ok());
        assert!(limits.register("2001:db8::2".parse().ok()).is_ok());
        assert!(matches!(limits.register(ip), Err(ApiError::TooMany(_, wait)) if wait > 0));
    }
}
