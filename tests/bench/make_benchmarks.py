#!/usr/bin/env python3
"""Makes the tables of BENCHMARKS.md that set ascribe beside PyTorch: make_benchmarks.py [--check] [--into FILE.md] [RESULT.json]

RESULT.json is what compare_cpu.py wrote; without it the file that the table in place names is read again. What scripts/gpu-suite wrote is taken
from results/gpu-*.json (gpu_benchmarks.py). The text between marker comments is replaced; --check only says whether it would change. Exit status: 0 done or unchanged, 1 it would change, 64 usage, 65 malformed.
"""
import argparse
import json
import os
import re
import sys

import gpu_benchmarks

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BEGIN = "<!-- cpu-comparison: made by tests/bench/make_benchmarks.py; do not edit -->"
END = "<!-- cpu-comparison: end -->"
SOURCE = re.compile(r"^Raw results: `([^`]+)`", re.M)
QUIET_CPU_SHARE = 0.93
FORMAT = ("ascribe-cpu-comparison", 1)
HEADS = (
    "shape", "ascribe, coalitions/s", "% of peak", "PyTorch padded", "% of peak", "ascribe / padded", "PyTorch dropping tokens", "% of peak",
    "ascribe / dropping", "ascribe bf16", "bf16 / padded fp32",
)


class Malformed(Exception):
    pass


def best(turns, key):
    """The fastest of several measurements of the same thing, or None."""
    return max(turns, key=key, default=None)


def ours(entry, precision):
    turns = [turn["report"] for turn in entry["turns"] if turn["side"] == "ours" and turn["precision"] == precision]
    return best(turns, lambda report: report["coalitions_per_second"])


def peer(entry, loop):
    turns = [turn for turn in entry["turns"] if turn["side"] == "peer" and turn["loop"] == loop]
    return best(turns, lambda turn: turn["coalitions_per_s"])


def peak_gflops(entry):
    """The fastest fp32 GEMM that either side reached during the measurements of this shape."""
    own = [
        turn["report"]["gemm_flops_per_second"] or 0
        for turn in entry["turns"]
        if turn["side"] == "ours" and turn["precision"] == "float32"
    ]
    return max(max(own, default=0) / 1e9, *entry["torch_mm_gflops"].values())


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def choice(run):
    return "{processes_x_threads}, {attention}, {batch_tokens}".format(**run)


def row(entry):
    """The cells of one shape."""
    fast, padded, dropped = ours(entry, "float32"), peer(entry, "padded"), peer(entry, "dropped")
    if not (fast and padded and dropped):
        raise Malformed(f"{entry['shape']} at {entry['length']}: expected ascribe, padded and dropped, found only some of them")
    half, peak, speed = ours(entry, "bf16"), peak_gflops(entry), fast["coalitions_per_second"]
    cells = [f"{entry['shape']} @ {entry['length']}", number(speed), f"{100 * fast['flops_per_second'] / 1e9 / peak:.0f}"]
    for run in (padded, dropped):
        cells += [f"{number(run['coalitions_per_s'])} ({choice(run)})", f"{100 * run['gflops'] / peak:.0f}"]
        cells.append(f"**{speed / run['coalitions_per_s']:.2f}**")
    if half:
        return cells + [number(half["coalitions_per_second"]), f"{half['coalitions_per_second'] / padded['coalitions_per_s']:.2f}"]
    return cells + ["–", "–"]


def disturbance(result):
    """A sentence when other work took more than a twentieth or so of the processors from PyTorch's loops that count, else nothing."""
    shares = [peer(entry, loop)["cpu_share"] for entry in result["shapes"] for loop in ("padded", "dropped")]
    if min(shares) >= QUIET_CPU_SHARE:
        return ""
    return f" **The machine was not idle: PyTorch's loops had {100 * min(shares):.0f} % of the processors at the worst.**"


def conditions(result):
    """The sentences above the table."""
    machine, made, entry = result["hardware"], result["versions"], result["shapes"][0]
    peaks = ", ".join(f"{peak_gflops(e):.0f}" for e in result["shapes"])
    peer_versions = entry["peer_versions"]
    n_turns = sum(turn["side"] == "ours" and turn["precision"] == "float32" for turn in entry["turns"])
    program = made["ascribe"]
    return (
        f"{result['date']}, {machine['cores']} cores of {machine['cpu']} (family {machine['family']}, model {machine['model']}; "
        f"{', '.join(machine['flags'])}{'; a virtual machine' if machine['virtual'] else ''}), {machine['memory_gib']} GiB, {machine['system']}. "
        f"ascribe {program.get('version')} at {program.get('commit')} ({program.get('compiler')}, {program.get('matrices')}); "
        f"PyTorch {peer_versions['torch']}, transformers {peer_versions['transformers']}, Python {made['python']}, fp32, inference mode. "
        f"Measured {n_turns} times in turns, about {result['seconds']:g} s each; the best counts. "
        f"Peak: the fastest fp32 GEMM of either side in the same minutes ({peaks} GFLOP/s); both sides' operations are those they executed, "
        "PyTorch's padding included. In brackets: processes x threads, attention, tokens a batch. "
        f"Largest difference of logits between the two loops: {max(e['agreement']['largest_difference'] for e in result['shapes']):.1g}." + disturbance(result)
    )


def section(result, source):
    """What stands between the markers."""
    if (result.get("format"), result.get("format_version")) != FORMAT:
        raise Malformed(f"{source}: expected {FORMAT[0]} {FORMAT[1]}, found {result.get('format')} {result.get('format_version')}")
    lines = [conditions(result), "", f"`{result['command']}`", f"Raw results: `{source}`", ""]
    lines += ["| " + " | ".join(HEADS) + " |", "| " + " | ".join(["---"] * len(HEADS)) + " |"]
    lines += ["| " + " | ".join(row(entry)) + " |" for entry in result["shapes"]]
    return "\n".join(lines) + "\n"


def parts(text, path):
    """The text before, between and behind the markers."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Malformed(f"{path}: expected the markers '{BEGIN}' and '{END}' once each and in this order")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n", rest.split(END)[0], END + rest.split(END)[1]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", metavar="RESULT.json", nargs="?")
    parser.add_argument("--into", metavar="FILE.md", default=os.path.join(ROOT, "BENCHMARKS.md"))
    parser.add_argument("--gpu-results", metavar="DIR", default=os.path.join(ROOT, "tests", "bench", "results"), help="where gpu-*.json lie")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args(arguments)


def updated(text, options):
    """The document with the table made anew."""
    before, between, behind = parts(text, options.into)
    named = SOURCE.search(between)
    if options.result:
        path, source = options.result, os.path.relpath(options.result, os.path.dirname(os.path.abspath(options.into)))
    elif named:
        path, source = os.path.join(os.path.dirname(os.path.abspath(options.into)), named.group(1)), named.group(1)
    else:
        raise Malformed(f"{options.into}: expected a table that names its raw results, found none; give RESULT.json")
    with open(path, encoding="utf-8") as file:
        return before + section(json.load(file), source) + behind


def with_gpu(text, options):
    """The document with what GPUs gave, where it has a place for that."""
    if gpu_benchmarks.BEGIN not in text and gpu_benchmarks.END not in text:
        return text
    if text.count(gpu_benchmarks.BEGIN) != 1 or text.count(gpu_benchmarks.END) != 1:
        raise Malformed(f"{options.into}: expected the markers '{gpu_benchmarks.BEGIN}' and '{gpu_benchmarks.END}' once each")
    before, rest = text.split(gpu_benchmarks.BEGIN)
    root = os.path.dirname(os.path.abspath(options.into))
    made = gpu_benchmarks.section(options.gpu_results, root)
    return before + gpu_benchmarks.BEGIN + "\n" + made + gpu_benchmarks.END + rest.split(gpu_benchmarks.END)[1]


def main(arguments):
    options = parse(arguments)
    with open(options.into, encoding="utf-8") as file:
        text = file.read()
    try:
        new = with_gpu(updated(text, options), options)
    except (Malformed, OSError, ValueError, KeyError) as problem:
        print(f"make_benchmarks: error: {problem}", file=sys.stderr)
        return 65
    if new == text:
        return 0
    if options.check:
        print(f"make_benchmarks: {options.into} differs from what the raw results give", file=sys.stderr)
        return 1
    with open(options.into, "w", encoding="utf-8") as file:
        file.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
