#!/usr/bin/env bash
# make soak: 100,000 tasks through 100 rounds of kill -9, Redis restarts and cut networks (about ten minutes).
# Arguments go on to the program: scripts/soak.sh --seed 7 --rounds 10 --tasks 10000

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

need_rust
need_package redis-server redis-server "the private Redis that is killed"
install_needed
cd "$ROOT"
step "Building"
cargo build --locked --workspace --bin queue-soak </dev/null >&2
step "Soaking"
exec "$CARGO_TARGET_DIR/debug/queue-soak" run "$@"
