#!/bin/bash
# Registers (or, with `remove`, deregisters) the runner; all options are the listener's.
cd "$(dirname "$0")" || exit 1

if [ "$(id -u)" = 0 ] && [ -z "$RUNNER_ALLOW_RUNASROOT" ]; then
    echo "Must not run with sudo"
    exit 1
fi

if [ "$1" = remove ]; then
    shift
    exec ./bin/Runner.Listener remove "$@"
fi
exec ./bin/Runner.Listener configure "$@"
