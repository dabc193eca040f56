#!/usr/bin/env bash
# make bench: the figures that the project promises, each as a ratio against a peer measured in the same
# run. Builds in release mode; ends with the table that crates/testkit/src/bin/bench prints, the queue's idle
# latency, and the page's figures in a browser. Ends with 1 if a figure is out of its bound.

export PROFILE=release
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
source "$(dirname "${BASH_SOURCE[0]}")/build.sh"

install_test_parts
"$ROOT/scripts/docker-engine.sh" start
step "Building"
build_binaries
(cd "$ROOT" && cargo build --locked --release --workspace --example conformance --example queue_bench) </dev/null >&2
# All is measured, whatever misses its bound.
missed=0
"$BIN/bench" "$@" || missed=1
"$BIN/examples/queue_bench" --idle 3 || missed=1
status=0
"$ROOT/scripts/page-e2e.sh" bench || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ] || missed=1
exit "$missed"
