#!/usr/bin/env bash
# make openapi: writes openapi.json, the description of the API that the binary itself prints.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

need_rust
install_needed
cd "$ROOT"
cargo build --locked --quiet --workspace --bin runner-pilot-api </dev/null
# Not straight into the file: a failure must leave the old one whole.
description="$("$CARGO_TARGET_DIR/debug/runner-pilot-api" openapi)"
printf '%s\n' "$description" >openapi.json
say "wrote openapi.json"
