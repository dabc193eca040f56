//! Checks 18 to 45: that a Python client is served by our worker, alone and beside Python's: real Celery 5.7.
//!
//! What is checked stands in `python/client_checks.py` and `python/canvas_checks.py`, under the same numbers.
//! `CELERY_PYTHON` names the interpreter; `scripts/python-env.sh` makes it.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::python::check;

const CALLS: &str = "client_checks.py";
const WORKFLOWS: &str = "canvas_checks.py";

#[test]
fn check_04_values_survive_the_way_from_python_to_rust() {
    check(CALLS, 4);
}

#[test]
fn what_json_cannot_say_of_pythons_numbers_is_null_or_a_fraction_or_refused() {
    check(CALLS, "extreme-numbers");
}

#[test]
fn check_18_a_result_comes_back() {
    check(CALLS, 18);
}

#[test]
fn check_19_arguments_follow_pythons_rules() {
    check(CALLS, 19);
}

#[test]
fn check_20_an_unknown_task_fails_as_not_registered() {
    check(CALLS, 20);
}

#[test]
fn check_21_an_exception_arrives_with_arguments_and_traceback() {
    check(CALLS, 21);
}

#[test]
fn check_22_an_ignored_result_leaves_no_key() {
    check(CALLS, 22);
}

#[test]
fn check_24_a_retry_is_visible_keeps_its_id_and_ends_in_success() {
    check(CALLS, 24);
}

#[test]
fn check_25_used_up_retries_fail_with_the_passed_exception() {
    check(CALLS, 25);
}

#[test]
fn check_26_a_countdown_is_exact_and_stays_in_the_ledger() {
    check(CALLS, 26);
}

#[test]
fn check_27_every_form_of_eta_is_understood() {
    check(CALLS, 27);
}

#[test]
fn check_28_an_expired_call_is_revoked_and_told_so() {
    check(CALLS, 28);
}

#[test]
fn check_29_time_limits_may_be_fractions_and_end_a_task() {
    check(CALLS, 29);
}

#[test]
fn check_32_a_compressed_message_is_read() {
    check(CALLS, 32);
}

#[test]
fn check_33_a_message_of_protocol_1_is_executed() {
    check(CALLS, 33);
}

#[test]
fn check_35_chains_of_ours_and_mixed_ones_keep_their_root() {
    check(WORKFLOWS, 35);
}

#[test]
fn check_36_a_failing_chain_fails_all_that_follows() {
    check(WORKFLOWS, 36);
}

#[test]
fn check_37_children_are_what_a_task_sent_and_what_is_linked() {
    check(WORKFLOWS, 37);
}

#[test]
fn check_38_an_errback_gets_the_failed_id_first() {
    check(WORKFLOWS, 38);
}

#[test]
fn check_39_twenty_chords_of_fifty_are_shared_with_a_python_worker() {
    check(WORKFLOWS, 39);
}

#[test]
fn check_40_a_failing_member_fails_the_body_and_tells_its_errback() {
    check(WORKFLOWS, 40);
}

#[test]
fn check_41_we_take_every_position_of_a_workflow() {
    check(WORKFLOWS, 41);
}

#[test]
fn check_42_a_member_counts_once_whatever_it_is() {
    check(WORKFLOWS, 42);
}

#[test]
fn check_43_a_chord_member_delivered_twice_counts_once() {
    check(WORKFLOWS, 43);
}

#[test]
fn check_44_stamps_travel_with_signatures() {
    check(WORKFLOWS, 44);
}
