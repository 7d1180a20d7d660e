#!/usr/bin/env python3
"""Builds ascribe with its CUDA backend, tests it on this machine's GPU, measures it beside PyTorch, and writes down what was seen.

Needs an NVIDIA GPU, its driver and the CUDA toolkit; the comparison with PyTorch needs torch (with CUDA) and transformers in --python.
Stages, each of which is told and written down even when it fails:
    build      cmake --preset cuda (--no-build: build/cuda as it is, also one that was made elsewhere, whose folder a link then stands for)
    tests      ctest -L gpu; with --sanitize also under compute-sanitizer
    agreement  rows of the demo dataset on cuda in fp32, fp16 and bf16 against cpu: |difference of attributions| / (max v(S) - min v(S) of the row,
               for which |v(all) - v(empty)| and the sum of the attributions' absolute values stand: the larger)
    speed      ascribe bench, and pytorch_gpu.py, for every shape and length
The result goes to tests/bench/results/gpu-DEVICE-DATE.json after every stage, a table to the terminal. It ends within --minutes (8): what does not fit is listed as not
measured. Exit status: 0 all stages went well, 1 one did not, 64 usage, 69 there is no GPU (the reason is told; nothing counts as passed).
"""
import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
FORMAT = {"format": "ascribe-gpu-suite", "format_version": 1}
POINTS = (("bert-base", 128), ("minilm-l6", 32), ("minilm-l6", 128), ("distilbert", 128), ("bert-base", 32), ("bert-large", 128))
DEMO = ("data/demo/model", "data/demo/dataset.h5")
SANITIZED = ("test_ops", "test_forward")  # the others take too long under it
NO_DEVICE = 69
SMI_FIELDS = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,memory.total,compute_cap"


class Suite:
    """The stages' common ground: options, the clock, what was found."""

    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + 60 * options.minutes
        self.program = os.path.join(options.build, "ascribe")
        self.result = {**FORMAT, "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "stages": {}, "not_measured": []}
        self.failed = False

    def left_s(self):
        return max(0.0, self.end - time.monotonic())

    def run(self, command, limit_s=None, **more):
        """A finished process, or None when the time was over; what it prints goes to the terminal unless it is asked for. Nothing that it has started
        goes on: the next stage needs the GPU for itself."""
        limit = min(self.left_s(), limit_s or 1e9)
        print("+", " ".join(command), flush=True)
        with subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **more) as process:
            try:
                told, _ = process.communicate(timeout=limit)
                return subprocess.CompletedProcess(command, process.returncode, told)
            except subprocess.TimeoutExpired:
                return None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def stage(self, name, passed, **facts):
        self.result["stages"][name] = {"passed": passed, **facts}
        self.failed = self.failed or not passed
        print(f"{name}: {'passed' if passed else 'FAILED'}", flush=True)
        self.write()

    def write(self):
        """What is known so far, whatever becomes of the rest."""
        path = result_path(self.result, self.options.results)
        os.makedirs(self.options.results, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.result, file, indent=1)
            file.write("\n")
        return path


def output_of(*command):
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def usable_gpu(program, device):
    """The entry of `ascribe devices` for the GPU, and the reason when there is none."""
    told = output_of(program, "devices", "--json")
    entries = [entry for entry in json.loads(told)["devices"] if entry["backend"] == "cuda"] if told else []
    for entry in entries:
        if entry["usable"] and entry.get("device", 0) == device:
            return entry, None
    return None, entries[0]["reason"] if entries and entries[0]["reason"] else "`ascribe devices` lists no GPU of this number"


def hardware(gpu, device):
    told = output_of("nvidia-smi", f"--id={device}", f"--query-gpu={SMI_FIELDS}", "--format=csv,noheader")
    return {
        **{key: gpu[key] for key in ("name", "kernel_set", "memory_bytes")},
        "nvidia_smi": dict(zip(SMI_FIELDS.split(","), [word.strip() for word in told.split(",")])) if told else None,
    }


def versions(program):
    return {
        "commit": output_of("git", "rev-parse", "HEAD"),
        "changed_since": bool(output_of("git", "status", "--porcelain", "--untracked-files=no")),
        "ascribe": json.loads(output_of(program, "version", "--json") or "{}"),
        "nvcc": (output_of("nvcc", "--version") or "").splitlines()[-1:],
    }


# ---- Stages ----------------------------------------------------------------------------------------------------------


def stand_in(folder):
    """A build knows its tests and their data by the paths of the machine that made it: where those lead nowhere, a link to this copy stands there."""
    try:
        with open(os.path.join(folder, "CMakeCache.txt"), encoding="utf-8") as file:
            known = dict(line.strip().split("=", 1) for line in file if re.match(r"(CMAKE_HOME_DIRECTORY|CMAKE_CACHEFILE_DIR):INTERNAL=", line))
    except OSError:
        return
    for name, here in (("CMAKE_HOME_DIRECTORY:INTERNAL", ROOT), ("CMAKE_CACHEFILE_DIR:INTERNAL", os.path.abspath(folder))):
        made_in = known.get(name)
        if made_in and not os.path.exists(made_in):
            os.makedirs(os.path.dirname(made_in), exist_ok=True)
            os.symlink(here, made_in)
            print(f"{made_in} stands for {here}: the build was made there", flush=True)


def build(suite):
    if suite.options.no_build:
        stand_in(suite.options.build)
        return os.path.exists(suite.program)
    for command in (["cmake", "--preset", "cuda"], ["cmake", "--build", "--preset", "cuda", "--", "-j", str(os.cpu_count())]):
        done = suite.run(command, stdout=subprocess.DEVNULL)
        if not done or done.returncode:
            return False
    return True


def test(suite):
    """ctest -L gpu: a skipped test is no passed one."""
    done = suite.run(["ctest", "--test-dir", suite.options.build, "-L", "^gpu$", "--output-on-failure", "--no-tests=error"],
                     limit_s=30 * suite.options.minutes, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = done.stdout if done else "the time was over"
    print(told)
    skipped = len(re.findall(r"\*\*\*Skipped", told))
    suite.stage("tests", bool(done) and done.returncode == 0 and skipped == 0, skipped=skipped, summary=told.strip().splitlines()[-12:])


def sanitize(suite):
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    environment = {**os.environ, "ASCRIBE_TEST_CUDA_MODULE": os.path.join(suite.options.build, "libascribe_cuda.so")}
    outcomes = {}
    for name in SANITIZED:
        command = [tool, "--error-exitcode", "1", "--leak-check", "full", os.path.join(suite.options.build, "tests", name), "--backend", "cuda"]
        done = suite.run(command, env=environment)
        outcomes[name] = done.returncode if done else "the time was over"
    suite.stage("sanitizer", all(code == 0 for code in outcomes.values()), outcomes=outcomes)


def explain_demo(suite, backend, precision):
    out = os.path.join(suite.options.build, f"gpu-suite-{backend}-{precision}.h5")
    command = [suite.program, "explain", "--model", DEMO[0], "--data", DEMO[1], "--out", out, "--force", "--limit", str(suite.options.rows)]
    command += ["--backend", backend, "--precision", precision, "--quiet", "--json"]
    if backend == "cuda":
        command += ["--device", str(suite.options.device)]
    done = suite.run(command, stdout=subprocess.PIPE)
    return (out, json.loads(done.stdout)) if done and done.returncode == 0 else (None, None)


def differences(path, reference):
    """Per row: the largest |difference| of attributions over the row's range."""
    sys.path.insert(0, os.path.join(ROOT, "scripts"))
    import ascribe_results
    import numpy

    shares = []
    with ascribe_results.load(path) as found, ascribe_results.load(reference) as expected:
        for row, other in zip(found, expected):
            span = numpy.maximum(numpy.abs(other.output - other.base_value), numpy.abs(other.values).sum(axis=0))
            shares.append(float(numpy.max(numpy.abs(row.values - other.values) / numpy.maximum(span, 1e-6), initial=0.0)))
    return {"rows": len(shares), "p99": float(numpy.quantile(shares, 0.99)), "max": max(shares)}


LIMITS = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 1e-1}  # of the 99th percentile


def agree(suite):
    reference, _ = explain_demo(suite, "cpu", "fp32")
    facts, passed = {}, reference is not None
    for precision, limit in LIMITS.items():
        out, summary = explain_demo(suite, "cuda", precision)
        try:
            facts[precision] = {**differences(out, reference), "limit": limit, "rows_per_second": summary["rows_per_second"]}
            passed = passed and facts[precision]["p99"] <= limit
        except (ImportError, TypeError, OSError) as problem:
            facts[precision], passed = {"problem": str(problem)}, False
    suite.stage("agreement", passed, precisions=facts)


def measure_ours(suite, shape, length):
    command = [suite.program, "bench", "--shape", shape, "--length", str(length), "--backend", "cuda", "--precision", suite.options.precision]
    command += ["--device", str(suite.options.device), "--seconds", str(suite.options.seconds), "--json", "--quiet"]
    done = suite.run(command, limit_s=60, stdout=subprocess.PIPE)
    return json.loads(done.stdout) if done and done.returncode == 0 else None


def measure_peer(suite, shape, length):
    command = [suite.options.python, os.path.join(HERE, "pytorch_gpu.py"), "--shape", shape, "--length", str(length)]
    command += ["--seconds", str(suite.options.seconds), "--device", str(suite.options.device)]
    done = suite.run(command, limit_s=90, stdout=subprocess.PIPE)
    return json.loads(done.stdout) if done and done.returncode == 0 else None


def measure(suite):
    has_peer = output_of(suite.options.python, "-c", "import torch, transformers; assert torch.cuda.is_available()") is not None
    points, passed = [], True
    for shape, length in POINTS:
        if suite.left_s() < 20 + 12 * suite.options.seconds:
            suite.result["not_measured"].append(f"{shape} at {length} tokens: the time was over")
            continue
        point = {"shape": shape, "length": length, "ours": measure_ours(suite, shape, length)}
        point["peer"] = measure_peer(suite, shape, length) if has_peer else None
        passed = passed and point["ours"] is not None
        points.append(point)
        suite.result["stages"]["speed"] = {"passed": passed, "points": points}
        suite.write()
    if not has_peer:
        suite.result["not_measured"].append(f"PyTorch: {suite.options.python} has no torch with CUDA, or no transformers")
    suite.stage("speed", passed and bool(points), points=points)


# ---- What is said ----------------------------------------------------------------------------------------------------


def number(value):
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def table(result):
    """The speeds as lines of a Markdown table, then what was not measured."""
    lines = ["| shape | ascribe, coalitions/s | TFLOP/s executed | PyTorch padded | PyTorch dropping tokens | ascribe / padded |", "| --- " * 6 + "|"]
    for point in result["stages"].get("speed", {}).get("points", []):
        ours, peer = point["ours"] or {}, {run["loop"]: run["coalitions_per_s"] for run in (point["peer"] or {}).get("best", [])}
        speed, padded = ours.get("coalitions_per_second"), peer.get("padded")
        cells = [f"{point['shape']} @ {point['length']}", number(speed)]
        cells.append(number(ours["flops_per_second"] / 1e12 if ours.get("flops_per_second") else None))
        cells += [number(padded), number(peer.get("dropped")), number(speed / padded if speed and padded else None)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [f"not measured: {what}" for what in result["not_measured"]]


def result_path(result, folder):
    device = re.sub(r"[^A-Za-z0-9]+", "-", result["hardware"]["name"]).strip("-").lower()
    return os.path.join(folder, f"gpu-{device}-{result['date'][:10]}.json")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="gpu-suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "cuda"), metavar="DIR", help="build folder")
    parser.add_argument("--no-build", action="store_true", help="take the build as it is")
    parser.add_argument("--sanitize", action="store_true", help="also under compute-sanitizer; takes longer than the 8 minutes")
    parser.add_argument("--device", type=int, default=0, help="which GPU [default: 0]")
    parser.add_argument("--precision", default="fp16", help="of the speeds [default: fp16]")
    parser.add_argument("--rows", type=int, default=64, help="of the demo dataset, for the agreement [default: 64]")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement [default: 3]")
    parser.add_argument("--minutes", type=float, default=8, help="for everything [default: 8]")
    parser.add_argument("--python", default=sys.executable, help="a Python with torch and transformers")
    parser.add_argument("--results", default=os.path.join(HERE, "results"), metavar="DIR")
    return parser.parse_args(arguments)


def main(arguments):
    try:
        suite = Suite(parse(arguments))
    except SystemExit as end:
        return 64 if end.code else 0
    if not build(suite):
        print(f"gpu-suite: error: the build failed, or there is no {suite.program}", file=sys.stderr)
        return 1
    gpu, reason = usable_gpu(suite.program, suite.options.device)
    if not gpu:
        print(f"gpu-suite: skipped, nothing was tested: {reason}", file=sys.stderr)
        return NO_DEVICE
    suite.result["hardware"], suite.result["versions"] = hardware(gpu, suite.options.device), versions(suite.program)
    test(suite)
    if suite.options.sanitize:
        sanitize(suite)
    agree(suite)
    measure(suite)
    path = suite.write()
    print("\n".join(table(suite.result)))
    print(f"raw results: {os.path.relpath(path, ROOT)}")
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
