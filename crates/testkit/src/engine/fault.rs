//! What a simulated engine does wrong, and when.

use std::time::Duration;

/// A fault of a simulated engine's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The reply comes this much later.
    Delay(Duration),
    /// The request is read and never answered; nothing is done.
    Hang,
    /// Nothing is done and this status is answered, with this message.
    Status(u16, String),
    /// It is done, but the connection ends before the reply: the caller can't know.
    LoseReply,
    /// It is done, but the reply names this id instead of the one it made.
    LyingId(String),
    /// The reply's body never ends.
    Endless,
}

/// A fault that waits for its requests.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) request: String,
    pub(super) fault: Fault,
    pub(super) times: usize,
}

/// The fault for a request line such as `POST /containers/create`, if one waits; it is used up.
pub(super) fn take(planned: &mut Vec<Planned>, request: &str) -> Option<Fault> {
    let at = planned
        .iter()
        .position(|one| one.times > 0 && request.contains(&one.request))?;
    planned[at].times -= 1;
    let fault = planned[at].fault.clone();
    planned.retain(|one| one.times > 0);
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_used_up_and_only_by_its_requests() {
        let mut planned = vec![Planned {
            request: "POST /containers/create".into(),
            fault: Fault::Hang,
            times: 2,
        }];
        assert_eq!(take(&mut planned, "GET /info"), None);
        assert_eq!(take(&mut planned, "POST /containers/create"), Some(Fault::Hang));
        assert_eq!(take(&mut planned, "POST /containers/create"), Some(Fault::Hang));
        assert_eq!(take(&mut planned, "POST /containers/create"), None);
    }
}
