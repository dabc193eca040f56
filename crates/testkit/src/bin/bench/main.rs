//! The figures of Runner Pilot, each as a ratio against a peer measured in the same run on the same
//! machine. Run it with `make bench`, which builds everything in release mode first.
//!
//! It prints a table, measures to the end, and ends with 1 if a figure is out of its bound. Nothing else waits
//! for it: on a machine that others use a ratio may miss its bound by their doing.

mod fleet;
mod instance;
mod memory;
mod stats;

use std::process::ExitCode;

use testkit::harness::database::DatabaseKind;
use testkit::harness::engine::engine;

use crate::fleet::Fleet;

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(if runtime.block_on(run())? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether every figure keeps to its bound.
async fn run() -> anyhow::Result<bool> {
    let mut all_kept = true;
    let engine = engine().await?;
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let mut fleet = Fleet::start(kind, &engine).await?;
        all_kept &= stats::print(&format!("{kind:?}"), &memory::measure(&mut fleet.stack)?);
        let outcome = instance::measure(&mut fleet, &engine).await;
        fleet.stack.remove_containers(&engine).await?;
        all_kept &= stats::print(&format!("{kind:?}"), &outcome?);
    }
    Ok(all_kept)
}
