//! The body of a request: [`Body`], JSON that is checked strictly before it is parsed.

mod body;
mod optional;
mod schema;
mod strict;

pub use body::Body;
pub use optional::OptionalBody;
