#!/usr/bin/env bash
# Makes the secrets that compose.yml reads, in var/secrets/compose. Those that exist stay as they are:
# another key could not open what is stored.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIRECTORY="$SECRETS/compose"
umask 077
mkdir -p "$DIRECTORY"

# keep FILE COMMAND…: fills FILE with what COMMAND prints, once.
keep() {
    local file="$DIRECTORY/$1"
    shift
    [ -s "$file" ] || "$@" >"$file"
}

password() { random_base64 24 | tr -d '+/='; }

keep jwt_secret random_base64 48
keep encryption_key random_base64 32
keep postgres_password password
keep redis_password password
keep database_url printf 'postgres://runner_pilot:%s@postgres:5432/runner_pilot' "$(cat "$DIRECTORY/postgres_password")"
keep redis_url printf 'redis://:%s@redis:6379/0' "$(cat "$DIRECTORY/redis_password")"
say "Secrets for compose.yml are in $DIRECTORY. The containers must run as the user who owns them:"
say "  export RUNNER_PILOT_UID=$(id -u) RUNNER_PILOT_GID=$(id -g) DOCKER_GID=$(stat -c %g /var/run/docker.sock 2>/dev/null || echo 999)"
