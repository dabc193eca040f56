//! What the three processes share at start and stop: settings, logging, signals, exit codes.
//!
//! It is the only crate that reads the environment ([`settings`]), so that a wrong setting is reported
//! together with every other one, and the only one that sets up logging ([`telemetry`]), so that the
//! last guard against secrets in logs stands in one place. It knows nothing of runners, Docker or HTTP:
//! settings of one process only live in that process and use the same [`Variables`].
//!
//! Start with [`run`]: a `main` is `process::run(|arguments: Arguments| async move { … })`.

pub mod lifecycle;
pub mod settings;
pub mod telemetry;

mod entry;

pub use entry::{SETTINGS_HELP, exit_code, run};
pub use lifecycle::{Shutdown, install_crypto_provider};
pub use settings::{Problem, Problems, Variables};
