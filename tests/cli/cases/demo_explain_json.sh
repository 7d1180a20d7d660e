# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --out "a result.h5" --json --quiet --strict --target positive > summary.json || exit
python3 - <<'END'
import json
summary = json.load(open("summary.json"))
assert summary["result"] == "a result.h5", summary
assert summary["rows"] == 2 and summary["coalitions"] > 0 and summary["seconds"] > 0, summary
assert set(summary["rows_with_status"]) >= {"no_features", "too_long"}, summary
assert not summary["already_complete"] and not summary["dataset_was_made"], summary
END
"$ASCRIBE" show "a result.h5" --class negative
