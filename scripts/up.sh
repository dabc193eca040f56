#!/usr/bin/env bash
# make up: everything that Runner Pilot needs, on this machine, under var/.
#
# Installs what is missing, builds, starts a private Redis, the simulated GitHub, api, worker and beat on
# a SQLite file, and prints the address. On a terminal it stays until Ctrl-C; otherwise (or with
# DETACH=1) it returns when everything is ready. `make down` stops exactly what it started.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
source "$(dirname "${BASH_SOURCE[0]}")/build.sh"

# start NAME READY COMMAND…: starts COMMAND in the background, apart from this terminal, and waits until
# READY succeeds.
start() {
    local name="$1" ready="$2" file="$RUN/$1.pid"
    shift 2
    if running "$file" >/dev/null; then return 0; fi
    : >"$LOG/$name.log"
    # Ctrl-C goes to this script, which stops them in order.
    setsid "$@" </dev/null >>"$LOG/$name.log" 2>&1 &
    remember "$file" "$!"
    disown "$!"
    ready_or_gone() { "$ready" || not_running "$file"; }
    if ! wait_until 90 ready_or_gone || not_running "$file"; then
        say "The end of $LOG/$name.log:"
        tail -n 20 "$LOG/$name.log" >&2
        die "$name did not start"
    fi
    say "started $name (pid $(running "$file"), log $LOG/$name.log)"
}

redis_ready() { [ "$(REDISCLI_AUTH="$(cat "$SECRETS/redis_password")" redis-cli -p "$(cat "$RUN/redis.port")" ping 2>/dev/null)" = PONG ]; }
sandbox_ready() { port_taken "$sandbox_port"; }
api_ready() { curl -sf -m 5 -o /dev/null "http://$BIND_ADDR/readyz"; }
worker_ready() { grep -q "worker ready" "$LOG/worker.log"; }
beat_ready() { grep -q "beat ready" "$LOG/beat.log"; }

# kept_port NAME: the port that NAME had last time, or a free one. Runners that are still up keep asking
# the same address.
kept_port() {
    local file="$RUN/$1.port"
    if [ ! -s "$file" ] || port_taken "$(cat "$file")"; then free_port >"$file"; fi
    cat "$file"
}

choose_address() {
    if [ -n "${BIND_ADDR:-}" ]; then
        port_taken "${BIND_ADDR##*:}" && die "BIND_ADDR is $BIND_ADDR, but something already listens there"
    else
        local port="${PORT:-8000}"
        if port_taken "$port"; then
            [ -z "${PORT:-}" ] || die "PORT is $PORT, but something already listens there"
            port="$(free_port)"
            say "Port 8000 is taken; using $port. PORT=… chooses another."
        fi
        export BIND_ADDR="127.0.0.1:$port"
    fi
    default PUBLIC_URL "http://$BIND_ADDR"
    printf '%s\n' "$PUBLIC_URL" >"$RUN/url"
}

start_engine() {
    # Known before, so that `make down` stops the engine only when it was started here.
    local mine_before=""
    running "$RUN/dockerd.pid" >/dev/null && mine_before=yes
    if ! "$ROOT/scripts/docker-engine.sh" start; then
        warn "no Docker engine: page and API work, but runners cannot start on this machine"
        return 0
    fi
    if [ -z "$mine_before" ] && running "$RUN/dockerd.pid" >/dev/null; then touch "$RUN/engine-by-up"; fi
    build_runner_image
}

# The sandbox needs an image, and none can be pulled from a registry that may be out of reach.
build_runner_image() {
    local log="$LOG/sandbox-runner-image.log"
    if "$BIN/sandbox-runner-image" >"$log" 2>&1; then say "simulated runner image: $(tail -n 1 "$log")"; else
        warn "the simulated runner image could not be built (see $log)"
    fi
}

start_redis() {
    [ -s "$SECRETS/redis_password" ] || (umask 077 && random_base64 24 | tr -d '+/=' >"$SECRETS/redis_password")
    if ! running "$RUN/redis.pid" >/dev/null; then
        mkdir -p "$VAR/redis"
        redis_port="$(kept_port redis)"
        # A file, not arguments: those can be read by anybody on this machine.
        (umask 077 && cat >"$SECRETS/redis.conf" <<CONF
bind 127.0.0.1
port $redis_port
requirepass $(cat "$SECRETS/redis_password")
dir $VAR/redis
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
CONF
        )
    fi
    start redis redis_ready redis-server "$SECRETS/redis.conf"
    (umask 077 && printf 'redis://:%s@127.0.0.1:%s/0\n' "$(cat "$SECRETS/redis_password")" "$(cat "$RUN/redis.port")" >"$SECRETS/redis_url")
    export REDIS_URL_FILE="$SECRETS/redis_url"
}

start_sandbox() {
    if ! running "$RUN/sandbox-github.pid" >/dev/null; then kept_port sandbox-github >/dev/null; fi
    sandbox_port="$(cat "$RUN/sandbox-github.port")"
    start sandbox-github sandbox_ready "$BIN/sandbox-github" --bind "127.0.0.1:$sandbox_port" --state-file "$VAR/sandbox-github.json"
    default SANDBOX_GITHUB_URL "http://127.0.0.1:$sandbox_port"
}

tell() {
    local url
    url="$(cat "$RUN/url")"
    cat >&2 <<TEXT

Runner Pilot is up:  $url
  API description    $url/docs
  logs               $LOG
  stop               ${stop_with}

Next: a first user, this machine's Docker engine as a node, a runner. The sandbox GitHub needs no account.
README.md, "The first runner in five minutes", has it step by step.
TEXT
}

stop_all() {
    trap '' INT TERM
    say ""
    "$ROOT/scripts/down.sh"
    exit "${1:-0}"
}

failed() { [ "$1" = 0 ] || stop_all "$1"; }

stays() { [ -z "${DETACH:-}" ] && [ -t 0 ] && [ -t 1 ]; }

main() {
    stop_with="make down"
    interrupted=130
    prepare_directories
    if running "$RUN/api.pid" >/dev/null && running "$RUN/worker.pid" >/dev/null && running "$RUN/beat.pid" >/dev/null; then
        say "It already runs."
        tell
        return 0
    fi
    need_package curl curl "asking whether the parts answer"
    need_package redis-server redis-server "the task queue, started privately"
    need_file /bin/busybox busybox-static "the simulated runner image, which no registry is needed for"
    install_needed
    step "Building"
    # Embedded by the api; without it the api shows a page that says so.
    "$ROOT/scripts/frontend.sh" build || warn "the page is left out"
    build_binaries
    # From here on something may run; a failure or Ctrl-C must not leave half of it behind.
    trap 'stop_all "$interrupted"' INT TERM
    trap 'failed "$?"' EXIT
    default_secret JWT_SECRET "$SECRETS/jwt_secret" random_base64 48
    default_secret ENCRYPTION_KEY "$SECRETS/encryption_key" random_base64 32
    step "Docker engine"
    start_engine
    step "Starting"
    if [ -z "${REDIS_URL:-}${REDIS_URL_FILE:-}" ]; then start_redis; fi
    start_sandbox
    "$BIN/runner-pilot-api" migrate >>"$LOG/migrate.log" 2>&1 || {
        tail -n 20 "$LOG/migrate.log" >&2
        die "the database could not be migrated"
    }
    running "$RUN/api.pid" >/dev/null || choose_address
    start api api_ready "$BIN/runner-pilot-api"
    start worker worker_ready "$BIN/runner-pilot-worker"
    start beat beat_ready "$BIN/runner-pilot-beat"
    if stays; then
        stop_with="Ctrl-C (or make down)"
        # From here on Ctrl-C is the way to end it, not a failure: before it is said, for whoever is quick.
        interrupted=0
    fi
    tell
    if stays; then
        while sleep 1; do
            for name in api worker beat; do
                not_running "$RUN/$name.pid" || continue
                # `make down` in another terminal removes the files as well.
                [ -f "$RUN/$name.pid" ] || exit 0
                tail -n 20 "$LOG/$name.log" >&2
                die "$name ended by itself; its last lines are above"
            done
        done
    fi
}

main "$@"
