#!/usr/bin/env bash
# faults.sh SECONDS SEED [FILTER]: runs the fault tests whose names contain FILTER in their long form, one after the
# other, and writes their tables into docs/faults.md, between its markers. If a test fails, the tables are written all
# the same and the exit code is not 0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export USERD_FAULTS_SECONDS=${1:?how many seconds?} USERD_FAULTS_SEED=${2:?which seed?}
filter=${3:-faults::}
# Set USERD_FAULTS_TABLE to a directory to collect the rows of several runs.
if [ -z "${USERD_FAULTS_TABLE:-}" ]; then
    USERD_FAULTS_TABLE=$(mktemp -d)
    trap 'rm -rf "$USERD_FAULTS_TABLE"' EXIT
fi
export USERD_FAULTS_TABLE

failed=0
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --test it --profile faults -E "test($filter)" || failed=$?
else
    cargo test --workspace --locked --test it "$filter" -- --test-threads=1 || failed=$?
fi

page=docs/faults.md
server=${USERD_TEST_REDIS_SERVER:-redis-server}
version=$("$server" --version | sed -E 's/^([A-Za-z]+) server v=([^ ]+).*/\1 \2/')
figures=$USERD_FAULTS_TABLE/figures
{
    printf '\nMeasured on %s at commit %s, on %s cores and %s, with seed %s and %s s for the main storm.' \
        "$(date -u +%F)" "$(git rev-parse --short HEAD)" "$(nproc)" "$version" "$2" "$1"
    [ "$failed" -eq 0 ] || printf ' **Some tests failed.**'
    printf '\n'
    for head in "$USERD_FAULTS_TABLE"/*.head; do
        table=$(basename "$head" .head)
        printf '\n### %s\n\n' "${table^}"
        cat "$head"
        sort "${head%.head}.rows"
    done
    printf '\n'
} >"$figures"
awk -v figures="$figures" '
    /^<!-- figures end/ { inside = 0 }
    !inside { print }
    /^<!-- figures begin/ { inside = 1; while ((getline line < figures) > 0) print line }
' "$page" >"$USERD_FAULTS_TABLE/page"
cp "$USERD_FAULTS_TABLE/page" "$page"
echo "The tables are in $page." >&2
exit "$failed"
