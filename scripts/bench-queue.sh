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
# The whole workspace's features, so that what other builds made is reused.
cargo build --locked --release --workspace --example conformance --example celery_rs_worker --example queue_bench </dev/null >&2
step "Measuring"
exec "$CARGO_TARGET_DIR/release/examples/queue_bench" "$@"
