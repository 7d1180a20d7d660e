#!/usr/bin/env bash
# Measures the merge of 1000 parts with 10 million values, beside a plain copy: all parts into one file with an fsync. Megabytes read and written a second
# in both, best of three.
# usage: tests/bench/merge_throughput.sh BUILD OUT.json [folder on the disk to measure]
set -euo pipefail
program=$1/tests/faults/merge_parts out=$2
scratch=$(mktemp -d "${3:-${TMPDIR:-/tmp}}/merge-throughput-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

copy() {
    python3 - "$scratch" <<'PY'
import glob, json, os, shutil, sys, time
names = sorted(glob.glob(sys.argv[1] + "/parts/*.part"))
start, target = time.monotonic(), sys.argv[1] + "/copy"
with open(target, "wb") as file:
    for name in names:
        with open(name, "rb") as part:
            shutil.copyfileobj(part, file, 1 << 20)
    file.flush()
    os.fsync(file.fileno())
seconds = time.monotonic() - start
size = os.path.getsize(target)
os.unlink(target)
print(json.dumps({"bytes": size, "seconds": round(seconds, 3), "megabytes_per_second": round(2 * size / seconds / 1e6, 1)}))
PY
}

merge() {
    rm -f "$scratch/result.h5"
    "$program" "$scratch"
}

best() { # of three lines of JSON that a command prints
    for run in 1 2 3; do "$@"; done | python3 -c 'import json, sys; print(min(sys.stdin, key=lambda line: json.loads(line)["seconds"]).strip())'
}

merge >/dev/null # makes the inputs
sync
merged=$(best merge)
copied=$(best copy)
printf '{"cpu": "%s", "cores": %d, "disk": "%s",\n "merge": %s,\n "copy": %s}\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" \
    "$(df --output=fstype "$scratch" | tail -1)" "$merged" "$copied" >"$out"
cat "$out"
