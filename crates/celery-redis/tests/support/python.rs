//! Python's Celery: the interpreter, its workers, and the numbered checks that are written in it.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Process, RedisServer, conformance_worker};

/// The interpreter that has Celery installed.
pub fn python() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one setting of these tests, given by scripts/test.sh"
    )]
    let named = std::env::var("CELERY_PYTHON").unwrap_or_default();
    let path = PathBuf::from(&named);
    assert!(
        path.is_file(),
        "CELERY_PYTHON (now `{named}`) must name a Python with Celery 5.7; run: export CELERY_PYTHON=\"$(scripts/python-env.sh)\""
    );
    path
}

/// Where the Python side of the tests is.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python")
}

/// A Python process beside the app of the tests.
pub fn script(redis: &RedisServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    command
        .arg("-B")
        .args(arguments)
        .current_dir(scripts())
        .env("REDIS_URL", redis.url());
    command
}

/// A Python worker with the conformance tasks.
pub fn python_worker(redis: &RedisServer, arguments: &[&str]) -> Process {
    let mut command = script(redis, &["-m", "celery", "-A", "app", "worker", "-l", "ERROR"]);
    Process::spawn(
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
}

/// Runs Python code against the app of the tests; returns what it printed.
pub fn run(redis: &RedisServer, arguments: &[&str]) -> String {
    let output = script(redis, arguments)
        .env("CONFORMANCE_WORKER", conformance_worker())
        .output()
        .expect("python runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

/// Runs one check of a file of checks, by its number or its name, on a Redis of its own.
pub fn check(file: &str, name: impl Display + Copy) {
    let redis = RedisServer::start();
    let name = name.to_string();
    let printed = run(&redis, &[file, &name]);
    assert!(printed.contains(&format!("ok {name}")), "{printed}");
}
