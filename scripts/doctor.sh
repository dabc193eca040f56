#!/usr/bin/env bash
# make doctor: what is right and wrong with this machine and this installation, and how to mend it.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

PROBLEMS=0
good() { say "  ok    $*"; }
bad() {
    say "  FAIL  $1"
    say "        $2"
    PROBLEMS=$((PROBLEMS + 1))
}

check_command() {
    if PATH="$PATH:/usr/sbin:/sbin" have "$1"; then good "$1 is installed"; else bad "$1 is not installed" "$2"; fi
}

step "This machine"
check_command cargo "Install Rust from https://rustup.rs; rust-toolchain.toml names the version."
check_command cc "make up installs gcc, or: apt-get install gcc libc6-dev"
check_command redis-server "make up installs it, or: apt-get install redis-server"
if "$ROOT/scripts/docker-engine.sh" status 2>/dev/null; then good "a Docker engine answers"; else
    bad "no Docker engine answers" "scripts/docker-engine.sh start (make up does so)"
fi
free_gib=$(($(df -Pk "$ROOT" | awk 'NR == 2 { print $4 }') / 1048576))
if [ "$free_gib" -ge 5 ]; then good "$free_gib GiB of disk are free"; else
    bad "only $free_gib GiB of disk are free" "A build needs about 5 GiB in $CARGO_TARGET_DIR."
fi
for directory in "$VAR" "$SECRETS"; do
    if [ -d "$directory" ] && [ "$(stat -c %a "$directory")" != 700 ]; then
        bad "others may read $directory" "chmod 700 $directory"
    fi
done

step "What make up started"
for name in redis sandbox-github api worker beat; do
    if pid="$(running "$RUN/$name.pid")"; then good "$name runs (pid $pid)"; else
        say "  --    $name does not run"
    fi
done

api="$CARGO_TARGET_DIR/debug/runner-pilot-api"
[ ! "$CARGO_TARGET_DIR/release/runner-pilot-api" -nt "$api" ] || api="$CARGO_TARGET_DIR/release/runner-pilot-api"
if [ ! -x "$api" ]; then
    say "  --    nothing is built yet, so settings, database and Redis were not checked; make up builds"
elif [ ! -s "$SECRETS/jwt_secret" ] && [ -z "${JWT_SECRET:-}${JWT_SECRET_FILE:-}" ]; then
    say "  --    there are no settings yet, so database and Redis were not checked; make up makes them"
else
    step "Settings, database and Redis"
    for secret in jwt_secret encryption_key redis_url; do
        variable="$(tr '[:lower:]' '[:upper:]' <<<"$secret")_FILE"
        if [ -s "$SECRETS/$secret" ]; then default "$variable" "$SECRETS/$secret"; fi
    done
    if [ -s "$RUN/url" ]; then
        default PUBLIC_URL "$(cat "$RUN/url")"
        default BIND_ADDR "${PUBLIC_URL#*://}"
    fi
    "$api" doctor </dev/null || PROBLEMS=$((PROBLEMS + 1))
fi

if [ "$PROBLEMS" = 0 ]; then say "" && say "Nothing is wrong."; else
    say ""
    die "$PROBLEMS check(s) failed"
fi
