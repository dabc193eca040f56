//! What a process and its children use of the machine, from `/proc`.

use std::collections::HashMap;

/// Clock ticks per second as `/proc` counts them; the same on every Linux that we run on.
const TICKS: f64 = 100.0;

struct Stat {
    parent: u32,
    ticks: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and brackets.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?,
    })
}

/// The process and all its descendants.
fn tree(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(number) = number
            && let Some(stat) = stat(number)
        {
            children.entry(stat.parent).or_default().push(number);
        }
    }
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(next) = found.get(at) {
        let more = children.remove(next).unwrap_or_default();
        found.extend(more);
        at += 1;
    }
    found
}

/// CPU seconds used so far by the process and its living descendants.
pub fn cpu_seconds(pid: u32) -> f64 {
    let ticks: f64 = tree(pid)
        .into_iter()
        .filter_map(stat)
        .map(|stat| stat.ticks)
        .sum();
    ticks / TICKS
}

/// Resident memory of the process and its descendants in MiB, each page counted for every process that has it.
pub fn resident_mib(pid: u32) -> f64 {
    let kib: f64 = tree(pid)
        .into_iter()
        .filter_map(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        })
        .sum();
    kib / 1024.0
}

/// The machine's load over one, five and fifteen minutes.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
