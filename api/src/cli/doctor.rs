//! `doctor`: named checks of the settings and of what they point at, each with its fix.

use std::fmt::Write as _;
use std::sync::Arc;

use domain::SystemClock;
use migration::MigratorTrait as _;
use process::Shutdown;

use crate::context::Context;

struct Check {
    name: &'static str,
    outcome: Result<String, String>,
}

/// Prints every check; fails when one of them does.
pub async fn run() -> anyhow::Result<()> {
    let (settings, _) = super::settings()?;
    let mut checks = vec![Check {
        name: "settings",
        outcome: Ok("complete".to_owned()),
    }];
    match Context::connect(settings, Arc::new(SystemClock), Shutdown::new()).await {
        Err(error) => checks.push(Check {
            name: "database",
            outcome: Err(format!("{error:#}")),
        }),
        Ok(context) => {
            checks.push(Check {
                name: "database",
                outcome: Ok("answers".to_owned()),
            });
            checks.push(schema(&context).await);
            checks.push(redis(&context).await);
            checks.push(persistence(&context).await);
        }
    }
    let mut report = String::new();
    let failed = checks.iter().filter(|check| check.outcome.is_err()).count();
    for Check { name, outcome } in checks {
        let (mark, text) = match &outcome {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(report, "{mark} {name}: {text}");
    }
    super::print(&report)?;
    anyhow::ensure!(failed == 0, "{failed} checks failed");
    Ok(())
}

async fn schema(context: &Context) -> Check {
    let outcome = match migration::Migrator::get_pending_migrations(&context.db).await {
        Ok(pending) if pending.is_empty() => Ok("up to date".to_owned()),
        Ok(pending) => Err(format!(
            "{} migrations are missing; run `runner-pilot-api migrate`",
            pending.len()
        )),
        Err(error) => Err(format!("cannot be read: {error}")),
    };
    Check {
        name: "schema",
        outcome,
    }
}

async fn redis(context: &Context) -> Check {
    let outcome = match context.tasks.ping().await {
        Ok(()) => Ok("answers".to_owned()),
        Err(error) => Err(format!(
            "{}; check REDIS_URL and that redis-server runs",
            crate::error::chain(&error)
        )),
    };
    Check {
        name: "redis",
        outcome,
    }
}

/// Redis loses accepted tasks at a crash unless it keeps an append-only file; `None` where this user may not
/// read its configuration.
pub async fn keeps_append_only_file(context: &Context) -> Option<bool> {
    let mut connection = context.redis.clone();
    let asked = redis::cmd("CONFIG")
        .arg("GET")
        .arg("appendonly")
        .query_async::<Vec<String>>(&mut connection)
        .await;
    match asked.ok()?.as_slice() {
        [_, value] => Some(value == "yes"),
        _ => None,
    }
}

async fn persistence(context: &Context) -> Check {
    let outcome = match keeps_append_only_file(context).await {
        Some(true) => "keeps an append-only file",
        Some(false) => LOSES_TASKS,
        None => "unknown: this user may not read Redis's configuration",
    };
    Check {
        name: "redis persistence",
        outcome: Ok(outcome.to_owned()),
    }
}

/// What is said of a Redis without an append-only file.
pub const LOSES_TASKS: &str = "no append-only file: a crash of Redis loses tasks, which reconcile sends again; \
                               set `appendonly yes`";
