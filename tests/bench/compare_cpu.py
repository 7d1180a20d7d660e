#!/usr/bin/env python3
"""`ascribe bench` beside PyTorch + transformers on this CPU: compare_cpu.py PROGRAM OUT.json, in a Python that has torch and transformers.

For every shape and length: PyTorch's loops are tuned (pytorch_cpu.py says what they are), then ascribe, ascribe in bf16 where it has that, the
padded loop and the loop that drops tokens are measured in turns, several times over. OUT holds everything that was measured, what it was measured
on and how; it is written after every shape. make_benchmarks.py makes the table of it.

With the defaults about 15 minutes on an idle machine. Exit status: 0 done, 1 the loops disagree by more than 1e-4, else that of a program that failed.
"""
import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys

import pytorch_cpu

FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8")
FORMAT = {"format": "ascribe-cpu-comparison", "format_version": 1}


def first_of(path, pattern):
    """The first group of the first match in a file, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.M)
    except OSError:
        return None
    return found and found.group(1)


def hardware():
    kib = first_of("/proc/meminfo", r"^MemTotal:\s*(\d+)")
    flags = (first_of("/proc/cpuinfo", r"^flags\s*:(.*)$") or "").split()
    return {
        "cpu": first_of("/proc/cpuinfo", r"^model name\s*: *(.*)$") or platform.processor(),
        "family": first_of("/proc/cpuinfo", r"^cpu family\s*: *(.*)$"),
        "model": first_of("/proc/cpuinfo", r"^model\s*: *(.*)$"),
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": os.cpu_count(),
        "memory_gib": kib and round(int(kib) / 2**20, 1),
        "virtual": "hypervisor" in flags,
        "system": first_of("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
    }


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def versions(program):
    here = os.path.dirname(os.path.abspath(__file__))
    git = ("git", "-C", here)
    return {
        "commit": output_of(*git, "rev-parse", "HEAD"),
        "changed_since": bool(output_of(*git, "status", "--porcelain", "--untracked-files=no")),
        "ascribe": json.loads(output_of(program, "version", "--json") or "{}"),
        "devices": output_of(program, "devices"),
        "python": platform.python_version(),
    }


def has_precision(program):
    return "--precision " in (output_of(program, "bench", "--help") or "")


def ours(options, quiet, shape, length, precision):
    """One run of `ascribe bench`: its report and the command."""
    command = [options.program, "bench", "--shape", shape, "--length", str(length), "--workers", str(options.cores)]
    command += ["--seconds", str(options.seconds), "--json", "--quiet"]
    if precision:
        command += ["--precision", precision]
    with quiet:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(done.stdout)
    name = os.path.basename(options.program)
    print(f"{name}{' ' + precision if precision else ''}: {report['coalitions_per_second']:.1f} coalitions/s", file=sys.stderr)
    return {"side": "ours", "precision": precision or "float32", "command": " ".join([name] + command[1:]), "report": report}


def compare(options, shape, length):
    """Everything that is measured for one shape."""
    peer = pytorch_cpu.Peer(pytorch_cpu.task_of(shape, length), options.lock, options.cores)
    try:
        result = {"shape": shape, "length": length, "peer_task": peer.task, "peer_versions": peer.versions}
        result["agreement"] = peer.agreement()
        choices = {loop: peer.tune(loop, options.batch_tokens, options.tune_seconds) for loop in pytorch_cpu.LOOPS}
        result["tuning"], peer.runs = peer.runs, []
        result["torch_mm_gflops"] = peer.gemm_gflops()
        result["turns"] = []
        precisions = [None, "bf16"] if options.bf16 else [None]
        for _ in range(options.turns):
            for precision in precisions:
                result["turns"].append(ours(options, peer.quiet, shape, length, precision))
            for loop, choice in choices.items():
                result["turns"].append({"side": "peer", **peer.measure(loop, choice, options.seconds)})
        return result
    finally:
        peer.close()


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="PROGRAM", help="ascribe, a release build")
    parser.add_argument("out", metavar="OUT.json")
    parser.add_argument("--shapes", nargs="+", choices=pytorch_cpu.SHAPES, default=["minilm-l6", "distilbert", "bert-base"])
    parser.add_argument("--lengths", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--turns", type=int, default=2, help="how often each is measured [default: 2]")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement [default: 10]")
    parser.add_argument("--tune-seconds", type=float, default=2, help="of each one that compares PyTorch's choices [default: 2]")
    parser.add_argument("--batch-tokens", type=int, nargs="+", default=[256, 512, 1024, 2048], help="PyTorch's batch sizes")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="workers, or processes or threads [default: all]")
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="without ascribe's bf16")
    parser.add_argument("--lock", metavar="FILE", help="hold this file's lock (flock) during each measurement")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    options.bf16 = options.bf16 and "avx512_bf16" in hardware()["flags"] and has_precision(options.program)
    result = {
        **FORMAT,
        "date": datetime.date.today().isoformat(),
        "command": "tests/bench/compare_cpu.py " + " ".join(os.path.basename(word) for word in arguments),
        "hardware": hardware(),
        "versions": versions(options.program),
        "seconds": options.seconds,
        "shapes": [],
    }
    for shape in options.shapes:
        for length in options.lengths:
            print(f"{shape}, {length} tokens", file=sys.stderr)
            result["shapes"].append(compare(options, shape, length))
            with open(options.out, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
                file.write("\n")
    return 0 if all(pytorch_cpu.agrees(entry["agreement"]) for entry in result["shapes"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
