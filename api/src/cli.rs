//! The command line: what this binary can be asked to do.

mod create_admin;
mod doctor;

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use domain::SystemClock;
use migration::MigratorTrait as _;
use process::settings::{DatabaseSettings, LogSettings};
use process::{Shutdown, Variables, telemetry};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::context::Context;
use crate::server::{self, ConnectionLimits};
use crate::settings::Settings;
use crate::{app, openapi};
use create_admin::AdminArguments;

/// How long background work may go on after the server stopped.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// The API server of Runner Pilot.
#[derive(Debug, Parser)]
#[command(name = "runner-pilot-api", version, about, after_help = process::SETTINGS_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the page (the default)
    Serve,
    /// Bring the database to this version's schema
    Migrate,
    /// Print the description of the API
    Openapi,
    /// Make an account with an organisation of its own
    CreateAdmin(AdminArguments),
    /// Check the settings and what they point at
    Doctor,
}

/// Does what the command line asks for.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve().await,
        Command::Migrate => migrate().await,
        Command::Openapi => print(&openapi::document(&Context::disconnected()?)),
        Command::CreateAdmin(arguments) => create_admin::run(&arguments).await,
        Command::Doctor => doctor::run().await,
    }
}

fn settings() -> anyhow::Result<(Settings, String)> {
    let mut variables = Variables::from_process();
    let settings = Settings::from(&mut variables);
    let shown = variables.sanitized();
    variables.finish()?;
    Ok((settings, shown))
}

async fn serve() -> anyhow::Result<()> {
    let (settings, shown) = settings()?;
    telemetry::init(&settings.log)?;
    info!(settings = shown, version = env!("CARGO_PKG_VERSION"), "starting");
    let shutdown = Shutdown::on_signals()?;
    let (addr, limits) = (settings.bind_addr, ConnectionLimits::of(settings.max_connections));
    let context = Context::connect(settings, Arc::new(SystemClock), shutdown.clone()).await?;
    require_schema(&context).await?;
    if doctor::keeps_append_only_file(&context).await == Some(false) {
        warn!("Redis keeps {}", doctor::LOSES_TASKS);
    }
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("listening on {addr}; BIND_ADDR chooses another address"))?;
    info!(url = %context.settings.public_url, addr = %listener.local_addr()?, "listening");
    server::serve(listener, limits, app::build(&context), &shutdown)
        .await
        .context("serving")?;
    shutdown.finish(GRACE).await;
    info!("stopped");
    Ok(())
}

async fn require_schema(context: &Context) -> anyhow::Result<()> {
    let pending = migration::Migrator::get_pending_migrations(&context.db)
        .await
        .context("reading the database's version")?;
    anyhow::ensure!(
        pending.is_empty(),
        "the database lacks {} migrations; run `runner-pilot-api migrate` first",
        pending.len()
    );
    Ok(())
}

async fn migrate() -> anyhow::Result<()> {
    let mut variables = Variables::from_process();
    let database = DatabaseSettings::from(&mut variables);
    let log = LogSettings::from(&mut variables);
    variables.finish()?;
    telemetry::init(&log)?;
    let db = entities::connect(database.url.expose_secret())
        .await
        .context("opening the database that DATABASE_URL names")?;
    migration::Migrator::up(&db, None)
        .await
        .context("migrating the database")?;
    info!("the database is up to date");
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to the standard output")
}
