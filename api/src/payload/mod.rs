//! What a request carries: its body ([`Body`], JSON that is checked strictly before it is parsed) and its
//! query ([`Parameter`]). Every fault is reported, not only the first.

mod body;
mod optional;
mod parameter;
mod schema;
mod strict;

pub use body::Body;
pub use optional::OptionalBody;
pub use parameter::{Parameter, Parameters};
