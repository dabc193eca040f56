//! What is known of the request being handled, without passing it through every function: its id and
//! where it came from. Set once by [`crate::middleware::RequestScope`].

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{OrgId, UserId};

use crate::auth::traffic::Allowance;

/// The request that the current task serves.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Echoed as `X-Request-Id`, written in problems, log lines and the audit log.
    pub id: String,
    /// The client's address; from `X-Forwarded-For` only behind a trusted proxy.
    pub ip: Option<IpAddr>,
    /// What is found out while it is handled.
    pub notes: Arc<Mutex<Notes>>,
}

/// Who makes a request, and in which organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user.
    pub user: UserId,
    /// As people read it.
    pub email: String,
    /// The organisation, which the user belongs to.
    pub org: Option<OrgId>,
}

/// What is found out about a request while it is handled.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// Who makes it, once that is known.
    pub who: Option<Who>,
    /// What the caller has left.
    pub allowance: Option<Allowance>,
}

tokio::task_local! {
    static CURRENT: RequestInfo;
}

/// Runs `work` as part of the request.
pub async fn scope<T>(info: RequestInfo, work: impl Future<Output = T>) -> T {
    CURRENT.scope(info, work).await
}

/// The id of the current request; empty outside of one.
pub fn current_id() -> String {
    CURRENT.try_with(|info| info.id.clone()).unwrap_or_default()
}

/// The client's address of the current request.
pub fn current_ip() -> Option<IpAddr> {
    CURRENT.try_with(|info| info.ip).ok().flatten()
}

/// Notes something about the current request; nothing outside of one.
pub fn note(change: impl FnOnce(&mut Notes)) {
    // An error only says that there is no request.
    let _ = CURRENT.try_with(|info| change(&mut info.notes.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// What was noted about the current request.
pub fn notes() -> Notes {
    CURRENT
        .try_with(|info| info.notes.lock().unwrap_or_else(PoisonError::into_inner).clone())
        .unwrap_or_default()
}

/// Whether a client may choose this as its request's id: it ends up in logs and headers.
pub fn is_acceptable_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_short_id_is_taken_from_a_client() {
        assert!(is_acceptable_id("0198-abc"));
        for id in ["", "a b", "a\r\nSet-Cookie: x", "é", &"a".repeat(65)] {
            assert!(!is_acceptable_id(id), "{id:?}");
        }
    }
}
