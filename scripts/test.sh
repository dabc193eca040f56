#!/usr/bin/env bash
# make test: everything that can be tested, on this machine alone. Also what .ci/run calls.
#
# Installs what the tests need, then: format, lints, build, every test on the real parts (private Redis,
# SQLite, PostgreSQL, a Docker engine). Ends with what was done and how long it took.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

SUMMARY=()
NOT_TESTED=()

# timed TITLE COMMAND…: runs COMMAND, remembers how long it took, and ends everything when it fails. A
# function that is run so must return its own status: bash does not end it at the first failure.
timed() {
    local title="$1" begin="$SECONDS"
    shift
    step "$title"
    "$@" </dev/null || {
        summary
        die "$title failed; its messages are above"
    }
    SUMMARY+=("$(printf '%5s s  %s' "$((SECONDS - begin))" "$title")")
}

summary() {
    say ""
    [ "${#SUMMARY[@]}" = 0 ] || printf '%s\n' "${SUMMARY[@]}" >&2
}

# Debian 12 has no Node that is new enough; that is said, not hidden.
check_page() {
    local status=0
    scripts/frontend.sh check || status=$?
    [ "$status" != 3 ] || NOT_TESTED+=("the page: Node 20.19 or newer is not installed")
    [ "$status" = 0 ] || [ "$status" = 3 ]
}

# The same where there is no Node; anything else that fails is a failure.
check_journeys() {
    local status=0
    scripts/page-e2e.sh journeys || status=$?
    [ "$status" = 0 ] || [ "$status" = 3 ]
}

run_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        # nextest leaves out the examples in the documentation.
        cargo nextest run --locked --workspace --no-fail-fast && cargo test --locked --workspace --doc --quiet
    else
        cargo test --locked --workspace --no-fail-fast
    fi
}

cd "$ROOT"
timed "installing what is missing" install_test_parts
timed "Docker engine" scripts/docker-engine.sh start
step "Python with Celery"
CELERY_PYTHON="$(scripts/python-env.sh)"
export CELERY_PYTHON
timed "GitHub contract proxy" scripts/github-contract-env.sh
timed "page" check_page
timed "format, scripts, lints" scripts/lint.sh
# Tests start the binaries as processes and find them where this puts them.
timed "build" cargo build --locked --workspace --all-targets
timed "tests" run_tests
timed "make up and make down" scripts/up-test.sh
timed "page in a browser" check_journeys

summary
[ "${#NOT_TESTED[@]}" = 0 ] || printf 'not tested: %s\n' "${NOT_TESTED[@]}" >&2
say "All tests passed in $((SECONDS / 60)) min $((SECONDS % 60)) s."
if running "$RUN/dockerd.pid" >/dev/null; then say "The Docker engine that was started stays; scripts/docker-engine.sh stop ends it."; fi
