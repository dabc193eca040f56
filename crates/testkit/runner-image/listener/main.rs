//! The listener of the simulated runner: what `bin/Runner.Listener` and `bin/Runner.Worker` are in the official image.
//!
//! Plain `std`, one static binary, so that the image needs nothing else: `testkit`'s build script compiles it.
//! It speaks the `/_runner` protocol of the simulated GitHub, prints the official log lines and returns the
//! official exit codes: 0 done, 1 terminated, 2 retry, 5 session conflict, 7 version deprecated.

mod clock;
mod configure;
mod http;
mod job;
mod json;
mod options;
mod run;
mod settings;
mod terminal;

use std::process::ExitCode;

use options::Options;

/// The version the official image had when this was written.
pub const VERSION: &str = "2.336.0";

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    if program.ends_with("Runner.Worker") {
        return job::work(&arguments);
    }
    if arguments.iter().any(|argument| argument == "--version") {
        println!("{VERSION}");
        return ExitCode::SUCCESS;
    }
    let (command, rest) = arguments
        .split_first()
        .map_or(("run", &[][..]), |(c, rest)| (c.as_str(), rest));
    let outcome = Options::read(rest).and_then(|options| match command {
        "configure" => configure::configure(&options),
        "remove" => configure::remove(&options),
        "run" => run::run(&options),
        other => Err(format!("Unrecognized command-line input arguments: '{other}'.")),
    });
    ExitCode::from(outcome.unwrap_or_else(|sentence| {
        terminal::line(&sentence);
        1
    }))
}
