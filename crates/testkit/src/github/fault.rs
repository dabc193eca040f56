//! Scripted faults: what the next replies do instead of, or before, the right thing.

use std::time::Duration;

/// What happens to a matching request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Answers this status with this message; nothing is done.
    Status(u16, String),
    /// Does what was asked, then answers this status: the client can't know that it worked.
    StatusAfterEffect(u16),
    /// 429 with `retry-after` in seconds.
    TooManyRequests(u32),
    /// 403 of a secondary limit with `retry-after` in seconds.
    SecondaryLimit(u32),
    /// 403 of the used-up hourly budget, which resets after this many seconds.
    PrimaryLimit(u32),
    /// Waits, then answers properly.
    Delay(Duration),
    /// Sends the head and a part of the body, then breaks the connection.
    Cut,
    /// Answers 200 with this many bytes of JSON.
    Flood(usize),
    /// Answers 301 to this location, as for a renamed repository.
    Redirect(String),
}

/// An [`Effect`] for the next requests that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) method: Option<String>,
    pub(super) path_contains: String,
    pub(super) times: u32,
    pub(super) effect: Effect,
}

impl Fault {
    /// `effect` for the next request, whatever it is.
    pub fn next(effect: Effect) -> Self {
        Self {
            method: None,
            path_contains: String::new(),
            times: 1,
            effect,
        }
    }

    /// The same fault for the next `times` matching requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same fault only for `method` requests whose path contains `path_contains`.
    #[must_use]
    pub fn on(mut self, method: &str, path_contains: &str) -> Self {
        self.method = Some(method.to_owned());
        path_contains.clone_into(&mut self.path_contains);
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path.contains(&self.path_contains)
    }
}

/// Takes the effect for a request out of the script, if one is due.
pub(super) fn take(script: &mut Vec<Fault>, method: &str, path: &str) -> Option<Effect> {
    let position = script.iter().position(|fault| fault.matches(method, path))?;
    let fault = &mut script[position];
    fault.times = fault.times.saturating_sub(1);
    let effect = fault.effect.clone();
    if fault.times == 0 {
        script.remove(position);
    }
    Some(effect)
}
