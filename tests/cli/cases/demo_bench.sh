# needs: demo/model demo/dataset.h5
"$ASCRIBE" bench --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --budget 24 --seconds 0.1 --quiet --workers 1 --json > limited.json || exit
"$ASCRIBE" bench --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --budget 24 --seconds 0.3 --quiet --json > fitting.json || exit
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --budget 24 --out r.h5 --json --quiet > explained.json || exit
"$ASCRIBE" bench --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 1 --policy pad --target 0 --method occlusion --seconds 0.1 --quiet | sed -n 4,5p
"$ASCRIBE" bench --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --budget 24 --seconds 0.1 --quiet --limit 9999 --method magic
echo "exit $?"
# Rows that are left out cost a plain pass, which counts as dense work too.
"$ASCRIBE" bench --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --estimator exact --exact-limit 6 --limit 64 --seconds 0.1 --quiet --json > exact.json || exit
"$ASCRIBE" bench --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --estimator exact --exact-limit 2 --limit 3 --seconds 0.1 --quiet > left_out
grep -E "inf|nan" left_out
python3 - <<'END'
import json
limited, fitting, explained = (json.load(open(name + ".json")) for name in ("limited", "fitting", "explained"))
for key in ("rows", "coalitions", "tokens", "backend"):
    assert limited[key] == explained[key], (key, limited, explained)
assert limited["shape"] is None and limited["model"].endswith("demo/model") and limited["data"].endswith("dataset.h5"), limited
exact = json.load(open("exact.json"))
assert 0 < exact["flops"] <= exact["dense_flops"], exact
assert limited["workers"] == 1 and limited["budget"] == "24", limited
assert 1 <= fitting["rows"] <= 1200 and fitting["coalitions"] > 0, fitting
END
