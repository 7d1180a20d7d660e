"""ascribe compare of two evaluations, against NumPy on the same files; what is no evaluation is refused."""

import json
import math
import os
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

import ascribe_results
from test_global import student_quantile, student_tail

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
FRACTIONS = ("0.01", "0.05", "0.10", "0.20", "0.50")
NAMES = (["comprehensiveness_aopc", "sufficiency_aopc", "deletion_auc", "insertion_auc"] + ["comprehensiveness@" + f for f in FRACTIONS]
         + ["sufficiency@" + f for f in FRACTIONS] + ["token_f1", "iou_f1", "auprc"])
LOW = ("sufficiency", "deletion")
SETTINGS = {"aopc_thresholds": [0.01, 0.05, 0.1, 0.2, 0.5], "curve_steps": 20, "order": "descending attribution to the predicted class",
            "rounding": "ceil(fraction n)", "value": "probability of the predicted class", "random_orders": 5}
MANIFEST = {"policy": "remove", "dataset": {"sha256": "d" * 64}}


def half_width(n):
    return student_quantile(n - 1)


def mean_of(numbers):
    """mean, standard error, 95 % interval of the numbers that are some."""
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < 2:
        return (numbers.mean() if len(numbers) else math.nan,) + (math.nan,) * 3
    mean, error = numbers.mean(), numbers.std(ddof=1) / math.sqrt(len(numbers))
    return mean, error, mean - half_width(len(numbers)) * error, mean + half_width(len(numbers)) * error


def made_scores(ids, seed, shift=0.0):
    """{"attribution", "random": [rows, metrics]} of made-up rows: a number of the row and noise; rationales in two of three."""
    scores = {}
    for which, level in (("attribution", 0.3 + shift), ("random", 0.1)):
        own = np.array([np.random.default_rng(1000 + i).normal(0, 0.2) for i in ids])[:, None]
        noise = np.random.default_rng(seed + (which == "random")).normal(0, 0.05, (len(ids), len(NAMES)))
        scores[which] = np.clip(level + own + noise, -1, 1).astype(np.float32)
        scores[which][np.array(ids) % 3 == 0, 14:] = np.nan
    return scores


def write_evaluation(path, ids, scores, manifest=MANIFEST, settings=SETTINGS, classes=("bad", "good")):
    n = len(ids)
    fractions = np.full((n, 21), np.nan, np.float32)
    fractions[:, :3] = [0, 0.5, 1]
    curve = np.where(np.isfinite(fractions), np.float32(0.5), np.float32(np.nan))
    arrays = {"rows/id": np.array(ids, np.uint64), "rows/class": np.arange(n, dtype=np.int32) % len(classes), "rows/features": np.full(n, 2, np.uint32),
              "rows/output": np.full(n, 0.9, np.float32), "rows/base_value": np.full(n, 0.5, np.float32), "rows/fractions": fractions,
              "class_names": np.array([name.encode() for name in classes]), "all/metric": np.array([name.encode() for name in NAMES]),
              "curves/fractions": np.linspace(0, 1, 21)}
    for which, values in scores.items():
        for m in [*range(4), *range(14, 17)]:
            arrays["%s/%s" % (which, NAMES[m])] = values[:, m]
        for first, name in ((4, "comprehensiveness"), (9, "sufficiency")):
            arrays["%s/%s_aopc_points" % (which, name)] = values[:, first:first + 5]
        arrays[which + "/deletion"] = arrays[which + "/insertion"] = curve
    for name in ("deletion", "insertion", "random_deletion", "random_insertion"):
        arrays["curves/" + name] = np.full(21, 0.5)
    for name, values in (("attribution", scores["attribution"]), ("random", scores["random"]),
                         ("difference", scores["attribution"].astype(float) - scores["random"])):
        lines = np.array([mean_of(column) for column in values.astype(float).T])
        for k, what in enumerate(("mean", "std_error", "ci_low", "ci_high")):
            arrays["all/%s/%s" % (name, what)] = lines[:, k]
    with h5py.File(path, "w") as file:
        for name, data in arrays.items():
            file[name] = data
        for name, text in (("format", "ascribe-evaluation"), ("format_version", "1.0"), ("created_by", "a test"), ("manifest", json.dumps(manifest)),
                           ("settings", json.dumps(settings))):
            file.attrs[name] = np.bytes_(text)
        counts = {"n_rows": n, "n_evaluated": n, "n_unexplained": 0, "n_no_features": 0, "n_not_explained_class": 0, "n_non_finite": 0, "complete": 1}
        for name, count in counts.items():
            file.attrs[name] = np.int64(count)
    return path


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ascribe-evaluations-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, ids, seed, shift=0.0, **how):
        scores = made_scores(ids, seed, shift)
        return write_evaluation(self.path(name), ids, scores, **how), scores

    def run_program(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class CompareTest(Folder):
    def compare(self, *arguments):
        return json.loads(self.run_program("compare", *arguments, "--json").stdout)

    def assert_number(self, found, expected, what):
        if not math.isfinite(expected):
            self.assertIsNone(found, what)
        else:
            self.assertAlmostEqual(found, expected, delta=1e-6 * max(1, abs(expected)), msg=what)

    def check(self, found, a, b, rows_a, rows_b, paired):
        """Every number of the comparison of the rows (indexes) of A and B."""
        self.assertEqual(found["paired"], paired)
        self.assertEqual([line["metric"] for line in found["faithfulness"]], NAMES)
        p_values = {"score": [], "gain": []}
        for m, line in enumerate(found["faithfulness"]):
            self.assertEqual(line["higher_is_better"], not NAMES[m].startswith(LOW))
            for which in ("score", "gain"):
                sides = [side["attribution"].astype(float)[rows, m] - (side["random"].astype(float)[rows, m] if which == "gain" else 0)
                         for side, rows in ((a, rows_a), (b, rows_b))]
                means = [mean_of(side) for side in sides]
                if paired:
                    difference, error, low, high = mean_of(sides[1] - sides[0])
                    degrees = np.isfinite(sides[1] - sides[0]).sum() - 1
                else:
                    counts = [np.isfinite(side).sum() for side in sides]
                    difference, error = means[1][0] - means[0][0], math.hypot(means[0][1], means[1][1])
                    degrees = error ** 4 / sum(mean[1] ** 4 / (count - 1) for mean, count in zip(means, counts))
                    low, high = (difference + sign * student_quantile(math.floor(degrees)) * error for sign in (-1, 1))
                p = student_tail(difference / error, degrees)
                p_values[which].append(p)
                for name, expected in (("mean_a", means[0][0]), ("mean_b", means[1][0]), ("difference", difference), ("std_error", error), ("ci_low", low),
                                       ("ci_high", high), ("p_value", p)):
                    self.assert_number(line[which][name], expected, (NAMES[m], which, name))
        for which, ps in p_values.items():
            order, least = np.argsort(ps), 1.0
            for rank in range(len(ps), 0, -1):
                least = min(least, ps[order[rank - 1]] * len(ps) / rank)
                self.assert_number(found["faithfulness"][order[rank - 1]][which]["q_value"], least, (which, "q"))

    def test_row_by_row(self):
        """The shared rows alone, by their ids, in whatever order they stand; rows without a rationale have none of its metrics."""
        ids_a, ids_b = [7 * i for i in range(40)], [7 * i for i in range(59, 19, -1)]
        a, scores_a = self.write("a.h5", ids_a, 1)
        b, scores_b = self.write("b.h5", ids_b, 2, shift=-0.05)
        shared = sorted(set(ids_a) & set(ids_b))
        found = self.compare(a, b)
        self.assertEqual([found["rows_a"], found["rows_b"], found["rows_shared"]], [40, 40, 20])
        self.check(found, scores_a, scores_b, [ids_a.index(i) for i in shared], [ids_b.index(i) for i in shared], True)

    def test_two_samples(self):
        """Other data, or too few rows of both."""
        a, scores_a = self.write("a.h5", list(range(30)), 1)
        for ids, manifest in ((list(range(25)), dict(MANIFEST, dataset={"sha256": "e" * 64})), (list(range(20, 60)), MANIFEST)):
            b, scores_b = self.write("b.h5", ids, 2, manifest=manifest)
            self.check(self.compare(a, b), scores_a, scores_b, list(range(30)), list(range(len(ids))), False)
        self.assertIn("two independent samples", self.run_program("compare", a, b).stdout)

    def test_limits(self):
        ids = list(range(60))
        a, b = self.write("a.h5", ids, 1)[0], self.write("b.h5", ids, 2, shift=-0.1)[0]
        found = self.compare(a, b)
        lines = {line["metric"]: line["score"] for line in found["faithfulness"]}
        worse = -lines["comprehensiveness_aopc"]["difference"]
        self.assertGreater(worse, 0.05)
        self.assertLess(lines["sufficiency_aopc"]["difference"], 0)  # less is better there
        self.assertEqual(found["n_worse"], sum(one["q_value"] <= 0.05 and (one["difference"] > 0 if name.startswith(LOW) else one["difference"] < 0)
                                               for name, one in lines.items()))
        self.assertGreater(found["n_worse"], 3)
        self.compare(a, b, "--fail-above", "comprehensiveness_aopc=%.6f" % (worse + 0.001), "--fail-above", "sufficiency_aopc=0", "--fail-above", "worse=%d" % found["n_worse"])
        for limit in ("comprehensiveness_aopc=%.6f" % (worse - 0.001), "worse=%d" % (found["n_worse"] - 1)):
            done = self.run_program("compare", a, b, "--fail-above", limit, code=1)
            self.assertIn("--fail-above: %s is" % limit.split("=")[0], done.stderr)
        self.assertIn("expected comprehensiveness_aopc, ", self.run_program("compare", a, b, "--fail-above", "stability=1", code=64).stderr)
        one, _ = self.write("one.h5", [3], 1)
        self.assertIn("worse cannot be told", self.run_program("compare", one, a, "--fail-above", "worse=1", code=1).stderr)

    def test_tables(self):
        ids = list(range(30))
        a, b = self.write("a.h5", ids, 1)[0], self.write("b.h5", ids, 2)[0]
        lines = self.run_program("compare", a, b, "--csv").stdout.splitlines()
        self.assertEqual([len(lines), lines[1].split(",")[:5]], [1 + 2 * len(NAMES), ["comprehensiveness_aopc", "score", "high", "30", "30"]])
        text = self.run_program("compare", a, b).stdout
        self.assertIn("compared row by row: the 30 rows of both", text)
        self.assertIn("(20 and 20 rows)", text)
        self.assertIn("means and curves are those of the rows", self.run_program("verify", a).stdout)
        facts = json.loads(self.run_program("inspect", a, "--json").stdout)
        self.assertEqual([facts["kind"], facts["rows_evaluated"], facts["random_orders"], len(facts["means"])], ["evaluation", 30, 5, len(NAMES)])

    def test_refused(self):
        ids = list(range(20))
        a, scores = self.write("a.h5", ids, 1)
        for how, named in (({"manifest": dict(MANIFEST, policy="mask")}, 'policy ("remove", "mask")'), ({"classes": ("bad", "fine")}, "classes"),
                           ({"settings": dict(SETTINGS, curve_steps=10)}, "curve_steps (20, 10)")):
            b, _ = self.write("b.h5", ids, 2, **how)
            self.assertIn("A and B differ in: " + named, self.run_program("compare", a, b, code=78).stderr)
        for option in (["--class", "bad"], ["--fold-case"], ["--group", "wrong"], ["--group", "all"], ["--top", "15"], ["--min-count", "3"]):
            message = self.run_program("compare", a, a, *option, code=64).stderr
            self.assertIn(option[0] + ": expected results", message)
            self.assertIn("know no words", message)

    def test_damaged(self):
        """Each planted in a file of its own: what the reader says of it."""
        def put(name, value):
            return lambda file: file[name].__setitem__(0, value)

        def attribute(name, value):
            return lambda file: file.attrs.__setitem__(name, value)

        def no_classes(file):
            del file["class_names"]
            file["class_names"] = np.array([], "S4")

        damages = ((put("rows/id", 5), "every id once"), (put("rows/class", 2), "expected a class below 2"), (no_classes, "'class_names': expected at least one"), (put("rows/features", 0), "at least one feature"),
                   (put("attribution/deletion_auc", 1.5), "expected fractions"), (put("random/insertion_auc", np.nan), "expected fractions"),
                   (put("attribution/sufficiency_aopc_points", 2), "expected fractions"), (put("attribution/auprc", -3), "expected fractions"),
                   (put("rows/fractions", 0), "expected fractions"), (put("attribution/deletion", 0.5), "expected fractions"),
                   (put("all/attribution/mean", 0.9), "expected the mean of comprehensiveness_aopc"), (put("all/difference/std_error", 0.9), "expected the mean of"),
                   (put("curves/random_deletion", 0.1), "expected the mean curves"), (put("all/metric", b"accuracy"), "'all/metric'"),
                   (attribute("n_evaluated", np.int64(19)), "as 'n_evaluated' says"), (attribute("settings", np.bytes_("[]")), "random_orders"),
                   (attribute("complete", np.int64(0)), "not complete"), (lambda file: file.__delitem__("random/deletion"), "random/deletion"))
        good, _ = self.write("good.h5", list(range(20)), 1)
        for damage, message in damages:
            path = shutil.copy(good, self.path("bad.h5"))
            with h5py.File(path, "r+") as file:
                damage(file)
            self.assertIn(message, self.run_program("compare", good, path, code=65).stderr)


class PythonReaderTest(Folder):
    def test_reads_what_stands_there(self):
        path, scores = self.write("a.h5", list(range(10, 40)), 1)
        with ascribe_results.load_evaluation(path) as found:
            self.assertEqual([len(found), found.ids.tolist(), found.class_names, found.metrics], [30, list(range(10, 40)), ["bad", "good"], NAMES])
            self.assertEqual([found.manifest, found.settings], [MANIFEST, SETTINGS])
            for m, name in enumerate(NAMES):
                for order in ("attribution", "random"):
                    np.testing.assert_array_equal(found.scores(name, order), scores[order][:, m])
                    self.assertAlmostEqual(found.means[name][order]["mean"], np.nanmean(scores[order][:, m].astype(float)), delta=1e-12)
            self.assertEqual(sorted(found.curves), ["deletion", "fractions", "insertion", "random_deletion", "random_insertion"])
            with self.assertRaises(KeyError):
                found.scores("accuracy")
            try:
                import pandas  # noqa: F401
            except ImportError:
                return
            table = found.to_pandas()
            self.assertEqual(list(table.columns), ["id", "class", "features", *NAMES])
            self.assertEqual(table["class"].tolist(), ["bad", "good"] * 15)
            np.testing.assert_array_equal(table["auprc"].to_numpy(), scores["attribution"][:, -1])

    def test_refused(self):
        path, _ = self.write("a.h5", list(range(5)), 1)
        with self.assertRaisesRegex(ascribe_results.ResultError, "expected an ascribe-result file, found 'ascribe-evaluation'"):
            ascribe_results.load(path)
        with h5py.File(path, "r+") as file:
            file.attrs["format_version"] = np.bytes_("2.0")
        with self.assertRaisesRegex(ascribe_results.ResultError, "expected format version 1, found '2.0'"):
            ascribe_results.load_evaluation(path)


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class OtherKindsTest(Folder):
    def test_a_file_of_another_kind_is_named(self):
        """Every command says what it was given, and which commands read that."""
        evaluation, _ = self.write("eval.h5", list(range(5)), 1)
        kinds = {"an evaluation": evaluation}
        for name, what in (("probe", "a probe"), ("global", "global importance"), ("importance", "importance by prediction error"), ("masks", "coalitions"),
                           ("dataset", "a prepared dataset")):
            kinds[what] = self.path(name + ".h5")
            with h5py.File(kinds[what], "w") as file:
                file.attrs["format"] = np.bytes_("ascribe-" + name)
        commands = (["show"], ["export", "--csv"], ["global"], ["evaluate", "--model", "x", "--data", "y"], ["compare", evaluation])
        for what, path in kinds.items():
            for command in commands:
                if (what, command[0]) in (("an evaluation", "compare"), ("global importance", "global")):
                    continue
                done = self.run_program(command[0], *command[1:], path, code=65)
                self.assertIn("hint: this is %s, for the commands " % what, done.stderr, (command, done.stderr))


if __name__ == "__main__":
    unittest.main()
