//! What every request passes through, from outside in: [`RequestScope`] (id, client address, log line,
//! metrics, a trace of refusals), [`SecurityHeaders`], [`Outcome`] (time limit, panics, every failure as problem+json),
//! [`BodyLimit`].

mod body_limit;
mod denials;
mod outcome;
mod scope;
mod security_headers;

pub use body_limit::BodyLimit;
pub use outcome::Outcome;
pub use scope::RequestScope;
pub use security_headers::SecurityHeaders;
