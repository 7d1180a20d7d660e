# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --budget 24 --out r.h5 --json --quiet --dry-run > estimate.json || exit
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --budget 24 --out r.h5 --json --quiet --max-hours 1 > summary.json || exit
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --budget 24 --out r.h5 --json --quiet --dry-run > complete.json || exit
python3 - <<'END'
import json
estimate, summary, complete = (json.load(open(name + ".json")) for name in ("estimate", "summary", "complete"))
for key in ("rows", "coalitions", "tokens", "result", "model", "backend"):
    assert estimate[key] == summary[key], (key, estimate, summary)
assert estimate["dry_run"] and not estimate["already_complete"] and estimate["rows_done"] == 0, estimate
assert estimate["flops"] > 0 and estimate["flops_per_second"] > 0 and estimate["seconds"] > 0, estimate
assert complete["already_complete"] and "coalitions" not in complete, complete
END
