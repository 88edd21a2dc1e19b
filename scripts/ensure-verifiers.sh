#!/usr/bin/env bash
# ensure-verifiers.sh: installs independent libraries that verify userd's output below target/verifiers: jose (npm) and
# PyJWT for tokens, prometheus-client and PyYAML for metrics and alerts, schemathesis for the OpenAPI document, in the
# versions that tests/verifiers pins. Only tests use them. If that fails, it prints what to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# jose 6 requires the Web Cryptography API of Node.js 20.
least_node=20
home=$PWD/target/verifiers

give_up() {
    echo "userd's tests verify tokens, metrics and the OpenAPI document with packages from npm and PyPI, and $1. Then run ./scripts/ensure-verifiers.sh again." >&2
    exit 1
}

# Nothing to do if these files installed what is there.
wanted=$(cat tests/verifiers/package.json tests/verifiers/package-lock.json tests/verifiers/requirements.txt scripts/ensure-verifiers.sh | sha256sum)
[ "$(cat "$home/installed" 2>/dev/null)" != "$wanted" ] || exit 0

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    advice="${missing[*]} are missing: install them with 'sudo apt-get install ${missing[*]}' on Debian and Ubuntu, or from your system's packages"
    command -v apt-get >/dev/null || give_up "$advice"
    if [ "$(id -u)" -eq 0 ]; then
        as_root=(env)
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n env)
    else
        give_up "$advice"
    fi
    echo "Missing: ${missing[*]}. Installing Debian's packages." >&2
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 || give_up "$advice ('apt-get update' failed)"
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2 ||
        give_up "$advice ('apt-get install' failed)"
fi
node_version=$(node --version)
[ "$(printf '%s\n%s\n' "$least_node" "${node_version#v}" | sort -V | head -n 1)" = "$least_node" ] ||
    give_up "node is $node_version, but jose needs $least_node or newer: put a newer Node.js on the PATH"

rm -rf "$home"
mkdir -p "$home"
cp tests/verifiers/package.json tests/verifiers/package-lock.json "$home/"
# The lock file has the checksums of all packages; no install scripts are run.
(cd "$home" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
    give_up "npm can't install jose: make sure that npm can reach its registry"
{ python3 -m venv "$home/venv" && "$home/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/verifiers/requirements.txt >&2; } ||
    give_up "pip can't install tests/verifiers/requirements.txt: make sure that pip can reach PyPI"
echo "$wanted" >"$home/installed"
