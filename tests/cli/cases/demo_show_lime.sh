# needs: demo/model demo/dataset.h5
# Lime's attributions add up to its own fit, not to the output.
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 1 --method lime --budget 60 --output probability --out r.h5 --quiet || exit
"$ASCRIBE" show r.h5 --row 0 --top 2
"$ASCRIBE" export r.h5 --jsonl | python3 -c '
import json, sys
row = json.loads(sys.stdin.read())
for target in range(len(row["classes"])):
    total = row["lime_intercept"][target] + sum(feature["values"][target] for feature in row["features"])
    assert abs(total - row["lime_local_prediction"][target]) < 1e-5
    assert row["lime_score"][target] <= 1
print("sums agree")'
