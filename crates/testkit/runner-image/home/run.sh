#!/bin/bash
# Keeps the helper running, as the official run.sh does: exit code 2 starts it again, TERM and INT are passed on.
cd "$(dirname "$0")" || exit 1

if [ "$(id -u)" = 0 ] && [ -z "$RUNNER_ALLOW_RUNASROOT" ]; then
    echo "Must not run interactively with sudo"
    exit 1
fi

# A variant of the image that never gets as far as the listener.
if [ "$SIM_RUNNER_FAULT" = crash-at-start ]; then
    echo "Libicu's dependencies is missing for Dotnet Core 6.0"
    echo "Execute sudo ./bin/installdependencies.sh to install any missing Dotnet Core 6.0 dependencies."
    exit 1
fi

# The listener can't trap signals itself (it is plain std Rust), so it is told through this pipe. Opened for
# reading and writing, it never blocks and never ends.
control=$(mktemp -u "$HOME/.control.XXXXXX")
mkfifo -m 600 "$control" || exit 1
exec 3<>"$control"
rm -f "$control"

helper=
forward() {
    echo stop >&3
}
if [ -n "$RUNNER_MANUALLY_TRAP_SIG" ]; then
    trap forward INT TERM
fi

while :; do
    ./run-helper.sh "$@" <&3 &
    helper=$!
    # A signal ends `wait` with 128 + its number: that is the official image's exit code too.
    wait "$helper"
    code=$?
    if [ "$code" -eq 2 ]; then
        echo "Restarting runner..."
        continue
    fi
    echo "Exiting runner..."
    trap - INT TERM
    wait "$helper" 2>/dev/null
    exit "$code"
done
