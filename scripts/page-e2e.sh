#!/usr/bin/env bash
# The page in a real browser, against everything for real: api, worker, beat, a private Redis, this
# machine's Docker engine, the simulated GitHub; on ports of their own, under a directory of their own.
# Usage: scripts/page-e2e.sh [journeys|screenshots|bench] [arguments for Playwright…]
#
#   journeys     every journey (the default).
#   screenshots  takes the pictures of docs/screenshots anew.
#   bench        prints the page's figures, with 1,000 instances, and fails over what is promised.
#
# Exit code 3: no Node that is new enough; see scripts/frontend.sh.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

what="${1:-journeys}"
[ "$#" = 0 ] || shift
case "$what" in journeys | screenshots | bench) ;; *) die "usage: scripts/page-e2e.sh [journeys|screenshots|bench] [arguments for Playwright…]" ;; esac

"$ROOT/scripts/frontend.sh" build || exit $?
[ -n "${CHROMIUM:-}" ] || need_package chromium chromium "the browser that the page is tested in"
[ "$what" != journeys ] || need_package openssl openssl "the certificates of an engine behind TLS"
[ "$what" = journeys ] || need_package sqlite3 sqlite3 "writing a large fleet into a private database"
install_needed
CHROMIUM="${CHROMIUM:-$(command -v chromium)}"
export CHROMIUM

# This system is ours alone, whatever the caller has set.
unset DATABASE_URL DATABASE_URL_FILE REDIS_URL REDIS_URL_FILE SANDBOX_GITHUB_URL BIND_ADDR PUBLIC_URL
unset GITHUB_API_URL GITHUB_URL
RUNNER_PILOT_VAR="$(mktemp -d "${TMPDIR:-/tmp}/runner-pilot-page.XXXXXX")"
export RUNNER_PILOT_VAR
export PORT DETACH=1
PORT="$(free_port)"
# The simulated GitHub is this system's usual one too: a registration token is for that, and nothing asks the internet.
mkdir -p "$RUNNER_PILOT_VAR/run"
free_port >"$RUNNER_PILOT_VAR/run/sandbox-github.port"
GITHUB_URL="http://127.0.0.1:$(cat "$RUNNER_PILOT_VAR/run/sandbox-github.port")"
export GITHUB_URL GITHUB_API_URL="$GITHUB_URL"
# A test should not wait for what happens every half minute.
export HEARTBEAT_INTERVAL_SECS=5 METRICS_INTERVAL_SECS=5 RECONCILE_INTERVAL_SECS=5 NODE_CHECK_INTERVAL_SECS=10

end() {
    local status=$?
    trap - EXIT INT TERM
    if [ "$status" != 0 ]; then
        mkdir -p "$ROOT/frontend/test-results"
        cp -r "$RUNNER_PILOT_VAR/log" "$ROOT/frontend/test-results/" 2>/dev/null || true
        warn "the processes' logs and the browser's traces are in frontend/test-results"
    fi
    "$ROOT/scripts/down.sh" >&2 || status=1
    rm -rf "$RUNNER_PILOT_VAR"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

"$ROOT/scripts/up.sh"
BASE_URL="$(cat "$RUNNER_PILOT_VAR/run/url")"
export BASE_URL
cd "$ROOT/frontend"
step "The page in $("$CHROMIUM" --version 2>/dev/null || echo "$CHROMIUM")"
node_modules/.bin/playwright test --project="$what" "$@" </dev/null
