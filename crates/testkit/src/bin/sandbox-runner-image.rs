//! Builds the simulated runner image into an engine: what `make up` calls, since no registry has it.

use anyhow::Context;
use bollard::{API_DEFAULT_VERSION, Docker};
use clap::Parser;
use testkit::runner_image::{self, Variant};

const TIMEOUT_SECS: u64 = 120;

/// Builds the simulated runner image `runner-pilot/sim-runner:latest` into a Docker engine and prints its name.
///
/// Needs Debian's busybox-static and no network. An image that is up to date is left alone.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The engine's unix socket; by default `DOCKER_HOST`, or /var/run/docker.sock.
    #[arg(long)]
    socket: Option<String>,
    /// Also builds the variants that fail in a known way (deprecated, crash-at-start, never-connects).
    #[arg(long)]
    with_variants: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments {
        socket,
        with_variants,
    } = Arguments::parse();
    let docker = match socket {
        Some(socket) => Docker::connect_with_unix(&socket, TIMEOUT_SECS, API_DEFAULT_VERSION),
        None => Docker::connect_with_defaults(),
    };
    let docker = docker?
        .negotiate_version()
        .await
        .context("no Docker engine answers")?;
    let variants: &[Variant] = if with_variants {
        &[
            Variant::Normal,
            Variant::Deprecated,
            Variant::CrashAtStart,
            Variant::NeverConnects,
        ]
    } else {
        &[Variant::Normal]
    };
    for variant in variants {
        report(&runner_image::build_variant(&docker, *variant).await?);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "scripts read the names there")]
fn report(line: &str) {
    println!("{line}");
}
