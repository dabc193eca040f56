//! The simulated GitHub as a program: what `make up` offers for trying Runner Pilot without an account.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Parser;
use testkit::github::{Options, Pat, SANDBOX_PAT, SimulatedGitHub};
use tokio::signal::unix::{SignalKind, signal};

/// What `--help` says beyond the options.
const HELP: &str = r#"A simulated GitHub for self-hosted runners, on loopback.

Its address serves as GITHUB_API_URL, GITHUB_URL and SANDBOX_GITHUB_URL alike. By default it accepts the personal
access token `sandbox` for every owner, repository and organisation; nothing has to exist before it is used.
Queue a sample job for runners of a repository with

  curl -X POST http://127.0.0.1:PORT/_sandbox/jobs -H 'content-type: application/json' \
       -d '{"target":"acme/web","labels":["self-hosted"],"name":"build","duration_secs":5,"result":"Succeeded"}'

and look at /_sandbox/runners, /_sandbox/jobs and /_sandbox/requests. Memory is bounded: at most 20,000 runners,
10,000 waiting and 1,000 finished jobs, 2,000 logged requests."#;

/// A simulated GitHub for self-hosted runners, on loopback.
#[derive(Parser)]
#[command(version, long_about = HELP)]
struct Arguments {
    /// Where to listen: a loopback address; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    bind: SocketAddr,
    /// A token to accept, with all rights; may be given several times.
    #[arg(long = "pat", default_values_t = [SANDBOX_PAT.to_owned()])]
    pats: Vec<String>,
    /// Keeps runners and jobs over a restart in this file (it holds runner credentials: mode 0600).
    #[arg(long)]
    state_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments {
        bind,
        pats,
        state_file,
    } = Arguments::parse();
    let pats = pats.iter().map(|token| Pat::admin(token)).collect();
    let mut github = SimulatedGitHub::start_with(Options {
        bind,
        pats,
        state_file,
    })
    .await?;
    report(&format!("sandbox GitHub listens on {}", github.url()));
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        ended = github.failed() => return ended.context("the server ended"),
    }
    github.stop().await
}

#[expect(clippy::print_stdout, reason = "whoever starts it reads the address there")]
fn report(line: &str) {
    println!("{line}");
}
