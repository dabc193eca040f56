#!/usr/bin/env bash
# make e2e: the main job from outside, on SQLite and on PostgreSQL, and the README's first runner: all
# three binaries as processes, a private Redis, a real Docker engine, a simulated GitHub.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

install_test_parts
"$ROOT/scripts/docker-engine.sh" start
cd "$ROOT"
step "Building"
cargo build --locked --workspace --all-targets </dev/null
step "End to end"
cargo test --locked -p testkit --test main_job --test readme </dev/null
