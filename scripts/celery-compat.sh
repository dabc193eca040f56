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

# Both ways build with the features of the whole workspace, as everything else here does: `cargo test -p` would choose
# others and compile all dependencies anew. Of its test binaries, only those of the crate and the units are built.
TARGETS=(--lib)
for file in crates/celery-redis/tests/*.rs; do
    TARGETS+=(--test "$(basename "$file" .rs)")
done

run_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --workspace "${TARGETS[@]}" --no-fail-fast --color never -E 'package(celery-redis)' \
            </dev/null 2>&1
        return
    fi
    local binaries binary
    binaries="$(cargo test --locked --workspace "${TARGETS[@]}" --no-run --message-format json </dev/null |
        scripts/celery-compat-table.py --binaries)" || return
    cd crates/celery-redis || return
    while read -r binary; do
        # One failure must not keep the others from being run; the table tells of it.
        "$binary" </dev/null || true
    done <<<"$binaries"
}

# The table decides how this ends, and must be written after a failure, too.
set +e
run_tests | scripts/celery-compat-table.py
