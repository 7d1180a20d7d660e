"""gpu_suite.py without a GPU: a stub stands in for the program."""
import contextlib
import io
import json
import os
import stat
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gpu_benchmarks  # noqa: E402
import gpu_suite  # noqa: E402

STUB = """#!{python}
import json, sys
word = sys.argv[1]
if word == "devices":
    print(json.dumps({{"devices": [{{"backend": "cpu", "usable": True}}] + {gpus}}}))
elif word == "version":
    print(json.dumps({{"version": "0"}}))
elif word == "bench":
    print(json.dumps({{"coalitions_per_second": 45000.0, "flops_per_second": 5e14}}))
else:
    sys.exit(70)
"""
GPU = {"backend": "cuda", "device": 0, "name": "NVIDIA H200", "kernel_set": "cuBLASLt 13.1, sm_90, fp16", "usable": True, "memory_bytes": 1, "reason": None}


class WithStub(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def suite(self, gpus, *arguments):
        """Exit code and what was printed."""
        program = os.path.join(self.folder, "ascribe")
        with open(program, "w", encoding="utf-8") as file:
            file.write(STUB.format(python=sys.executable, gpus=gpus))
        os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = gpu_suite.main(["--no-build", "--build", self.folder, "--results", self.folder, *arguments])
        return code, said.getvalue()


class Stages(WithStub):
    def test_no_gpu_is_skipped_with_the_reason(self):
        code, said = self.suite([{**GPU, "usable": False, "reason": "there is no NVIDIA driver"}])
        self.assertEqual(code, 69)
        self.assertIn("skipped, nothing was tested: there is no NVIDIA driver", said)
        self.assertNotIn("passed", said)
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".json")], [])

    def test_another_number_is_no_gpu(self):
        self.assertEqual(self.suite([GPU], "--device", "1")[0], 69)

    def test_what_fails_is_written_down(self):
        code, said = self.suite([GPU], "--minutes", "0.9", "--seconds", "0.5", "--python", "/bin/false")
        self.assertEqual(code, 1)  # the folder has no tests
        self.assertIn("tests: FAILED", said)
        self.assertIn("agreement: FAILED", said)
        self.assertIn("bert-base @ 128 | 45,000 | 500 |", said)
        (name,) = [name for name in os.listdir(self.folder) if name.endswith(".json")]
        self.assertRegex(name, r"^gpu-nvidia-h200-\d{4}-\d\d-\d\d\.json$")
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual(result["format"], "ascribe-gpu-suite")
        self.assertFalse(result["stages"]["tests"]["passed"])
        self.assertTrue(any("PyTorch" in what for what in result["not_measured"]))

    def test_too_little_time_is_said(self):
        _, said = self.suite([GPU], "--minutes", "0.3", "--python", "/bin/false")
        self.assertIn("not measured: bert-base at 128 tokens: the time was over", said)

    def test_a_build_from_elsewhere_finds_its_sources(self):
        made_in = os.path.join(self.folder, "elsewhere", "ascribe")
        with open(os.path.join(self.folder, "CMakeCache.txt"), "w", encoding="utf-8") as file:
            file.write(f"OTHER:STRING=1\nCMAKE_HOME_DIRECTORY:INTERNAL={made_in}\nCMAKE_CACHEFILE_DIR:INTERNAL={self.folder}\n")
        _, said = self.suite([])
        self.assertIn(f"{made_in} stands for {gpu_suite.ROOT}", said)
        self.assertTrue(os.path.samefile(os.path.join(made_in, "data"), os.path.join(gpu_suite.ROOT, "data")))

    def test_what_takes_too_long_ends_with_all_that_it_started(self):
        suite = gpu_suite.Suite(gpu_suite.parse(["--build", self.folder]))
        with contextlib.redirect_stdout(io.StringIO()):
            done = suite.run(["sh", "-c", f"(sleep 0.5; touch '{self.folder}/late') & wait"], limit_s=0.1)
        self.assertIsNone(done)
        time.sleep(0.7)
        self.assertNotIn("late", os.listdir(self.folder))

    def test_no_program_is_a_failed_build(self):
        self.assertEqual(gpu_suite.main(["--no-build", "--build", os.path.join(self.folder, "nothing")]), 1)


class Table(unittest.TestCase):
    def test_table_with_a_peer(self):
        peer = {"best": [{"loop": "padded", "coalitions_per_s": 9000.0}, {"loop": "dropped", "coalitions_per_s": 15000.0}]}
        point = {"shape": "bert-base", "length": 128, "ours": {"coalitions_per_second": 45000.0, "flops_per_second": 5e14}, "peer": peer}
        lines = gpu_suite.table({"stages": {"speed": {"points": [point]}}, "not_measured": []})
        self.assertEqual(lines[2], "| bert-base @ 128 | 45,000 | 500 | 9,000 | 15,000 | 5.00 |")


class Document(WithStub):
    """The GPU's part of BENCHMARKS.md."""

    def test_nothing_was_run(self):
        told = gpu_benchmarks.section(self.folder, self.folder)
        self.assertIn("No figure comes from a GPU", told)
        for what in ("speed of bert-base at 128 tokens", "agreement of fp16", "label gpu", "compute-sanitizer"):
            self.assertIn(what, told)

    def test_a_run_says_when_and_on_what_and_what_is_left(self):
        self.suite([GPU], "--minutes", "0.9", "--seconds", "0.5", "--python", "/bin/false")
        told = gpu_benchmarks.section(self.folder, self.folder)
        self.assertIn("NVIDIA H200", told)
        self.assertRegex(told, r"\d{4}-\d\d-\d\dT")
        self.assertIn("tests **failed**", told)
        self.assertIn("| bert-base @ 128 | 45,000 | 500 |", told)
        self.assertNotIn("speed of bert-base at 128 tokens", told)
        self.assertIn("PyTorch beside it", told)
        self.assertNotIn("No figure comes from a GPU", told)

    def test_another_format_is_refused(self):
        with open(os.path.join(self.folder, "gpu-x.json"), "w", encoding="utf-8") as file:
            json.dump({"format": "something"}, file)
        with self.assertRaises(ValueError):
            gpu_benchmarks.section(self.folder, self.folder)


if __name__ == "__main__":
    unittest.main()
