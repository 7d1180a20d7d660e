#!/usr/bin/env python3
"""Runs the command-line cases: tests/cli/run.py PROGRAM CASES_DIR [--filter GLOB] [--data DIR] [--redo]

A case is NAME.sh, run by sh in an empty scratch folder with ASCRIBE (the program) and DATA (the data folder) in the
environment. Its exit code must equal NAME.exit (default 0). Where NAME.stdout or NAME.stderr exists, the output
must match it line by line: a line matches when it is equal or matches as a glob (fnmatch), and a line that is just
"..." matches any number of lines. Comment lines at the top of the script say what a case needs:
    # needs: demo/model           a path below DATA
    # needs: prepare              a working `ascribe prepare`
A case whose needs are not there is skipped. Exit code: 0 all passed, 1 a failure, 77 nothing was run.
--redo rewrites expected outputs without globs that do not match; review the difference before you keep it.
"""
import argparse
import difflib
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile

TIMEOUT_S = 300
CLEARED = ("NO_COLOR", "COLUMNS", "TMPDIR")


def lines_match(expected, found):
    """Whether the lines match; "..." takes any number of them (dynamic programming over both lists)."""
    reachable = [True] + [False] * len(found)
    for pattern in expected:
        following = [False] * (len(found) + 1)
        if pattern == "...":
            seen = False
            for at, ok in enumerate(reachable):
                seen = seen or ok
                following[at] = seen
        else:
            for at, line in enumerate(found):
                if reachable[at] and (pattern == line or fnmatch.fnmatchcase(line, pattern)):
                    following[at + 1] = True
        reachable = following
    return reachable[len(found)]


def read(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def needs_of(script):
    needs = []
    for line in script.split("\n"):
        if not line.startswith("#"):
            break
        if line.startswith("# needs:"):
            needs += line[len("# needs:"):].split()
    return needs


class Runner:
    def __init__(self, program, cases, data, redo):
        self.program = os.path.abspath(program)
        self.cases = cases
        self.data = os.path.abspath(data) if data else ""
        self.redo = redo
        self.prepare_works = None

    def environment(self):
        environment = {name: value for name, value in os.environ.items() if name not in CLEARED}
        environment.update(ASCRIBE=self.program, DATA=self.data, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
        return environment

    def has(self, need):
        if need == "prepare":
            if self.prepare_works is None:
                done = subprocess.run([self.program, "prepare", "--version"], stdin=subprocess.DEVNULL,
                                      capture_output=True, env=self.environment())
                self.prepare_works = done.returncode == 0
            return self.prepare_works
        return bool(self.data) and os.path.exists(os.path.join(self.data, need))

    def run(self, name):
        """Returns "skipped: ...", a list of complaints, or an empty list when the case passed."""
        base = os.path.join(self.cases, name)
        missing = [need for need in needs_of(read(base + ".sh")) if not self.has(need)]
        if missing:
            return "skipped: no " + ", ".join(missing)
        scratch = tempfile.mkdtemp(prefix="ascribe-cli-")
        try:
            done = subprocess.run(["sh", os.path.abspath(base + ".sh")], cwd=scratch, env=self.environment(),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return ["did not end within %d s" % TIMEOUT_S]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        complaints = []
        expected_code = int((read(base + ".exit") or "0").strip())
        if done.returncode != expected_code:
            complaints.append("exit code: expected %d, found %d" % (expected_code, done.returncode))
        for stream, content in (("stdout", done.stdout), ("stderr", done.stderr)):
            complaints += self.compare(base + "." + stream, content.decode("utf-8", "backslashreplace"))
        if complaints and read(base + ".stderr") is None and done.stderr:
            complaints.append("stderr was:\n" + done.stderr.decode("utf-8", "backslashreplace"))
        return complaints

    def compare(self, path, found):
        expected = read(path)
        if expected is None or lines_match(expected.split("\n"), found.split("\n")):
            return []
        if self.redo and "*" not in expected and "...\n" not in expected:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(found)
            return []
        difference = difflib.unified_diff(expected.split("\n"), found.split("\n"), os.path.basename(path), "found",
                                          lineterm="")
        return ["\n".join(difference)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases")
    parser.add_argument("--filter", default="*", help="glob of case names")
    parser.add_argument("--data", help="folder that holds demo/")
    parser.add_argument("--redo", action="store_true")
    options = parser.parse_args()
    names = sorted(name[:-3] for name in os.listdir(options.cases) if name.endswith(".sh"))
    names = [name for name in names if fnmatch.fnmatch(name, options.filter)]
    runner = Runner(options.program, options.cases, options.data, options.redo)
    n_failed = n_skipped = 0
    for name in names:
        outcome = runner.run(name)
        if isinstance(outcome, str):
            n_skipped += 1
            print("%-32s %s" % (name, outcome))
        elif outcome:
            n_failed += 1
            print("%-32s FAILED\n    %s" % (name, "\n".join(outcome).replace("\n", "\n    ")))
        else:
            print("%-32s ok" % name)
    print("%d cases: %d passed, %d failed, %d skipped" % (
        len(names), len(names) - n_failed - n_skipped, n_failed, n_skipped))
    if n_failed:
        return 1
    return 77 if n_skipped == len(names) else 0


if __name__ == "__main__":
    sys.exit(main())
