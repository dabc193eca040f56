//! From `main` to an exit code, the same way in each binary.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::lifecycle::install_crypto_provider;
use crate::settings::Problems;
use crate::telemetry::redact;

/// Closing words of every `--help`: `#[command(version, about, after_help = process::SETTINGS_HELP)]`.
pub const SETTINGS_HELP: &str = "Settings come from environment variables; .env.example lists them all. Every secret can also be read \
from a file: set NAME_FILE to its path. A wrong setting ends the process with exit code 2.";

/// Exit code for settings that cannot be used, as clap uses it for arguments.
const EXIT_SETTINGS: u8 = 2;

/// How long blocking work (password hashing, file reads) may hold up the exit.
const BLOCKING_GRACE: Duration = Duration::from_secs(2);

/// Runs a process: parses the command line (`--help` and `--version` end here), installs the TLS
/// provider, builds the runtime, runs `main` and turns its outcome into an exit code.
pub fn run<Arguments, Main, Running>(main: Main) -> ExitCode
where
    Arguments: Parser,
    Main: FnOnce(Arguments) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    let arguments = Arguments::parse();
    install_crypto_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit_code(Err(error.into())),
    };
    let result = runtime.block_on(main(arguments));
    runtime.shutdown_timeout(BLOCKING_GRACE);
    exit_code(result)
}

/// The exit code for an outcome, after saying on stderr what went wrong: 0, 2 for [`Problems`] with the
/// settings, 1 for anything else.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // Also reached before logging is set up, so it cannot be a log line.
    eprintln!("{}", describe(&error));
    match error.downcast_ref::<Problems>() {
        Some(_) => ExitCode::from(EXIT_SETTINGS),
        None => ExitCode::FAILURE,
    }
}

fn describe(error: &anyhow::Error) -> String {
    let text = match error.downcast_ref::<Problems>() {
        Some(problems) => problems.to_string(),
        None => format!("error: {error:#}"),
    };
    redact(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Variables;

    #[test]
    fn wrong_settings_are_told_from_other_failures() {
        let mut variables = Variables::from_pairs([("LOG_FORMAT", "xml")]);
        variables.parsed("LOG_FORMAT", 1_u32);
        let problems = variables.finish().unwrap_err();
        assert_eq!(exit_code(Err(problems.into())), ExitCode::from(2));
        assert_eq!(exit_code(Err(anyhow::anyhow!("no"))), ExitCode::FAILURE);
        assert_eq!(exit_code(Ok(())), ExitCode::SUCCESS);
    }

    #[test]
    fn the_whole_chain_is_shown_without_the_secret_in_it() {
        let error = anyhow::anyhow!("refused redis://:hunter2@127.0.0.1/0").context("connecting to Redis");
        assert_eq!(
            describe(&error),
            "error: connecting to Redis: refused redis://:[redacted]@127.0.0.1/0"
        );
    }
}
