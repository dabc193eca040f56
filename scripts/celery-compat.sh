#!/usr/bin/env bash
# make celery-compat: our queue against Python's Celery, client and worker both ways, on a private Redis.
# Writes docs/celery-compatibility.md from the results.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

need_rust
need_package redis-server redis-server "a private Redis for each test"
install_needed
CELERY_PYTHON="$("$ROOT/scripts/python-env.sh")"
export CELERY_PYTHON
cd "$ROOT"
# One failure must not keep the table from being written: it decides how this ends.
set +e
cargo test --locked -p celery-redis --no-fail-fast --lib --tests </dev/null | scripts/celery-compat-table.py
