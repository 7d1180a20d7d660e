"""The GPU's part of BENCHMARKS.md, from the files that gpu_suite.py wrote: what was measured, when and on what; and what nobody has run yet."""
import glob
import json
import os

import gpu_suite

BEGIN = "<!-- gpu: made by tests/bench/make_benchmarks.py; do not edit -->"
END = "<!-- gpu: end -->"
HEADS = (
    "shape", "coalitions/s", "TFLOP/s executed", "% of its GEMM peak", "PyTorch padded", "PyTorch dropping", "ascribe / padded", "ascribe / dropping",
    "largest stages",
)
NEVER_RUN = (
    "cuBLASLt's algorithms made anew from their configuration, timed and obeyed (label gpu: `gpu_gemm_choice`; each speed above names its own)",
    "the regression's share of the time (stage `solve`; at most 1 % is aimed at)",
    "the GPU idle at most 5 % of a run over a dataset read from HDF5",
    "the same bits over step sizes, streams and repeats on a device (label gpu)",
    "compute-sanitizer (`scripts/gpu-suite --sanitize`)",
    "running out of device memory, and a lost context, on a device",
)


def cell(value, pattern="{:,.0f}"):
    return "–" if value is None else pattern.format(value)


def ratio(speed, other):
    return speed / other if speed and other else None


def stages(report, n=3):
    """The largest stages of a bench report, as text."""
    known = sorted(report.get("stages") or [], key=lambda stage: -stage["share"])[:n]
    return ", ".join(f"{stage['name']} {100 * stage['share']:.0f} %" for stage in known) or "–"


def row(point):
    ours, peer = point["ours"] or {}, {run["loop"]: run["coalitions_per_s"] for run in (point["peer"] or {}).get("best", [])}
    speed, flops, share = ours.get("coalitions_per_second"), ours.get("flops_per_second"), ours.get("gemm_share")
    return [
        f"{point['shape']} @ {point['length']}", cell(speed), cell(flops and flops / 1e12), cell(share and 100 * share), cell(peer.get("padded")),
        cell(peer.get("dropped")), cell(ratio(speed, peer.get("padded")), "{:.2f}"), cell(ratio(speed, peer.get("dropped")), "{:.2f}"), stages(ours),
    ]


def conditions(result, source):
    """When, on what, by which commit, and whether the tests passed there."""
    card, made = result["hardware"], result["versions"]
    smi = card.get("nvidia_smi") or {}
    clocks = ", ".join(f"{word.replace('.', ' ')} {smi[word]}" for word in ("driver_version", "clocks.sm", "clocks.mem", "power.limit") if smi.get(word))
    changed = " with changes" if made.get("changed_since") else ""
    outcomes = ", ".join(f"{name} {'passed' if stage['passed'] else '**failed**'}" for name, stage in result["stages"].items())
    return [
        f"{result['date']}, {card['name']} ({clocks or 'no nvidia-smi'}; {card['kernel_set']}), commit {made.get('commit')}{changed}. Stages: {outcomes}.",
        f"Raw results: `{source}`",
    ]


def agreement(result):
    """Differences of attributions from the cpu backend in fp32, over each row's range."""
    found = result["stages"].get("agreement", {}).get("precisions", {})
    return [
        f"* {name} against cpu, {facts['rows']} demo rows: 99th percentile {facts['p99']:.1e} (limit {facts['limit']:.0e}), largest {facts['max']:.1e}"
        for name, facts in found.items() if "p99" in facts
    ]


def one(result, source):
    points = result["stages"].get("speed", {}).get("points", [])
    lines = conditions(result, source) + [""]
    lines += ["| " + " | ".join(HEADS) + " |", "| " + " | ".join(["---"] * len(HEADS)) + " |"]
    lines += ["| " + " | ".join(row(point)) + " |" for point in points]
    return lines + [""] + agreement(result) + [f"* not measured: {what}" for what in result["not_measured"]] + [""]


def missing(results):
    """What is to be measured and stands in none of these results."""
    seen = {(p["shape"], p["length"]) for r in results for p in r["stages"].get("speed", {}).get("points", []) if p["ours"]}
    beside = any(p["peer"] for r in results for p in r["stages"].get("speed", {}).get("points", []))
    agreed = {name for r in results for name, facts in r["stages"].get("agreement", {}).get("precisions", {}).items() if "p99" in facts}
    lines = [f"speed of {shape} at {length} tokens" for shape, length in gpu_suite.POINTS if (shape, length) not in seen]
    lines += [] if beside else ["PyTorch beside it, padded and dropping tokens"]
    lines += [f"agreement of {name} with the cpu backend" for name in gpu_suite.LIMITS if name not in agreed]
    lines += [] if any(r["stages"].get("tests", {}).get("passed") for r in results) else ["the tests of label gpu"]
    return lines + list(NEVER_RUN)


def section(folder, root):
    """What stands between the markers. Results of other formats are refused."""
    results, lines = [], []
    for path in sorted(glob.glob(os.path.join(folder, "gpu-*.json"))):
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        if {key: result.get(key) for key in gpu_suite.FORMAT} != gpu_suite.FORMAT:
            raise ValueError(f"{path}: expected {gpu_suite.FORMAT}")
        results.append(result)
        lines += one(result, os.path.relpath(path, root))
    lines += ["**No figure comes from a GPU yet.** Nobody has seen:" if not results else "Nobody has seen:", ""]
    return "\n".join(lines + [f"* {what}" for what in missing(results)]) + "\n"
