//! Who may do what: every operation of the description against every kind of caller. An operation
//! without a row fails the test.

mod announcements;
mod boundaries;
mod driver;
mod matrix;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
