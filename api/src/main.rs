//! The API server's binary; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    process::run(runner_pilot_api::cli::run)
}
