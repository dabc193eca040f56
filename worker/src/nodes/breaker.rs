//! A circuit breaker per node: one that does not answer is left alone for a while, so that it costs
//! the other nodes' tasks nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::NodeError;

/// Outages in a row that open the circuit.
const THRESHOLD: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Kept short: a node that is back should be used again within a minute.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        outages: u32,
    },
    /// Left alone until then; the next pause would be twice `pause`.
    Open {
        until: Instant,
        pause: Duration,
    },
    /// One call is on its way to find out; if it never reports back, another may try after `until`.
    HalfOpen {
        until: Instant,
        pause: Duration,
    },
}

/// Whether a node may be asked at the moment.
#[derive(Debug)]
pub(super) struct Breaker {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// What the last outage was, for those who are turned away because of it.
    cause: String,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                state: State::Closed { outages: 0 },
                cause: String::new(),
            }),
        }
    }
}

impl Breaker {
    /// Lets a call of at most `limit` through, or says how long the node is still left alone.
    pub(super) fn admit(&self, now: Instant, limit: Duration) -> Result<(), NodeError> {
        let mut inner = self.lock();
        match inner.state {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } | State::HalfOpen { until, .. } if now < until => {
                Err(NodeError::CircuitOpen {
                    cause: inner.cause.clone(),
                    retry_in: until - now,
                })
            }
            State::Open { pause, .. } | State::HalfOpen { pause, .. } => {
                inner.state = State::HalfOpen {
                    until: now + limit,
                    pause,
                };
                Ok(())
            }
        }
    }

    /// The node answered, whatever it said.
    pub(super) fn answered(&self) {
        self.lock().state = State::Closed { outages: 0 };
    }

    /// The node did not answer.
    pub(super) fn failed(&self, now: Instant, error: &NodeError) {
        let mut inner = self.lock();
        // A call that was turned away is no news.
        if matches!(error, NodeError::CircuitOpen { .. }) {
            return;
        }
        inner.cause = error.to_string();
        inner.state = match inner.state {
            State::Closed { outages } if outages + 1 < THRESHOLD => State::Closed { outages: outages + 1 },
            State::Closed { .. } => State::Open {
                until: now + FIRST_PAUSE,
                pause: FIRST_PAUSE,
            },
            // Calls that were under way when it opened end one by one: they don't lengthen the pause.
            State::Open { until, pause } => State::Open { until, pause },
            State::HalfOpen { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                State::Open {
                    until: now + pause,
                    pause,
                }
            }
        };
    }

    /// How long calls still fail at once, if they do.
    pub(super) fn closed_in(&self, now: Instant) -> Option<Duration> {
        match self.lock().state {
            State::Closed { .. } => None,
            State::Open { until, .. } | State::HalfOpen { until, .. } => {
                until.checked_duration_since(now).filter(|left| !left.is_zero())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is held, and a plain value is never half written.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn hung() -> NodeError {
        NodeError::Timeout {
            operation: "info",
            limit: LIMIT,
        }
    }

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..THRESHOLD {
            assert!(breaker.admit(now, LIMIT).is_ok());
            breaker.failed(now, &hung());
        }
        breaker
    }

    #[test]
    fn three_outages_in_a_row_open_it_and_an_answer_between_does_not() {
        let now = Instant::now();
        let breaker = Breaker::default();
        breaker.failed(now, &hung());
        breaker.failed(now, &hung());
        breaker.answered();
        breaker.failed(now, &hung());
        breaker.failed(now, &hung());
        assert_eq!(breaker.closed_in(now), None);
        breaker.failed(now, &hung());
        assert_eq!(breaker.closed_in(now), Some(FIRST_PAUSE));
        assert!(matches!(
            breaker.admit(now, LIMIT),
            Err(NodeError::CircuitOpen { .. })
        ));
    }

    #[test]
    fn after_the_pause_one_call_finds_out() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + FIRST_PAUSE;
        assert!(breaker.admit(later, LIMIT).is_ok());
        assert!(breaker.admit(later, LIMIT).is_err(), "a second call went along");
        breaker.answered();
        assert!(breaker.admit(later, LIMIT).is_ok());
    }

    #[test]
    fn each_failed_try_doubles_the_pause_up_to_a_minute() {
        let mut now = Instant::now();
        let breaker = opened(now);
        for expected in [10, 20, 40, 60, 60] {
            while breaker.closed_in(now).is_some() {
                now += Duration::from_secs(1);
            }
            assert!(breaker.admit(now, LIMIT).is_ok());
            breaker.failed(now, &hung());
            let Err(NodeError::CircuitOpen { retry_in, cause }) = breaker.admit(now, LIMIT) else {
                panic!("it is closed")
            };
            assert_eq!(retry_in.as_secs(), expected);
            assert_eq!(cause, hung().to_string());
        }
    }

    #[test]
    fn a_try_that_never_reports_back_does_not_block_the_node_for_ever() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + FIRST_PAUSE;
        assert!(breaker.admit(later, LIMIT).is_ok());
        assert!(breaker.admit(later + LIMIT, LIMIT).is_ok());
    }
}
