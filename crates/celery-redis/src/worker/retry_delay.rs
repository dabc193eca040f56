//! How long a task waits before it is tried again, if it did not say so itself.

use std::time::Duration;

/// Celery's `get_exponential_backoff_interval` with full jitter: anything from the shortest delay up to 2^retries
/// seconds or the longest delay. There is always some spread, so that what failed together is not tried together.
pub(crate) fn retry_delay(retries: u32, shortest_s: u32, longest_s: u32) -> Duration {
    let doubled = 2_u32.checked_pow(retries).unwrap_or(u32::MAX);
    let ceiling = doubled
        .max(shortest_s.saturating_add(1))
        .min(longest_s.max(shortest_s));
    let millis = |seconds: u32| u64::from(seconds) * 1000;
    Duration::from_millis(rand::random_range(millis(shortest_s)..=millis(ceiling)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(retries: u32, shortest_s: u32, longest_s: u32) -> (Duration, Duration) {
        let all = || (0..500).map(|_| retry_delay(retries, shortest_s, longest_s));
        (all().min().unwrap_or_default(), all().max().unwrap_or_default())
    }

    #[test]
    fn a_delay_is_spread_from_nothing_to_the_doubled_bound() {
        for retries in 0..8 {
            let bound = Duration::from_secs(1 << retries);
            let (least, most) = drawn(retries, 0, 3600);
            assert!(least < bound / 10, "{retries}: {least:?}");
            assert!(most > bound.mul_f64(0.9) && most <= bound, "{retries}: {most:?}");
        }
    }

    #[test]
    fn a_delay_keeps_to_the_limits_of_the_task() {
        let (least, most) = drawn(u32::MAX, 5, 20);
        assert!(least >= Duration::from_secs(5) && most <= Duration::from_secs(20));
        assert!(
            most.saturating_sub(least) > Duration::from_secs(12),
            "{least:?} {most:?}"
        );
        let (least, most) = drawn(0, 10, 3600);
        assert!(least >= Duration::from_secs(10) && most <= Duration::from_secs(11));
        assert!(
            most.saturating_sub(least) > Duration::from_millis(800),
            "{least:?} {most:?}"
        );
        assert_eq!(drawn(9, 0, 0).1, Duration::ZERO);
        assert_eq!(drawn(3, 30, 10).1, Duration::from_secs(30));
    }
}
