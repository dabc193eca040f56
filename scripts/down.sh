#!/usr/bin/env bash
# make down: stops exactly what `make up` started from this checkout, in the order in which nothing is
# lost: no new ticks, no new tasks, no new requests, then what they stood on. Data under var/ stays.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

end_process "$RUN/beat.pid" beat 10
# A worker gives back what it had not started and finishes the rest.
end_process "$RUN/worker.pid" worker 40
end_process "$RUN/api.pid" api 15
end_process "$RUN/sandbox-github.pid" sandbox-github 5
end_process "$RUN/redis.pid" redis 10
rm -f "$RUN/url"

if [ -f "$RUN/engine-by-up" ]; then
    "$ROOT/scripts/docker-engine.sh" stop
    rm -f "$RUN/engine-by-up"
elif have docker; then
    # A stopped control plane must not end jobs: the runners go on, and the next start finds them.
    left="$(docker ps --quiet --filter label=runner-pilot.install 2>/dev/null | wc -l)" || left=0
    [ "$left" = 0 ] || say "Runner containers still run on this engine ($left, of whichever installation); the next make up finds its own. To see them: docker ps --filter label=runner-pilot.install"
fi
