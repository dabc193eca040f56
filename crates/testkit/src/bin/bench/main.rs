//! The figures of Runner Pilot, each as a ratio against a peer measured in the same run on the same
//! machine. Run it with `make bench`, which builds everything in release mode first.
//!
//! It prints a table and always ends with 0 unless something could not be measured: the machine is
//! shared, so a figure is read by a person, not by a gate.

mod fleet;
mod instance;
mod memory;
mod stats;

use testkit::harness::database::DatabaseKind;
use testkit::harness::engine::engine;

use crate::fleet::Fleet;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let engine = engine().await?;
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let mut fleet = Fleet::start(kind, &engine).await?;
        stats::print(&format!("{kind:?}"), &memory::measure(&mut fleet.stack)?);
        let outcome = instance::measure(&mut fleet, &engine).await;
        fleet.stack.remove_containers(&engine).await?;
        stats::print(&format!("{kind:?}"), &outcome?);
    }
    Ok(())
}
