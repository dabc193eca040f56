#!/usr/bin/env bash
# The page. Usage: scripts/frontend.sh build|check|client
#
#   build    makes frontend/dist, which the api embeds; nothing when no source is newer than it.
#   check    lints, unit tests, the generated client against openapi.json, the size of the build.
#   client   generates the API client from openapi.json.
#
# Exit code 3: no Node that is new enough, and Debian 12 has none to install. The rest works without.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIRECTORY="$ROOT/frontend"

node_is_usable() {
    have node && have npm && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'
}

install_modules() {
    local lock mark="$DIRECTORY/node_modules/.lock-hash"
    lock="$(sha256sum "$DIRECTORY/package-lock.json" | cut -d' ' -f1)"
    [ "$(cat "$mark" 2>/dev/null)" != "$lock" ] || return 0
    say "Installing the page's libraries into $DIRECTORY/node_modules"
    npm ci --prefix "$DIRECTORY" --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2 ||
        die "npm ci failed in $DIRECTORY (its messages are above)"
    printf '%s\n' "$lock" >"$mark"
}

is_built() {
    local index="$DIRECTORY/dist/index.html"
    [ -f "$index" ] && [ -z "$(find "$DIRECTORY" \( -name node_modules -o -name dist -o -name test-results \) -prune -o -type f -newer "$index" -print -quit)" ]
}

npm_run() { (cd "$DIRECTORY" && npm run --silent "$@") </dev/null >&2; }

if ! node_is_usable; then
    say "The page needs Node 20.19 or newer (here: $(node --version 2>/dev/null || echo none)), see https://nodejs.org. The api works without it."
    exit 3
fi
case "${1:-build}" in
    build)
        if ! is_built; then
            install_modules
            say "Building the page"
            (cd "$DIRECTORY" && node_modules/.bin/vite build --logLevel warn) </dev/null >&2
        fi
        ;;
    check)
        install_modules
        npm_run lint
        npm_run client:check
        npm_run test
        npm_run build
        ;;
    client)
        install_modules
        npm_run client
        ;;
    *) die "usage: scripts/frontend.sh build|check|client" ;;
esac
