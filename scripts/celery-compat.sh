#!/usr/bin/env bash
# make celery-compat: our queue against Python's Celery, client and worker both ways, on a private Redis.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

need_rust
need_package redis-server redis-server "a private Redis for each test"
install_needed
CELERY_PYTHON="$("$ROOT/scripts/python-env.sh")"
export CELERY_PYTHON
cd "$ROOT"
cargo test --locked -p celery-redis --test python_interop </dev/null
