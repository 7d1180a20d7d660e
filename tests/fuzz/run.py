#!/usr/bin/env python3
"""Runs the fuzz targets of a build with ASCRIBE_FUZZ: run.py --build DIR canaries|clean|rules [--long] [TARGET ...]

canaries: plants one bug at a time (tests/fuzz/canaries.py) in a copy of a source file in the build folder, links the
target with it and lets it run; every bug must be found within 60 s of processor time. The sources are not touched.
clean:    runs the targets as they are, 20 s each, --long: 10,000,000 executions (dataset, masks, global, evaluation, probe: 100,000); nothing may
be found. What is found stays in DIR/fuzz/clean-TARGET/, what libFuzzer says in DIR/fuzz/clean-TARGET/log, line by line.
A run that takes longer than a minute says so every minute.
rules:    takes away one rule of the HDF5 reader at a time, in any build; exactly the file that test_hostile_hdf5 made
for this rule must then pass it.
Exit status: 0 all as it should be, 1 not, 64 usage.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from canaries import CANARIES, RULES

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TARGETS = {"safetensors": 10_000_000, "config": 10_000_000, "part": 10_000_000, "plan": 10_000_000, "dataset": 100_000, "masks": 100_000, "global": 100_000,
           "evaluation": 100_000, "probe": 100_000}
HDF5_TARGETS = ("dataset", "masks", "global", "evaluation", "probe")
CANARY_CPU_S = 60
CLEAN_S = 20
REPORT_S = 60
# Short stacks and a small quarantine: several times as many executions a second. HDF5 keeps what it allocates once.
ASAN = "malloc_context_size=2:quarantine_size_mb=8:allocator_may_return_null=1:detect_leaks=%d:symbolize=1"


def commands_of(build, goal):
    """The command lines that build `goal`, in order."""
    text = subprocess.run(
        ["ninja", "-C", build, "-t", "commands", goal], check=True, capture_output=True, text=True
    ).stdout
    return [line for line in text.splitlines() if line.strip()]


def with_bug(source, bug):
    """The text of a source file with the bug in it: one place, or several `edits` (old, new)."""
    with open(source) as file:
        text = file.read()
    for old, new in bug.get("edits") or [(bug["old"], bug["new"])]:
        if text.count(old) != 1:
            raise SystemExit(
                "'%s': expected its place in %s once, found it %d times; bring the list of planted bugs up to date"
                % (bug["what"], bug["file"], text.count(old))
            )
        text = text.replace(old, new)
    return text


def plant(build, goal, name, bug):
    """Builds the program `goal` with one bug; returns its path."""
    folder = os.path.join(build, "fuzz", "planted", name)
    shutil.rmtree(folder, ignore_errors=True)
    source = os.path.join(ROOT, bug["file"])
    copy = os.path.join(folder, os.path.basename(source))
    os.makedirs(folder)
    with open(copy, "w") as file:
        file.write('#line 1 "%s"\n' % bug["file"] + with_bug(source, bug))
    commands = commands_of(build, goal)
    compile_line = next(line for line in commands if line.endswith(" -c " + source))
    object_file = os.path.join(folder, "planted.o")
    program = os.path.join(folder, "program")
    compile_line = re.sub(r" -M[FT] \S+", "", compile_line).replace(" -MD", "").replace(" -Werror", "")
    compile_line = re.sub(r" -o \S+ -c \S+$", " -w -o %s -c %s" % (object_file, copy), compile_line)
    link_line = re.sub(r" -o \S+", " -o " + program, commands[-1], count=1)
    # the command's own library is one object that would bring the sound source along: the tests' holds them singly
    link_line, n_places = re.subn(r" host/libascribe\w*\.a(?= |$)", r" %s host/libascribe_inside.a" % object_file, link_line, count=1)
    if n_places != 1:  # else the archive's own object would be linked, and nothing be planted
        raise SystemExit("run.py: expected the library's archive in the link line of %s, found none" % goal)
    for line in (compile_line, link_line):
        subprocess.run(line, shell=True, cwd=build, check=True)
    return program


def options(build, target, name):
    """What every run gets, and its folder of new inputs, emptied."""
    found = os.path.join(build, "fuzz", name)
    corpus = os.path.join(found, "corpus")
    shutil.rmtree(found, ignore_errors=True)
    os.makedirs(corpus)
    size = 131072 if target in HDF5_TARGETS else 4096 if target == "plan" else 1024
    return [
        "-max_len=%d" % size, "-rss_limit_mb=4096", "-malloc_limit_mb=4096", "-timeout=60", "-seed=1", "-print_final_stats=1",
        "-artifact_prefix=%s/" % found, corpus, os.path.join(HERE, "corpus", target),
    ]


def wait(process, log, wall_s, report):
    """The exit status, None when it took longer than wall_s; every minute `report` gets what the log holds."""
    start = time.monotonic()
    while True:
        left = wall_s - (time.monotonic() - start) if wall_s else REPORT_S
        try:
            return process.wait(timeout=min(REPORT_S, max(left, 0)))
        except subprocess.TimeoutExpired:
            if wall_s and time.monotonic() - start >= wall_s:
                process.kill()
                process.wait()
                return None
            report(time.monotonic() - start, text_of(log))


def text_of(path):
    with open(path, errors="replace") as file:
        return file.read()


def run(program, arguments, log, cpu_s=None, wall_s=None, leaks=True, report=lambda seconds, output: None):
    """(exit status, seconds of processor time, seconds, what was printed); the last is in the file `log` from line to line"""
    def limit():
        if cpu_s:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))

    scratch = tempfile.mkdtemp(prefix="ascribe-fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    environment = dict(
        os.environ, ASAN_OPTIONS=ASAN % leaks, UBSAN_OPTIONS="print_stacktrace=0", TMPDIR=scratch)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    try:
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [program] + arguments, preexec_fn=limit, env=environment, stdout=file, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        try:
            status = wait(process, log, wall_s, report)
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return status, used, time.monotonic() - start, text_of(log)


def executions(output):
    numbers = re.findall(r"^#(\d+)\t", output, re.M) + re.findall(r"number_of_executed_units: (\d+)", output)
    return max(map(int, numbers), default=0)


def finding(output):
    """The line that says what was found, or None."""
    match = re.search(r"broken promise: .*|SUMMARY: .*|runtime error: .*|Assertion .* failed|ERROR: libFuzzer: .*", output)
    return match.group(0)[:110] if match else None


def run_canaries(build, targets):
    n_missed = 0
    for number, canary in enumerate(CANARIES):
        target = canary["target"]
        if target not in targets:
            continue
        program = plant(build, "fuzz_" + target, "%s-%d" % (target, number), canary)
        name = "canary-%s-%d" % (target, number)
        status, cpu_s, wall_s, output = run(
            program, options(build, target, name), os.path.join(build, "fuzz", name, "log"), CANARY_CPU_S,
            20 * CANARY_CPU_S, leaks=False)
        found = finding(output) if status not in (0, None) and status != -24 else None
        n_missed += found is None
        print("%-6s %-11s %-52s %8d executions %5.1f s cpu %5.1f s  %s" % (
            "found" if found else "MISSED", target, canary["what"], executions(output), cpu_s, wall_s, found or ""),
            flush=True)
        shutil.rmtree(os.path.join(build, "fuzz", name), ignore_errors=True)
    return n_missed


def run_clean(build, targets, long):
    n_found = 0
    for target in targets:
        program = os.path.join(build, "tests", "fuzz", "fuzz_" + target)
        amount = ["-runs=%d" % TARGETS[target]] if long else ["-max_total_time=%d" % CLEAN_S]

        def report(seconds, output):
            # libFuzzer counts in its log at every new input and power of two only
            print("       %-11s %9d executions or more after %.0f s" % (target, executions(output), seconds), flush=True)

        status, cpu_s, wall_s, output = run(
            program, amount + options(build, target, "clean-" + target),
            os.path.join(build, "fuzz", "clean-" + target, "log"), leaks=target not in HDF5_TARGETS, report=report)
        n_found += status != 0
        print("%-6s %-11s %9d executions %7.1f s cpu %7.1f s" % (
            "clean" if status == 0 else "FOUND", target, executions(output), cpu_s, wall_s), flush=True)
        if status != 0:
            print(output[-6000:])
    return n_found


def run_rules(build):
    n_wrong = 0
    for rule in RULES:
        program = plant(build, "test_hostile_hdf5", "rule-" + rule["files"][0], rule)
        lines = subprocess.run([program, "--accepted"], check=True, capture_output=True, text=True).stdout.splitlines()
        passed = sorted(line.split(":")[0] for line in lines)
        good = passed == sorted(rule["files"])
        n_wrong += not good
        print("%-5s without the rule '%s': passed by %s" % ("ok" if good else "WRONG", rule["what"], "; ".join(lines) or "none"))
    return n_wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("what", choices=["canaries", "clean", "rules"])
    parser.add_argument("targets", nargs="*", default=[])
    call = parser.parse_intermixed_args()
    unknown = set(call.targets) - set(TARGETS)
    if unknown:
        print("run.py: expected targets among %s, found %s" % (", ".join(TARGETS), ", ".join(unknown)), file=sys.stderr)
        return 64
    build, targets = os.path.abspath(call.build), call.targets or list(TARGETS)
    if call.what == "rules":
        bad = run_rules(build)
    else:
        bad = run_canaries(build, targets) if call.what == "canaries" else run_clean(build, targets, call.long)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
