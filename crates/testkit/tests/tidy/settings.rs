//! Every variable that the code reads is written down where people look for it.

use std::collections::BTreeSet;

use crate::tree::{assert_none, file, sources};

/// The getters of `process::Variables`, each called with the variable's name first.
const GETTERS: [&str; 13] = [
    "optional",
    "text",
    "required",
    "parsed",
    "parsed_in",
    "duration_secs",
    "flag",
    "list",
    "url",
    "url_optional",
    "secret",
    "secret_optional",
    "strong_secret",
];

/// Not ours: the machine's own, read by nothing that ships.
const OF_THE_MACHINE: [&str; 2] = ["PATH", "HOME"];

fn variables_in_code() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources(&[".rs"]) {
        let code: String = source.shipped().split_whitespace().collect();
        for getter in GETTERS.iter().chain(["secret_url", "networks"].iter()) {
            for opening in [format!(".{getter}(\""), format!("{getter}(variables,\"")] {
                names.extend(code.split(&opening).skip(1).filter_map(|rest| {
                    let name = rest.split('"').next()?;
                    let is_name = name.len() > 3
                        && name
                            .chars()
                            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
                    is_name.then(|| name.to_owned())
                }));
            }
        }
    }
    names
        .into_iter()
        .filter(|name| !OF_THE_MACHINE.contains(&name.as_str()))
        .collect()
}

/// The names that `.env.example` sets, commented out or not.
fn variables_in_example() -> BTreeSet<String> {
    file(".env.example")
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

#[test]
fn the_variables_of_the_design_are_found_in_the_code() {
    let found = variables_in_code();
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "ENCRYPTION_KEY",
        "GITHUB_API_URL",
        "LOG_FORMAT",
        "RUST_LOG",
    ] {
        assert!(
            found.contains(name),
            "{name} is not found, so this test looks at the wrong things: {found:?}"
        );
    }
}

#[test]
fn the_example_lists_every_variable_and_no_other() {
    let (code, example) = (variables_in_code(), variables_in_example());
    let missing: Vec<String> = code.difference(&example).cloned().collect();
    assert_none(".env.example lacks variables that the code reads", &missing);
    let unread: Vec<String> = example.difference(&code).cloned().collect();
    assert_none(".env.example lists variables that nothing reads", &unread);
}

#[test]
fn the_readme_explains_every_variable() {
    let readme = file("README.md");
    let missing: Vec<String> = variables_in_code()
        .into_iter()
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .collect();
    assert_none("README.md does not explain", &missing);
}

#[test]
fn only_the_settings_module_reads_the_environment() {
    let reads = ["env::var(", "env::var_os(", "env::vars", "env = \""];
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        if !source.path.starts_with("crates/process/src/settings/") {
            wrong.extend(source.places(source.shipped(), |line| {
                reads.iter().any(|read| line.contains(read))
            }));
        }
    }
    assert_none("the environment is read outside process::settings", &wrong);
}
