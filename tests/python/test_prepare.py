"""ascribe-prepare: table readers, labels, ids, and the file it writes. Run with PYTHONPATH=scripts."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
import unittest

import h5py
import numpy as np

from ascribe_scripts import columns, dataset_file, labels, pipeline

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from prepare_support import WORDS, Folder, Row, byte_level  # noqa: E402


class Tables(Folder):
    def texts(self, content, *options, name):
        return [row.text.decode("utf-8") for row in self.rows(content, *options, name=name)]

    def test_csv(self):
        content = 'label,text\r\n1,"good, ""bad""\nfilm"\r\n0,it\x85is\r\n'
        self.assertEqual(self.texts(content, name="in.csv"), ['good, "bad"\nfilm', "it\x85is"])

    def test_tsv_has_no_quotes(self):
        content = 'text\tlabel\n"good\t1\nbad "film\t0\n'
        self.assertEqual(self.texts(content, name="in.tsv"), ['"good', 'bad "film'])

    def test_jsonl(self):
        content = (
            '{"text": "g\\u00e9 \\n", "label": 1}\n\n{"label": 0, "text": "bad\u2028film", "more": [1]}\n'
        )
        self.assertEqual(self.texts(content, name="in.jsonl"), ["g\u00e9 \n", "bad\u2028film"])

    def test_text_ends_lines_at_newline_only(self):
        content = "good\x85bad\u2028film\x0c\x1d\r\nit\r's"
        self.assertEqual(self.texts(content, name="in.txt"), ["good\x85bad\u2028film\x0c\x1d", "it\r's"])

    def test_byte_order_mark(self):
        self.assertEqual(self.texts("\ufefftext\ngood\n", name="in.csv"), ["good"])

    def test_no_header(self):
        content = "good bad\t1\nfilm\t0\n"
        file = self.dataset(self.write("in.tsv", content), "--no-header", "--label-column", "1")
        self.assertEqual(file["labels/values"][:].tolist(), [1, 0])
        self.assertEqual(Row(file, 0).text, b"good bad")
        self.assertEqual(
            self.texts(content, "--no-header", "--text-column", "0", name="in.tsv"), ["good bad", "film"]
        )

    def test_standard_input(self):
        command = [
            sys.executable,
            "-m",
            "ascribe_scripts.prepare",
            "-",
            "--format",
            "text",
            "-o",
            self.path("out.h5"),
            "--model",
            self.model,
        ]
        done = subprocess.run(command, input=b"good\nbad\n", capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.path("out.h5"), "r") as file:
            self.assertEqual((file.attrs["source"], len(file["rows/id"])), (b"stdin", 2))
        self.assertRegex(done.stdout.decode(), r"(?m)^rows +2 ")
        os.unlink(self.path("out.h5"))
        self.refused(64, "--format", "-")

    def test_limit(self):
        self.assertEqual(self.texts("a\nb\nc\n", "--limit", "2", name="in.txt"), ["a", "b"])

    def test_default_text_column(self):
        self.assertEqual(self.texts("n,Sentence\n1,good\n", name="in.csv"), ["good"])
        self.assertEqual(self.texts("n,words\n1,good\n", name="in.csv"), ["good"])
        os.unlink(self.path("out.h5"))
        self.refused(64, "--text-column.*found 'title', 'body'", self.write("in.csv", "title,body\na,b\n"))
        self.refused(
            64,
            "expected a column.*'nope'; its columns are 'title', 'body'",
            self.write("in.csv", "title,body\na,b\n"),
            "--text-column",
            "nope",
        )

    def test_wrong_number_of_columns(self):
        for name, line in (("in.csv", "c\n"), ("in.tsv", "c\n")):
            tab = "," if name == "in.csv" else "\t"
            content = "text{0}label\na{0}1\n{1}".format(tab, line)
            self.refused(
                65, "line 3: expected 2 columns as in the header, found 1", self.write(name, content)
            )
        self.refused(65, "line 3: .*found a blank line", self.write("in.csv", "text,label\na,1\n\nb,0\n"))
        self.assertEqual(self.texts("text,label\na,1\n\n\n", name="in.csv"), ["a"])

    def test_broken_quotes(self):
        self.refused(65, "line 3: expected a CSV row", self.write("in.csv", 'text,label\na,1\n"b,0\nc,1\n'))

    def test_broken_json(self):
        self.refused(
            65, "line 2: expected a JSON object", self.write("in.jsonl", '{"text": "a"}\n{"text": \n')
        )
        self.refused(65, "line 2: expected a JSON object", self.write("in.jsonl", '{"text": "a"}\n["b"]\n'))
        self.refused(
            65, "line 2: expected a JSON object", self.write("in.jsonl", '{"text": "a"}\n' + "[" * 99999)
        )
        self.refused(
            65,
            "line 2, column 'text': expected a string, found int",
            self.write("in.jsonl", '{"text": "a"}\n{"text": 3}\n'),
        )
        self.refused(
            65,
            "line 2, column 'text': expected a string, found nothing",
            self.write("in.jsonl", '{"text": "a"}\n{"texts": "b"}\n'),
        )
        self.refused(
            65, "line 1, column 'text': .*lone surrogate", self.write("in.jsonl", '{"text": "\\ud800"}\n')
        )

    def test_encodings(self):
        latin = self.write("in.txt", b"good\ncaf\xe9\n")
        self.refused(65, "line 2: expected UTF-8, found byte 0xe9 at byte 3 of the line", latin)
        self.assertEqual(
            Row(self.dataset(latin, "--encoding", "latin-1"), 1).text, "caf\u00e9".encode("utf-8")
        )
        wide = self.write("wide.txt", "good\nb\u00e4d\n".encode("utf-16"))
        self.assertEqual(Row(self.dataset(wide, "--encoding", "utf-16"), 1).text, "b\u00e4d".encode("utf-8"))
        os.unlink(self.path("out.h5"))
        self.refused(64, "--encoding", latin, "--encoding", "nope")
        self.refused(
            65,
            "after line [01]: expected text in ascii",
            self.write("a.txt", b"good\n\xe9\n"),
            "--encoding",
            "ascii",
        )

    def test_nul(self):
        self.refused(65, "line 2: .*NUL", self.write("in.txt", b"good\nb\0d\n"))
        self.refused(65, "line 1, column 'text': .*NUL", self.write("in.jsonl", '{"text": "a\\u0000"}\n'))

    def test_nothing_in_it(self):
        for name, content in (("in.txt", ""), ("in.csv", ""), ("in.csv", "text,label\n"), ("in.jsonl", "\n")):
            self.refused(65, "expected at least one row, found none", self.write(name, content))

    def test_format_of_an_unknown_ending(self):
        self.refused(64, "name its format with --format", self.write("in.dat", "good\n"))

    def test_plain_text_with_tabs_warns(self):
        self.rows("good\t1\nbad\t0\n")
        self.assertIn("--format tsv", self.warnings)


class Labels(Folder):
    def labels(self, values, class_names=None):
        config = {"max_position_embeddings": 64, "vocab_size": len(WORDS)}
        if class_names is not None:
            config["id2label"] = {str(index): name for index, name in enumerate(class_names)}
        self.config(config)
        content = "text\tlabel\n" + "".join("good\t%s\n" % value for value in values)
        file = self.dataset(self.write("in.tsv", content))
        names = [name.decode("utf-8") for name in file["labels/names"][:]]
        return file["labels/values"][:].tolist(), names

    def test_names_of_the_model(self):
        self.assertEqual(
            self.labels(["POS", "neg", "", "pos"], ["Neg", "Pos"]), ([1, 0, -1, 1], ["Neg", "Pos"])
        )
        self.assertEqual(self.summary["labels"], {"Neg": 1, "Pos": 2})
        self.assertEqual(self.summary["unlabelled"], 1)

    def test_indices_of_the_model(self):
        self.assertEqual(self.labels(["2", "0"], ["a", "b", "c"]), ([2, 0], ["a", "b", "c"]))
        self.assertEqual(self.labels(["1", "5"], ["1", "2", "3", "4", "5"])[0], [0, 4])
        self.assertEqual(self.labels(["1.0", "0.0"], ["a", "b"]), ([1, 0], ["a", "b"]))
        self.assertEqual(self.labels(["1", "0"]), ([1, 0], ["LABEL_0", "LABEL_1"]))

    def test_names_of_the_file(self):
        self.assertEqual(self.labels(["pos", "neg", "pos"], ["a", "b"]), ([1, 0, 1], ["neg", "pos"]))
        self.assertIn("not the model's classes", self.warnings)
        self.assertEqual(self.labels(["10", "9", "-1"], ["a", "b"]), ([2, 1, 0], ["-1", "9", "10"]))

    def test_json_labels_and_none(self):
        content = '{"text": "a", "label": 1}\n{"text": "b", "label": null}\n{"text": "c"}\n'
        file = self.dataset(self.write("in.jsonl", content))
        self.assertEqual(file["labels/values"][:].tolist(), [1, -1, -1])
        file = self.dataset(self.write("in.jsonl", content), "--label-column", "none")
        self.assertNotIn("labels", file)

    def test_too_many_classes(self):
        lines = "".join("a\tx%d\n" % index for index in range(labels.LABEL_LIMIT + 1))
        self.refused(65, "right --label-column", self.write("in.tsv", "text\tlabel\n" + lines))


class Ids(Folder):
    def source(self, ids):
        return self.write("in.tsv", "id\ttext\n" + "".join("%s\tgood\n" % value for value in ids))

    def test_integers(self):
        file = self.dataset(self.source([7, 18446744073709551615, 0]))
        self.assertEqual(file["rows/id"][:].tolist(), [7, 18446744073709551615, 0])
        self.assertNotIn("key", file["rows"])

    def test_keys(self):
        file = self.dataset(self.source(["7", "x\u00e9", "007"]))
        self.assertEqual(file["rows/id"][:].tolist(), [0, 1, 2])
        self.assertEqual([key.decode("utf-8") for key in file["rows/key"][:]], ["7", "x\u00e9", "007"])

    def test_positions(self):
        self.assertEqual(
            self.dataset(self.source([9, 8]), "--id-column", "none")["rows/id"][:].tolist(), [0, 1]
        )

    def test_refused(self):
        self.refused(65, "unique integers, found 5 in rows 0 and 2", self.source([5, 4, 5]))
        self.refused(
            65, "line 3, id 'id': expected an integer from 0 to 2\\^64 - 1, found -4", self.source([5, -4])
        )
        self.refused(65, "line 2.*found 18446744073709551616", self.source([18446744073709551616]))
        self.refused(65, "line 3, id 'id': expected a value, found nothing", self.source([5, ""]))
        self.refused(65, "line 2.*at most 4096 bytes, found 4097 bytes", self.source(["k" * 4097]))

    def test_duplicates_are_found_in_every_part(self):
        block = columns.UNIQUE_BLOCK
        self.addCleanup(setattr, columns, "UNIQUE_BLOCK", block)
        columns.UNIQUE_BLOCK = 2
        self.refused(65, "found 3 in rows 1 and 6", self.source([9, 3, 8, 7, 6, 5, 3]))
        self.assertEqual(len(self.dataset(self.source([9, 3, 8, 7, 6, 5, 4]))["rows/id"]), 7)


class Kept(Folder):
    def test_types(self):
        content = (
            "text,whole,real,hole,zip,word,huge\n"
            "a,1,1.5,3,007,x,9223372036854775808\n"
            "b,-2,2,,010,\u00e9\u00e9,1\n"
        )
        file = self.dataset(
            self.write("in.csv", content), "--keep", "whole,real,hole", "--keep", "zip,word,huge"
        )
        meta = file["meta"]
        self.assertEqual((meta["whole"].dtype, meta["whole"][:].tolist()), (np.int64, [1, -2]))
        self.assertEqual((meta["real"].dtype, meta["real"][:].tolist()), (np.float64, [1.5, 2.0]))
        self.assertEqual(meta["hole"].dtype, np.float64)
        self.assertTrue(np.isnan(meta["hole"][1]))
        self.assertEqual(meta["zip"][:].tolist(), [b"007", b"010"])
        self.assertEqual(meta["word"][:].tolist(), [b"x", "\u00e9\u00e9".encode("utf-8")])
        self.assertEqual(meta["huge"].dtype.kind, "S")

    def test_json_strings_stay_strings(self):
        content = (
            '{"text": "a", "s": "1", "n": 2, "t": true}\n{"text": "b", "s": "2", "n": null, "t": false}\n'
        )
        meta = self.dataset(self.write("in.jsonl", content), "--keep", "s,n,t")["meta"]
        self.assertEqual(meta["s"][:].tolist(), [b"1", b"2"])
        self.assertEqual(meta["n"].dtype, np.float64)
        self.assertEqual(meta["t"][:].tolist(), [b"true", b"false"])

    def test_refused(self):
        self.refused(64, "--keep.*'/'", self.write("in.csv", "text,a/b\na,1\n"), "--keep", "a/b")
        self.refused(64, "--keep", self.write("in.csv", "text,n\na,1\n"), "--keep", "nope")


FLAT = {
    "tokens/ids": "int32",
    "tokens/features": "int32",
    "tokens/types": "uint8",
    "tokens/offsets": "int64",
    "features/offsets": "int64",
    "spans/begin": "uint32",
    "spans/end": "uint32",
    "spans/feature": "int32",
    "spans/offsets": "int64",
    "text/bytes": "uint8",
    "text/offsets": "int64",
}
PER_ROW = {
    "rows/id": "uint64",
    "rows/key": "S",
    "rows/truncated": "uint32",
    "labels/values": "int32",
    "meta/n": "int64",
    "meta/x": "float64",
    "meta/word": "S",
}

STRINGS = ("format", "format_version", "created_by", "tokenizer", "tokenizer_sha256", "granularity", "source")

NUMBERS = (
    "max_length",
    "vocab_size",
    "n_truncated",
    "n_merged",
    "n_skipped",
    "cls_token_id",
    "sep_token_id",
    "pad_token_id",
    "unk_token_id",
    "mask_token_id",
)


class Schema(Folder):
    def source(self, n_rows=3):
        lines = [
            "k%d\tgood film %d\t%s\t%d\t%d.5\tw%d\n" % (row, row, ("neg", "pos")[row % 2], row, row, row % 7)
            for row in range(n_rows)
        ]
        return self.write("in.tsv", "id\ttext\tlabel\tn\tx\tword\n" + "".join(lines))

    def check_string(self, kind):
        self.assertEqual(kind.get_class(), h5py.h5t.STRING)
        self.assertFalse(kind.is_variable_str())
        self.assertEqual(kind.get_strpad(), h5py.h5t.STR_NULLPAD)
        self.assertEqual(kind.get_cset(), h5py.h5t.CSET_UTF8)

    def test_datasets(self):
        file = self.dataset(self.source(), "--keep", "n,x,word")
        found = {}
        file.visititems(
            lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None
        )
        self.assertEqual(set(found), set(FLAT) - {"tokens/types"} | set(PER_ROW) | {"labels/names"})
        for name, item in found.items():
            self.assertEqual(item.ndim, 1, name)
            if item.dtype.kind == "S":
                self.check_string(item.id.get_type())
            else:
                self.assertEqual(item.dtype, np.dtype({**FLAT, **PER_ROW}[name]), name)
            if name == "labels/names":
                continue
            self.assertEqual(
                (item.compression, item.compression_opts, item.shuffle, item.fletcher32),
                ("gzip", 1, True, True),
                name,
            )
            self.assertLessEqual(item.chunks[0], max(1, len(item)), name)
            if name in PER_ROW:
                self.assertEqual(len(item), 3, name)
            elif name.endswith("offsets"):
                self.assertEqual((len(item), item[0]), (4, 0), name)
                self.assertTrue((np.diff(item[:]) >= 0).all(), name)
        for offsets, data in (
            ("tokens", "ids"),
            ("tokens", "features"),
            ("spans", "begin"),
            ("spans", "end"),
            ("spans", "feature"),
            ("text", "bytes"),
        ):
            self.assertEqual(file[offsets + "/offsets"][3], len(file[offsets + "/" + data]))

    def test_attributes(self):
        file = self.dataset(self.source())
        self.assertEqual(set(file.attrs), set(STRINGS) | set(NUMBERS))
        for name in STRINGS:
            attribute = file.attrs.get_id(name)
            self.check_string(attribute.get_type())
            self.assertEqual(attribute.shape, ())
        for name in NUMBERS:
            self.assertEqual((file.attrs.get_id(name).dtype, file.attrs.get_id(name).shape), (np.int64, ()))
        expected = {
            "format": b"ascribe-dataset",
            "format_version": b"1.0",
            "created_by": b"ascribe-prepare 0.1.0",
            "tokenizer": b"tokenizer.json",
            "granularity": b"word",
            "source": b"in.tsv",
            "max_length": 64,
            "vocab_size": len(WORDS),
            "n_truncated": 0,
            "n_merged": 0,
            "n_skipped": 0,
            "pad_token_id": 0,
            "unk_token_id": 1,
            "cls_token_id": 2,
            "sep_token_id": 3,
            "mask_token_id": 4,
        }
        self.assertEqual({name: file.attrs[name] for name in expected}, expected)
        self.assertRegex(file.attrs["tokenizer_sha256"].decode(), "^[0-9a-f]{64}$")

    def test_no_special_tokens(self):
        byte_level().save(os.path.join(self.model, "tokenizer.json"))
        file = self.dataset(self.source())
        self.assertEqual(
            [file.attrs[kind + "_token_id"] for kind in ("cls", "sep", "pad", "unk", "mask")], [-1] * 5
        )

    def test_arrays_longer_than_their_chunks(self):
        chunks = dataset_file.FLAT_CHUNK, dataset_file.ROW_CHUNK, pipeline.BATCH_ROWS
        n_rows = 20000
        file = self.dataset(self.source(n_rows), "--keep", "n,word")
        self.assertEqual(chunks, (131072, 65536, 1000))
        self.assertEqual(file["text/bytes"].chunks, (131072,))
        self.assertEqual(file["meta/n"][:].tolist(), list(range(n_rows)))
        self.assertEqual(file["rows/key"][n_rows - 1], b"k19999")
        for row in (0, 999, 1000, 12345, n_rows - 1):
            self.assertEqual(Row(file, row).words(), [["good"], ["film"], [str(row)]])

    def test_same_input_same_bytes(self):
        source, contents = self.source(3000), []
        for _ in range(2):
            self.dataset(source, "--keep", "n,word").close()
            with open(self.path("out.h5"), "rb") as file:
                contents.append(file.read())
            time.sleep(1.1)
        self.assertEqual(contents[0], contents[1])

    def test_every_batch_size_gives_the_same_content(self):
        whole = self.content(self.dataset(self.source(50)))
        self.addCleanup(setattr, pipeline, "BATCH_ROWS", pipeline.BATCH_ROWS)
        pipeline.BATCH_ROWS = 7
        self.assertEqual(self.content(self.dataset(self.source(50))), whole)

    def content(self, file):
        found = {}
        file.visititems(
            lambda name, item: (
                found.update({name: item[:].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
        file.close()
        return found


class ModelDirectory(Folder):
    def test_vocab_txt(self):
        expected = self.rows("Good, b\u00e9d!\n")[0].ids
        os.unlink(os.path.join(self.model, "tokenizer.json"))
        with open(os.path.join(self.model, "vocab.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(WORDS) + "\n")
        self.assertEqual(self.rows("Good, b\u00e9d!\n")[0].ids, expected)
        self.config({"do_lower_case": False}, "tokenizer_config.json")
        self.assertEqual(WORDS[self.rows("Good, b\u00e9d!\n")[0].ids[1]], "[UNK]")

    def test_named_special_tokens(self):
        self.config({"pad_token": {"content": "good"}, "mask_token": "bad"}, "tokenizer_config.json")
        file = self.dataset(self.write("in.txt", "good\n"))
        self.assertEqual((file.attrs["pad_token_id"], file.attrs["mask_token_id"]), (5, 6))

    def test_refused(self):
        source = self.write("in.txt", "good\n")
        self.refused(66, "nope.json", source, "--tokenizer", self.path("nope.json"))
        self.refused(65, "a tokenizer.json", source, "--tokenizer", self.write("bad.json", "{}"))
        self.config({"id2label": {"1": "a"}})
        self.refused(65, "id2label", source)
        status, _, err = self.run_raw(source, "-o", self.path("out.h5"), "--model", self.path("nope"))
        self.assertEqual(status, 66, err)
        os.unlink(os.path.join(self.model, "tokenizer.json"))
        self.refused(66, "tokenizer.json or vocab.txt", source)

    def test_a_tokenizer_of_another_model_warns(self):
        self.config({"max_position_embeddings": 64, "vocab_size": 10})
        self.rows("good\n")
        self.assertIn("is it the model's own", self.warnings)


class Output(Folder):
    def test_existing_output(self):
        source = self.write("in.txt", "good\n")
        self.write("out.h5", "precious")
        self.refused(73, "out.h5'?: expected no such file yet.*--force", source)
        self.refused(65, "line 1", self.write("bad.txt", b"\xff\n"), "--force")
        with open(self.path("out.h5"), "rb") as file:
            self.assertEqual(file.read(), b"precious")
        self.dataset(source)

    def test_impossible_output(self):
        source = self.write("in.txt", "good\n")
        for place in (self.path("none/out.h5"), self.folder):
            status, _, err = self.run_raw(source, "-o", place, "--model", self.model)
            self.assertEqual(status, 73, err)
        status, _, err = self.run_raw(source, "-o", source, "--model", self.model, "--force")
        self.assertEqual(status, 64, err)

    def test_missing_input(self):
        self.refused(66, "nope.txt", self.path("nope.txt"))
        os.mkdir(self.path("folder.txt"))
        self.refused(66, "folder.txt", self.path("folder.txt"))

    def test_usage(self):
        self.refused(64, "--features", self.write("in.txt", "good\n"), "--features", "nope")
        self.refused(64, "--limit", self.write("in.txt", "good\n"), "--limit", "0")
        status, out, _ = self.run_raw("--help")
        self.assertEqual(status, 0)
        self.assertIn("examples:", out)

    def test_quiet(self):
        status, out, err = self.run_raw(
            self.write("in.txt", "a\tb\n"), "-o", self.path("out.h5"), "--model", self.model, "-q"
        )
        self.assertEqual((status, out, err), (0, "", ""))

    def command(self, source):
        return [
            sys.executable,
            "-m",
            "ascribe_scripts.prepare",
            source,
            "-o",
            self.path("out.h5"),
            "--model",
            self.model,
        ]

    def test_full_disk_leaves_nothing(self):
        draw = random.Random(1)
        source = self.write("in.txt", "".join("%d\n" % draw.getrandbits(300) for _ in range(5000)))
        before = sorted(os.listdir(self.folder))
        done = subprocess.run(
            self.command(source),
            capture_output=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
        )
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_a_stop_leaves_nothing(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            command = self.command("-") + ["--format", "text"]
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            child.stdin.write(b"good film\n" * 200000)
            child.stdin.flush()
            deadline = time.monotonic() + 60
            while (
                not any(".tmp-" in name for name in os.listdir(self.folder)) and time.monotonic() < deadline
            ):
                time.sleep(0.02)
            child.send_signal(number)
            _, err = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 128 + number, err)
            self.assertEqual(sorted(os.listdir(self.folder)), ["model"], err)


if __name__ == "__main__":
    unittest.main()
