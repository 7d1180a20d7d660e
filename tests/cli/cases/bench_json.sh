measure() {
    "$ASCRIBE" bench --shape minilm-l6 --length 8 --seconds 0.1 --workers 2 --quiet --json "$@"
}
measure --rows 2 --budget 62 > remove.json && measure --rows 2 --budget 62 --policy mask > mask.json && measure --rows 3 --budget 62 --features 4 > fixed.json || exit
measure --rows 1 --method occlusion > occlusion.json && measure --length 64 > fitted.json || exit
python3 - <<'END'
import json
from math import comb, isclose

reports = {name: json.load(open(name + ".json")) for name in ("remove", "mask", "fixed", "occlusion", "fitted")}
layers, width, heads, ffn = 6, 384, 12, 1536
linear, qkv = 8 * width**2 + 4 * width * ffn, 6 * width**2

def whole(s):
    return s * linear + 4 * s**2 * width

def saved(s):
    return (layers - 2) * whole(s) + whole(s) - s * qkv + linear + 4 * heads * width * s

def row(lengths, n_entries):
    """Its coalitions, the full one, the row as it stands, and the table of block 0."""
    return sum(saved(s) for s in lengths) + saved(8) + layers * whole(8) + n_entries * qkv

def removed(n, n_fixed):
    return [n_fixed + k for k in range(1, n) for _ in range(comb(n, k))]

# The empty coalition of the second row is that of the first, unless fixed tokens differ.
expected = {
    "remove": 2 * row(removed(6, 2), 8) + saved(2),
    "mask": 2 * row(62 * [8], 16) + saved(8),
    "fixed": 3 * (row(removed(4, 4), 8) + saved(4)),
    "occlusion": row(6 * [7], 8) + saved(2),
}
for name, flops in expected.items():
    report = reports[name]
    assert report["flops"] == flops, (name, report["flops"], flops)
    assert report["dense_flops"] == (report["coalitions"] + 3 * report["rows"]) * layers * whole(8), (name, report)
assert reports["remove"]["coalitions"] == 124 and reports["occlusion"]["coalitions"] == 6, reports
assert reports["fixed"]["features"] == 12 and reports["fixed"]["longest_row"] == 8, reports["fixed"]

for report in reports.values():
    best = min(report["pass_seconds"])
    assert report["best_seconds"] == best > 0, report
    for key in ("coalitions", "tokens", "flops", "rows"):
        assert isclose(report[key + "_per_second"], report[key] / best, rel_tol=1e-6), (key, report)
    assert isclose(report["gemm_share"], report["flops_per_second"] / report["gemm_flops_per_second"], rel_tol=1e-6), report
    stages = {stage["name"]: stage["share"] for stage in report["stages"]}
    assert {"embed", "qkv", "attention", "ffn_in", "last_block", "head", "other"} <= set(stages), stages
    assert isclose(sum(stages.values()), 1, abs_tol=1e-6) and all(0 <= share <= 1 for share in stages.values()), stages
    assert report["peak_memory_bytes"] > 4 * report["parameters"] > 50e6, report
    assert report["shape"] == "minilm-l6" and report["model"] is None and report["data"] is None, report
    assert report["backend"] == "cpu" and report["workers"] == 2 and report["device"] and report["kernel_set"], report
    assert "savings" not in report and "precision_check" not in report, report

fitted = reports["fitted"]
assert fitted["rows"] == 1 and fitted["budget"].isdigit() and 2 * 62 <= int(fitted["budget"]) < 16 * 62, fitted
assert fitted["coalitions"] == int(fitted["budget"]), fitted
END
