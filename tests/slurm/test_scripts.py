"""scripts/slurm without Slurm: what `submit` hands to sbatch, and what explain.sbatch makes of a job's environment and of exit codes.

Stand-ins for ascribe and for Slurm's commands write down how they were called.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SCRIPTS = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "slurm"))
NASTY = "it's 100% \"mine\" $HOME `id` * é"

STAND_IN = """#!/bin/bash
{ printf '%s\\0' "${0##*/}" "$@"; printf '\\n'; } >>"$CALLS"
"""
ASCRIBE = STAND_IN + """
case $1 in
plan) touch "$PLAN" ;;
status) printf '{\\n  "run": "x",\\n  "tasks": 4\\n}\\n' ;;
inspect) cat "$DESCRIPTION" ;;
explain) [ -z "$WAITS" ] || { trap 'exit 75' USR1; echo waiting; while :; do sleep 0.05; done; }; exit "$EXPLAIN_CODE" ;;
esac
"""
SBATCH = STAND_IN + """
echo "$((100 + $(grep -c ^sbatch "$CALLS")));cluster"
exit "$SBATCH_CODE"
"""
SCONTROL = STAND_IN + """
[ "$1" != show ] || echo "MaxArraySize            = 1001"
"""
SQUEUE = STAND_IN + """
echo "$STATE"
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        programs = os.path.join(self.folder, "bin")
        os.mkdir(programs)
        for name, text in (("ascribe", ASCRIBE), ("sbatch", SBATCH), ("scontrol", SCONTROL), ("squeue", SQUEUE)):
            with open(os.path.join(programs, name), "w") as file:
                file.write(text)
            os.chmod(file.name, 0o755)
        self.plan = os.path.join(self.folder, NASTY + ".json")
        self.calls_path = os.path.join(self.folder, "calls")
        self.paths = {key: "%s/%s/%s" % (self.folder, NASTY, key) for key in ("model_path", "dataset_path", "out_path")}
        with open(os.path.join(self.folder, "description"), "w") as file:
            json.dump({"kind": "plan", **self.paths}, file, indent=2, ensure_ascii=False)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SLURM")}
        self.environment.update(PATH=programs + ":" + os.environ["PATH"], CALLS=self.calls_path, PLAN=self.plan, WAITS="", EXPLAIN_CODE="0",
                                SBATCH_CODE="0", STATE="RUNNING", DESCRIPTION=file.name, LC_ALL="C.UTF-8", TMPDIR=self.folder)

    def run_script(self, name, *arguments):
        return subprocess.run(["bash", os.path.join(SCRIPTS, name), *arguments], env=self.environment, cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)

    def calls(self, program):
        """The arguments of each call of a stand-in."""
        if not os.path.exists(self.calls_path):
            return []
        with open(self.calls_path) as file:
            called = [line.split("\0")[:-1] for line in file.read().splitlines()]
        return [words[1:] for words in called if words[0] == program]

    def submit(self, *arguments, code=0):
        done = self.run_script("submit", *arguments)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    # ---- submit ----

    def test_plan_array_and_merge(self):
        said = self.submit("--plan", self.plan, "--tasks=4", "--throttle", "2", "--gpus", "2", "--cpus", "8", "--time", "1:00:00", "--account", "a b",
                           "--sbatch=--mem=4G", "--explain=--quiet", "--scratch", "auto", "--", "--model", NASTY, "--seed", "3")
        self.assertIn(["plan", "--tasks", "4", "--plan", self.plan, "--model", NASTY, "--seed", "3", "--backend", "cuda"], self.calls("ascribe"))
        array, merge = self.calls("sbatch")
        script = array.index(os.path.join(SCRIPTS, "explain.sbatch"))
        logs = self.plan[: -len(".json")].replace("%", "%%") + ".logs/"
        self.assertEqual(array[:script], ["--parsable", "--array=0-3%2", "--cpus-per-task=8", "--gpus-per-task=2", "--time=1:00:00",
                                          "--output=%stask-%%A_%%a.log" % logs, "--account=a b", "--mem=4G"])
        self.assertEqual(array[script + 1:], ["--ascribe", self.folder + "/bin/ascribe", "--plan", self.plan, "--scratch", "auto",
                                              "--model", self.paths["model_path"], "--data", self.paths["dataset_path"], "--", "--quiet"])
        self.assertEqual(merge, ["--parsable", "--dependency=afterok:101", "--kill-on-invalid-dep=yes", "--time=1:00:00",
                                 "--output=%smerge-%%j.log" % logs, "--account=a b", os.path.join(SCRIPTS, "merge.sbatch"), "--ascribe",
                                 self.folder + "/bin/ascribe", "--plan", self.plan, "--out", self.paths["out_path"], "--"])
        self.assertIn("scancel 101 102", said)

    def test_backend_of_a_plan(self):
        """Whoever asks for GPUs gets parts for GPUs, also from a login node without any, unless told otherwise."""
        for gpus, given, expected in ((["--gpus=1"], [], ["--backend", "cuda"]), ([], [], []), (["--gpus=1"], ["--backend", "cpu"], []),
                                      (["--gpus=1"], ["--backend=auto"], [])):
            self.submit("--plan", self.plan, "--tasks", "4", *gpus, "--", "--model", "m", *given)
            plans = [words for words in self.calls("ascribe") if words[0] == "plan"]
            self.assertEqual(plans[-1][5:], ["--model", "m", *given, *expected])

    def test_again_is_the_same_submission(self):
        """The line "again", typed: the same resources for a subset, and no new plan."""
        said = self.submit("--plan", self.plan, "--tasks", "4", "--cpus", "3", "--sbatch=--comment=" + NASTY, "--keep-parts", "--", "--model", "m")
        line = next(line for line in said.splitlines() if line.startswith("again"))
        command = line.split(None, 1)[1].split("   #")[0].replace("LIST", "1,3")
        done = subprocess.run(["bash", "-c", command], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        first, _, second, second_merge = self.calls("sbatch")
        self.assertEqual([word.replace("0-3", "1,3") for word in first], second)
        self.assertEqual(second_merge[-1], "--keep-parts")
        self.assertEqual(len([words for words in self.calls("ascribe") if words[0] == "plan"]), 1)

    def test_dry_run(self):
        said = self.submit("--plan", self.plan, "--tasks", "4", "--dry-run", "--", "--model", NASTY)
        self.assertEqual(self.calls("ascribe") + self.calls("sbatch"), [])
        printed = subprocess.run(["bash", "-c", "printf '%s\\0' " + said.splitlines()[0]], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(printed.split("\0")[-3:-1], ["--model", NASTY])
        self.assertIn("--dependency=afterok:ARRAY_JOB", said)

    def test_refused(self):
        for arguments, code, expected in (
            ([], 64, "--plan"),
            (["--plan", self.plan], 66, "is not there"),
            (["--plan", self.plan, "--tasks", "0", "--", "x"], 64, "--tasks"),
            (["--plan", self.plan, "--", "x"], 64, "--tasks"),
            (["--plan", self.plan, "--tasks", "5"], 64, "behind --"),
            (["--plan", self.plan, "--tasks", "5000", "--", "x"], 64, "MaxArraySize"),
            (["--plan", self.plan, "--tasks", "5", "--time", "3", "--", "x"], 64, "5 minutes"),
            (["--plan", self.plan, "--tasks", "5", "--scratch", "here", "--", "x"], 64, "--scratch"),
            (["--plan", self.plan, "--bogus", "5"], 64, "--bogus"),
            (["--plan", self.plan, "--bla"], 64, "unknown option '--bla'"),
            (["--plan"], 64, "missing value"),
            (["--plan", self.plan, "--tasks", "5", "--ascribe", "nowhere", "--", "x"], 69, "nowhere"),
        ):
            with self.subTest(arguments):
                self.assertIn(expected, self.submit(*arguments, code=code))
        self.assertEqual(self.calls("sbatch"), [])

    def test_array_outside_the_plan(self):
        self.submit("--plan", self.plan, "--tasks", "4", "--", "--model", "m")
        n_before = len(self.calls("sbatch"))
        for array, expected in (("4", "found 4"), ("0-7", "found 7"), ("1,12", "found 12"), ("x", "found 'x'"), ("1-", "found '1-'"), ("0-3%2", "--throttle")):
            with self.subTest(array):
                self.assertIn(expected, self.submit("--plan", self.plan, "--array", array, code=64))
        self.assertEqual(len(self.calls("sbatch")), n_before)
        self.submit("--plan", self.plan, "--array", "0-3:2,3")

    def test_sbatch_fails(self):
        self.environment["SBATCH_CODE"] = "9"
        self.submit("--plan", self.plan, "--tasks", "4", "--", "--model", "m", code=9)
        self.assertEqual(len(self.calls("sbatch")), 1, "no merge job without its array")

    # ---- explain.sbatch ----

    def explain(self, *arguments, code=0, **environment):
        self.environment.update(SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="2", SLURM_JOB_ID="7", **environment)
        done = self.run_script("explain.sbatch", "--plan", self.plan, *arguments)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def test_threads_and_gpus(self):
        for environment, expected in (
            ({"SLURM_CPUS_ON_NODE": "3"}, ["--workers", "3"]),
            ({"SLURM_CPUS_PER_TASK": "8"}, ["--workers", "8"]),
            ({"SLURM_GPUS_ON_NODE": "1"}, []),
            ({"SLURM_GPUS_ON_NODE": "4"}, ["--devices", "all"]),
        ):
            self.explain("--", "--strict", **environment)
            self.assertEqual(self.calls("ascribe")[-1], ["explain", "--plan", self.plan, "--task", "2", *expected, "--strict"])

    def test_who_asks_for_another_run(self):
        for code, restarts, expected in ((75, 0, True), (75, 2, True), (75, 3, False), (0, 0, False), (1, 0, False), (137, 0, False)):
            n_before = len(self.calls("scontrol"))
            self.explain(code=code, EXPLAIN_CODE=str(code), SLURM_RESTART_COUNT=str(restarts))
            self.assertEqual(self.calls("scontrol")[n_before:], [["requeue", "7_2"]] if expected else [], (code, restarts))

    def signalled(self, number, state, restarts=0):
        """Whether the script asked for another run after a signal to itself."""
        self.environment.update(SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="2", STATE=state, WAITS="yes", SLURM_RESTART_COUNT=str(restarts))
        n_before = len(self.calls("scontrol"))
        process = subprocess.Popen(["bash", os.path.join(SCRIPTS, "explain.sbatch"), "--plan", self.plan, "--most-restarts", "9"],
                                   env=self.environment, stdout=subprocess.PIPE, text=True)
        with process:
            while "waiting" not in process.stdout.readline():
                self.assertIsNone(process.poll())
            process.send_signal(number)
            process.communicate(timeout=20)
        self.assertEqual(process.returncode, 75)
        return len(self.calls("scontrol")) > n_before

    def test_signals(self):
        self.assertTrue(self.signalled(signal.SIGUSR1, "RUNNING"))
        self.assertTrue(self.signalled(signal.SIGUSR1, "RUNNING", restarts=8))
        self.assertFalse(self.signalled(signal.SIGUSR1, "RUNNING", restarts=9))
        self.assertTrue(self.signalled(signal.SIGTERM, "RUNNING"), "a warning")
        self.assertFalse(self.signalled(signal.SIGTERM, "COMPLETING"), "cancelled, or pre-empted: then Slurm does it")

    def test_signal_while_copying(self):
        """A copy is stopped like the run itself, and its folder is removed."""
        os.mkfifo(self.folder + "/data")
        os.mkdir(self.folder + "/model")
        with open(self.folder + "/model/config.json", "w"):
            pass
        self.environment.update(SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="2")
        process = subprocess.Popen(["bash", os.path.join(SCRIPTS, "explain.sbatch"), "--plan", self.plan, "--scratch", "auto", "--model",
                                    self.folder + "/model", "--data", self.folder + "/data"], env=self.environment, stdout=subprocess.PIPE)
        with process, open(self.folder + "/data", "wb"):  # when `cp` has opened the other end
            time.sleep(0.2)
            process.send_signal(signal.SIGUSR1)
            process.communicate(timeout=20)
        self.assertEqual(process.returncode, 75)
        self.assertEqual(self.calls("scontrol"), [["requeue", "7_2"]])
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("ascribe-")], [])

    def test_scratch(self):
        model = os.path.join(self.folder, NASTY)
        os.mkdir(model)
        for name in ("config.json", "model.safetensors", "pytorch_model.bin"):
            with open(os.path.join(model, name), "w") as file:
                file.write(name)
        copies = ("--scratch", "auto", "--model", model, "--data", self.calls_path)
        with open(self.calls_path, "w"):
            pass
        self.explain(*copies, SLURM_TMPDIR=self.folder)
        words = self.calls("ascribe")[-1]
        at = words.index("--model")
        self.assertTrue(words[at + 1].startswith(self.folder + "/ascribe-7_2."), words)
        self.assertFalse(os.path.exists(os.path.dirname(words[at + 1])), "it is removed")
        self.assertIn("read where they are", self.explain(*copies, SLURM_TMPDIR="/nowhere"))
        self.assertNotIn("--model", self.calls("ascribe")[-1])


if __name__ == "__main__":
    unittest.main()
