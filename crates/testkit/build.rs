//! Compiles the listener of the simulated runner image into one static program that `runner_image` embeds.
//!
//! It has no dependencies, so one call of the compiler does; as an ordinary binary of the workspace it could not be
//! linked statically without changing the flags of everything else.

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=runner-image");
    let out = PathBuf::from(variable("OUT_DIR")).join("Runner.Listener");
    let status = Command::new(variable("RUSTC"))
        .args([
            "--edition",
            "2024",
            "--crate-name",
            "runner_listener",
            "--target",
            &variable("TARGET"),
        ])
        .args([
            "-O",
            "-C",
            "strip=symbols",
            "-C",
            "panic=abort",
            "-C",
            "target-feature=+crt-static",
        ])
        .args(["-D", "warnings", "runner-image/listener/main.rs", "-o"])
        .arg(&out)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "the simulated runner's listener does not compile"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo talks to build scripts through the environment"
)]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
