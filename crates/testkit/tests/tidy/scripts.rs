//! The commands that people are told about work, as far as that shows without running them.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use testkit::harness::paths::repository_root;

use crate::tree::{assert_none, file, sources};

#[test]
fn scripts_are_executable_and_valid() {
    let mut wrong = Vec::new();
    for script in sources(&[".sh", ".ci/run"]) {
        let path = repository_root().join(&script.path);
        let executable = std::fs::metadata(&path).is_ok_and(|data| data.permissions().mode() & 0o111 != 0);
        // Scripts inside the runner image are copied there and get their modes there.
        let ours = script.path.starts_with("scripts/") || script.path == ".ci/run";
        let sourced = script.text.starts_with("# shellcheck shell=bash\n");
        let run = script.text.starts_with("#!/usr/bin/env bash\n");
        if ours && !(run && executable || sourced && !executable) {
            wrong.push(format!(
                "{} is neither run (#!/usr/bin/env bash, executable) nor sourced (# shellcheck shell=bash, not executable)",
                script.path
            ));
        }
        let checked = Command::new("bash").arg("-n").arg(&path).output().unwrap();
        if !checked.status.success() {
            wrong.push(String::from_utf8_lossy(&checked.stderr).trim().to_owned());
        }
    }
    assert_none("scripts", &wrong);
}

#[test]
fn make_is_a_thin_face_over_scripts_that_exist() {
    let makefile = file("Makefile");
    let mut wrong = Vec::new();
    for word in makefile.split_whitespace() {
        let word = word.trim_start_matches('@');
        if word.starts_with("scripts/") && word.contains(".sh") && !repository_root().join(word).is_file() {
            wrong.push(format!("{word} does not exist"));
        }
    }
    assert_none("the Makefile calls", &wrong);
}

#[test]
fn every_make_command_that_is_written_about_exists() {
    let makefile = file("Makefile");
    let mut wrong = Vec::new();
    for page in sources(&["README.md", "ARCHITECTURE.md", ".sh", ".env.example"]) {
        // Only what stands as code is a command; "make sure" is not.
        for command in page
            .text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|code| code.strip_prefix("make "))
        {
            let target = command.split_whitespace().next().unwrap_or_default();
            if !makefile
                .lines()
                .any(|line| line.starts_with(&format!("{target}:")))
            {
                wrong.push(format!("{} names `make {target}`", page.path));
            }
        }
    }
    assert_none("commands that do not exist", &wrong);
}

#[test]
fn continuous_integration_runs_what_the_readme_tells_people_to_run() {
    assert!(file(".ci/run").contains("make test"));
    let readme = file("README.md");
    assert!(readme.contains("make up") && readme.contains("make test"));
}
