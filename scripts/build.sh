# shellcheck shell=bash
# Builds our binaries. Sourced after lib.sh and install.sh.

# Debug by default: on two cores a release build of all dependencies takes about twice as long, and the
# first minutes of a newcomer matter more here than speed. PROFILE=release for the other.
PROFILE="${PROFILE:-debug}"
case "$PROFILE" in
    debug) PROFILE_FLAGS=() ;;
    release) PROFILE_FLAGS=(--release) ;;
    *) die "PROFILE is $PROFILE; it can be debug or release" ;;
esac
BIN="$CARGO_TARGET_DIR/$PROFILE"

build_binaries() {
    need_rust
    install_needed
    mkdir -p "$CARGO_TARGET_DIR"
    if [ ! -x "$BIN/runner-pilot-api" ]; then
        say "This is the first build ($PROFILE): about 450 crates, some ten minutes on two cores. Later builds take seconds."
    fi
    # The whole workspace, so that the tests reuse what is built here.
    (cd "$ROOT" && cargo build --locked --workspace --bins "${PROFILE_FLAGS[@]}") </dev/null >&2 ||
        die "the build failed; the compiler's messages are above"
}
