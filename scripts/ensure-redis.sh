#!/usr/bin/env bash
# Sees to it that a redis-server of at least version 7.0 is there: the tests start their own on free ports.
# Installs Debian's package where it may, without starting the service that comes with it; else says in one
# sentence what to do.
set -euo pipefail

least=7.0

# The version of the redis-server on the PATH; empty if there is none.
version() {
    command -v redis-server >/dev/null || return 0
    redis-server --version | sed -nE 's/.*v=([0-9]+\.[0-9]+)\..*/\1/p'
}

is_enough() {
    [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$least" "$1" | sort -V | head -n 1)" = "$least" ]
}

give_up() {
    echo "The tests need redis-server $least or newer on the PATH$1: install it with 'sudo apt-get install redis-server' on Debian and Ubuntu, 'brew install redis' on macOS, or your system's package." >&2
    exit 1
}

found=$(version)
if is_enough "$found"; then
    exit 0
fi
if [ -n "$found" ]; then
    give_up " and found $found"
fi
command -v apt-get >/dev/null || give_up ""

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    give_up ""
fi

echo "redis-server is missing: installing Debian's package, without starting its service." >&2
# RUNLEVEL=1 tells invoke-rc.d that this is no time to start services, so a fresh package stays stopped.
quietly=("${as_root[@]}" RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive)
"${quietly[@]}" apt-get update -q >&2 || give_up ", and 'apt-get update' failed"
"${quietly[@]}" apt-get install -q -y --no-install-recommends redis-server >&2 || give_up ", and 'apt-get install' failed"

found=$(version)
is_enough "$found" || give_up ", and this system's package is version ${found:-unknown}"
