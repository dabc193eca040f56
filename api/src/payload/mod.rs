//! The body of a request: [`Body`], JSON that is checked strictly before it is parsed.

mod body;
mod schema;
mod strict;

pub use body::Body;
