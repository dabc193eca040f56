//! Who is calling: access tokens, passwords, refresh tokens and the limits on guessing them.

pub mod cookie;
pub mod email;
pub mod guessable;
pub mod limits;
pub mod opaque;
pub mod passwords;
pub mod tokens;
pub mod traffic;
