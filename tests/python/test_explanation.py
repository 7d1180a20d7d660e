"""Result.explanation(): its shapes and texts with a stand-in for shap, and that shap's own plots take it, where shap is installed.

Last seen to pass with shap 0.51.0, numpy 2.4.6, matplotlib 3.11.2 on Python 3.11.7."""

import sys
import types
import unittest
import unittest.mock
import warnings

import numpy as np

import ascribe_results
from test_global import made_rows, write_result
from test_results import Folder

try:
    import matplotlib

    matplotlib.use("agg")
    import shap
except ImportError:
    shap = None

STAND_IN = types.SimpleNamespace(Explanation=lambda **arguments: types.SimpleNamespace(**arguments))


@unittest.mock.patch.dict(sys.modules, {"shap": STAND_IN})
class Shapes(Folder):
    def rows(self, n_rows=30, **options):
        rows = [row for row in made_rows(n_rows) if row["words"] and np.isfinite(row["values"]).all()]
        write_result(self.path, rows, **options)
        result = ascribe_results.load(self.path)
        self.addCleanup(result.close)
        return rows, result

    def test_all_classes(self):
        rows, result = self.rows()
        found = result.explanation()
        self.assertEqual((found.values.dtype, found.values.shape, found.base_values.shape), (object, (len(rows),), (len(rows), 2)))
        self.assertEqual(found.output_names, ["bad", "good"])
        for i, row in enumerate(rows):
            np.testing.assert_array_equal(found.values[i], row["values"])
            self.assertEqual(found.error_std[i].shape, row["values"].shape)
            self.assertEqual(list(found.feature_names[i]), row["words"])
            self.assertEqual(list(found.data[i]), [word + " " for word in row["words"]])
            self.assertEqual("".join(found.data[i]), result[i].text + " ")

    def test_one_class_and_some_rows(self):
        rows, result = self.rows()
        for class_, column in (("bad", 0), (1, 1)):
            found = result.explanation(rows=[3, 1], class_=class_)
            np.testing.assert_array_equal(found.values[0], rows[3]["values"][:, column])
            self.assertEqual((found.base_values.shape, found.output_names), ((2,), ["bad", "good"][column]))
        self.assertEqual(len(result.explanation(rows=slice(2, 5)).values), 3)
        self.assertEqual(len(result.explanation(rows=2).values), 1)
        with self.assertRaises(KeyError):
            result.explanation(class_="neither")
        for wrong in ({"rows": []}, {"vocabulary": 3}):
            with self.assertRaises(ValueError):
                result.explanation(**wrong)

    def test_rows_of_one_length_stay_objects(self):
        rows = made_rows(20)
        for row in rows:
            row.update(words=["a", "b"], values=np.ones((2, 2), np.float32))
        write_result(self.path, rows)
        with ascribe_results.load(self.path) as result:
            found = result.explanation()
        self.assertEqual((found.values.shape, found.data.shape), ((20,), (20,)))

    def test_matrix_over_a_vocabulary(self):
        rows, result = self.rows()
        found = result.explanation(class_="good", vocabulary=4)
        strength = {}
        for row in rows:
            for word, value in zip(row["words"], row["values"][:, 1]):
                strength[word] = strength.get(word, 0) + abs(float(value))
        self.assertEqual(found.feature_names, sorted(strength, key=strength.get, reverse=True)[:4])
        for i, row in enumerate(rows):
            for k, word in enumerate(found.feature_names):
                own = [float(value) for name, value in zip(row["words"], row["values"][:, 1]) if name == word]
                self.assertAlmostEqual(found.values[i, k], sum(own))
                self.assertEqual(found.data[i, k], len(own))

    def test_pairs_bags_and_gaps(self):
        result = self.load()  # test_results: pairs, a feature of two spans
        self.assertEqual(list(result[0]._joining_words()), ["bad bad ", "caf\u00e9 ", "so ", "bad "])
        self.assertEqual(list(result[2]._joining_words()), ["a ", "b "])
        pieces = [(0, None, "("), (0, 0, "a"), (0, None, " "), (1, None, "["), (1, 1, "b")]
        with unittest.mock.patch.object(ascribe_results.Row, "segments", pieces), unittest.mock.patch.object(ascribe_results.Row, "words", ["a", "b"]):
            self.assertEqual(result[0]._joining_words(), ["(a  || [", "b "])
        self.assertEqual(result[0].segments, [(0, 0, "bad"), (0, None, ", "), (0, 0, "bad"), (0, None, " "), (0, 1, "caf\u00e9"), (1, 2, "so"), (1, None, " "), (1, 3, "bad")])
        self.assertEqual(self.load(text=False)[0].segments, [])
        with self.assertRaisesRegex(ValueError, "different classes"):
            result.explanation(rows=[0, 2])


@unittest.skipUnless(shap, "shap is not installed here")
class InShap(Folder):
    def test_plots_take_it(self):
        import matplotlib.pyplot as plot

        rows = [row for row in made_rows(60) if row["words"] and np.isfinite(row["values"]).all()]
        write_result(self.path, rows)
        with ascribe_results.load(self.path) as result, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            every, one = result.explanation(), result.explanation(class_="good")
            matrix = result.explanation(class_="good", vocabulary=5)
        word = max(rows[0]["words"], key=len)
        for html in (shap.plots.text(every[:3], display=False), shap.plots.text(one[0], display=False), shap.plots.text(one[:3], display=False)):
            self.assertIn(word, html)
        for draw in (lambda: shap.plots.waterfall(one[0], show=False), lambda: shap.plots.bar(one[0], show=False), lambda: shap.plots.bar(one.mean(0), show=False),
                     lambda: shap.plots.bar(every[..., 1].mean(0), show=False), lambda: shap.plots.beeswarm(matrix, show=False), lambda: shap.plots.bar(matrix, show=False)):
            draw()
            self.assertTrue(plot.gcf().axes)
            plot.close("all")
        self.assertEqual(every.output_names, ["bad", "good"])


if __name__ == "__main__":
    unittest.main()
