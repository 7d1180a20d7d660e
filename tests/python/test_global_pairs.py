"""ascribe compare of two results of the same rows, and ascribe global --by token: against NumPy on the same files."""

import json
import math
import os
import unittest

import h5py
import numpy as np

from test_evaluate import MODEL, made_rows as token_rows, write_dataset
from test_global import CLASSES, GlobalTest, made_rows, student_tail, summed_up, write_result

MANIFEST = {"model": {"architecture": "Bert", "weights_sha256": "aa", "config_sha256": "bb"}, "target": "all", "budget": "auto", "dataset": {"sha256": "d" * 64}}


class PairsTest(GlobalTest):
    def setUp(self):
        super().setUp()
        self.a = made_rows(80, seed=11)
        random = np.random.default_rng(12)
        self.b = [dict(row, values=(row["values"] * 0.9 + random.normal(0.02, 0.05, row["values"].shape)).astype(np.float32),
                       scores=np.clip(row["scores"] + random.normal(0.01, 0.02, 2), 0, 1).astype(np.float32)) for row in self.a]
        self.b[3]["values"][:] = np.nan  # explained in A alone

    def paths(self, b=None, manifest=MANIFEST):
        return write_result(self.path("a.h5"), self.a, manifest=MANIFEST), write_result(self.path("b.h5"), b or self.b, manifest=manifest)

    def compare(self, *arguments):
        return json.loads(self.run_program("compare", *arguments, "--json", "--top", "0", "--min-count", "1").stdout)

    def check(self, found, keep=lambda row: True):
        differences = [dict(a, values=b["values"] - a["values"]) for a, b in zip(self.a, self.b)]
        for table in found["classes"]:
            target = CLASSES.index(table["class"])
            expected = summed_up(differences, target, keep, fold=False)
            sides = [summed_up(rows, target, keep, fold=False) for rows in (self.a, self.b)]
            self.assertEqual({line["word"] for line in table["words"]}, set(sides[0]) & set(sides[1]))
            for line in table["words"]:
                word = expected[line["word"]]
                for name, value in (("difference", word["mean"]), ("std_error", word["std_error"]), ("p_value", word["p_value"]), ("q_value", word["q_value"]),
                                    ("mean_a", sides[0][line["word"]]["mean"]), ("mean_b", sides[1][line["word"]]["mean"])):
                    self.assertAlmostEqual(line[name], value, delta=1e-6 * max(1, abs(value)), msg=(line["word"], name))

    def test_row_by_row(self):
        a, b = self.paths()
        found = self.compare(a, b)
        self.assertEqual(found["rows_paired"], 80)
        self.check(found)
        for c, line in enumerate(found["outputs"]):
            difference = np.array([y["scores"][c] - x["scores"][c] for x, y in zip(self.a, self.b)], float)
            error = difference.std(ddof=1) / math.sqrt(80)
            for name, value in (("difference", difference.mean()), ("std_error", error), ("p_value", student_tail(difference.mean() / error, 79))):
                self.assertAlmostEqual(line[name], value, delta=1e-6, msg=name)
        self.check(self.compare(a, b, "--group", "label:good"), lambda row: row["label"] == 1)

    def check_scores_of_two_samples(self, outputs):
        """Welch's test of all rows' scores."""
        for c, line in enumerate(outputs):
            sides = [np.array([row["scores"][c] for row in rows], float) for rows in (self.a, self.b)]
            errors = [side.std(ddof=1) / math.sqrt(80) for side in sides]
            difference, error = sides[1].mean() - sides[0].mean(), math.hypot(*errors)
            degrees = error ** 4 / sum(one ** 4 / 79 for one in errors)
            for name, value in (("difference", difference), ("std_error", error), ("p_value", student_tail(difference / error, degrees))):
                self.assertAlmostEqual(line[name], value, delta=1e-6, msg=name)

    def test_what_is_no_pair_is_two_samples(self):
        a, b = self.paths()
        self.run_program("global", b, "-q", "-o", self.path("g.h5"))
        self.assertEqual([self.compare(a, other)["rows_paired"] for other in (self.path("g.h5"), b)], [0, 80])
        paired = {line["word"]: line["std_error"] for line in self.compare(a, b)["classes"][1]["words"]}
        two = {line["word"]: line["std_error"] for line in self.compare(a, self.path("g.h5"))["classes"][1]["words"]}
        self.assertLess(paired["great"], 0.7 * two["great"])
        for group in ("prediction:good", "wrong"):
            found = self.compare(a, b, "--group", group)
            self.assertEqual(found["rows_paired"], 0)
            self.check_scores_of_two_samples(found["outputs"])
        for rows, manifest in ((self.b, dict(MANIFEST, dataset={"sha256": "e" * 64})), (self.b[:-1], MANIFEST)):
            self.assertEqual(self.compare(*self.paths(rows, manifest))["rows_paired"], 0)
        self.assertIn("two independent samples", self.run_program("compare", *self.paths(self.b[:-1])).stdout)

    def test_rows_that_are_not_the_same(self):
        """One dataset by its name, other rows: the file lies."""
        other = [dict(row) for row in self.b]
        other[5]["id"] = 1000
        self.assertIn("row 5 is not the same one", self.run_program("compare", *self.paths(other), code=65).stderr)


class TokensTest(GlobalTest):
    def setUp(self):
        super().setUp()
        self.rows = token_rows()
        self.data = write_dataset(self.path("data.h5"), self.rows)

    def explain(self, name, *arguments):
        self.run_program("explain", "--model", MODEL, "--data", self.data, "--out", self.path(name), "--method", "occlusion", "-q", "--allow-tokenizer-mismatch", *arguments)
        return self.path(name)

    def test_against_numpy(self):
        """Features by the ids of their tokens, one or two: without the result's texts, in one go or in parts."""
        result = self.explain("r.h5", "--no-text")
        with h5py.File(result) as file:
            edges, values, ids, targets = (file[name][:] for name in ("features/offsets", "values", "rows/id", "targets"))
        rows = []
        for i, (tokens, features) in enumerate(self.rows):
            words = [" ".join(str(token) for token, feature in zip(tokens, features) if feature == f) for f in range(max(features) + 1)]
            rows.append({"id": int(ids[i]), "words": words, "values": values[edges[i]:edges[i + 1]]})
        self.assertTrue(((targets == targets[0]) | (targets < 0)).all())
        found = self.tables(result, "--by", "token", "--data", self.data, "--min-count", "1")
        self.assertGreater(found["tables"][0]["n_words"], 50)
        for target, table in enumerate(found["tables"]):
            self.assert_table(summed_up(rows, target, fold=False), table)
        parts = [self.explain("%d.h5" % i, "--rows", part) for i, part in enumerate(("0:3", "3:8"))]
        self.run_program("global", *parts, "--by", "token", "--data", self.data, "-q", "-o", self.path("parts.h5"))
        self.assertEqual(self.tables(self.path("parts.h5"), "--min-count", "1")["tables"], found["tables"])

    def test_refused(self):
        result = self.explain("r.h5", "--rows", "0:2")
        self.assertIn("--by token: expected --data", self.run_program("global", result, "--by", "token", code=64).stderr)
        self.assertIn("--data: expected --by token", self.run_program("global", result, "--data", self.data, code=64).stderr)
        self.assertIn("no case to fold", self.run_program("global", result, "--by", "token", "--data", self.data, "--fold-case", code=64).stderr)
        other = write_dataset(self.path("other.h5"), self.rows, first_id=200)
        self.assertIn("was not made of", self.run_program("global", result, "--by", "token", "--data", other, code=78).stderr)
        self.run_program("global", result, "-q", "-o", self.path("texts.h5"))
        self.assertIn("no token ids", self.run_program("global", self.path("texts.h5"), "--by", "token", "--data", self.data, code=64).stderr)
        self.run_program("global", result, "--by", "token", "--data", self.data, "-q", "-o", self.path("tokens.h5"))
        self.assertIn("case (token ids, kept)", self.run_program("global", self.path("tokens.h5"), result, code=78).stderr)


del GlobalTest

if __name__ == "__main__":
    unittest.main()
