"""The strongest words of a result: what counts as a word, how it is averaged and ranked. Run with PYTHONPATH=scripts."""
import contextlib
import io
import os
import tempfile
import unittest

import h5py
import numpy as np

from ascribe_scripts import top_words

# Each row: the text, and the attribution of each space-separated piece towards the second class.
ROWS = [("Good film !", (3, 1, 9)), ("good a 2nd bad", (1, 9, 9, -4)), ("BAD it's film", (-2, 0.5, np.nan))]


def write(path, n_classes, split_first=False):
    """A result of ROWS. First class: minus the second's; others: 3. split_first: 'Good' is two spans."""
    text, text_offsets, feature_offsets, spans, span_offsets, values = b"", [0], [0], [], [0], []
    for row, (words, strengths) in enumerate(ROWS):
        at = 0
        for feature, (word, strength) in enumerate(zip(words.split(" "), strengths)):
            middle = at + 2 if split_first and row == 0 and feature == 0 else at + len(word)
            spans.append((at, middle, feature))
            if middle < at + len(word):
                spans.append((middle, at + len(word), feature))
            values.append([-strength, strength] + [3] * (n_classes - 2))
            at += len(word) + 1
        text += words.encode("utf-8")
        text_offsets.append(len(text))
        span_offsets.append(len(spans))
        feature_offsets.append(len(values))
    with h5py.File(path, "w") as file:
        file["class_names"] = np.array([b"bad", b"good", b"neither"][:n_classes])
        file["values"] = np.array(values, np.float32)
        file["rows/id"] = np.arange(len(ROWS), dtype=np.uint64)
        file["text/bytes"] = np.frombuffer(text, np.uint8)
        file["text/offsets"] = text_offsets
        file["features/offsets"] = feature_offsets
        file["spans/offsets"] = span_offsets
        for column, name in enumerate(("begin", "end", "feature")):
            file["spans/" + name] = np.array([span[column] for span in spans], np.uint32)
        file["labels/values"] = np.array([1, 0, -1], np.int32)
        file["scores"] = np.array([[0, 1, -1]] * len(ROWS), np.float32)[:, :n_classes]


class TopWords(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "result.h5")

    def lists(self, n_words=9, min_count=1, **arguments):
        write(self.path, **arguments)
        with h5py.File(self.path) as file:
            return top_words.top_words(file, n_words, min_count)

    def test_two_classes(self):
        bad, good = self.lists(n_classes=2)
        self.assertEqual(good, ("good", [("good", 4, 2), ("film", 2, 1), ("it's", 1, 1), ("bad", -6, 2)]))
        self.assertEqual(bad, ("bad", [("bad", 6, 2), ("it's", -1, 1), ("film", -2, 1), ("good", -4, 2)]))

    def test_more_classes_are_measured_from_their_mean(self):
        lists = self.lists(n_classes=3)
        self.assertEqual(lists[1][1][0], ("good", 1, 2))
        self.assertEqual([mean for _, mean, _ in lists[2][1]], [2, 2, 2, 2])

    def test_least_count_and_number_of_words(self):
        _, good = self.lists(n_classes=2, min_count=2)
        self.assertEqual(good[1], [("good", 4, 2), ("bad", -6, 2)])
        _, good = self.lists(n_classes=2, n_words=1)
        self.assertEqual(good[1], [("good", 4, 2)])

    def test_a_feature_of_two_spans(self):
        _, good = self.lists(n_classes=2, split_first=True)
        self.assertEqual(good[1][0], ("film", 2, 1))  # "Go od" is no word

    def test_report(self):
        write(self.path, 2)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(top_words.main([self.path, "--min-count", "2"]), 0)
        self.assertIn("Accuracy: 50.0 % (1 of 2 labelled rows)", out.getvalue())

    def test_one_column_of_two_classes(self):
        write(self.path, 2)
        with h5py.File(self.path, "a") as file:
            values = file["values"][:, :1]
            del file["values"]
            file["values"] = values
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(top_words.main([self.path]), 65)
        self.assertIn("--target all", err.getvalue())

    def test_no_such_file(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(top_words.main([self.path]), 66)


if __name__ == "__main__":
    unittest.main()
