use std::io::Write as _;

use super::*;
use crate::settings::{DatabaseSettings, EncryptionSettings, GithubSettings, LogSettings, RedisSettings};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn faults(variables: Variables) -> Vec<String> {
    match variables.finish() {
        Ok(()) => Vec::new(),
        Err(problems) => problems
            .0
            .iter()
            .map(|problem| format!("{} {}", problem.variable, problem.fault))
            .collect(),
    }
}

fn secret_file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

#[test]
fn defaults_are_those_of_the_design() {
    let mut variables = Variables::from_pairs([("ENCRYPTION_KEY", KEY)]);
    let database = DatabaseSettings::from(&mut variables);
    let redis = RedisSettings::from(&mut variables);
    let github = GithubSettings::from(&mut variables);
    let log = LogSettings::from(&mut variables);
    EncryptionSettings::from(&mut variables);
    assert_eq!(
        database.url.expose_secret(),
        "sqlite://var/runner-pilot.db?mode=rwc"
    );
    assert_eq!(redis.url.expose_secret(), "redis://127.0.0.1:6379/0");
    assert_eq!(github.api_url.as_str(), "https://api.github.com/");
    assert_eq!(github.url.as_str(), "https://github.com/");
    assert_eq!(github.sandbox_url, None);
    assert_eq!(log.filter, "info");
    assert_eq!(faults(variables), Vec::<String>::new());
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_variable_and_a_fix() {
    let mut variables = Variables::from_pairs([
        ("DATABASE_URL", "mysql://localhost/x"),
        ("REDIS_URL", "localhost:6379"),
        ("GITHUB_API_URL", "api.github.com"),
        ("GITHUB_URL", "ftp://github.com"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "a=b=c"),
        ("WORKER_CONCURRENCY", "0"),
        ("WORKER_QUEUES", " , "),
        ("HEARTBEAT_INTERVAL_SECS", "soon"),
    ]);
    DatabaseSettings::from(&mut variables);
    RedisSettings::from(&mut variables);
    GithubSettings::from(&mut variables);
    LogSettings::from(&mut variables);
    EncryptionSettings::from(&mut variables);
    assert_eq!(variables.parsed_in("WORKER_CONCURRENCY", 64_usize, 1..=1024), 64);
    assert_eq!(
        variables.list("WORKER_QUEUES", &["celery", "monitoring"]),
        ["celery", "monitoring"]
    );
    assert_eq!(
        variables.duration_secs("HEARTBEAT_INTERVAL_SECS", 30),
        Duration::from_secs(30)
    );
    variables.strong_secret("JWT_SECRET");

    let problems = variables.finish().unwrap_err();
    let names: Vec<&str> = problems
        .0
        .iter()
        .map(|problem| problem.variable.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "DATABASE_URL",
            "REDIS_URL",
            "GITHUB_API_URL",
            "GITHUB_URL",
            "LOG_FORMAT",
            "RUST_LOG",
            "ENCRYPTION_KEY",
            "WORKER_CONCURRENCY",
            "WORKER_QUEUES",
            "HEARTBEAT_INTERVAL_SECS",
            "JWT_SECRET",
        ]
    );
    assert!(problems.0.iter().all(|problem| !problem.fix.is_empty()));
    let text = problems.to_string();
    assert!(
        text.starts_with("11 settings cannot be used:\n  - DATABASE_URL is no address"),
        "{text}"
    );
    assert!(
        text.contains("WORKER_CONCURRENCY is 0. Set it between 1 and 1024 (default 64)."),
        "{text}"
    );
}

#[test]
fn an_encryption_key_must_be_32_generated_bytes() {
    for (keys, fault) in [
        ("", "is not set"),
        ("not base64!", "key 1 is not standard base64"),
        ("c2hvcnQ=", "key 1 is 5 bytes long, not 32"),
        (
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "key 1 was not generated, anyone can guess it",
        ),
        (&format!("{KEY}, c2hvcnQ="), "key 2 is 5 bytes long, not 32"),
    ] {
        let mut variables = Variables::from_pairs([("ENCRYPTION_KEY", keys)]);
        EncryptionSettings::from(&mut variables);
        assert_eq!(faults(variables), [format!("ENCRYPTION_KEY {fault}")]);
    }
}

#[test]
fn several_encryption_keys_are_accepted() {
    let mut variables = Variables::from_pairs([("ENCRYPTION_KEY", format!("{KEY},{KEY}"))]);
    let settings = EncryptionSettings::from(&mut variables);
    assert_eq!(settings.keys.expose_secret(), format!("{KEY},{KEY}"));
    assert_eq!(faults(variables), Vec::<String>::new());
}

#[test]
fn a_secret_is_read_from_the_file_that_its_file_form_names() {
    let file = secret_file("  s3cr3t\n");
    let mut variables = Variables::from_pairs([("JWT_SECRET_FILE", file.path().to_str().unwrap())]);
    assert_eq!(
        variables.secret("JWT_SECRET", "Set it.").expose_secret(),
        "s3cr3t"
    );
    assert_eq!(faults(variables), Vec::<String>::new());
}

#[test]
fn a_file_that_is_missing_or_empty_or_doubled_is_one_problem_each() {
    let empty = secret_file(" \n");
    let mut variables = Variables::from_pairs([
        ("A_FILE", "/nonexistent/secret"),
        ("B_FILE", empty.path().to_str().unwrap()),
        ("C_FILE", empty.path().to_str().unwrap()),
        ("C", "value"),
    ]);
    for name in ["A", "B", "C"] {
        variables.secret(name, "Set it.");
    }
    let faults = faults(variables);
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(
        faults[0].starts_with("A_FILE names /nonexistent/secret, which cannot be read"),
        "{faults:?}"
    );
    assert!(faults[1].starts_with("B_FILE names an empty file"), "{faults:?}");
    assert_eq!(faults[2], "C and C_FILE are both set");
}

#[test]
fn a_signing_secret_that_is_short_or_copied_is_refused() {
    for (value, fault) in [
        ("short", Some("is shorter than 32 bytes")),
        (
            "please-ChangeMe-please-ChangeMe-please",
            Some("was not generated, anyone can guess it"),
        ),
        (
            "abababababababababababababababababababab",
            Some("was not generated, anyone can guess it"),
        ),
        ("kJ8w3/2mQz0v7Yp1xN5bR9tLcE6hUaGd", None),
    ] {
        let mut variables = Variables::from_pairs([("JWT_SECRET", value)]);
        variables.strong_secret("JWT_SECRET");
        let expected: Vec<String> = fault.iter().map(|fault| format!("JWT_SECRET {fault}")).collect();
        assert_eq!(faults(variables), expected, "{value}");
    }
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let mut variables = Variables::from_pairs([
        ("DATABASE_URL", "postgres://app:c4n4ry@db/x"),
        ("REDIS_URL", "redis://:c4n4ry@r:1/0"),
        ("ENCRYPTION_KEY", "c4n4ry"),
        ("JWT_SECRET", "c4n4ry"),
        ("GITHUB_API_URL", "https://user:c4n4ry@github.test"),
    ]);
    let database = DatabaseSettings::from(&mut variables);
    let redis = RedisSettings::from(&mut variables);
    let encryption = EncryptionSettings::from(&mut variables);
    GithubSettings::from(&mut variables);
    let jwt = variables.strong_secret("JWT_SECRET");
    let sanitized = variables.sanitized();
    let shown = format!(
        "{database:?} {redis:?} {encryption:?} {jwt:?} {sanitized} {}",
        variables.finish().unwrap_err()
    );
    assert!(!shown.contains("c4n4ry"), "{shown}");
    assert!(sanitized.contains("REDIS_URL=redis://:***@r:1/0"), "{sanitized}");
    assert!(sanitized.contains("JWT_SECRET=set"), "{sanitized}");
    assert!(sanitized.contains("SANDBOX_GITHUB_URL=unset"), "{sanitized}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let mut variables = Variables::from_pairs([("BIND_ADDR", "  ")]);
    assert_eq!(variables.optional("BIND_ADDR"), None);
    assert_eq!(variables.text("BIND_ADDR", "127.0.0.1:8000"), "127.0.0.1:8000");
    assert_eq!(faults(variables), Vec::<String>::new());
}
