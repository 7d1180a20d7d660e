"""ascribe_results: small files written here to the format, and one that the program makes."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

import ascribe_results

try:
    import pandas
except ImportError:
    pandas = None

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data")
NAN = float("nan")
CLASSES = ["bad", "good", "odd"]


def names(values):
    data = [value.encode("utf-8") for value in values]
    return np.array(data, "S%d" % max(len(value) for value in data))


# One dictionary a row: its text or two, the spans (feature, begin, end) in bytes, K = 2 values for every feature.
ROWS = [
    {
        "texts": ["bad, bad caf\u00e9", "so bad"],
        "spans": [(0, 0, 3), (0, 5, 8), (1, 9, 14), (2, 14, 16), (3, 17, 20)],
        "values": [[1, -1], [-3, 2], [NAN, 0.5], [0.5, 0.25]],
        "targets": [1, 0],
        "scores": [0.25, 0.5, 0.25],
        "status": 0,
    },
    {"texts": ["", ""], "spans": [], "values": [], "targets": [1, -1], "scores": [NAN] * 3, "status": 1 | 4 | 1 << 9 | 1 << 10 | 1 << 20},
    {
        "texts": ["a b", ""],
        "spans": [(0, 0, 1), (1, 2, 3)],
        "values": [[1, 4], [2, 3]],
        "targets": [2, 0],
        "scores": [0.1, 0.7, 0.2],
        "status": 0,
    },
]


def write(path, pairs=True, text=True, **extra):
    """A result of ROWS; `extra`: more datasets ("labels__values") or attributes to replace ("attr__format")."""
    rows = [dict(row, texts=row["texts"] if pairs else ["".join(row["texts"])]) for row in ROWS]
    data = [[piece.encode("utf-8") for piece in row["texts"]] for row in rows]
    values = np.array([line for row in rows for line in row["values"]], np.float32)

    def offsets(counts):
        return np.concatenate(([0], np.cumsum(list(counts)))).astype(np.int64)

    spans = np.array([span for row in rows for span in row["spans"]], np.int64)
    arrays = {
        "rows/id": np.array([7, 2**64 - 1, 9], np.uint64),
        "rows/position": np.array([10, 11, 12], np.int64),
        "values": values,
        "std_errors": values / 8,
        "features/offsets": offsets(len(row["values"]) for row in rows),
        "base_values": np.array([[0.5, 0], [NAN, NAN], [1, 2]], np.float32),
        "outputs": np.array([[1, 2], [NAN, NAN], [4, 9]], np.float32),
        "efficiency_residual": np.zeros((3, 2), np.float32),
        "targets": np.array([row["targets"] for row in rows], np.int32),
        "scores": np.array([row["scores"] for row in rows], np.float32),
        "evaluations": np.array([14, 0, 2], np.int64),
        "status": np.array([row["status"] for row in rows], np.uint32),
        "class_names": names(CLASSES),
        "spans/feature": spans[:, 0].astype(np.int32),
        "spans/begin": spans[:, 1].astype(np.uint32),
        "spans/end": spans[:, 2].astype(np.uint32),
        "spans/offsets": offsets(len(row["spans"]) for row in rows),
    }
    if text:
        joined = [b"".join(pieces) for pieces in data]
        arrays["text/bytes"] = np.frombuffer(b"".join(joined), np.uint8)
        arrays["text/offsets"] = offsets(map(len, joined))
        arrays["meta/shop"] = names(["north", "s\u00fcd", ""])
        arrays["meta/stars"] = np.array([1, 2, 3], np.int64)
    if text and pairs:
        arrays["text/split"] = np.array([len(pieces[0]) for pieces in data], np.uint32)
    attributes = {
        "format": "ascribe-result", "format_version": "1.0", "complete": np.int64(1), "n_targets": np.int64(2),
        "n_classes": np.int64(3), "method": "shapley", "estimator": "wls", "output": "logit", "policy": "remove",
        "granularity": "bow", "manifest": '{"seed": 7}', "run": '{"device": "none"}',
    }
    for name, value in extra.items():
        kind, _, rest = name.partition("__")
        if kind == "attr":
            attributes[rest] = value
        else:
            arrays[kind + "/" + rest] = value
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, value in arrays.items():
            file.create_dataset(name, data=value)
        for name, value in attributes.items():
            file.attrs[name] = np.bytes_(value.encode("utf-8")) if isinstance(value, str) else value


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "result.h5")

    def load(self, **options):
        path = os.path.join(self.folder, "result-%d.h5" % len(os.listdir(self.folder)))
        write(path, **options)
        result = ascribe_results.load(path)
        self.addCleanup(result.close)
        return result


class Whole(Folder):
    def test_facts(self):
        result = self.load()
        self.assertEqual(len(result), 3)
        self.assertEqual(result.class_names, CLASSES)
        self.assertEqual((result.manifest, result.run), ({"seed": 7}, {"device": "none"}))
        self.assertEqual((result.method, result.estimator, result.output), ("shapley", "wls", "logit"))
        self.assertEqual((result.policy, result.granularity, result.n_targets), ("remove", "bow", 2))
        self.assertTrue(result.has_text and result.has_pairs)
        self.assertIn("3 rows, shapley of bad, good, odd", repr(result))

    def test_rows_by_number_slice_and_loop(self):
        result = self.load()
        self.assertEqual([row.position for row in result], [10, 11, 12])
        self.assertEqual([row.position for row in result[1:]], [11, 12])
        self.assertEqual([row.position for row in result[::-2]], [12, 10])
        self.assertEqual((result[-1].index, result[np.int64(1)].index), (2, 1))
        for index in (3, -4):
            with self.assertRaises(IndexError):
                result[index]

    def test_rows_by_id(self):
        result = self.load()
        self.assertEqual(result.find(2**64 - 1).index, 1)
        self.assertEqual(result.ids, [7, 2**64 - 1, 9])
        with self.assertRaises(KeyError):
            result.find("7")
        result = self.load(rows__key=names(["a", "\u00e9", "c"]))
        self.assertEqual((result.find("\u00e9").index, result[1].id, result.ids), (1, "\u00e9", ["a", "\u00e9", "c"]))

    def test_small_blocks_give_the_same(self):
        result = self.load()
        whole = [row.values.tolist() + [row.words, row.scores.tolist()] for row in result]
        self.addCleanup(setattr, ascribe_results, "BLOCK_ROWS", ascribe_results.BLOCK_ROWS)
        for size in (1, 2):
            ascribe_results.BLOCK_ROWS = size
            result._block = None
            backwards = [row.values.tolist() + [row.words, row.scores.tolist()] for row in result[::-1]]
            self.assertEqual(repr(backwards[::-1]), repr(whole))

    def test_nothing_is_read_before_it_is_asked_for(self):
        result = self.load()
        rows = result[:]
        result.close()
        with self.assertRaises(Exception):
            rows[0].values

    def test_a_context_closes(self):
        write(self.path)
        with ascribe_results.load(self.path) as result:
            self.assertEqual(result[0].id, 7)
        self.assertIn("closed", repr(result))

    def test_refused(self):
        for attribute, value, words in (
            ("attr__format", "ascribe-dataset", "expected an ascribe-result file"),
            ("attr__format_version", "2.0", "expected format version 1"),
            ("attr__complete", np.int64(0), "not complete"),
        ):
            write(self.path, **{attribute: value})
            with self.assertRaisesRegex(ascribe_results.ResultError, words):
                ascribe_results.load(self.path)
        with self.assertRaises(FileNotFoundError):
            ascribe_results.load(os.path.join(self.folder, "none.h5"))


class Rows(Folder):
    def test_numbers(self):
        row = self.load()[0]
        np.testing.assert_array_equal(row.values, np.array(ROWS[0]["values"], np.float32))
        np.testing.assert_array_equal(row.std_errors, np.array(ROWS[0]["values"], np.float32) / 8)
        self.assertEqual((row.base_value.tolist(), row.output.tolist()), ([0.5, 0], [1, 2]))
        self.assertEqual((row.evaluations, len(row), row.residual.tolist()), (14, 4, [0, 0]))
        self.assertEqual((row.classes, row.prediction), (["good", "bad"], "good"))

    def test_words_of_several_spans_and_pairs(self):
        row = self.load()[0]
        self.assertEqual((row.text, row.text_pair), ("bad, bad caf\u00e9", "so bad"))
        self.assertEqual(row.words, ["bad bad", "caf\u00e9", "so", "bad"])
        self.assertEqual(row.spans[0], [(0, 0, 3), (0, 5, 8)])
        for word, spans in zip(row.words, row.spans):
            self.assertEqual(" ".join(row.texts[part][begin:end] for part, begin, end in spans), word)

    def test_one_text(self):
        row = self.load(pairs=False)[0]
        self.assertEqual((row.text, row.text_pair, len(row.texts)), ("bad, bad caf\u00e9so bad", None, 1))
        self.assertEqual(row.words[2], "so")

    def test_without_text(self):
        row = self.load(text=False)[0]
        self.assertEqual((row.text, row.texts, row.spans, row.meta), (None, None, None, {}))
        self.assertEqual(row.words, ["#0", "#1", "#2", "#3"])

    def test_status_and_rows_without_features(self):
        row = self.load()[1]
        self.assertEqual(row.status, ["no_features", "truncated", "no_fixed_token", "no_label", "bit_20"])
        self.assertEqual((len(row), row.words, row.prediction, row.classes), (0, [], None, ["good", None]))
        self.assertEqual(row.as_list(), [])

    def test_as_list(self):
        row = self.load()[0]
        self.assertEqual(row.as_list()[:3], [("caf\u00e9", -3), ("bad bad", 1), ("bad", 0.5)])
        self.assertEqual(row.as_list()[3][0], "so")
        self.assertEqual(row.as_list("bad")[0], ("caf\u00e9", 2))
        self.assertEqual(row.as_list(0), row.as_list("bad"))
        self.assertEqual(self.load()[2].as_list()[0], ("b", 2))
        for target in ("odd", 2):
            with self.assertRaisesRegex(KeyError, "odd"):
                row.as_list(target)

    def test_labels(self):
        self.assertEqual([row.label for row in self.load()], [None] * 3)
        some = {"labels__values": np.array([1, -1, 0], np.int32)}
        self.assertEqual([row.label for row in self.load(**some)], [1, None, 0])
        some["labels__names"] = names(["no", "yes"])
        self.assertEqual([row.label for row in self.load(**some)], ["yes", None, "no"])
        matrix = np.array([[1, 1], [255, 255], [0, 0]], np.uint8)
        several = {"labels__matrix": matrix, "labels__names": names(["a", "b"])}
        self.assertEqual([row.label for row in self.load(**several)], [["a", "b"], None, []])
        self.assertEqual([row.label for row in self.load(labels__numbers=np.array([1.5, NAN, 0]))], [1.5, None, 0])

    def test_kept_columns_and_any_other(self):
        row = self.load(lime__score=np.array([0.5, 0.25, 0]))[1]
        self.assertEqual(row.meta, {"shop": "s\u00fcd", "stars": 2})
        self.assertEqual((row.column("lime/score"), row.column("lime/none")), (0.25, None))


@unittest.skipIf(pandas is None, "pandas is not installed")
class Table(Folder):
    def test_a_line_for_every_feature_of_every_class(self):
        several = np.array([[1, 1], [255, 255], [0, 0]], np.uint8)
        table = self.load(labels__matrix=several, labels__names=names(["a", "b"])).to_pandas()
        self.assertEqual(len(table), 4 * 2 + 2 * 2)
        line = table[(table.row == 0) & (table["class"] == "bad") & (table.feature == 0)].iloc[0]
        expected = {"id": 7, "position": 10, "label": "a|b", "part": 0, "word": "bad bad", "value": -1,
                    "base": 0, "output": 2, "std_error": -1 / 8, "status": ""}
        self.assertEqual({name: line[name] for name in expected}, expected)
        self.assertEqual(table.part.tolist()[:4], [0, 0, 1, 1])

    def test_some_rows(self):
        result = self.load(pairs=False)
        self.assertEqual(set(result.to_pandas(slice(2, 3)).row), {2})
        self.assertNotIn("part", result.to_pandas())
        empty = result.to_pandas(slice(1, 2))
        self.assertEqual((len(empty), list(empty)), (0, list(result.to_pandas())))
        self.assertEqual(len(result.to_pandas(slice(0, 0))), 0)


@unittest.skipIf(PROGRAM is None, "ASCRIBE_PROGRAM does not name the program")
class Program(Folder):
    def test_the_same_as_export(self):
        demo = os.path.join(DATA, "demo")
        subprocess.run(
            [PROGRAM, "explain", "--model", os.path.join(demo, "model"), "--data", os.path.join(demo, "dataset.h5"),
             "--rows", "2:6", "--budget", "64", "--out", self.path, "--quiet"], check=True)
        lines = subprocess.run([PROGRAM, "export", self.path, "--jsonl"], check=True, capture_output=True).stdout
        with ascribe_results.load(self.path) as result:
            rows = [json.loads(line) for line in lines.decode("utf-8").splitlines()]
            self.assertEqual(len(rows), len(result))
            self.assertIn("seed", json.dumps(result.manifest))
            for row, expected in zip(result, rows):
                self.assertEqual((row.id, row.position), (expected["id"], expected["position"]))
                self.assertEqual(row.text, expected["text"])
                self.assertEqual((row.label, row.prediction), (expected["label"], expected["prediction"]))
                self.assertEqual(row.words, [feature["text"] for feature in expected["features"]])
                found = [feature["values"] for feature in expected["features"]]
                np.testing.assert_array_equal(row.values, np.array(found, np.float32).reshape(row.values.shape))
                self.assertEqual((row.status, row.classes), (expected["status"], expected["classes"]))


if __name__ == "__main__":
    unittest.main()
