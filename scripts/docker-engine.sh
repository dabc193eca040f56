#!/usr/bin/env bash
# Makes sure that a Docker engine answers. Usage: scripts/docker-engine.sh [start|stop|status]
#
#   start   uses the engine that answers on DOCKER_HOST (or /var/run/docker.sock); when none does,
#           starts dockerd (as root) and remembers its pid. Nothing is asked of an engine in use.
#   stop    ends the dockerd that `start` started from this checkout, and no other.
#   status  says which engine answers; exit code 1 when none does.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

PID_FILE="$RUN/dockerd.pid"
HOST="${DOCKER_HOST:-unix:///var/run/docker.sock}"

# The engine's own version, asked over its socket: the docker client may be missing or broken.
engine_version() {
    local answer
    case "$HOST" in
        unix://*) answer="$(curl -sS -m 5 --unix-socket "${HOST#unix://}" http://engine/version 2>/dev/null)" || return 1 ;;
        tcp://*)
            if [ -n "${DOCKER_TLS_VERIFY:-}" ]; then
                local certs="${DOCKER_CERT_PATH:-$HOME/.docker}"
                answer="$(curl -sS -m 5 --cacert "$certs/ca.pem" --cert "$certs/cert.pem" --key "$certs/key.pem" "https://${HOST#tcp://}/version" 2>/dev/null)" || return 1
            else
                answer="$(curl -sS -m 5 "http://${HOST#tcp://}/version" 2>/dev/null)" || return 1
            fi
            ;;
        *) die "DOCKER_HOST=$HOST is neither unix:// nor tcp://" ;;
    esac
    case "$answer" in
        *'"ApiVersion"'*) sed -n 's/.*"Version":"\([^"]*\)","ApiVersion":"\([^"]*\)".*/\1 (API \2)/p' <<<"$answer" | head -n 1 ;;
        *) return 1 ;;
    esac
}

answers() { engine_version >/dev/null; }

# Already up, or dead while starting: either way there is no reason to wait any longer.
decided() { answers || not_running "$PID_FILE"; }

start() {
    local version
    need_package curl curl "asking the Docker engine whether it answers"
    install_needed
    if version="$(engine_version)"; then
        say "A Docker engine answers on $HOST: $version. Using it."
        return 0
    fi
    [ -z "${DOCKER_HOST:-}" ] || die "DOCKER_HOST=$DOCKER_HOST is set, but no engine answers there. Start it, or unset DOCKER_HOST to let this script start one on /var/run/docker.sock."
    refuse_closed_socket
    need_package dockerd docker.io "the Docker engine that runners live on"
    install_needed
    if start_service; then
        say "Started the machine's own Docker service on $HOST: $(engine_version). systemctl stop docker ends it."
        return 0
    fi
    mkdir -p "$RUN" "$LOG"
    say "No engine answers on $HOST; starting dockerd (log: $LOG/dockerd.log)."
    clear_stale_files
    start_dockerd
    if ! wait_until 60 decided || not_running "$PID_FILE"; then
        tail -n 15 "$LOG/dockerd.log" >&2 || true
        end_process "$PID_FILE" dockerd 20
        die "dockerd did not answer within 60 s; its last lines are above. Inside a container it needs --privileged."
    fi
    say "Docker engine started on $HOST: $(engine_version), pid $(running "$PID_FILE"). scripts/docker-engine.sh stop ends it."
}

# Where systemd runs, the engine is the machine's, not ours.
start_service() {
    [ -d /run/systemd/system ] && have systemctl || return 1
    as_root systemctl start docker >&2 || return 1
    wait_until 30 answers && return 0
    refuse_closed_socket
    return 1
}

# Another engine beside one that only its group may use would help nobody.
refuse_closed_socket() {
    if [ -S /var/run/docker.sock ] && [ ! -w /var/run/docker.sock ]; then
        die "/var/run/docker.sock exists, but $(id -un) may not use it. Add yourself to its group (sudo usermod -aG docker $(id -un), then sign in again), or run as root."
    fi
}

# A dockerd that was killed leaves pid files behind, which make the next one give up.
clear_stale_files() {
    local file
    for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
        if [ -f "$file" ] && [ -z "$(started_at "$(cat "$file")")" ]; then
            as_root rm -f "$file"
        fi
    done
}

start_dockerd() {
    # The engine is for whoever starts it: through sudo it would else be root's and the group docker's alone.
    local group=()
    id -nG | tr ' ' '\n' | grep -qx docker || group=(--group "$(id -gn)")
    # shellcheck disable=SC2016 # the inner shell expands them
    as_root env PATH="$PATH:/usr/sbin:/sbin" setsid bash -c '
        log="$1"; pidfile="$2"; shift 2
        exec </dev/null >>"$log" 2>&1
        dockerd "$@" &
        echo $! >"$pidfile.new"' engine "$LOG/dockerd.log" "$PID_FILE" --host "$HOST" "${group[@]}"
    remember "$PID_FILE" "$(cat "$PID_FILE.new")"
    rm -f "$PID_FILE.new"
}

case "${1:-start}" in
    start) start ;;
    stop)
        # dockerd stops its containers first; each may take its own grace.
        if running "$PID_FILE" >/dev/null; then end_process "$PID_FILE" dockerd 60; else say "This checkout started no Docker engine."; fi
        ;;
    status)
        if version="$(engine_version)"; then say "A Docker engine answers on $HOST: $version."; else
            say "No Docker engine answers on $HOST."
            exit 1
        fi
        ;;
    *) die "usage: scripts/docker-engine.sh [start|stop|status]" ;;
esac
