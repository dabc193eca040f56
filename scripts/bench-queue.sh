#!/usr/bin/env bash
# make bench-queue: our queue beside Python's Celery, celery-rs on its own broker and bare Redis commands, all
# measured in one run on one private Redis. Writes docs/queue-benchmark.md; about five minutes.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

need_rust
need_package redis-server redis-server "the private Redis that everybody is measured on"
install_needed
CELERY_PYTHON="$("$ROOT/scripts/python-env.sh")"
export CELERY_PYTHON
cd "$ROOT"
step "Building (release)"
cargo build --locked --release -p celery-redis --example conformance --example celery_rs_worker --example queue_bench </dev/null >&2
step "Measuring"
exec "$CARGO_TARGET_DIR/release/examples/queue_bench" "$@"
