#!/usr/bin/env bash
# Prints the path of a Python that has Celery, kombu, redis and Flower in the versions that we are
# compared with; makes its virtual environment first when their list changed.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

REQUIREMENTS="$ROOT/crates/celery-redis/tests/python/requirements.txt"

need_package python3 python3 "the Celery client and worker that we are compared with"
need_file "/usr/lib/python3*/ensurepip/__init__.py" python3-venv "a virtual environment for them"
install_needed

hash="$( (python3 --version && cat "$REQUIREMENTS") | sha256sum | cut -c1-16)"
venv="$CACHE/venv-$hash"
# The mark is written last, so that an installation that was cut short is made again.
if [ ! -f "$venv/complete" ]; then
    say "Installing Celery for Python into $venv"
    rm -rf "$venv"
    mkdir -p "$CACHE"
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$REQUIREMENTS" </dev/null >&2 ||
        die "pip could not install $REQUIREMENTS (its messages are above)"
    touch "$venv/complete"
fi
printf '%s\n' "$venv/bin/python"
