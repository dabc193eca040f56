//! What is known of the request being handled, without passing it through every function: its id and
//! where it came from. Set once by [`crate::middleware::RequestScope`].

use std::net::IpAddr;

/// The request that the current task serves.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Echoed as `X-Request-Id`, written in problems, log lines and the audit log.
    pub id: String,
    /// The client's address; from `X-Forwarded-For` only behind a trusted proxy.
    pub ip: Option<IpAddr>,
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
