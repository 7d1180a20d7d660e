measure() {
    "$ASCRIBE" bench --shape minilm-l6 --length 12 --rows 2 --budget 40 --seconds 0.05 --precision-check --quiet "$@"
}
measure --json > report.json && measure > text || exit
"$ASCRIBE" bench --shape minilm-l6 --length 4 --rows 1 --seconds 0.05 --precision-check --quiet --backend ref | grep ^precision
"$ASCRIBE" bench --shape minilm-l6 --precision fp8
echo "exit $?"
python3 - <<'END'
import json
found = json.load(open("report.json"))
check, text = found["precision_check"], open("text").read()
assert found["precision"] == "fp32", found
if check["compared"]:
    assert check["precision"] == "bf16" and check["rows"] == 2, check
    assert 0 < check["rms_difference"] <= check["max_difference"] < 1 and check["rms_std_error"] > 0, check
    assert "\nprecision    bf16 differs from fp32 by " in text and "standard error of sampling is " in text, text
else:
    assert check["reason"] and "\nprecision    not compared: " + check["reason"] in text, (check, text)
END
