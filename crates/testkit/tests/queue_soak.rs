//! A short soak of the queue; `make soak` runs the long one.

use std::process::Command;

#[test]
fn nothing_is_lost_and_nothing_runs_twice_without_a_reason_while_everything_is_killed() {
    let soak = Command::new(env!("CARGO_BIN_EXE_queue-soak"))
        .args(["run", "--rounds", "3", "--tasks", "1500", "--kills", "1"])
        .output()
        .expect("the soak starts");
    assert!(
        soak.status.success(),
        "{}{}",
        String::from_utf8_lossy(&soak.stdout),
        String::from_utf8_lossy(&soak.stderr)
    );
}
