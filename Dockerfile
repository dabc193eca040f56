# syntax=docker/dockerfile:1
# Untested where it was written: no registry could be reached there to pull the two base images from.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    CARGO_TARGET_DIR=/target cargo build --locked --release \
      -p runner-pilot-api -p runner-pilot-worker -p runner-pilot-beat \
 && install -D -t /out /target/release/runner-pilot-api /target/release/runner-pilot-worker /target/release/runner-pilot-beat

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /usr/local/bin/
# Each thread's own arena would keep memory that password hashing has freed.
ENV MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=262144 \
    LOG_FORMAT=json \
    BIND_ADDR=0.0.0.0:8000
USER 1000:1000
EXPOSE 8000
CMD ["runner-pilot-api"]
