//! Rate limits: what reply headers say, and the windows in which nothing may be sent.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{StatusCode, header::HeaderMap};

/// Without any hint, GitHub asks to wait "at least one minute" after a secondary limit.
const UNNAMED_PAUSE: Duration = Duration::from_mins(1);
/// Every GitHub window ends within the hour; a longer one is a mistake (or malice) and is cut.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// The bucket that most calls draw on.
const CORE: &str = "core";
/// GitHub has about a dozen buckets; more names than this are not remembered.
const MAX_BUCKETS: usize = 32;

/// A pause that a reply asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) wait: Duration,
    /// The bucket that is used up; `None` = everything pauses (secondary limit).
    pub(crate) bucket: Option<String>,
}

/// Reads the pause out of a reply, if it asks for one: a 429, or a 403 that is a limit in disguise.
pub(crate) fn pause_of(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    now: DateTime<Utc>,
) -> Option<Pause> {
    let used_up = number(headers, "x-ratelimit-remaining") == Some(0);
    let asked = retry_after(headers, now);
    let limited = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => used_up || asked.is_some() || message.to_lowercase().contains("rate limit"),
        _ => false,
    };
    if !limited {
        return None;
    }
    if let Some(wait) = asked {
        return Some(Pause {
            wait: bounded(wait),
            bucket: None,
        });
    }
    if used_up && let Some(wait) = until_reset(headers, now) {
        let bucket = text(headers, "x-ratelimit-resource").unwrap_or(CORE).to_owned();
        return Some(Pause {
            wait: bounded(wait),
            bucket: Some(bucket),
        });
    }
    Some(Pause {
        wait: UNNAMED_PAUSE,
        bucket: None,
    })
}

/// The `retry-after` header: seconds, or an HTTP date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = text(headers, "retry-after")?;
    if let Ok(seconds) = value.parse() {
        return Some(bounded(Duration::from_secs(seconds)));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?.to_utc();
    Some(bounded(
        (at - server_time(headers, now)).to_std().unwrap_or_default(),
    ))
}

/// The time until `x-ratelimit-reset`, measured on GitHub's clock, so that a skewed clock here does no harm.
fn until_reset(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let reset = DateTime::from_timestamp(i64::try_from(number(headers, "x-ratelimit-reset")?).ok()?, 0)?;
    // The header counts whole seconds: one more makes sure that the window is over.
    let wait = reset - server_time(headers, now) + TimeDelta::seconds(1);
    Some(wait.to_std().unwrap_or_default())
}

fn server_time(headers: &HeaderMap, now: DateTime<Utc>) -> DateTime<Utc> {
    let date = text(headers, "date").and_then(|value| DateTime::parse_from_rfc2822(value).ok());
    date.map_or(now, |date| date.to_utc())
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), LONGEST_PAUSE)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The closed windows of one credential; shared by all clones of its client.
#[derive(Default)]
pub(crate) struct Windows(Mutex<State>);

#[derive(Default)]
struct State {
    everything: Option<DateTime<Utc>>,
    by_bucket: HashMap<String, DateTime<Utc>>,
    /// Which bucket an operation drew on last; GitHub doesn't document it, so it's learned from replies.
    bucket_of: HashMap<&'static str, String>,
}

impl Windows {
    /// The end of the window that `operation` is in, if it's in one.
    pub(crate) fn closed_until(&self, operation: &'static str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = state.bucket_of.get(operation).map_or(CORE, String::as_str);
        let windows = [state.everything, state.by_bucket.get(bucket).copied()];
        // A window that ends further away than any can be was made before the clock was set back.
        windows
            .into_iter()
            .flatten()
            .filter(|until| now < *until && *until - now <= longest())
            .max()
    }

    /// Closes a window of `pause` from `now` on and returns its end.
    pub(crate) fn close(&self, pause: &Pause, now: DateTime<Utc>) -> DateTime<Utc> {
        let until = now + TimeDelta::from_std(pause.wait).unwrap_or_else(|_| longest());
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &pause.bucket {
            None => state.everything = state.everything.max(Some(until)),
            Some(bucket) => {
                state.by_bucket.retain(|_, end| now < *end);
                if state.by_bucket.len() < MAX_BUCKETS {
                    state.by_bucket.insert(bucket.clone(), until);
                }
            }
        }
        until
    }

    /// Remembers which bucket the reply says `operation` drew on.
    pub(crate) fn learn(&self, operation: &'static str, headers: &HeaderMap) {
        let Some(bucket) = text(headers, "x-ratelimit-resource").filter(|name| name.len() <= 64) else {
            return;
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bucket_of.get(operation).is_none_or(|known| known != bucket) {
            state.bucket_of.insert(operation, bucket.to_owned());
        }
    }
}

fn longest() -> TimeDelta {
    TimeDelta::hours(1)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)))
            .collect()
    }

    fn pause(status: u16, pairs: &[(&'static str, &'static str)], message: &str) -> Option<Pause> {
        pause_of(
            StatusCode::from_u16(status).unwrap(),
            &headers(pairs),
            message,
            now(),
        )
    }

    #[test]
    fn each_way_github_says_stop_is_understood() {
        let all = |secs| {
            Some(Pause {
                wait: Duration::from_secs(secs),
                bucket: None,
            })
        };
        assert_eq!(pause(429, &[("retry-after", "7")], ""), all(7));
        assert_eq!(pause(403, &[("retry-after", "7")], ""), all(7));
        assert_eq!(pause(429, &[], ""), all(60));
        assert_eq!(
            pause(403, &[], "You have exceeded a secondary rate limit"),
            all(60)
        );
        assert_eq!(
            pause(429, &[("retry-after", "Tue, 14 Nov 2023 22:13:50 GMT")], ""),
            all(30)
        );
        let used_up = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000010"),
        ];
        let core = Pause {
            wait: Duration::from_secs(11),
            bucket: Some("core".into()),
        };
        assert_eq!(pause(403, &used_up, ""), Some(core));
    }

    #[test]
    fn a_plain_403_and_a_good_reply_ask_for_no_pause() {
        assert_eq!(
            pause(403, &[("x-ratelimit-remaining", "12")], "Resource not accessible"),
            None
        );
        assert_eq!(pause(200, &[("x-ratelimit-remaining", "0")], ""), None);
    }

    #[test]
    fn the_reset_is_measured_on_githubs_clock() {
        let pairs = [
            ("date", "Tue, 14 Nov 2023 22:23:20 GMT"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000630"),
        ];
        assert_eq!(pause(429, &pairs, "").unwrap().wait, Duration::from_secs(31));
    }

    #[test]
    fn an_absurd_pause_is_cut_to_an_hour() {
        assert_eq!(
            pause(429, &[("retry-after", "999999999")], "").unwrap().wait,
            LONGEST_PAUSE
        );
        assert_eq!(
            pause(429, &[("retry-after", "0")], "").unwrap().wait,
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_used_up_bucket_closes_only_the_calls_that_draw_on_it() {
        let windows = Windows::default();
        windows.learn(
            "mint",
            &headers(&[("x-ratelimit-resource", "actions_runner_registration")]),
        );
        let pause = Pause {
            wait: Duration::from_mins(1),
            bucket: Some("actions_runner_registration".into()),
        };
        let until = windows.close(&pause, now());
        assert_eq!(windows.closed_until("mint", now()), Some(until));
        assert_eq!(windows.closed_until("list", now()), None);
        assert_eq!(windows.closed_until("mint", until), None);
    }

    #[test]
    fn a_clock_set_back_does_not_close_the_client_for_long() {
        let windows = Windows::default();
        windows.close(
            &Pause {
                wait: Duration::from_mins(1),
                bucket: None,
            },
            now(),
        );
        assert!(windows.closed_until("list", now()).is_some());
        assert_eq!(windows.closed_until("list", now() - TimeDelta::days(1)), None);
    }
}
