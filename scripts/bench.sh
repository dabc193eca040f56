#!/usr/bin/env bash
# make bench: the figures that the project promises, each as a ratio against a peer measured in the same
# run. Builds in release mode; ends with the table that crates/testkit/src/bin/bench prints, and the page's
# figures in a browser.

export PROFILE=release
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
source "$(dirname "${BASH_SOURCE[0]}")/build.sh"

install_test_parts
"$ROOT/scripts/docker-engine.sh" start
step "Building"
build_binaries
"$BIN/bench" "$@"
status=0
"$ROOT/scripts/page-e2e.sh" bench || status=$?
[ "$status" = 0 ] || [ "$status" = 3 ]
