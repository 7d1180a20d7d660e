#!/usr/bin/env bash
# Measures the throughput of `ascribe explain` on the demo model: one row of JSON for each number of workers, best of three runs.
# usage: tests/bench/demo_throughput.sh PROGRAM OUT.json [rows]
set -euo pipefail
program=$1 out=$2 rows=${3:-64}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
{
    echo '['
    separator=''
    for workers in 1 2; do
        best=''
        for run in 1 2 3; do
            "$program" explain --model data/demo/model --data data/demo/dataset.h5 --limit "$rows" --workers $workers \
                --out "$scratch/r.h5" --force --json -q >"$scratch/run.json"
            best=$(python3 - "$scratch/run.json" "$best" <<'PY'
import json, sys
now = json.load(open(sys.argv[1]))
now.pop("result")
old = json.loads(sys.argv[2]) if sys.argv[2] else None
print(json.dumps(now if old is None or now["seconds"] < old["seconds"] else old))
PY
            )
        done
        printf '%s{"workers": %d, "best_of_three": %s}' "$separator" $workers "$best"
        separator=$',\n'
    done
    printf '\n]\n'
} >"$out"
