#!/usr/bin/env bash
# make bench: the figures that the project promises, each as a ratio against a peer measured in the same
# run. Builds in release mode; ends with the table that crates/testkit/src/bin/bench prints.

export PROFILE=release
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
source "$(dirname "${BASH_SOURCE[0]}")/build.sh"

install_test_parts
"$ROOT/scripts/docker-engine.sh" start
step "Building"
build_binaries
exec "$BIN/bench" "$@"
