"""Parquet tables, and what is said where pyarrow is missing."""

import datetime
import decimal
import sys
import unittest
from unittest import mock

from ascribe_scripts import parquet
from prepare_support import Folder, Row

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    pyarrow = None


class Missing(Folder):
    def test_the_message_says_what_to_do(self):
        source = self.write("in.parquet", b"PAR1")
        hidden = {name: None for name in ("pyarrow", "pyarrow.compute", "pyarrow.parquet")}
        with mock.patch.dict(sys.modules, hidden):
            self.refused(69, "reading Parquet: expected the Python package pyarrow.*pip install pyarrow", source)


@unittest.skipIf(pyarrow is None, "pyarrow is not installed")
class Parquet(Folder):
    def table(self, columns, name="in.parquet", **options):
        table = columns if isinstance(columns, pyarrow.Table) else pyarrow.table(columns)
        pyarrow.parquet.write_table(table, self.path(name), **options)
        return self.path(name)

    def test_as_from_json(self):
        source = self.table({"id": [7, 9], "text": ["good", "bad film"], "label": ["no", None]})
        file = self.dataset(source, "--keep", "label")
        self.assertEqual([Row(file, row).text for row in range(2)], [b"good", b"bad film"])
        self.assertEqual(file["rows/id"][:].tolist(), [7, 9])
        self.assertEqual(file["labels/values"][:].tolist(), [0, -1])
        self.assertEqual(file["meta/label"][:].tolist(), [b"no", b""])
        self.assertEqual(file.attrs["source"], b"in.parquet")

    def test_row_groups_and_batches(self):
        with mock.patch.object(parquet, "BATCH_ROWS", 3):
            file = self.dataset(self.table({"text": ["a%d" % row for row in range(23)]}, row_group_size=7))
        self.assertEqual(file["text/bytes"][:].tobytes().decode(), "".join("a%d" % row for row in range(23)))
        self.assertEqual(len(file["rows/id"]), 23)

    def test_one_row_group_is_read_at_a_time(self):
        path = self.table({"text": ["a"] * 100}, row_group_size=10)
        reads = []
        original = pyarrow.parquet.ParquetFile.iter_batches

        def spy(file, *arguments, **options):
            reads.append(options["row_groups"])
            return original(file, *arguments, **options)

        with mock.patch.object(pyarrow.parquet.ParquetFile, "iter_batches", spy), open(path, "rb") as stream:
            names, n_rows, rows = parquet.open_rows(stream)
            self.assertEqual((names, n_rows), (["text"], 100))
            for _ in range(15):
                next(rows)
        self.assertEqual(reads, [[0], [1]])

    def test_kinds_of_columns(self):
        columns = {
            "blob": pyarrow.array([b"\xff"]),
            "inner": pyarrow.array([{"x": 1}]),
            "text": pyarrow.array(["good"]).dictionary_encode(),
            "label": pyarrow.array([["a", "b"]]),
            "real": pyarrow.array([0.5], pyarrow.float32()),
            "day": pyarrow.array([datetime.date(2024, 2, 29)]),
            "price": pyarrow.array([decimal.Decimal("1.50")]),
            "yes": pyarrow.array([True]),
        }
        source = self.table(columns)
        file = self.dataset(source, "--keep", "real,day,price,yes")
        self.assertEqual(file["labels/matrix"][:].tolist(), [[1, 1]])
        self.assertEqual([file["meta/" + name][0] for name in ("real", "day", "yes")], [0.5, b"2024-02-29", b"true"])
        self.assertEqual(file["meta/price"][0], b"1.50")
        self.refused(64, "--keep: expected a column of the input, found 'blob'", source, "--keep", "blob", "--force")

    def test_pairs_labels_and_numbers(self):
        source = self.table({"a": ["good"], "b": ["bad"], "label": [2.5]})
        file = self.dataset(source, "--text-column", "a", "--text-pair-column", "b", "--label-type", "number")
        self.assertEqual(file["text/split"][:].tolist(), [4])
        self.assertEqual(file["labels/numbers"][:].tolist(), [2.5])

    def test_columns_of_one_name(self):
        schema = pyarrow.schema([("text", pyarrow.string()), ("text", pyarrow.string())])
        table = pyarrow.Table.from_arrays([pyarrow.array(["good"]), pyarrow.array(["bad"])], schema=schema)
        source = self.table(table)
        self.refused(64, "one column named 'text', found 2 of them", source, "--text-column", "text")
        self.assertEqual(self.dataset(source, "--text-column", "1")["text/bytes"][:].tobytes(), b"bad")

    def test_refused(self):
        source = self.table({"text": ["good", None]})
        self.refused(65, "error: row 2, column 'text': expected a string, found nothing", source)
        self.refused(65, "expected at least one row", self.table({"text": pyarrow.array([], pyarrow.string())}))
        self.refused(65, "input: expected a Parquet file", self.write("bad.parquet", b"PAR1 no such thing"))
        with open(source, "r+b") as file:
            file.seek(8)
            file.write(b"\xff" * 16)
        self.refused(65, "expected a Parquet file", source)

    def test_standard_input_is_refused(self):
        self.refused(64, "Parquet.*found standard input", "-", "--format", "parquet")


if __name__ == "__main__":
    unittest.main()
