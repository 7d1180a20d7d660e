"""ascribe-convert: what it writes equals what was loaded, and what it refuses. Needs torch, except where said."""

import contextlib
import io
import json
import os
import struct
import sys
import tempfile
import unittest
from unittest import mock

from ascribe_scripts import convert

try:
    import torch
except ImportError:
    torch = None


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_convert(self, *arguments):
        """(exit status, stdout, stderr) of the command."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = convert.main([self.folder, *arguments])
            except SystemExit as stop:
                status = stop.code
        return status, out.getvalue(), err.getvalue()

    def assert_refused(self, status, *words, arguments=()):
        found, _, err = self.run_convert(*arguments)
        self.assertEqual(found, status, err)
        for word in words:
            self.assertIn(word, err)
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith((".tmp", ".safetensors"))], [])


class WithoutTorch(Case):
    def test_no_weights(self):
        self.assert_refused(66, "pytorch_model.bin", "neither")

    def test_torch_is_missing(self):
        open(self.path("pytorch_model.bin"), "wb").close()
        with mock.patch.dict(sys.modules, {"torch": None}):
            self.assert_refused(69, "torch", "pip install")

    def test_usage(self):
        self.assert_refused(64, "--wrong", arguments=("--wrong",))

    def test_shard_outside_of_the_folder(self):
        for name in ("../a.bin", "/etc/passwd", ".hidden"):
            with open(self.path("pytorch_model.bin.index.json"), "w", encoding="utf-8") as file:
                json.dump({"weight_map": {"a": name}}, file)
            self.assert_refused(65, "index.json", "without folders")

    def test_index_that_is_none(self):
        for text in ("[]", "{", '{"weight_map": 5}', '{"weight_map": {"a": 5}}'):
            with open(self.path("pytorch_model.bin.index.json"), "w", encoding="utf-8") as file:
                file.write(text)
            self.assert_refused(65, "index.json")

    def test_shard_that_is_missing(self):
        with open(self.path("pytorch_model.bin.index.json"), "w", encoding="utf-8") as file:
            json.dump({"weight_map": {"a": "one.bin"}}, file)
        self.assert_refused(66, "index.json", "one.bin")


@unittest.skipIf(torch is None, "no torch")
class WithTorch(Case):
    def state(self):
        base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
        return {
            "b.half": base.half() / 3,
            "a.odd": torch.tensor([True, False, True]),
            "c.turned": base.t(),
            "d.tied": base,
            "e.brain": base.bfloat16() / 7,
            "f.scalar": torch.tensor(5, dtype=torch.int64),
            "g.empty": torch.zeros(0, 3),
        }

    def read(self):
        """The tensors of model.safetensors by the format's definition."""
        with open(self.path("model.safetensors"), "rb") as file:
            data = file.read()
        (length,) = struct.unpack("<Q", data[:8])
        header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
        self.assertEqual(header.pop("__metadata__"), {"format": "pt"})
        self.assertEqual(length % 8, 0)
        ends = sorted(tuple(entry["data_offsets"]) for entry in header.values())
        self.assertEqual([begin for begin, _ in ends], [0] + [end for _, end in ends[:-1]])
        self.assertEqual(ends[-1][1], len(body))
        kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "BOOL": torch.bool}
        found = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            self.assertEqual(begin % kinds[entry["dtype"]].itemsize, 0, name)
            raw = torch.tensor(list(body[begin:end]), dtype=torch.uint8)
            found[name] = raw.view(kinds[entry["dtype"]]).reshape(entry["shape"])
        return found

    def assert_same(self, found, expected):
        self.assertEqual(sorted(found), sorted(expected))
        for name, tensor in expected.items():
            self.assertEqual(found[name].dtype, tensor.dtype)
            self.assertTrue(torch.equal(found[name], tensor), name)

    def test_one_file(self):
        torch.save(self.state(), self.path("pytorch_model.bin"))
        status, out, err = self.run_convert()
        self.assertEqual((status, err), (0, ""))
        self.assertIn("7 tensors", out)
        self.assert_same(self.read(), self.state())

    def test_shards(self):
        names = sorted(self.state())
        where = {name: "pytorch_model-0000%d-of-00002.bin" % (1 + i % 2) for i, name in enumerate(names)}
        for shard in set(where.values()):
            torch.save({n: t for n, t in self.state().items() if where[n] == shard}, self.path(shard))
        with open(self.path("pytorch_model.bin.index.json"), "w", encoding="utf-8") as file:
            json.dump({"weight_map": where}, file)
        self.assertEqual(self.run_convert()[0], 0)
        self.assert_same(self.read(), self.state())

    def test_existing_output(self):
        torch.save(self.state(), self.path("pytorch_model.bin"))
        self.assertEqual(self.run_convert("-q")[:2], (0, ""))
        status, _, err = self.run_convert()
        self.assertEqual(status, 73)
        self.assertIn("--force", err)
        self.assertEqual(self.run_convert("--force")[0], 0)

    def test_a_pickle_that_runs_code(self):
        class Evil:
            def __reduce__(self):
                return os.mkdir, (os.path.join(folder, "pwned"),)

        folder = self.folder
        torch.save({"a": torch.zeros(2), "b": Evil()}, self.path("pytorch_model.bin"))
        self.assert_refused(65, "pytorch_model.bin", "nothing but weights")
        self.assertFalse(os.path.exists(self.path("pwned")))

    def test_what_is_no_weights(self):
        for content in ({"a": 5}, {"a": {"b": torch.zeros(1)}}, [torch.zeros(1)], {}):
            torch.save(content, self.path("pytorch_model.bin"))
            self.assert_refused(65, "pytorch_model.bin")
        with open(self.path("pytorch_model.bin"), "wb") as file:
            file.write(b"PK\3\4 not a file of PyTorch")
        self.assert_refused(65, "pytorch_model.bin")
        torch.save({"a": torch.zeros(2, dtype=torch.complex64)}, self.path("pytorch_model.bin"))
        self.assert_refused(65, "'a'", "complex64")
        torch.save({"a": torch.eye(2).to_sparse()}, self.path("pytorch_model.bin"))
        self.assert_refused(65, "'a'", "sparse")

    def test_same_bytes_as_the_reference_writer_reads(self):
        try:
            from safetensors.torch import load_file
        except ImportError:
            self.skipTest("no safetensors")
        torch.save(self.state(), self.path("pytorch_model.bin"))
        self.assertEqual(self.run_convert()[0], 0)
        self.assert_same(load_file(self.path("model.safetensors")), self.state())


if __name__ == "__main__":
    unittest.main()
