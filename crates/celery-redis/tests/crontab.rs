//! That our crontabs mean what Python's mean.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use celery_redis::beat::Crontab;
use chrono::{DateTime, Utc};
use support::{RedisServer, python::run};

/// Reads `crontab|zone|start` lines; prints the next three runs of each, or `error`.
const PYTHON: &str = r#"
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from app import app
from celery.schedules import crontab
for line in sys.argv[1].splitlines():
    text, zone, start = line.split("|")
    app.conf.timezone = zone
    app.__dict__.pop("timezone", None)
    try:
        minute, hour, day, month, weekday = text.split()
        schedule = crontab(minute, hour, day_of_month=day, month_of_year=month, day_of_week=weekday, app=app)
    except Exception:
        print("error")
        continue
    at = datetime.fromisoformat(start).astimezone(ZoneInfo(zone))
    runs = []
    for _ in range(3):
        schedule.nowfun = lambda: at
        at = (at.astimezone(timezone.utc) + schedule.remaining_estimate(at)).astimezone(ZoneInfo(zone))
        runs.append(at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
    print(" ".join(runs))
"#;

const CRONTABS: [&str; 37] = [
    "* * * * *",
    "*/7 * * * *",
    "55-5/3 * * * *",
    "0 22-4 * * *",
    "0 22-4/2 * * *",
    "30 2 * * *",
    "0,15,45 8-17 * * 1-5",
    "0 0 * * fri-mon/2",
    "0 0 13 * fri",
    "0 0 1 nov-feb *",
    "0 0 * */5 *",
    "0 0 31 * *",
    "0 0 29 2 *",
    "0 12 1-7 * monday",
    "5 4 */10 * *",
    "*/99 * * * *",
    "0 0 * * SUN",
    "59 23 31 12 *",
    "10-20/5,40 3 * jan,jul *",
    "0 */6 * * 0",
    "0 0 30 2 *",
    "0 0 * * 7",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 13 *",
    "5/10 * * * *",
    "L * * * *",
    "1,,2 * * * *",
    "-1 * * * *",
    "*/0 * * * *",
    "* * * *",
    "* * * * * *",
    "a * * * *",
    "1- * * * *",
    "* * * xyz *",
];

#[test]
fn check_80_every_crontab_has_pythons_next_runs() {
    let starts = [
        "2026-01-02T00:00:00+00:00",
        "2026-02-28T23:59:30+00:00",
        "2026-06-15T13:37:42+00:00",
        "2027-12-31T23:59:59+00:00",
    ];
    let mut lines = Vec::new();
    for crontab in CRONTABS {
        for start in starts {
            for zone in ["UTC", "Asia/Kolkata"] {
                lines.push(format!("{crontab}|{zone}|{start}"));
            }
        }
    }
    // Around changes of the clocks, for schedules that name their hours.
    for (crontab, start) in [
        ("30 2 * * *", "2026-03-08T05:00:00+00:00"),
        ("30 1 * * *", "2026-11-01T04:00:00+00:00"),
        ("0 12 * * *", "2026-03-07T20:00:00+00:00"),
        ("0 12 * * *", "2026-10-31T20:00:00+00:00"),
    ] {
        lines.push(format!("{crontab}|America/New_York|{start}"));
    }
    let redis = RedisServer::start();
    let theirs = run(&redis, &["-c", PYTHON, &lines.join("\n")]);
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs.len(), lines.len());
    let different: Vec<String> = lines
        .iter()
        .zip(theirs)
        .map(|(line, theirs)| (line, ours(line), theirs))
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(line, ours, theirs)| format!("{line}: ours {ours}, Python's {theirs}"))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn ours(line: &str) -> String {
    let mut parts = line.split('|');
    let mut part = || parts.next().expect("three parts");
    let (text, zone, start) = (part(), part(), part());
    let Ok(crontab) = Crontab::new(text).and_then(|crontab| crontab.timezone(zone)) else {
        return "error".to_owned();
    };
    let mut at: DateTime<Utc> = start.parse().expect("a time");
    let runs: Vec<String> = std::iter::from_fn(|| {
        at = crontab.next_after(at)?;
        Some(at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    })
    .take(3)
    .collect();
    runs.join(" ")
}
