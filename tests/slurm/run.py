#!/usr/bin/env python3
"""scripts/slurm on real Slurm daemons: run.py PROGRAM --model DIR --data FILE.h5 [--test NAME ...]

A cluster of three nodes is started as ordinary processes (cluster.py). Rows of the dataset are explained by tasks that are
stopped, killed with their node, cancelled, pre-empted and submitted again; each result must hold the very bytes of an
uninterrupted run of one process. Exit status: 0 all passed, 1 a failure, 77 the daemons are not installed.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import h5py

import cluster
from cluster import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, "..", "..", "scripts", "slurm")
MOST_S = 270  # then everything is torn down, whatever hangs
LONG = ("--limit", "24")  # a third of a second of processor time for each row: can be interrupted
SHORT = ("--limit", "32", "--method", "occlusion")  # a fiftieth


def differences(found, expected):
    """What differs between two results, apart from the attribute that says how they came about."""
    with h5py.File(found, "r") as one, h5py.File(expected, "r") as other:
        names = [{"/"}, {"/"}]
        one.visit(names[0].add)
        other.visit(names[1].add)
        return sorted(names[0] ^ names[1]) + [name for name in names[0] & names[1] if not same_object(one[name], other[name])]


def same_object(one, other):
    attributes = [{key: repr(value) for key, value in thing.attrs.items() if key != "run"} for thing in (one, other)]
    if attributes[0] != attributes[1] or type(one) is not type(other):
        return False
    if not isinstance(one, h5py.Dataset):
        return True
    return one.dtype == other.dtype and one.shape == other.shape and one[()].tobytes() == other[()].tobytes()


class Run:
    """A plan in a folder of its own, its jobs, and the result of one process to compare with."""

    def __init__(self, test, name, method, n_tasks):
        self.test, self.name, self.method, self.n_tasks = test, name, method, n_tasks
        self.plan = os.path.join(test.folder, name + ".json")
        self.result = os.path.join(test.folder, name + ".h5")
        self.scripts = SCRIPTS
        self.job = self.merge = None

    def submit(self, *arguments):
        """Makes the plan at the first call."""
        words = [os.path.join(self.scripts, "submit"), "--ascribe", self.test.program, "--plan", self.plan, "--time", "10", *arguments]
        if not os.path.exists(self.plan):
            words += ["--tasks", str(self.n_tasks), "--", "--model", self.test.model, "--data", self.test.data, "--out", self.result,
                      *self.method]
        said = self.test.cluster.command(*words)
        for attribute, label in (("job", "tasks"), ("merge", "merge")):
            match = re.search(r"^%s +job (\d+)" % label, said, re.M)
            setattr(self, attribute, match and int(match.group(1)))

    def status(self, task):
        return json.loads(self.test.cluster.command(self.test.program, "status", self.plan, "--json"))["task_list"][task]

    def wait_for_middle(self, task):
        """Until the task runs, has something done and something left to do."""

        def in_the_middle():
            if self.test.cluster.element(self.job, task).get("JobState") != "RUNNING":
                return False
            status = self.status(task)
            self.test.assertLess(status["parts_done"], status["parts"], "task %d was over too soon to be interrupted" % task)
            return status["parts_done"] >= 1

        wait_until(in_the_middle, "task %d of %s in the middle" % (task, self.name))

    def wait_for_end(self, job, *states):
        """Until all of a job has ended; in one of these states, if any are given. Returns the exit codes."""

        def ended():
            fields = self.test.cluster.describe(job).values()
            return fields if all(f["JobState"] not in ("PENDING", "RUNNING", "COMPLETING") for f in fields) else None

        fields = wait_until(ended, "the end of job %d" % job, 120)
        if states:
            self.test.assertLessEqual({f["JobState"] for f in fields}, set(states), "job %d" % job)
        return {f["ExitCode"] for f in fields}

    def restarted(self):
        """{task: how often it was run again}, zeros left out."""
        fields = self.test.cluster.describe(self.job)
        return {int(task): int(f["Restarts"]) for task, f in fields.items() if task.isdigit() and f["Restarts"] != "0"}

    def log(self, job, task=None):
        name = "merge-%d.log" % job if task is None else "task-%d_%d.log" % (job, task)
        path = os.path.join(self.test.folder, self.name + ".logs", name)
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()

    def assert_right(self):
        self.test.assertEqual(differences(self.result, self.test.expected(self.method)), [])
        self.test.assertEqual(glob.glob(glob.escape(self.result) + ".parts"), [], "the parts are removed")


class Slurm(unittest.TestCase):
    cluster = program = model = data = folder = None  # main fills them in
    references = {}  # method: (process, path)

    @classmethod
    def start_reference(cls, method):
        path = "%s/reference-%d.h5" % (cls.cluster.folder, len(cls.references))
        words = [cls.program, "explain", "--quiet", "--workers", "1", "--model", cls.model, "--data", cls.data, "--out", path, *method]
        cls.references[method] = subprocess.Popen(words, env=cls.cluster.environment, stdin=subprocess.DEVNULL), path

    def setUp(self):
        began = time.monotonic()
        self.addCleanup(lambda: print("[%.1f s] " % (time.monotonic() - began), end="", flush=True))

    def expected(self, method):
        process, path = self.references[method]
        self.assertEqual(process.wait(), 0, "the uninterrupted run")
        return path

    def test_node_failure_and_early_stop(self):
        scratch = os.path.join(self.folder, "scratch of the nodes")
        os.mkdir(scratch)
        run = Run(self, "interrupted", LONG, 4)
        run.submit("--throttle", "2", "--cpus", "1", "--scratch", scratch)
        run.wait_for_middle(1)
        self.assertGreaterEqual(self.cluster.fail_node(self.cluster.element(run.job, 1)["NodeList"]), 4, "daemon, slurmstepd, script, ascribe")
        self.cluster.start_soon(run.job, 1)

        run.wait_for_middle(3)
        self.assertEqual(self.cluster.element(run.job, 3)["JobId"], str(run.job), "the element that is easily taken for the array")
        self.cluster.command("scancel", "--signal=USR1", "--batch", "%d_3" % run.job)
        self.cluster.start_soon(run.job, 3)

        self.assertEqual(run.wait_for_end(run.job, "COMPLETED"), {"0:0"})
        self.assertEqual(run.wait_for_end(run.merge, "COMPLETED"), {"0:0"})
        self.assertEqual(run.restarted(), {1: 1, 3: 1})
        log = run.log(run.job, 3)
        for expected in ("start 1,", "signal USR1", "exit code 75", "it will be run again", "start 2,", "exit code 0"):
            self.assertIn(expected, log)
        left = [name for name in os.listdir(scratch) if not name.startswith("ascribe-%d_1." % run.job)]
        self.assertEqual((len(os.listdir(scratch)), left), (1, []), "only the failed node leaves its copies")
        run.assert_right()

    def test_pre_emption_and_cancelling(self):
        run = Run(self, "pre-empted", LONG, 2)
        run.submit("--no-merge", "--explain=--processes=2")  # a supervisor and its workers are stopped by Slurm's signal to each of them
        run.wait_for_middle(1)
        nodes = self.cluster.element(run.job, 1)["NodeList"]
        urgent = int(self.cluster.command("sbatch", "--parsable", "--partition=urgent", "--nodelist=" + nodes, "--wrap", "true"))
        run.wait_for_end(urgent, "COMPLETED")
        self.assertEqual(run.restarted(), {1: 1})
        self.assertIn("exit code 75", run.log(run.job, 1))
        self.cluster.start_soon(run.job, 1)
        wait_until(lambda: "start 2" in run.log(run.job, 1), "the pre-empted task runs again")

        self.cluster.command("scancel", str(run.job))
        run.wait_for_end(run.job)
        wait_until(lambda: "exit code" in run.log(run.job, 1).split("start 2")[1], "the cancelled task's last word")
        self.assertEqual(self.cluster.element(run.job, 1)["JobState"], "CANCELLED")
        self.assertEqual(run.restarted(), {1: 1}, "what was cancelled stays cancelled")

    def test_planted_job_id(self):
        """$SLURM_JOB_ID in place of the element's name: for the last element it is the whole array's."""
        run = Run(self, "planted", LONG, 2)
        run.scripts = os.path.join(self.folder, "planted scripts")
        shutil.copytree(SCRIPTS, run.scripts)
        script = os.path.join(run.scripts, "explain.sbatch")
        with open(script) as file:
            text = file.read()
        self.assertEqual(text.count('scontrol requeue "$name"'), 1)
        with open(script, "w") as file:
            file.write(text.replace('scontrol requeue "$name"', 'scontrol requeue "$SLURM_JOB_ID"'))
        run.submit("--no-merge")
        run.wait_for_middle(1)
        self.cluster.command("scancel", "--signal=USR1", "--batch", "%d_1" % run.job)
        wait_until(lambda: run.restarted().get(1), "the stopped task is run again")
        self.cluster.command("scancel", str(run.job))
        with self.assertRaises(AssertionError, msg="the check of test_node_failure_and_early_stop must see it"):
            self.assertEqual(run.restarted(), {1: 1})

    def test_subset(self):
        run = Run(self, "subset", SHORT, 4)
        run.submit("--array", "0,2")
        run.wait_for_end(run.job, "COMPLETED")
        self.assertEqual(run.wait_for_end(run.merge, "FAILED"), {"1:0"}, "two tasks are missing")
        self.assertFalse(os.path.exists(run.result))
        run.submit("--array", "1,3")
        self.assertEqual(set(self.cluster.describe(run.job)) - {"1,3"}, set(self.cluster.describe(run.job)) & {"1", "3"})
        run.wait_for_end(run.merge, "COMPLETED")
        run.assert_right()

    def test_failed_task(self):
        """The merge is cancelled, not stuck; what failed is submitted again."""
        run = Run(self, "failed", SHORT, 2)
        run.submit("--explain=--data", "--explain=/nowhere/data.h5")
        self.assertEqual(run.wait_for_end(run.job, "FAILED"), {"66:0"})
        run.wait_for_end(run.merge, "CANCELLED")
        run.submit()
        run.wait_for_end(run.merge, "COMPLETED")
        run.assert_right()

    def test_damaged_part(self):
        run = Run(self, "damaged", SHORT, 2)
        run.submit("--no-merge")
        run.wait_for_end(run.job, "COMPLETED")
        part = sorted(glob.glob(glob.escape(run.result) + ".parts/*.part"))[1]
        with open(part, "r+b") as file:
            file.seek(os.path.getsize(part) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 4]))
        run.submit("--merge-only")
        self.assertEqual(run.wait_for_end(run.merge, "FAILED"), {"1:0"})
        self.assertIn(os.path.basename(part), run.log(run.merge))
        self.assertFalse(os.path.exists(run.result))
        run.submit()
        run.wait_for_end(run.merge, "COMPLETED")
        run.assert_right()


def interrupt(signum, _):
    raise KeyboardInterrupt(signal.Signals(signum).name)


def run_tests(arguments):
    for name in ("SIGTERM", "SIGHUP", "SIGALRM"):
        signal.signal(getattr(signal, name), interrupt)
    signal.alarm(MOST_S)
    with cluster.Cluster(3) as Slurm.cluster:
        Slurm.program = os.path.abspath(arguments.program)
        Slurm.folder = os.path.join(Slurm.cluster.folder, "files", "100% 'my' run")
        os.mkdir(Slurm.folder)
        Slurm.model = shutil.copytree(arguments.model, os.path.join(Slurm.folder, "my model"))
        Slurm.data = shutil.copy(arguments.data, os.path.join(Slurm.folder, "my data.h5"))
        for method in (LONG, SHORT):
            Slurm.start_reference(method)
        names = ["Slurm." + name for name in arguments.test] or ["Slurm"]
        suite = unittest.defaultTestLoader.loadTestsFromNames(names, sys.modules[__name__])
        passed = False
        try:
            passed = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()
        finally:
            if not passed:
                print("\n".join(Slurm.cluster.logs()))
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--test", action="append", default=[], metavar="NAME", help="this one alone; may be repeated")
    arguments = parser.parse_args()
    missing = cluster.missing()
    if missing:
        print("skipped: no %s here (scripts/install-deps --slurm installs them)" % ", ".join(missing))
        return 77
    return run_tests(arguments)


if __name__ == "__main__":
    sys.exit(main())
