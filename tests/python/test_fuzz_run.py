"""tests/fuzz/run.py: its command line in every order, and what it does while a program runs."""

import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz"))
import run


class Arguments(unittest.TestCase):
    def test_any_order(self):
        for words in ("--build x clean config --long", "clean --long config --build x", "--long clean config --build x",
                      "clean config --build x --long"):
            with mock.patch.object(run, "run_clean", return_value=0) as clean, mock.patch.object(sys, "argv", ["run.py"] + words.split()):
                self.assertEqual(run.main(), 0, words)
            clean.assert_called_once_with(os.path.abspath("x"), ["config"], True)


class Running(unittest.TestCase):
    def run_shell(self, text, **more):
        with tempfile.TemporaryDirectory() as folder:
            return run.run("/bin/sh", ["-c", text], os.path.join(folder, "log"), **more)

    def test_what_is_printed_and_how_it_ends(self):
        status, _, _, output = self.run_shell("echo one; echo two >&2; exit 3")
        self.assertEqual((status, output), (3, "one\ntwo\n"))

    def test_a_long_run_is_reported_while_it_lasts(self):
        seen = []
        with mock.patch.object(run, "REPORT_S", 0.2):
            self.run_shell("echo begun; sleep 1", report=lambda seconds, output: seen.append(output))
        self.assertGreaterEqual(len(seen), 2)
        self.assertEqual(seen[-1], "begun\n")

    def test_too_long(self):
        status, _, seconds, output = self.run_shell("echo begun; exec sleep 60", wall_s=0.5)
        self.assertEqual((status, output), (None, "begun\n"))
        self.assertLess(seconds, 30)


if __name__ == "__main__":
    unittest.main()
