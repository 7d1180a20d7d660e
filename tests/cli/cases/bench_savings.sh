"$ASCRIBE" bench --shape minilm-l6 --length 8 --rows 1 --budget 62 --seconds 0.05 --quiet --savings | sed -n '/^savings/,$p'
"$ASCRIBE" bench --shape minilm-l6 --length 16 --seconds 0.05 --quiet --savings --json > savings.json || exit
python3 - <<'END'
import json
report = json.load(open("savings.json"))
assert report["budget"] == "28", report  # lowered to two a feature, for the table too
table = {saving["on"]: saving for saving in report["savings"]}
assert list(table) == ["none", "first_layer", "last_layer", "fold", "duplicates", "all"], list(table)
assert table["none"]["speed"] == 1, table["none"]
for saving in table.values():
    assert len(saving["pass_seconds"]) == 3 and saving["best_seconds"] == min(saving["pass_seconds"]), saving
    assert saving["coalitions"] == report["coalitions"] and saving["coalitions_per_second"] > 0, saving
assert table["all"]["flops"] == report["flops"], (table["all"], report["flops"])
for name in ("first_layer", "last_layer"):
    assert table["all"]["flops"] < table[name]["flops"] < table["none"]["flops"] < report["dense_flops"], name
assert table["fold"]["flops"] == table["none"]["flops"], table
END
