//! What the jobs decide, as pure functions of what was observed: no I/O, so that each case is a test.

pub mod exit;
pub mod log_hint;
pub mod look;
pub mod overdue;
pub mod spare;
pub mod sweep;
