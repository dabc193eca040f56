#!/usr/bin/env bash
# make e2e: the main job from outside, on SQLite and on PostgreSQL, the README's first runner, the other tests of the
# whole, and the page in a browser: all three binaries as processes, a private Redis, a real Docker engine, a
# simulated GitHub.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

install_test_parts
"$ROOT/scripts/docker-engine.sh" start
cd "$ROOT"
step "Building"
cargo build --locked --workspace --all-targets </dev/null
step "End to end"
cargo test --locked --workspace --test main_job --test readme --test whole </dev/null
step "The page"
status=0
scripts/page-e2e.sh journeys || status=$?
[ "$status" != 3 ] || say "The page was not tested: Node 20.19 or newer is not installed."
[ "$status" = 0 ] || [ "$status" = 3 ]
