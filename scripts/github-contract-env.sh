#!/usr/bin/env bash
# Installs the proxy that holds our GitHub client and our simulated GitHub against GitHub's own API
# description. Does nothing when its lock file has not changed since.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

DIRECTORY="$ROOT/crates/testkit/github-contract"

need_package node nodejs "the proxy that knows GitHub's API description"
need_package npm npm "the same"
install_needed

lock="$(sha256sum "$DIRECTORY/package-lock.json" | cut -d' ' -f1)"
mark="$DIRECTORY/node_modules/.lock-hash"
if [ "$(cat "$mark" 2>/dev/null)" != "$lock" ]; then
    say "Installing the GitHub contract proxy into $DIRECTORY/node_modules"
    npm ci --prefix "$DIRECTORY" --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2 ||
        die "npm ci failed in $DIRECTORY (its messages are above)"
    printf '%s\n' "$lock" >"$mark"
fi
