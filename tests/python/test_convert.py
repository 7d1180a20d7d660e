"""ascribe-convert: what it writes equals what was saved, and what it refuses. Files are written by hand, without torch;
where torch is, its own files are converted as well."""

import contextlib
import io
import json
import os
import struct
import tempfile
import unittest
import zipfile

from ascribe_scripts import convert

import torch_file_writer as by_hand

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


FLOATS = struct.pack("<6f", *range(6))


class ByHand(Case):
    """Files by torch_file_writer.py."""

    def save(self, root, storages=None, **more):
        by_hand.write(self.path("pytorch_model.bin"), root, {"0": FLOATS} if storages is None else storages, **more)

    def floats(self, *shape, n_elements=6, **more):
        return by_hand.tensor(by_hand.storage("FloatStorage", "0", n_elements), shape, **more)

    def read(self):
        with open(self.path("model.safetensors"), "rb") as file:
            data = file.read()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__")
        found = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            found[name] = (entry["dtype"], entry["shape"], data[8 + length + begin : 8 + length + end])
        return found

    def test_what_a_state_holds(self):
        self.save(
            by_hand.state([
                ("plain", self.floats(2, 3)),
                ("turned", self.floats(3, 2, strides=[1, 3])),
                ("tied", by_hand.parameter(self.floats(2, 3))),
                ("part", self.floats(2, offset=4)),
                ("scalar", self.floats(offset=5)),
                ("empty", self.floats(0, 3)),
                ("half", by_hand.tensor(by_hand.storage("HalfStorage", "1", 3), [3])),
                ("brain", by_hand.tensor(by_hand.storage("BFloat16Storage", "1", 3), [3])),
            ]),
            {"0": FLOATS, "1": b"abcdef"},
            more=[("archive/byteorder", b"little")],
        )
        status, out, err = self.run_convert()
        self.assertEqual((status, err), (0, ""))
        self.assertIn("8 tensors", out)
        floats = lambda *numbers: struct.pack("<%df" % len(numbers), *numbers)
        self.assertEqual(self.read(), {
            "plain": ("F32", [2, 3], FLOATS),
            "turned": ("F32", [3, 2], floats(0, 3, 1, 4, 2, 5)),
            "tied": ("F32", [2, 3], FLOATS),
            "part": ("F32", [2], floats(4, 5)),
            "scalar": ("F32", [], floats(5)),
            "empty": ("F32", [0, 3], b""),
            "half": ("F16", [3], b"abcdef"),
            "brain": ("BF16", [3], b"abcdef"),
        })

    def test_a_plain_dict_is_a_state(self):
        self.save(b"}" + by_hand.text("a") + self.floats(6) + b"s")
        self.assertEqual(self.run_convert()[0], 0)
        self.assertEqual(self.read(), {"a": ("F32", [6], FLOATS)})

    def test_what_would_run_code(self):
        for module, name in (("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"),
                             ("collections", "OrderedDict.fromkeys"), ("torch.storage", "_load_from_bytes"),
                             ("torch", "ComplexFloatStorage"), ("torch._utils", "_rebuild_sparse_tensor")):
            self.save(by_hand.call(by_hand.name(module, name), by_hand.text("touch " + self.path("pwned"))))
            self.assert_refused(65, module + "." + name, "nothing but weights", "run code")
            self.assertFalse(os.path.exists(self.path("pwned")))

    def test_state_for_what_has_none(self):
        change = b"N}" + by_hand.text("__code__") + by_hand.number(1) + b"s\x86b"  # BUILD with (None, {"__code__": 1})
        for target in (by_hand.name("torch._utils", "_rebuild_tensor_v2"), by_hand.name("torch", "FloatStorage"),
                       by_hand.name("collections", "OrderedDict"), by_hand.storage("FloatStorage", "0", 6), self.floats(6)):
            self.save(target + change + b"0" + by_hand.state([("a", self.floats(6))]))
            self.assert_refused(65, "nothing but weights")

    def test_tensors_beyond_their_storage(self):
        for made in (self.floats(7), self.floats(2, 3, offset=1), self.floats(2, strides=[6]), self.floats(9, strides=[0]),
                     self.floats(1 << 40, 1 << 40), self.floats(2, 3, strides=[3]), self.floats(*[1] * 33), self.floats(6, offset=-1),
                     self.floats(2, strides=[-1], offset=5), self.floats(7, n_elements=7), self.floats(5, n_elements=5),
                     by_hand.tensor(by_hand.storage("FloatStorage", "9", 6), [6]),
                     by_hand.tensor(by_hand.storage("FloatStorage", "../0", 6), [6]),
                     by_hand.tensor(by_hand.storage("DoubleStorage", "0", 6), [6]),
                     by_hand.tensor(by_hand.text("0"), [6])):
            self.save(by_hand.state([("a", made)]))
            self.assert_refused(65, "pytorch_model.bin")

    def test_what_is_no_state(self):
        for root in (by_hand.number(5), b"}", by_hand.state([("a", by_hand.number(5))]), b"}" + by_hand.number(1) + self.floats(6) + b"s",
                     by_hand.state([("a", by_hand.state([("b", self.floats(6))]))]), b"", b"\xff", b"R", b"0"):
            self.save(root)
            self.assert_refused(65, "pytorch_model.bin")

    def test_archives_that_are_none_of_torch(self):
        good = by_hand.state([("a", self.floats(6))])
        for word, more in (("compressed", {"compression": zipfile.ZIP_DEFLATED}), ("little-endian", {"more": [("archive/byteorder", b"big")]}),
                           ("data.pkl", {"more": [("other/data.pkl", b".")]})):
            self.save(good, **more)
            self.assert_refused(65, word)
        self.save(good)
        with open(self.path("pytorch_model.bin"), "rb") as file:
            data = file.read()
        for cut in range(1, len(data), 7):
            with open(self.path("pytorch_model.bin"), "wb") as file:
                file.write(data[:cut])
            self.assert_refused(65, "pytorch_model.bin")
        at = data.index(FLOATS)  # a flipped bit, which the archive's checksum tells
        with open(self.path("pytorch_model.bin"), "wb") as file:
            file.write(data[:at] + b"\1" + data[at + 1 :])
        self.assert_refused(65, "pytorch_model.bin", "CRC")

    def test_files_of_before_the_archive(self):
        with open(self.path("pytorch_model.bin"), "wb") as file:
            file.write(b"\x80\x02" + by_hand.number(0x1950A86A20F9469CFC6C) + b".")
        self.assert_refused(65, "before PyTorch 1.6", "save it again")


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
        self.assert_refused(65, "torch.ComplexFloatStorage")
        torch.save({"a": torch.eye(2).to_sparse()}, self.path("pytorch_model.bin"))
        self.assert_refused(65, "_rebuild_sparse_tensor")

    def test_torch_reads_what_is_written_by_hand(self):
        floats = by_hand.storage("FloatStorage", "0", 6)
        pairs = [("a", by_hand.parameter(by_hand.tensor(floats, [2, 2], strides=[3, 1], offset=1))), ("b", by_hand.tensor(floats, [6]))]
        by_hand.write(self.path("pytorch_model.bin"), by_hand.state(pairs), {"0": FLOATS})
        self.assertEqual(self.run_convert()[0], 0)
        self.assert_same(self.read(), torch.load(self.path("pytorch_model.bin"), weights_only=True))

    def test_parameters_and_modules(self):
        module = torch.nn.Linear(3, 2)
        torch.save(module.state_dict(), self.path("pytorch_model.bin"))
        self.assertEqual(self.run_convert()[0], 0)
        self.assert_same(self.read(), module.state_dict())
        torch.save(dict(module.named_parameters()), self.path("pytorch_model.bin"))
        self.assertEqual(self.run_convert("--force")[0], 0)
        self.assert_same(self.read(), module.state_dict())

    def test_files_of_before_the_archive(self):
        torch.save(self.state(), self.path("pytorch_model.bin"), _use_new_zipfile_serialization=False)
        self.assert_refused(65, "before PyTorch 1.6")

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
