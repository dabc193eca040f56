# shellcheck shell=bash
# The settings that `make up` runs everything with. Sourced after lib.sh by up.sh and doctor.sh.
#
# The order of precedence: what is already in the environment, then a .env file in the tree (never
# needed, nothing here writes one), then what stands below.

# read_dotenv FILE: exports each NAME=VALUE that is not set yet. Values are taken as they stand.
read_dotenv() {
    local line name
    [ -f "$1" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        [[ "$line" =~ ^[A-Z][A-Z0-9_]*= ]] || continue
        name="${line%%=*}"
        [ -n "${!name+set}" ] || export "$name=${line#*=}"
    done <"$1"
}

# default NAME VALUE: exports VALUE unless NAME is set to something.
default() { [ -n "${!1:-}" ] || export "$1=$2"; }

# default_secret NAME FILE COMMAND…: a secret that is neither given nor named by NAME_FILE comes from
# FILE, which is filled by COMMAND the first time and then stays: other keys would not open what is stored.
default_secret() {
    local name="$1" file="$2" file_variable="${1}_FILE"
    shift 2
    if [ -n "${!name:-}" ] || [ -n "${!file_variable:-}" ]; then return 0; fi
    if [ ! -s "$file" ]; then
        (umask 077 && "$@" >"$file")
    fi
    export "$file_variable=$file"
}

prepare_directories() {
    (umask 077 && mkdir -p "$VAR" "$RUN" "$LOG" "$SECRETS")
    # Database, append-only file and logs hold hashes, sealed tokens and what runners print.
    chmod 700 "$VAR" "$SECRETS"
}

read_dotenv "$ROOT/.env"
default DATABASE_URL "sqlite://$VAR/runner-pilot.db?mode=rwc"
default LOG_FORMAT text
default RUST_LOG info
# Each thread's own arena would keep memory that password hashing has freed.
default MALLOC_ARENA_MAX 2
default MALLOC_MMAP_THRESHOLD_ 262144
