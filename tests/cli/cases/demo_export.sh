# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --out r.h5 --quiet || exit
"$ASCRIBE" export r.h5 --csv | head -1
"$ASCRIBE" export r.h5 --csv -o r.csv || exit
"$ASCRIBE" export r.h5 --jsonl > r.jsonl || exit
"$ASCRIBE" export r.h5 --jsonl --rows 1: | wc -l | tr -d ' '
python3 - <<'END'
import csv, json
table = list(csv.DictReader(open("r.csv", newline="", encoding="utf-8")))
rows = [json.loads(line) for line in open("r.jsonl", encoding="utf-8")]
assert len(rows) == 2 and len(table) == sum(len(row["features"]) * len(row["classes"]) for row in rows)
for line in table:
    row = rows[int(line["row"])]
    feature = row["features"][int(line["feature"])]
    target = row["classes"].index(line["class"])
    assert feature["text"] == line["text"] and feature["values"][target] == float(line["value"])
    encoded = row["text"].encode()
    assert encoded[int(line["begin"]):int(line["end"])].decode() == line["text"]
for row in rows:
    for target in range(len(row["classes"])):
        total = sum(feature["values"][target] for feature in row["features"])
        assert abs(row["base"][target] + total - row["output"][target]) < 1e-3
END
echo "python $?"
"$ASCRIBE" export r.h5 --csv -o ./r.h5
echo "exit $?"
"$ASCRIBE" export r.h5 --csv --rows 1:3
echo "exit $?"
"$ASCRIBE" export r.h5 --csv -o none/r.csv
echo "exit $?"
"$ASCRIBE" export r.h5 --csv > /dev/full
echo "exit $?"
ls
