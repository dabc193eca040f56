# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by whoever sources this
# What every script here shares: words to the reader, where things live, and how a process that we
# started is remembered and ended. Sourced, never run.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VAR="${RUNNER_PILOT_VAR:-$ROOT/var}"
RUN="$VAR/run"
LOG="$VAR/log"
SECRETS="$VAR/secrets"
# A bare environment, such as a build machine's, may have none.
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
# Outside the tree, so that a fresh clone reuses what an earlier one built.
CACHE="${RUNNER_PILOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/runner-pilot}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CACHE/target}"

say() { printf '%s\n' "$*" >&2; }
step() { printf '\n==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND…: runs it as root, through sudo where we are not root. Never asks for a password
# when nobody is there to type one.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        die "this needs root and sudo is not available without a prompt: $*"
    fi
}

# The moment a process started (clock ticks since boot), empty when it is gone. Together with the
# pid it names one process for good: a recycled pid has another start.
started_at() {
    local stat
    stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 0
    stat="${stat##*) }" # the command name may hold spaces and brackets
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" = Z ] || printf '%s' "${20}"
}

# remember FILE PID: notes a process that we started.
remember() { printf '%s %s\n' "$2" "$(started_at "$2")" >"$1"; }

# running FILE: prints the pid noted in FILE when that very process still runs.
running() {
    local pid start
    [ -f "$1" ] || return 1
    read -r pid start <"$1" || return 1
    [ -n "${start:-}" ] && [ "$(started_at "$pid")" = "$start" ] || return 1
    printf '%s' "$pid"
}

# wait_until SECONDS COMMAND…: tries COMMAND until it succeeds; fails after SECONDS.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

not_running() { ! running "$1" >/dev/null; }

# end_process FILE NAME SECONDS [SIGNAL]: asks the noted process to stop, insists after SECONDS.
end_process() {
    local file="$1" name="$2" grace="$3" signal="${4:-TERM}" pid
    if pid="$(running "$file")"; then
        kill_as_owner "-$signal" "$pid"
        if ! wait_until "$grace" not_running "$file"; then
            warn "$name ($pid) did not stop within ${grace} s; killing it"
            kill_as_owner -KILL "$pid"
            wait_until 5 not_running "$file" || warn "$name ($pid) is still there"
        fi
        say "stopped $name ($pid)"
    fi
    rm -f "$file"
}

kill_as_owner() {
    kill "$@" 2>/dev/null || as_root kill "$@" 2>/dev/null || true
}

# free_port: prints a TCP port that nothing listens on at 127.0.0.1.
free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        if ! port_taken "$port"; then
            printf '%s' "$port"
            return 0
        fi
    done
    die "found no free port between 20000 and 32000"
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# random_base64 BYTES
random_base64() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
