//! What goes wrong between the worker and an engine, in words that a person can act on.

use std::error::Error as StdError;
use std::time::Duration;

use bollard::errors::Error as BollardError;

/// The most of an engine's own words that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

/// Why an engine did not do what it was asked. The text is fit for the instance's timeline: it says
/// what to do, is bounded, and holds no secret (nothing secret is ever part of a request's path or head).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// No connection: nothing listens, the name does not resolve, the route is gone.
    #[error("the engine can't be reached: {0}. Check that it runs and that the address is right")]
    Unreachable(String),
    /// The socket is there but this process may not open it.
    #[error(
        "permission denied on {0}. Add the worker's user to the socket's group (usually `docker`) and restart the worker"
    )]
    PermissionDenied(String),
    /// The address must not be connected to, whatever answers there.
    #[error("the address is refused: {0}")]
    AddressRefused(String),
    /// No trust: wrong authority, wrong name, expired, or the engine refuses our certificate.
    #[error("TLS failed: {0}. Check the node's CA, client certificate and key")]
    Tls(String),
    /// No answer in time.
    #[error("the engine did not answer `{operation}` in {} s. It is overloaded or hung: look at its log", limit.as_secs())]
    Timeout {
        /// What was asked.
        operation: &'static str,
        /// How long it was given.
        limit: Duration,
    },
    /// The node failed a moment ago; it is asked again after a pause.
    #[error("the node is left alone for {} s, because a moment ago {cause}", retry_in.as_secs().max(1))]
    CircuitOpen {
        /// What went wrong then.
        cause: String,
        /// When it is asked again.
        retry_in: Duration,
    },
    /// The engine's API is older than 1.41.
    #[error("the engine speaks API {0}, at least 1.41 is needed: update Docker to 20.10 or newer")]
    ApiTooOld(String),
    /// The container (or what else was named) is not there.
    #[error("the engine does not have it: {0}")]
    NotFound(String),
    /// It is in a state that does not allow the request.
    #[error("the engine refuses because of the container's state: {0}")]
    Conflict(String),
    /// A container of that name or id exists that is not provably ours; it was not touched.
    #[error(
        "a container named {name} exists on the node but was not made by this installation. Rename or remove it by hand"
    )]
    ForeignContainer {
        /// Its name, or its id where that was what was asked for.
        name: String,
    },
    /// No registry has the image.
    #[error(
        "the image {image} does not exist, or its repository is private: {message}. Check the name and tag"
    )]
    ImageNotFound {
        /// The reference that was asked for.
        image: String,
        /// What the engine said.
        message: String,
    },
    /// The registry wants credentials that the engine does not have.
    #[error(
        "the registry refuses to give the image {image}: {message}. Make it public, or load it on the node with `docker load`"
    )]
    ImageAuth {
        /// The reference that was asked for.
        image: String,
        /// What the engine said.
        message: String,
    },
    /// The engine can't reach the registry.
    #[error(
        "no registry access for the image {image}: {message}. Load the image on the node with `docker load`, or give the engine access to the registry"
    )]
    RegistryUnreachable {
        /// The reference that was asked for.
        image: String,
        /// What the engine said.
        message: String,
    },
    /// No room on the node.
    #[error("the node's disk is full: {0}. Free space on it, for example with `docker system prune`")]
    DiskFull(String),
    /// The reply was larger than anything we ask for.
    #[error("the engine's reply to `{operation}` is too large and was cut off")]
    ReplyTooLarge {
        /// What was asked.
        operation: &'static str,
    },
    /// The reply is not what the Engine API promises.
    #[error("the engine's reply to `{operation}` is not understood: {message}")]
    Malformed {
        /// What was asked.
        operation: &'static str,
        /// Where it went wrong; not the reply itself.
        message: String,
    },
    /// Any other refusal.
    #[error("the engine answered {status} to `{operation}`: {message}")]
    Api {
        /// What was asked.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// What the engine said.
        message: String,
    },
}

impl NodeError {
    /// Whether the same request may succeed later without anybody doing something about it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Timeout { .. }
            | Self::CircuitOpen { .. }
            | Self::Conflict(_)
            | Self::RegistryUnreachable { .. }
            | Self::DiskFull(_) => true,
            Self::Api { status, .. } => *status >= 500 || *status == 429,
            Self::PermissionDenied(_)
            | Self::AddressRefused(_)
            | Self::Tls(_)
            | Self::ApiTooOld(_)
            | Self::NotFound(_)
            | Self::ForeignContainer { .. }
            | Self::ImageNotFound { .. }
            | Self::ImageAuth { .. }
            | Self::ReplyTooLarge { .. }
            | Self::Malformed { .. } => false,
        }
    }

    /// Whether it says that the engine as a whole does not answer: what a circuit breaker counts.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::PermissionDenied(_)
                | Self::Tls(_)
                | Self::Timeout { .. }
                | Self::CircuitOpen { .. }
        )
    }

    /// What a bollard error means.
    pub(super) fn from_bollard(operation: &'static str, error: &BollardError) -> Self {
        match error {
            BollardError::DockerResponseServerError { status_code, message } => {
                Self::from_response(operation, *status_code, message)
            }
            BollardError::DockerStreamError { error } => Self::from_response(operation, 500, error),
            BollardError::JsonDataError { message, .. } => Self::Malformed {
                operation,
                message: plain(message),
            },
            other => from_transport(operation, other),
        }
    }

    fn from_response(operation: &'static str, status: u16, message: &str) -> Self {
        let message = plain(message);
        if is_disk_full(&message) {
            return Self::DiskFull(message);
        }
        match status {
            404 => Self::NotFound(message),
            409 => Self::Conflict(message),
            _ => Self::Api {
                operation,
                status,
                message,
            },
        }
    }
}

/// Fills in the outcome of a connection that was never made, from inside the connector.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct DialError(#[from] pub(super) NodeError);

/// A reply grew over its bound; raised by the connection that counts its bytes.
#[derive(Debug, thiserror::Error)]
#[error("reply too large")]
pub(super) struct TooLarge;

fn from_transport(operation: &'static str, error: &BollardError) -> NodeError {
    let mut text = String::new();
    // Two variants are transparent: they skip themselves when asked for their source.
    let mut source: Option<&(dyn StdError + 'static)> = match error {
        BollardError::IOError { err } => Some(err),
        BollardError::JsonSerdeError { err } => Some(err),
        other => Some(other),
    };
    while let Some(cause) = source {
        if let Some(known) = recognised(operation, cause) {
            return known;
        }
        text = cause.to_string();
        source = cause.source();
    }
    NodeError::Unreachable(plain(&text))
}

fn recognised(operation: &'static str, cause: &(dyn StdError + 'static)) -> Option<NodeError> {
    if let Some(DialError(dialled)) = cause.downcast_ref::<DialError>() {
        return Some(dialled.clone());
    }
    if let Some(json) = cause.downcast_ref::<serde_json::Error>() {
        return Some(NodeError::Malformed {
            operation,
            message: plain(&json.to_string()),
        });
    }
    let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    if inner.is::<TooLarge>() {
        return Some(NodeError::ReplyTooLarge { operation });
    }
    let tls = inner.downcast_ref::<rustls::Error>()?;
    Some(NodeError::Tls(plain(&tls.to_string())))
}

/// Whether a message says that the engine's disk is full.
pub(super) fn is_disk_full(message: &str) -> bool {
    message.contains("no space left on device") || message.contains("disk quota exceeded")
}

/// An engine's words made harmless: one line, no control characters, bounded.
pub(super) fn plain(text: &str) -> String {
    let mut clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        clean.push('…');
    }
    clean.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engines_words_are_bounded_and_on_one_line() {
        let message = plain(&format!("a\u{1b}[31m\nb{}", "x".repeat(5000)));
        assert!(message.chars().count() <= MAX_MESSAGE + 1 && !message.contains(['\n', '\u{1b}']));
    }

    #[test]
    fn statuses_become_their_variants() {
        let of = |status, message: &str| NodeError::from_response("x", status, message);
        assert!(matches!(of(404, "no such container"), NodeError::NotFound(_)));
        assert!(matches!(of(409, "in use"), NodeError::Conflict(_)));
        assert!(matches!(
            of(500, "write /x: no space left on device"),
            NodeError::DiskFull(_)
        ));
        assert!(of(500, "x").is_retryable() && !of(400, "x").is_retryable());
    }
}
