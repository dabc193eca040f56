//! Why a value was refused, in words that a person can act on.

/// A refused value: the sentence says what is wrong and what would be right. It never repeats the
/// value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);
