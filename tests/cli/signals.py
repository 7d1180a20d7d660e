#!/usr/bin/env python3
"""Signals and streams of `ascribe explain`: tests/cli/signals.py PROGRAM SAME_RESULT DATA

PROGRAM is ascribe, SAME_RESULT compares two result files bit for bit, DATA is the data folder. Every way to interrupt a run must leave
nothing half-written and a run that the same command completes with the bits of an uninterrupted one. Exit code: 0, or 1 with what failed.
"""
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HANG_S = 100  # a machine that stands still for a while is no hang
SOON_S = 5    # what half of the stops must keep
N_SIGNALS = 20
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
STOPPED = 75
SECOND_TOO_SOON_S = 0.3  # until then a second SIGINT may be the same key

program, same_result, data = "", "", ""


def run_options(out, *more):
    return [program, "explain", "--model", data + "/demo/model", "--data", data + "/demo/dataset.h5", "--out", out,
            "--limit", "8", "--budget", "4n", "--rows-per-part", "1", "--progress", "plain", *more]


def wait(process):
    """The exit code and stderr of a process that is to end soon."""
    try:
        _, errors = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError("still running after %d s" % HANG_S)
    return process.returncode, errors


def start(command, **how):
    how.setdefault("stdout", subprocess.DEVNULL)
    how.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **how)


def until(condition, process=None):
    """Waits for a condition; False when the process ended before."""
    end_s = time.monotonic() + HANG_S
    while not condition():
        if process and process.poll() is not None:
            return False
        if time.monotonic() > end_s:
            raise AssertionError("waited %d s in vain" % HANG_S)
        time.sleep(0.001)
    return True


def catches(pid, number):
    """Whether a process has a handler for a signal."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"^SigCgt:\s*(\w+)", file.read(), re.M).group(1), 16) >> (number - 1) & 1


class Signals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="ascribe-signals-")
        cls.whole = os.path.join(cls.scratch.name, "whole.h5")
        subprocess.run(run_options(cls.whole), check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def setUp(self):
        self.folder = os.path.join(self.scratch.name, self.id().split(".")[-1])
        os.mkdir(self.folder)
        self.out = os.path.join(self.folder, "out.h5")

    def parts(self):
        return sorted(os.listdir(self.out + ".parts")) if os.path.isdir(self.out + ".parts") else []

    def assert_nothing_half_written(self):
        found = [name for name in os.listdir(self.folder) + self.parts() if name.endswith(".tmp")]
        self.assertEqual(found, [])

    def assert_whole(self):
        done = subprocess.run([same_result, self.whole, self.out], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        verified = subprocess.run([program, "verify", self.out], capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertEqual(os.listdir(self.folder), ["out.h5"])

    def assert_stopped(self, process):
        """It ends as one that was asked to, and its parts are as they were or more; returns how long that took."""
        begun_s, before = time.monotonic(), [name for name in self.parts() if name.endswith(".part")]
        code, errors = wait(process)
        took_s = time.monotonic() - begun_s
        self.assertEqual(code, STOPPED, errors)
        self.assertIn("ascribe: stopping: ", errors)
        self.assertIn("\nascribe: error: ", errors)
        self.assertIn("\nhint: the same command goes on", errors)
        self.assert_nothing_half_written()
        self.assertFalse(os.path.exists(self.out))
        self.assertLessEqual(set(before), set(self.parts()))
        return took_s

    def complete(self):
        code, errors = wait(start(run_options(self.out)))
        self.assertEqual(code, 0, errors)
        self.assert_whole()

    def send_until(self, n_signals, choose, to_group, *options):
        """Runs the command again and again, each time with a signal at a random moment, until so many have stopped it."""
        took_s, longest_s = [], 1.2
        while len(took_s) < n_signals:
            process = start(run_options(self.out, *options), start_new_session=True)
            time.sleep(choose.uniform(0.02, longest_s))  # before that Python may still be between fork and exec
            number = STOPS[len(took_s) % len(STOPS)]
            until(lambda: process.poll() is not None or catches(process.pid, number))  # on a busy machine it may not even have begun
            if process.poll() is None:
                (os.killpg if to_group else os.kill)(process.pid, number)
            if process.wait(HANG_S) == 0:  # it was too late
                self.assert_whole()
                os.unlink(self.out)
                process.stderr.close()
                longest_s *= 0.8
                continue
            took_s.append(self.assert_stopped(process))
        self.complete()
        self.assertLess(sorted(took_s)[len(took_s) // 2], SOON_S)

    def test_random_moments(self):
        self.send_until(N_SIGNALS, random.Random(6), False)

    def test_random_moments_whole_group(self):
        """As a terminal and Slurm send them: children get them too."""
        self.send_until(N_SIGNALS // 3, random.Random(7), True)

    def test_random_moments_processes(self):
        """Workers leave it to their supervisor to stop them."""
        self.send_until(N_SIGNALS // 3, random.Random(8), True, "--processes", "2")

    def test_merge(self):
        """In the merge, the whole group, too: its child then dies of the signal itself."""
        for number in STOPS:
            process = start(run_options(self.out), start_new_session=True)
            until(lambda: any(name.startswith("result") for name in self.parts()), process)
            if process.poll() is None:
                os.killpg(process.pid, number)
            if process.wait(HANG_S) == 0:  # it was too late
                process.stderr.close()
                os.unlink(self.out)
            else:
                self.assert_stopped(process)
        self.complete()

    def test_plan(self):
        """A plan is there whole, or not at all."""
        plan, n_stopped = os.path.join(self.folder, "plan.json"), 0
        command = [program, "plan", "--model", data + "/demo/model", "--data", data + "/demo/dataset.h5", "--out", self.out, "--tasks", "3",
                   "-o", plan]
        for number in STOPS * 10:
            process = start(command)
            until(lambda: process.poll() is not None or catches(process.pid, number))
            process.send_signal(number)
            code, errors = wait(process)
            if code == 0:  # it was too late
                os.unlink(plan)
                continue
            self.assertEqual(code, STOPPED, errors)
            self.assertIn("hint: no plan was written", errors)
            self.assertEqual(os.listdir(self.folder), [])
            n_stopped += 1
            if n_stopped == len(STOPS):
                break
        self.assertEqual(n_stopped, len(STOPS))
        self.assertEqual(wait(start(command))[0], 0)

    def test_second_interrupt(self):
        """The first waits for a program that does not end; the second ends both the run and its scratch folder."""
        slow, pid_file, scratch = (os.path.join(self.folder, name) for name in ("slow", "pid", "scratch"))
        with open(slow, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\ntrap '' TERM INT\necho $$ > %s\nexec sleep 1000 > /dev/null 2>&1\n" % pid_file)
        os.chmod(slow, 0o755)
        os.mkdir(scratch)
        process = start([program, "explain", "--model", data + "/demo/model", "--text", "hello"],
                        env=dict(os.environ, ASCRIBE_PREPARE=slow, TMPDIR=scratch))
        until(lambda: os.path.exists(pid_file) and os.path.getsize(pid_file) > 0)
        with open(pid_file, encoding="ascii") as file:
            sleeper = int(file.read())
        process.send_signal(signal.SIGTERM)
        time.sleep(SECOND_TOO_SOON_S)
        process.send_signal(signal.SIGTERM)  # no second interrupt
        time.sleep(SECOND_TOO_SOON_S)
        self.assertIsNone(process.poll())
        self.assertEqual(len(os.listdir(scratch)), 1)
        process.send_signal(signal.SIGINT)
        code, errors = wait(process)
        os.kill(sleeper, signal.SIGKILL)
        self.assertEqual(code, -signal.SIGINT, errors)
        self.assertEqual(errors.count("stopping"), 1, errors)
        self.assertEqual(os.listdir(scratch), [])

    def test_suspended(self):
        process = start(run_options(self.out))
        until(lambda: len(self.parts()) >= 2, process)
        for _ in range(3):
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        code, errors = wait(process)
        self.assertEqual(code, 0, errors)
        self.assert_whole()

    def test_ignored_hangup(self):
        """As nohup starts it."""
        process = start(run_options(self.out), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        until(lambda: len(self.parts()) >= 2, process)
        process.send_signal(signal.SIGHUP)
        code, errors = wait(process)
        self.assertEqual(code, 0, errors)
        self.assertNotIn("stopping", errors)
        self.assert_whole()

    def check_stream(self, expected, **how):
        process = start(run_options(self.out), **how)
        code, errors = wait(process)
        self.assertEqual(code, expected, errors)
        self.assert_whole()

    def test_stderr_full(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            self.check_stream(0, stderr=full)

    def test_stderr_closed_pipe(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        self.check_stream(0, stderr=write_end)
        os.close(write_end)

    def test_stderr_closed(self):
        self.check_stream(0, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.close(2))

    def test_stdout_full(self):
        """What was computed is whole; only what was to be printed is not, and the exit code says so."""
        with open("/dev/full", "w", encoding="ascii") as full:
            self.check_stream(74, stdout=full)

    def test_stdout_closed_pipe(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        self.check_stream(74, stdout=write_end)
        os.close(write_end)


if __name__ == "__main__":
    program, same_result, data = (os.path.abspath(path) for path in sys.argv[1:4])
    unittest.main(argv=[sys.argv[0], "-v"] + sys.argv[4:])
