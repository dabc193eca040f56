//! Who is calling: access tokens, passwords, refresh tokens and the limits on guessing them.

pub mod tokens;
