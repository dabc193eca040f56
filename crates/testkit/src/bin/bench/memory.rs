//! Resident memory of the idle processes.

use anyhow::Context as _;
use testkit::harness::service::Service;
use testkit::harness::stack::Stack;

use crate::stats::{Bound, Figure};

/// What each process holds a moment after its start.
pub fn measure(stack: &mut Stack) -> anyhow::Result<Vec<Figure>> {
    let Stack {
        api, worker, beat, ..
    } = stack;
    [("api", api, 40.0), ("worker", worker, 40.0), ("beat", beat, 20.0)]
        .into_iter()
        .map(|(name, service, bound)| {
            let megabytes = resident_megabytes(service)?;
            Ok(Figure {
                what: format!("resident memory of the idle {name}"),
                measured: format!("{megabytes:.1} MB"),
                bound: Some(Bound {
                    text: format!("at most {bound} MB"),
                    kept: megabytes <= bound,
                }),
            })
        })
        .collect()
}

fn resident_megabytes(service: &mut Service) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.process()?.pid()))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .context("/proc has no VmRSS")?
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}
