"""Labels of several classes and numbers to be predicted."""

import json
import unittest

import numpy as np

from prepare_support import Folder

SEVERAL = {"id2label": {"0": "Angry", "1": "glad", "2": "sad"}, "problem_type": "multi_label_classification"}


class Labels(Folder):
    def labels(self, values, *options):
        lines = "".join(json.dumps({"text": "a", "label": value}) + "\n" for value in values)
        return self.dataset(self.write("in.jsonl", lines), *options)["labels"]

    def names(self, group):
        return [name.decode("utf-8") for name in group["names"][:]]


class Several(Labels):
    def test_lists_of_names(self):
        group = self.labels([["b", "a"], [], None, ["a"]])
        self.assertEqual(self.names(group), ["a", "b"])
        self.assertEqual(group["matrix"][:].tolist(), [[1, 1], [0, 0], [255, 255], [1, 0]])
        self.assertEqual(group["matrix"].dtype, np.uint8)
        self.assertEqual(sorted(group), ["matrix", "names"])
        self.assertEqual(self.summary["label_type"], "multi")
        self.assertEqual((self.summary["labels"], self.summary["unlabelled"]), ({"a": 2, "b": 1}, 1))

    def test_names_and_indices_of_the_model(self):
        self.config(SEVERAL)
        for values in ([["ANGRY", "sad"], "glad"], [[0, 2], 1], [["0", "2"], "1"]):
            group = self.labels(values)
            self.assertEqual(self.names(group), ["Angry", "glad", "sad"])
            self.assertEqual(group["matrix"][:].tolist(), [[1, 0, 1], [0, 1, 0]])

    def test_a_separator(self):
        source = self.write("in.csv", "text,label\nx,a; b\ny,\nz,b;\n")
        group = self.dataset(source, "--label-separator", ";")["labels"]
        self.assertEqual(group["matrix"][:].tolist(), [[1, 1], [0, 0], [0, 1]])

    def test_hot_lists(self):
        for values, options in (([[1.0, 0.0, 1.0], None], ()), ([[True, False, True]], ()),
                                ([[1, 0, 1]], ("--label-type", "hot"))):
            self.config(SEVERAL)
            group = self.labels(values, *options)
            self.assertEqual(self.names(group), ["Angry", "glad", "sad"])
            self.assertEqual(group["matrix"][0].tolist(), [1, 0, 1])
            self.config({"id2label": {"0": "x"}})
            self.assertEqual(self.names(self.labels(values, *options)), ["0", "1", "2"])

    def test_hot_lists_shorter_than_the_model_keep_their_own_names(self):
        self.config(SEVERAL)
        self.assertEqual(self.names(self.labels([[1.0, 0.0]])), ["0", "1"])

    def test_other_names_warn(self):
        self.config(SEVERAL)
        self.labels([["odd"]])
        self.assertIn("labels 'odd' are not the model's classes", self.warnings)

    def test_rows_beyond_a_chunk(self):
        from ascribe_scripts import dataset_file

        self.addCleanup(setattr, dataset_file, "ROW_CHUNK", dataset_file.ROW_CHUNK)
        dataset_file.ROW_CHUNK = 2
        values = [[str(row % 3)] for row in range(7)]
        self.assertEqual(self.labels(values)["matrix"][:].argmax(axis=1).tolist(), [0, 1, 2, 0, 1, 2, 0])

    def test_refused(self):
        cases = [
            ([["a", "a"]], "every label once.*--label-type hot", ()),
            ([["a", None]], "a list of names or indices", ()),
            ([["a", ["b"]]], "a list of names or indices", ()),
            ([[1.0, 0.5]], "a list of 0 and 1, found", ()),
            ([[1.0, 0.0], [1.0]], "line 2.*2 numbers as in the first row, found 1", ()),
            (["a"], "a list of 0 and 1", ("--label-type", "hot")),
        ]
        for values, pattern, options in cases:
            lines = "".join(json.dumps({"text": "a", "label": value}) + "\n" for value in values)
            self.refused(65, pattern, self.write("in.jsonl", lines), *options)
        source = self.write("in.csv", "text,label\nx,a\n")
        self.refused(64, "--label-separator: expected labels of type multi, found class", source,
                     "--label-separator", ";", "--label-type", "class")
        self.refused(64, "--label-separator: expected at least", source, "--label-separator", "")


class Numbers(Labels):
    def test_asked_for(self):
        group = self.labels([3, 4.5, None, "1e3", -2], "--label-type", "number")
        np.testing.assert_array_equal(group["numbers"][:], [3, 4.5, np.nan, 1000, -2])
        self.assertEqual(group["numbers"].dtype, np.float64)
        self.assertEqual(sorted(group), ["numbers"])
        self.assertEqual((self.summary["label_type"], self.summary["unlabelled"]), ("number", 1))

    def test_of_a_regression_model(self):
        for config in ({"problem_type": "regression", "num_labels": 1}, {"id2label": {"0": "LABEL_0"}}):
            self.config(config)
            self.assertEqual(self.labels(["3", "4.5"])["numbers"][:].tolist(), [3, 4.5])

    def test_words_are_classes_whatever_the_model(self):
        self.config({"id2label": {"0": "LABEL_0"}})
        self.assertEqual(self.names(self.labels(["good", "bad"])), ["bad", "good"])

    def test_numbers_of_a_classifier_are_classes(self):
        self.config({"id2label": {"0": "no", "1": "yes"}})
        self.assertEqual(self.labels([1, 0])["values"][:].tolist(), [1, 0])

    def test_refused(self):
        for value in ("good", "inf", True, [1]):
            source = self.write("in.jsonl", json.dumps({"text": "a", "label": value}) + "\n")
            self.refused(65, "line 1, label 'label': expected a finite number", source, "--label-type", "number")


if __name__ == "__main__":
    unittest.main()
