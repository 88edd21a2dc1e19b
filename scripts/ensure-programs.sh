#!/usr/bin/env bash
# ensure-programs.sh PROGRAM…: makes sure that these programs, which tests and benchmarks start, are installed. Installs
# Debian's packages if it has the rights, without starting their services; otherwise prints what to do.
set -euo pipefail

# Debian installs servers into directories that are only on the PATH of root.
export PATH=$PATH:/usr/sbin:/sbin

# The oldest version with script flags (`#!lua`), which crates/store-redis/src/ uses.
least_redis=7.0

# Prints the version of the redis-server on the PATH; nothing if there is none.
redis_version() {
    command -v redis-server >/dev/null || return 0
    redis-server --version | sed -nE 's/.*v=([0-9]+\.[0-9]+)\..*/\1/p'
}

is_there() {
    [ "$1" = redis-server ] || { command -v "$1" >/dev/null; return; }
    local found
    found=$(redis_version)
    [ -n "$found" ] && [ "$(printf '%s\n%s\n' "$least_redis" "$found" | sort -V | head -n 1)" = "$least_redis" ]
}

# Prints Debian's package of a program; most have the same name.
package_of() {
    case "$1" in
    pip3) echo python3-pip ;;
    systemd-analyze) echo systemd ;;
    nginx) echo nginx-light ;;
    groff) echo groff-base ;;
    *) echo "$1" ;;
    esac
}

missing=()
packages=()
look() {
    missing=()
    packages=()
    for program in "$@"; do
        is_there "$program" || { missing+=("$program") && packages+=("$(package_of "$program")"); }
    done
}

give_up() {
    echo "userd's tests and benchmarks need on the PATH: ${missing[*]} (redis-server in version $least_redis or newer)$1. Install with 'sudo apt-get install ${packages[*]}' on Debian and Ubuntu, or your system's packages." >&2
    exit 1
}

look "$@"
[ "${#missing[@]}" -gt 0 ] || exit 0
found=$(redis_version)
if [[ " ${missing[*]} " = *" redis-server "* && -n "$found" ]]; then
    give_up "; redis-server is $found"
fi
command -v apt-get >/dev/null || give_up ""

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    give_up ""
fi

echo "Missing: ${missing[*]}. Installing Debian's packages, without starting services." >&2
# RUNLEVEL=1 keeps invoke-rc.d from starting the services of new packages.
quietly=("${as_root[@]}" RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive)
"${quietly[@]}" apt-get update -q >&2 || give_up ", and 'apt-get update' failed"
"${quietly[@]}" apt-get install -q -y --no-install-recommends "${packages[@]}" >&2 || give_up ", and 'apt-get install' failed"

look "$@"
[ "${#missing[@]}" -eq 0 ] || give_up ", and this system's packages do not contain them"
