#!/usr/bin/env bash
# Tests `make up` and `make down`, with everything under a directory of its own: what they leave on the disk and
# for whom, that a second `make up` starts nothing, that Ctrl-C ends what it started, and that a process that
# somebody else started outlives both.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

# Not one that `make up` would have to start, and `make down` to stop.
"$ROOT/scripts/docker-engine.sh" start

PARTS=(redis sandbox-github api worker beat)

# This system is ours alone, whatever the caller has set.
unset DATABASE_URL DATABASE_URL_FILE REDIS_URL REDIS_URL_FILE SANDBOX_GITHUB_URL BIND_ADDR PUBLIC_URL DETACH
VAR="$(mktemp -d "${TMPDIR:-/tmp}/runner-pilot-up.XXXXXX")"
RUN="$VAR/run"
SECRETS="$VAR/secrets"
export RUNNER_PILOT_VAR="$VAR" PORT
PORT="$(free_port)"
BYSTANDER=""
TERMINAL=""

# Said again below the logs that explain it: the end of a long run's output is what people see.
FAILED="the last step above"
die() {
    printf 'error: %s\n' "$*" >&2
    FAILED="$*"
    exit 1
}

end() {
    local status=$?
    trap - EXIT INT TERM
    if [ "$status" != 0 ]; then
        tail -n 20 "$VAR"/log/*.log "$VAR"/*.out >&2 || true
        printf 'failed: %s\n' "$FAILED" >&2
    fi
    "$ROOT/scripts/down.sh" >/dev/null 2>&1 || true
    for pid in $TERMINAL $BYSTANDER; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$VAR"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

pids() { for part in "${PARTS[@]}"; do running "$RUN/$part.pid" || die "$part does not run"; printf ' '; done; }
answers() { curl -sf -m 5 -o /dev/null "$(cat "$RUN/url" 2>/dev/null)/readyz"; }
all_gone() { for pid in "$@"; do [ -z "$(started_at "$pid")" ] || return 1; done; }

# Like one of ours, but not ours.
bystander_answers() { [ "$(redis-cli -s "$VAR/bystander.sock" ping 2>/dev/null)" = PONG ]; }
need_package redis-server redis-server "the task queue, and a bystander"
need_package script bsdutils "a terminal to press Ctrl-C on"
install_needed
redis-server --port 0 --unixsocket "$VAR/bystander.sock" --save "" --dir "$VAR" >"$VAR/bystander.out" 2>&1 &
BYSTANDER=$!
wait_until 20 bystander_answers || die "the bystander did not start"

step "make up, with nobody at a terminal"
"$ROOT/scripts/up.sh" </dev/null
answers || die "nothing answers at $(cat "$RUN/url")"
first="$(pids)"
[ "$(stat -c %a "$VAR")" = 700 ] || die "$VAR is for others too: $(stat -c %a "$VAR")"
[ -s "$SECRETS/encryption_key" ] || die "there is no encryption key"
open="$(find "$SECRETS" -type f -not -perm 600)"
[ -z "$open" ] || die "secrets that others may read: $open"

step "make up again"
begin=$SECONDS
"$ROOT/scripts/up.sh" </dev/null
[ "$(pids)" = "$first" ] || die "the second start replaced something"
[ "$((SECONDS - begin))" -le 20 ] || die "the second start took $((SECONDS - begin)) s"

step "make down"
"$ROOT/scripts/down.sh"
# shellcheck disable=SC2086
all_gone $first || die "something that was started is left: $first"
bystander_answers || die "a process that was there before is gone"
"$ROOT/scripts/docker-engine.sh" status || die "the engine that was there before is gone"

step "make up on a terminal, and Ctrl-C"
mkfifo "$VAR/keys"
# What a shell starts in the background ignores Ctrl-C, and so would all that it starts. `script` runs the command
# by a shell ($SHELL, or sh) that gets the Ctrl-C too: it gives way, or its end (130) would be taken for that of make up.
env --default-signal=INT,QUIT script --quiet --return --command "exec '$ROOT/scripts/up.sh'" /dev/null \
    <"$VAR/keys" >"$VAR/terminal.out" 2>&1 &
TERMINAL=$!
exec 9>"$VAR/keys"
wait_until 120 answers || die "nothing answers"
waits() { grep -q "Ctrl-C" "$VAR/terminal.out"; }
wait_until 60 waits || die "it does not say how to end it"
second="$(pids)"
printf '\003' >&9
ended() { [ -z "$(started_at "$TERMINAL")" ]; }
wait_until 90 ended || die "Ctrl-C does not end it"
wait "$TERMINAL" || die "it ended with $?"
TERMINAL=""
exec 9>&-
# shellcheck disable=SC2086
all_gone $second || die "something that was started is left: $second"
bystander_answers || die "a process that was there before is gone"
say "make up and make down do what they say."
