#!/usr/bin/env bash
# make lint: formatting and lints, without running any test.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

need_rust
need_package shellcheck shellcheck "checking the scripts"
install_needed
cd "$ROOT"
step "cargo fmt"
cargo fmt --all --check || die "formatting differs; make fmt mends it"
step "shellcheck"
shellcheck --external-sources --source-path=SCRIPTDIR scripts/*.sh .ci/run
step "cargo clippy"
cargo clippy --locked --workspace --all-targets -- -D warnings
