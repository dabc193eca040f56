//! That Python's receivers, State and Flower understand our events: real Celery 5.7 and Flower 2.2.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::python::check;

const CHECKS: &str = "event_checks.py";

#[test]
fn check_58_workers_are_seen_to_come_to_live_and_to_go() {
    check(CHECKS, 58);
}

#[test]
fn check_59_a_task_is_shown_with_arguments_result_and_runtime() {
    check(CHECKS, 59);
}

#[test]
fn check_60_failures_retries_revocations_and_rejections_are_told() {
    check(CHECKS, 60);
}

#[test]
fn check_61_events_come_in_lists_and_none_is_missing() {
    check(CHECKS, 61);
}

#[test]
fn check_62_the_clock_strictly_increases_and_follows_others() {
    check(CHECKS, 62);
}

#[test]
fn check_63_task_events_are_off_until_enabled() {
    check(CHECKS, 63);
}

#[test]
fn check_64_flower_lists_the_worker_and_its_tasks() {
    check(CHECKS, 64);
}

#[test]
fn an_exporter_counts_what_the_worker_does() {
    check(CHECKS, 640);
}
