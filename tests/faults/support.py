"""What the fault tests share: the programs, scratch folders, the run that is disturbed, and what must be true afterwards.

The contract of failure (every test of this folder holds a run to it): an exit code that fits, a message that names the file, nothing
invalid under a final name, nothing half-written left but by a kill, and the same command again gives the same bits as a run that
nobody disturbed.
"""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODEL = os.path.join(ROOT, "data", "golden", "models", "bert-f32")
TIMEOUT_S = 120
SKIPPED = 77
IO_ERROR = 74
# What may be lost, and hold anything: who is at work, and how far.
VOLATILE = re.compile(r"^(task-\d+|run|merge)\.lock$|^progress-\d+\.json$")
RECORD = "run.json"


def unfinished_name(name, host=None, pid=4194302):
    """The temporary file of `name` that a process left, of this machine or another one."""
    host = host or re.sub(r"[^A-Za-z0-9]", "-", socket.gethostname())[:63]
    return "%s.%s.%d.0123456789abcdef.tmp" % (name, host, pid)


class Programs:
    """The command and the helpers that CMakeLists.txt of this folder builds; `scratch` holds everything that is made."""

    def __init__(self, program, helpers):
        self.ascribe = os.path.abspath(program)
        self.make_rows, self.same_result, self.shim = (
            os.path.join(os.path.abspath(helpers), name) for name in ("make_rows", "same_result", "libfaults_shim.so"))
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = os.path.realpath(tempfile.mkdtemp(prefix="ascribe-faults-", dir=base))
        self.environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", LC_ALL="C.UTF-8", TMPDIR=self.scratch)

    def call(self, command, timeout_s=TIMEOUT_S, environment=(), **more):
        """The finished process, output as text; a program that hangs is an error."""
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                              timeout=timeout_s, env=dict(self.environment, **dict(environment)), **more)

    def dataset(self, name, n_rows, most_features=3):
        path = os.path.join(self.scratch, name)
        if not os.path.exists(path):
            subprocess.run([self.make_rows, path, str(n_rows), str(most_features)], check=True, timeout=TIMEOUT_S)
        return path

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)


class Job:
    """One run of `ascribe explain`: what it reads and how it is divided; it writes r.h5 in a folder of the caller's."""

    def __init__(self, programs, dataset, rows_per_part, more=()):
        self.programs, self.dataset = programs, dataset
        self.rows_per_part, self.more = rows_per_part, tuple(more)
        self.out = self.parts = None

    def command(self, folder, *more):
        return [self.programs.ascribe, "explain", "--model", MODEL, "--data", self.dataset, "--out", os.path.join(folder, "r.h5"),
                "--method", "occlusion", "--backend", "cpu", "--workers", "1", "-q",
                *(["--rows-per-part", str(self.rows_per_part)] if self.rows_per_part else []), *self.more, *more]

    def plan(self, folder, n_tasks):
        """Path of a plan, beside the folder."""
        command, path = self.command(folder), folder + ".plan.json"
        at = command.index("--workers")
        options = [word for word in command[2:at] + command[at + 2:] if word != "-q"]
        done = self.programs.call([command[0], "plan", "-o", path, "--tasks", str(n_tasks), "--force"] + options)
        if done.returncode:
            raise SystemExit("no plan: " + done.stderr.strip())
        return path

    def task(self, plan, task):
        return [self.programs.ascribe, "explain", "--plan", plan, "--workers", "1", "-q", "--task", str(task)]

    def merge(self, run):
        return [self.programs.ascribe, "merge", run, "-q"]

    def make_reference(self, folder):
        """The undisturbed run: `out` is its result, `parts` the bytes of its parts by name, and of its record."""
        os.makedirs(folder)
        done = self.programs.call(self.command(folder, "--keep-parts"))
        if done.returncode != 0:
            raise SystemExit("the undisturbed run failed: " + done.stderr)
        self.out = os.path.join(folder, "r.h5")
        self.parts = {}
        for name in sorted(os.listdir(self.out + ".parts")):
            if name.endswith(".part") or name == RECORD:
                with open(os.path.join(self.out + ".parts", name), "rb") as file:
                    self.parts[name] = file.read()
        if len(self.parts) < 3:
            raise SystemExit("expected a record and at least two parts of the undisturbed run, found " + ", ".join(self.parts))

    def part_names(self):
        return sorted(name for name in self.parts if name != RECORD)

    def put_part(self, folder, name, source=None):
        """Part `name` of the reference as a finished part of the run in `folder`, or the bytes of another under its name."""
        os.makedirs(os.path.join(folder, "r.h5.parts"), exist_ok=True)
        with open(os.path.join(folder, "r.h5.parts", name), "wb") as file:
            file.write(self.parts[source or name])

    def same(self, path):
        """None when the result is the reference bit for bit, else what differs."""
        done = self.programs.call([self.programs.same_result, self.out, path])
        return None if done.returncode == 0 else "%s is not the undisturbed result: %s" % (
            os.path.basename(path), (done.stdout + done.stderr).strip() or "the comparison died with %d" % done.returncode)

    def final_names(self, folder, may_be_unfinished, before=()):
        """Complaints about what stands in `folder`: final names hold what the undisturbed run wrote, nothing else is there but the unfinished
        files that were there before."""
        complaints = []
        for place, _, names in os.walk(folder):
            for name in names:
                complaint = self.file_complaint(os.path.join(place, name), may_be_unfinished)
                if complaint and not (name in before and name.endswith(".tmp")):
                    complaints.append(complaint)
        return complaints

    def file_complaint(self, path, may_be_unfinished):
        name = os.path.basename(path)
        if name == "r.h5":
            return self.same(path)
        if name.endswith(".tmp"):
            return None if may_be_unfinished else name + " was left behind"
        if VOLATILE.match(name):
            return None if may_be_unfinished or not name.endswith(".lock") else name + " was left behind"
        if name in self.parts:
            with open(path, "rb") as file:
                return None if file.read() == self.parts[name] else name + " has its final name and is not whole"
        return name + " is nothing that a run writes"

    def complete(self, folder, commands=None):
        """The same command again, or these: complaints when they do not end well with the same bits, or leave anything but the result."""
        for command in commands or [self.command(folder)]:
            done = self.programs.call(command)
            if done.returncode != 0:
                return ["the same command again: exit %d: %s" % (done.returncode, done.stderr.strip())]
        complaint = self.same(os.path.join(folder, "r.h5"))
        left = sorted(set(os.listdir(folder)) - {"r.h5"})
        return ([complaint] if complaint else []) + (["completed, but there are still " + ", ".join(left)] if left else [])


def missing_strace(programs):
    """Why strace cannot be used here, or None."""
    if not shutil.which("strace"):
        return "there is no strace (scripts/install-deps installs it)"
    done = programs.call(["strace", "-f", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", "-e", "trace=fsync", "true"])
    return None if done.returncode == 0 else "strace cannot trace here: " + done.stderr.strip()


def skip(reason):
    print("skipped: " + reason)
    return SKIPPED


def parser(description):
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", required=True, help="the command ascribe")
    options.add_argument("--helpers", required=True, help="folder of make_rows, same_result and libfaults_shim.so")
    options.add_argument("--build", help="the build folder, for planted defects")
    options.add_argument("--full", action="store_true", help="the long version")
    return options


def run_main(test, description):
    """Parses the arguments, runs test(programs, options) -> exit status, removes the scratch folder."""
    options = parser(description).parse_args()
    programs = Programs(options.program, options.helpers)
    start = time.monotonic()
    try:
        status = test(programs, options)
    finally:
        programs.remove()
    print("%.1f s" % (time.monotonic() - start))
    sys.exit(status)
