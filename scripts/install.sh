# shellcheck shell=bash
# Installs Debian packages, only those that are missing, and says so first. Sourced after lib.sh.
#
#   need_package redis-server redis-server "the task queue"
#   install_needed

MISSING_PACKAGES=()
MISSING_REASONS=()

# need_package COMMAND PACKAGE WHY: notes PACKAGE when COMMAND is neither on the PATH nor in sbin.
need_package() {
    if ! PATH="$PATH:/usr/sbin:/sbin" have "$1"; then
        MISSING_PACKAGES+=("$2")
        MISSING_REASONS+=("  $2: $3")
    fi
}

# need_file PATTERN PACKAGE WHY: the same for a package that puts no command on the PATH.
need_file() {
    compgen -G "$1" >/dev/null || {
        MISSING_PACKAGES+=("$2")
        MISSING_REASONS+=("  $2: $3")
    }
}

# install_needed: installs what was noted. Without a prompt, in one transaction.
install_needed() {
    [ "${#MISSING_PACKAGES[@]}" -gt 0 ] || return 0
    step "These Debian packages are missing and will be installed:"
    printf '%s\n' "${MISSING_REASONS[@]}" >&2
    have apt-get || die "this is not Debian or Ubuntu (no apt-get). Install these yourself, then run the command again: ${MISSING_PACKAGES[*]}"
    if [ "$(id -u)" != 0 ] && ! have sudo; then
        die "installing needs root and there is no sudo. As root: apt-get install -y ${MISSING_PACKAGES[*]}"
    fi
    if ! apt_install; then
        say "The package lists may be old; refreshing them."
        as_root apt-get update -q >&2 || die "apt-get update failed (no network, or another apt is running?)"
        apt_install || die "apt-get could not install: ${MISSING_PACKAGES[*]} (its messages are above)"
    fi
    MISSING_PACKAGES=()
    MISSING_REASONS=()
}

apt_install() {
    # Installing must not start services: Redis and PostgreSQL are run privately, on ports of their own.
    # Debian asks this file before it starts one (invoke-rc.d(8)); it goes away again.
    local policy=/usr/sbin/policy-rc.d mine="" status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy"
        mine=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Use-Pty=0 "${MISSING_PACKAGES[@]}" </dev/null >&2 || status=$?
    [ -z "$mine" ] || as_root rm -f "$policy"
    return "$status"
}

# need_rust: the toolchain is the one thing that we do not install by ourselves.
need_rust() {
    have cargo || PATH="$HOME/.cargo/bin:$PATH"
    have cargo || die "Rust is not installed. Get it from https://rustup.rs (rust-toolchain.toml names the version), then run this again."
    have cc || need_package cc gcc "a C compiler for SQLite and the cryptography library"
    need_file "/usr/include/*/sys/types.h" libc6-dev "C headers, for the same"
}

# What tests and benchmarks start for themselves.
install_test_parts() {
    need_rust
    need_package redis-server redis-server "a private Redis for each test that needs one"
    need_file "/usr/lib/postgresql/*/bin/initdb" postgresql "a private PostgreSQL"
    need_package dockerd docker.io "the engines that test runners live on"
    need_package ip iproute2 "the network of the second engine"
    need_package curl curl "asking whether an engine answers"
    need_package jq jq "the commands of the README, which a test runs"
    need_package shellcheck shellcheck "checking the scripts"
    need_file /bin/busybox busybox-static "the simulated runner image, which no registry is needed for"
    install_needed
}
