"""ascribe global and compare: what the program sums up, against NumPy and closed forms on the same result file."""

import functools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np

import ascribe_results

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data")
CLASSES = ["bad", "good"]
# "ß" folds to "ss", "İ" to two characters, "ſ" to "s", "Ω" (ohm) to "ω".
VOCABULARY = ["The", "the", "THE", "Straße", "STRASSE", "film", "Film", "great", "awful", "not", "a", ".", "İx", "i̇x", "ſo", "so", "Ω", "ω", "\U0001f600", "ΑΣ"]
NUMBERS = ("mean", "mean_abs", "std", "std_error", "ci_low", "ci_high", "mean_abs_std_error", "p_value", "q_value", "min", "max")


def made_rows(n_rows, seed=1, first_id=0, shift=0.0, most_features=12):
    """Rows of a made-up run: words, values [M, 2], label, scores. Some rows are empty, unexplained or without label."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(n_rows):
        n = int(random.integers(0, most_features + 1))
        words = [VOCABULARY[k] for k in random.integers(0, len(VOCABULARY), n)]
        effect = np.array([{"great": 1.0 + shift, "awful": -1.5, "not": -0.5}.get(word, 0.0) for word in words])
        values = (effect[:, None] * [-1.0, 1.0] + random.normal(0, 0.3, (n, 2))).astype(np.float32)
        explained = i % 17 != 5
        score = float(random.random() ** (1 + shift))
        rows.append({
            "id": first_id + i,
            "words": words,
            "values": values if explained else np.full((n, 2), np.nan, np.float32),
            "label": int(random.integers(-1, 2)),
            "scores": np.array([1 - score, score], np.float32),
            "status": 0 if explained else 1 << 3,
        })
    return rows


def write_result(path, rows, labels=CLASSES, classes=CLASSES, text=True, manifest=None, **attributes):
    """The rows as an ascribe-result v1; two classes explained."""
    texts = [" ".join(row["words"]).encode("utf-8") for row in rows]
    spans = []
    for row in rows:
        at = 0
        for feature, word in enumerate(row["words"]):
            size = len(word.encode("utf-8"))
            spans.append((feature, at, at + size))
            at += size + 1
    spans = np.array(spans, np.int64).reshape(-1, 3)

    def offsets(counts):
        return np.concatenate(([0], np.cumsum(list(counts)))).astype(np.int64)

    n, values = len(rows), np.concatenate([row["values"] for row in rows])
    arrays = {
        "rows/id": np.array([row["id"] for row in rows], np.uint64),
        "rows/position": np.arange(n, dtype=np.int64),
        "values": values,
        "std_errors": np.zeros_like(values),
        "features/offsets": offsets(len(row["words"]) for row in rows),
        "base_values": np.zeros((n, 2), np.float32),
        "outputs": np.zeros((n, 2), np.float32),
        "efficiency_residual": np.zeros((n, 2), np.float32),
        "targets": np.tile(np.array([0, 1], np.int32), (n, 1)),
        "scores": np.array([row["scores"] for row in rows], np.float32),
        "evaluations": np.zeros(n, np.int64),
        "status": np.array([row["status"] for row in rows], np.uint32),
        "class_names": np.array([name.encode() for name in classes]),
        "spans/feature": spans[:, 0].astype(np.int32),
        "spans/begin": spans[:, 1].astype(np.uint32),
        "spans/end": spans[:, 2].astype(np.uint32),
        "spans/offsets": offsets(len(row["words"]) for row in rows),
    }
    if labels:
        arrays["labels/values"] = np.array([row["label"] for row in rows], np.int32)
        arrays["labels/names"] = np.array([name.encode() for name in labels])
    if text:
        arrays["text/bytes"] = np.frombuffer(b"".join(texts), np.uint8)
        arrays["text/offsets"] = offsets(map(len, texts))
    facts = {"format": "ascribe-result", "format_version": "1.0", "created_by": "a test", "manifest_hash": "00", "run": "{}", "digest": "d" * 64,
             "method": "shapley", "estimator": "exact", "output": "logit", "policy": "remove", "granularity": "word"}
    manifest = manifest or {"model": {"architecture": "Bert", "weights_sha256": "aa", "config_sha256": "bb"}, "target": "all", "budget": "auto"}
    facts["manifest"] = json.dumps(manifest)
    facts.update(attributes)
    with h5py.File(path, "w") as file:
        for name, data in arrays.items():
            file[name] = data
        for name, value in facts.items():
            file.attrs[name] = np.bytes_(value)
        for name, value in (("n_classes", len(classes)), ("n_targets", 2), ("complete", 1)):
            file.attrs[name] = np.int64(value)
    return path


def rows_of(path):
    """The rows of a result file in the form of made_rows, by the Python reader."""
    with ascribe_results.load(path) as result:
        return [{"id": int(row.id), "words": list(row.words), "values": np.asarray(row.values)} for row in result]


@functools.lru_cache(None)
def student_tail(statistic, degrees):
    """P(|t| > statistic) by Simpson's rule over the angle: t = sqrt(degrees) tan(angle)."""
    begin, n = math.atan(abs(statistic) / math.sqrt(degrees)), 20000
    x = np.linspace(begin, math.pi / 2, n + 1)
    with np.errstate(divide="ignore"):
        y = np.exp((degrees - 1) * np.log(np.cos(x)))
    y[-1] = 0 if degrees > 1 else 1
    area = (x[1] - x[0]) / 3 * (y[0] + y[-1] + 4 * y[1:-1:2].sum() + 2 * y[2:-1:2].sum())
    return 2 * area * math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(math.pi)


@functools.lru_cache(None)
def student_quantile(degrees):
    low, high = 1.9, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, degrees) > 0.05 else (low, middle)
    return (low + high) / 2


def summed_up(rows, target, keep=lambda row: True, position=None, fold=True, min_count=1):
    """The table of words by NumPy: {word: {column: number}}."""
    found = {}
    for row in filter(keep, rows):
        here = {}
        for feature, word in enumerate(row["words"]):
            phi = float(row["values"][feature, target])
            if math.isfinite(phi) and (position is None or 5 * feature // len(row["words"]) == position):
                here.setdefault(word.casefold() if fold else word, []).append(phi)
        for word, phis in here.items():
            found.setdefault(word, []).append((row["id"], phis))
    table = {}
    for word, per_row in found.items():
        phi = np.concatenate([phis for _, phis in per_row])
        if len(phi) < min_count:
            continue
        n = len(per_row)
        counts = np.array([len(phis) for _, phis in per_row])
        line = {"count": len(phi), "rows": n, "mean": phi.mean(), "mean_abs": abs(phi).mean(), "min": phi.min(), "max": phi.max(),
                "std": phi.std(ddof=1) if len(phi) > 1 else None, "std_error": None, "mean_abs_std_error": None, "ci_low": None, "ci_high": None,
                "p_value": None, "q_value": None,
                "min_row": min(i for i, phis in per_row if min(phis) == phi.min()), "max_row": min(i for i, phis in per_row if max(phis) == phi.max())}
        if n > 1:
            for name, of, mean in (("std_error", np.array, line["mean"]), ("mean_abs_std_error", np.abs, line["mean_abs"])):
                totals = np.array([of(phis).sum() for _, phis in per_row])
                line[name] = math.sqrt(n / (n - 1) * ((totals - mean * counts) ** 2).sum()) / counts.sum()
            half = student_quantile(n - 1) * line["std_error"]
            line.update(ci_low=line["mean"] - half, ci_high=line["mean"] + half)
            if line["std_error"] > 0:
                line["p_value"] = student_tail(line["mean"] / line["std_error"], n - 1)
        table[word] = line
    tested = sorted((line["p_value"], word) for word, line in table.items() if line["p_value"] is not None)
    least = 1.0
    for rank in range(len(tested), 0, -1):
        least = min(least, tested[rank - 1][0] * len(tested) / rank)
        table[tested[rank - 1][1]]["q_value"] = least
    return table


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class GlobalTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ascribe-global-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_program(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def tables(self, *arguments):
        return json.loads(self.run_program("global", *arguments, "--json", "--top", "0").stdout)

    def assert_table(self, expected, found):
        lines = {line["word"]: line for line in found["words"]}
        self.assertEqual(set(lines), set(expected))
        for word, line in expected.items():
            for name, value in line.items():
                if value is None or name in ("count", "rows", "min_row", "max_row"):
                    self.assertEqual(lines[word][name], value, (word, name))
                else:
                    self.assertAlmostEqual(lines[word][name], value, delta=1e-6 * max(1, abs(value)), msg=(word, name))


class AgainstNumpyTest(GlobalTest):
    def setUp(self):
        super().setUp()
        self.rows = made_rows(120)
        self.result = write_result(self.path("result.h5"), self.rows)

    def check(self, keep, *arguments, **how):
        found = self.tables(self.result, "--min-count", str(how.get("min_count", 1)), *(["--fold-case"] if how.get("fold", True) else []), *arguments)
        self.assertEqual(found["attributions"], sum(int(np.isfinite(row["values"]).sum()) for row in self.rows))
        for table in found["tables"]:
            self.assert_table(summed_up(self.rows, CLASSES.index(table["class"]), keep, **how), table)
        return found

    def test_all_rows_and_facts(self):
        found = self.check(lambda row: True)
        self.assertEqual([len(found["tables"]), found["rows"], found["unexplained_rows"]], [2, 120, sum(row["status"] > 0 for row in self.rows)])

    def test_case_as_it_is(self):
        self.check(lambda row: True, fold=False)

    def test_min_count_decides_what_is_tested(self):
        self.check(lambda row: True, min_count=60)

    def test_groups(self):
        def prediction(row):
            return int(row["scores"].argmax())

        self.check(lambda row: row["label"] == 1, "--group", "label:good")
        self.check(lambda row: prediction(row) == 0, "--group", "prediction:bad")
        self.check(lambda row: row["label"] == 1 and prediction(row) == 0, "--group", "label:good,prediction:bad")
        self.check(lambda row: row["label"] == prediction(row), "--group", "correct")
        self.check(lambda row: row["label"] >= 0 and row["label"] != prediction(row), "--group", "wrong")

    def test_positions(self):
        for position in range(5):
            self.check(lambda row: True, "--position", str(position + 1), position=position)

    def test_file_says_the_same(self):
        """The lines of all/, read with h5py alone as README says."""
        self.run_program("global", self.result, "--fold-case", "--quiet", "-o", self.path("global.h5"))
        with h5py.File(self.path("global.h5")) as file:
            bytes_, ends = file["words/bytes"][:].tobytes(), file["words/offsets"][:]
            first = file["all/offsets"][:]
            words = [bytes_[ends[i]:ends[i + 1]].decode("utf-8") for i in range(len(ends) - 1)]
            expected = [summed_up(self.rows, target) for target in (0, 1)]
            self.assertEqual(words, sorted(expected[0], key=lambda word: word.encode("utf-8")))
            for i, word in enumerate(words):
                for line in range(first[i], first[i + 1]):
                    target = expected[file["all/class"][line]][word]
                    for name in ("count", "rows", "mean", "mean_abs", "std", "std_error", "ci_low", "ci_high", "p_value", "min_row"):
                        self.assertAlmostEqual(file["all/" + name][line], target[name], delta=1e-6 * max(1, abs(target[name])), msg=(word, name))

    def test_orders(self):
        expected = summed_up(self.rows, 1)
        keys = {"importance": lambda w: -w["mean_abs"] * w["count"], "mean-abs": lambda w: -w["mean_abs"], "mean": lambda w: -w["mean"],
                "negative": lambda w: w["mean"], "count": lambda w: -w["count"], "p-value": lambda w: w["p_value"]}
        for name, key in keys.items():
            found = self.tables(self.result, "--fold-case", "--class", "good", "--min-count", "1", "--sort", name)["tables"][0]["words"]
            self.assertEqual([line["word"] for line in found], sorted(expected, key=lambda word: (key(expected[word]), word.encode())), name)

    def test_every_character_that_has_a_case(self):
        characters = [chr(i) for i in range(33, 0x110000) if not 0xD800 <= i < 0xE000 and (chr(i).casefold() != chr(i) or chr(i).lower() != chr(i))]
        row = {"id": 1, "words": characters, "values": np.ones((len(characters), 2), np.float32), "label": 0,
               "scores": np.array([0.5, 0.5], np.float32), "status": 0}
        found = self.tables(write_result(self.path("r.h5"), [row]), "--fold-case", "--min-count", "1", "--class", "bad")
        expected = {}
        for character in characters:
            expected[character.casefold()] = expected.get(character.casefold(), 0) + 1
        self.assertEqual({line["word"]: line["count"] for line in found["tables"][0]["words"]}, expected)

    def test_csv_and_lines_for_people(self):
        text = self.run_program("global", self.result, "--csv", "--top", "2").stdout.splitlines()
        self.assertEqual([len(text), text[0].split(",")[:5]], [5, ["class", "group", "position", "word", "count"]])
        self.assertIn("by importance", self.run_program("global", self.result).stdout)


class MergeTest(GlobalTest):
    def content(self, path):
        with h5py.File(path) as file:
            found = {}
            file.visititems(lambda name, item: found.update({name: item[:].tobytes()}) if isinstance(item, h5py.Dataset) else None)
            return {name: data for name, data in found.items() if not name.startswith("sources/")}

    def test_any_division_gives_the_same_bits(self):
        rows = made_rows(90, seed=3)
        for row in rows:
            row["values"] = np.round(2 * row["values"]) / 2  # extremes in several rows
        whole = self.path("whole.h5")
        self.run_program("global", write_result(self.path("r.h5"), rows), "--quiet", "-o", whole)
        expected = self.content(whole)
        random = np.random.default_rng(4)
        for trial in range(3):
            order = random.permutation(len(rows))
            cuts = np.sort(random.choice(np.arange(1, len(rows)), 3, replace=False))
            parts = []
            for k, chosen in enumerate(np.split(order, cuts)):
                part = write_result(self.path("part-%d-%d.h5" % (trial, k)), [rows[i] for i in chosen])
                parts.append(part)
            # two results and a file that sums up the others
            self.run_program("global", *parts[2:], "--quiet", "-o", self.path("some-%d.h5" % trial))
            self.run_program("global", *parts[:2], self.path("some-%d.h5" % trial), "--quiet", "-o", self.path("merged-%d.h5" % trial))
            self.assertEqual(self.content(self.path("merged-%d.h5" % trial)), expected)

    def test_spilling_gives_the_same_bits(self):
        rows = made_rows(400, seed=5)
        for i, row in enumerate(rows):
            row["words"] = ["%s%d" % (word, (i * 7 + k) % 97) for k, word in enumerate(row["words"])]
        result = write_result(self.path("r.h5"), rows)
        self.run_program("global", result, "--quiet", "-o", self.path("memory.h5"))
        self.run_program("global", result, "--quiet", "-o", self.path("disk.h5"), "--memory", "100000")
        self.assertEqual(self.content(self.path("memory.h5")), self.content(self.path("disk.h5")))
        self.assertEqual(sorted(os.listdir(self.folder)), ["disk.h5", "memory.h5", "r.h5"])


class RefusedTest(GlobalTest):
    def setUp(self):
        super().setUp()
        self.a = write_result(self.path("a.h5"), made_rows(20))

    def refused(self, code, words, *arguments):
        done = self.run_program(*arguments, code=code)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse([name for name in os.listdir(self.folder) if name.endswith(".tmp")])

    def test_rows_twice(self):
        self.refused(65, "the row with id 0 is in the input twice", "global", self.a, self.a)
        self.run_program("global", self.a, "--quiet", "-o", self.path("g.h5"))
        self.refused(65, "twice", "global", self.path("g.h5"), self.a)
        self.refused(65, "id 7 is in the input twice", "global", write_result(self.path("d.h5"), made_rows(4, first_id=7) + made_rows(1, first_id=7)))

    def test_other_runs_are_named(self):
        model = {"model": {"architecture": "Bert", "weights_sha256": "cc", "config_sha256": "bb"}, "target": [1], "budget": "auto"}
        rows = made_rows(5, first_id=100)
        for words, changes in (("model weights (aa, cc); target (all, [1])", {"manifest": model}), ("method (shapley, lime)", {"method": "lime"}),
                               ("policy (remove, mask)", {"policy": "mask"}), ("output (logit, probability)", {"output": "probability"}),
                               ("classes", {"classes": ["bad", "fine"]}), ("labels", {"labels": ["bad", "fine"]})):
            other = write_result(self.path("other.h5"), rows, **changes)
            self.refused(78, words, "global", self.a, other, "-o", self.path("out.h5"))
        self.run_program("global", self.a, "--fold-case", "--quiet", "-o", self.path("folded.h5"))
        self.refused(78, "case (folded, kept)", "global", self.path("folded.h5"), write_result(self.path("other.h5"), rows))

    def test_no_text(self):
        self.refused(65, "holds no text", "global", write_result(self.path("b.h5"), made_rows(5), text=False))

    def test_output_stays(self):
        with open(self.path("out.h5"), "w") as file:
            file.write("precious")
        self.refused(73, "already exists", "global", self.a, "-o", self.path("out.h5"))
        with open(self.path("out.h5")) as file:
            self.assertEqual(file.read(), "precious")
        self.run_program("global", self.a, "-q", "-o", self.path("out.h5"), "--force")
        self.tables(self.path("out.h5"))

    def test_classes_and_groups(self):
        self.refused(64, "expected one of 2 classes (bad, good), found 'fine'", "global", self.a, "--class", "fine")
        self.refused(64, "--group", "global", self.a, "--group", "label:fine")
        self.refused(64, "--group", "global", self.a, "--group", "label:good,prediction:fine")
        self.refused(64, "positions are counted in all rows", "global", self.a, "--group", "correct", "--position", "1")
        self.refused(64, "expected a number from 1 to 5", "global", self.a, "--position", "6")
        unlabelled = write_result(self.path("u.h5"), made_rows(5), labels=None)
        self.refused(64, "the rows have no class as label", "global", unlabelled, "--group", "wrong")
        other = write_result(self.path("o.h5"), made_rows(5), labels=["x", "y"])
        self.refused(64, "the labels are not the model's classes", "global", other, "--group", "wrong")

    def test_empty_groups_are_fine(self):
        rows = made_rows(10)
        for row in rows:
            row["label"] = 1
        found = self.tables(write_result(self.path("r.h5"), rows), "--group", "label:bad", "--class", "good")
        self.assertEqual([found["tables"][0]["rows"], found["tables"][0]["words"]], [0, []])
        self.assertIn("no rows in this group", self.run_program("global", self.path("r.h5"), "--group", "label:bad", "--class", "good").stdout)

    def test_nothing_explained(self):
        rows = made_rows(3)
        for row in rows:
            row["values"][:] = np.nan
        self.assertEqual([self.tables(write_result(self.path("r.h5"), rows))[name] for name in ("words", "tables")], [0, []])

    def test_missing_and_damaged(self):
        self.refused(66, "", "global", self.path("none.h5"))
        self.run_program("global", self.a, "--quiet", "-o", self.path("g.h5"))
        with h5py.File(self.path("g.h5"), "a") as file:
            file["cells/class"][0] = 7
        self.refused(65, "no place among 2 classes", "global", self.path("g.h5"))
        with open(self.path("g.h5"), "r+b") as file:
            file.truncate(2000)
        self.refused(65, "", "global", self.path("g.h5"))


class CompareTest(GlobalTest):
    def compare(self, *arguments, code=0):
        return json.loads(self.run_program("compare", *arguments, "--json", "--top", "0", code=code).stdout)

    def test_same_file(self):
        a = write_result(self.path("a.h5"), made_rows(200))
        found = self.compare(a, a)
        for table in found["classes"]:
            self.assertEqual([table["spearman"], table["kendall"], table["n_moved"], table["n_only_a"]], [1, 1, 0, 0])
        self.assertEqual([found["statistics"][name] for name in ("stability", "rate", "score", "rank", "movers", "difference")], [0] * 6)

    def test_known_shift(self):
        """"great" moved by 0.8 and the scores with it: found, first, with the standard error that the formula gives."""
        rows = [made_rows(600, seed=6), made_rows(600, seed=7, first_id=1000, shift=0.8)]
        rows[0][0]["words"], rows[0][0]["values"] = ["old"] * 3, np.ones((3, 2), np.float32)
        rows[1][0]["words"], rows[1][0]["values"] = ["new"] * 3, np.ones((3, 2), np.float32)
        paths = [write_result(self.path("%d.h5" % i), rows[i]) for i in (0, 1)]
        a, b = (summed_up(part, 1, min_count=3) for part in rows)
        found = self.compare(*paths, "--fold-case", "--class", "good")
        table = found["classes"][0]
        self.assertEqual([table["only_a"], table["only_b"], table["n_common"]], [["old"], ["new"], len(a) - 1])
        self.assertEqual([table["words"][0]["word"], table["n_moved"] >= 1], ["great", True])
        for line in table["words"]:
            first, second = a[line["word"]], b[line["word"]]
            va, vb = first["std_error"] ** 2, second["std_error"] ** 2
            degrees = (va + vb) ** 2 / (va**2 / (first["rows"] - 1) + vb**2 / (second["rows"] - 1))
            difference = second["mean"] - first["mean"]
            for name, value in (("difference", difference), ("std_error", math.sqrt(va + vb)),
                                ("p_value", student_tail(difference / math.sqrt(va + vb), degrees))):
                self.assertAlmostEqual(line[name], value, delta=1e-6, msg=(line["word"], name))
        common = sorted(set(a) & set(b))
        x, y = (np.array([side[word]["mean_abs"] for word in common]) for side in (a, b))
        ranks = [side.argsort().argsort() for side in (x, y)]
        self.assertAlmostEqual(table["spearman"], np.corrcoef(*ranks)[0, 1], delta=1e-9)
        signs = [np.sign(side[:, None] - side) for side in (x, y)]
        self.assertAlmostEqual(table["kendall"], (signs[0] * signs[1]).sum() / (len(x) * (len(x) - 1)), delta=1e-9)
        self.check_outputs(rows, found)

    def check_outputs(self, rows, found):
        scores = [np.array([row["scores"] for row in part]) for part in rows]
        for c, line in enumerate(found["outputs"]):
            self.assertAlmostEqual(line["score_a"], scores[0][:, c].mean(dtype=float), delta=1e-9)
            self.assertAlmostEqual(line["std_error"], math.sqrt(sum(side[:, c].astype(float).var(ddof=1) / len(side) for side in scores)), delta=1e-9)
            self.assertAlmostEqual(line["share_b"], (scores[1].argmax(axis=1) == c).mean(), delta=1e-9)
            shares = [(np.histogram(side[:, c], 20, (0, 1))[0] + 0.5) / (len(side) + 10) for side in scores]
            self.assertAlmostEqual(line["stability_index"], ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum(), delta=1e-6)

    def test_ties(self):
        """Kendall's tau-b and Spearman's rho of tied means, against their definitions."""
        rows = [[{"id": 2 * i + side, "words": ["w%d" % i] * 2, "values": np.full((2, 2), value, np.float32), "label": 0,
                  "scores": np.array([0.5, 0.5], np.float32), "status": 0} for i, value in enumerate(values)]
                for side, values in enumerate(([1, 1, 2, 3, 3, 3, 4], [2, 1, 1, 1, 5, 5, 4]))]
        paths = [write_result(self.path("%d.h5" % i), rows[i]) for i in (0, 1)]
        table = self.compare(*paths, "--class", "bad", "--min-count", "1")["classes"][0]
        x, y = np.array([1, 1, 2, 3, 3, 3, 4.0]), np.array([2, 1, 1, 1, 5, 5, 4.0])
        signs = [np.sign(side[:, None] - side) for side in (x, y)]
        self.assertAlmostEqual(table["kendall"], (signs[0] * signs[1]).sum() / math.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum()), delta=1e-12)
        ranks = [[np.mean(np.flatnonzero(np.sort(side) == value)) for value in side] for side in (x, y)]
        self.assertAlmostEqual(table["spearman"], np.corrcoef(*ranks)[0, 1], delta=1e-12)

    def test_limits(self):
        a = write_result(self.path("a.h5"), made_rows(300, seed=8))
        b = write_result(self.path("b.h5"), made_rows(300, seed=9, shift=1.0))
        limits = self.compare(a, b)["statistics"]
        for name in ("stability", "rate", "score", "rank", "movers", "difference"):
            self.assertGreater(limits[name], 0, name)
            self.compare(a, b, "--fail-above", "%s=%.9f" % (name, limits[name] * 1.001))
            done = self.run_program("compare", a, b, "--fail-above", "%s=%.9f" % (name, limits[name] * 0.999), code=1)
            self.assertIn("--fail-above: %s is" % name, done.stderr)
        for wrong in ("stability", "stability=", "stability=x", "drift=1", "=1"):
            self.assertIn("--fail-above: expected", self.run_program("compare", a, b, "--fail-above", wrong, code=64).stderr)

    def test_refused(self):
        a = write_result(self.path("a.h5"), made_rows(20))
        other_model = {"model": {"architecture": "Bert", "weights_sha256": "cc", "config_sha256": "bb"}, "target": "all", "budget": "16n"}
        self.compare(a, write_result(self.path("b.h5"), made_rows(20), manifest=other_model))
        done = self.run_program("compare", a, write_result(self.path("b.h5"), made_rows(20), policy="mask", output="probability"), code=78)
        self.assertIn("output (logit, probability); policy (remove, mask)", done.stderr)
        self.run_program("compare", a, write_result(self.path("b.h5"), made_rows(20), classes=["bad", "fine"]), code=78)
        # scores outside 0 to 1 have no stability index: a limit on it fails
        rows = made_rows(20)
        rows[0]["scores"] = np.array([-3, 4], np.float32)
        b = write_result(self.path("b.h5"), rows)
        self.assertIn("stability cannot be told", self.run_program("compare", a, b, "--fail-above", "stability=1", code=1).stderr)


class MemoryTest(GlobalTest):
    MEASURE = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"

    def most_kib(self, *arguments):
        return int(subprocess.run([sys.executable, "-c", self.MEASURE, PROGRAM, *arguments], check=True, capture_output=True, text=True).stdout)

    @classmethod
    def setUpClass(cls):
        """2 x 54,000 attributions of 50,000 different words: the sums alone take 50 MB."""
        random = np.random.default_rng(0)
        rows = [{"id": i, "words": ["w%d" % k for k in random.integers(0, 10**6, 45)], "values": random.normal(0, 1, (45, 2)).astype(np.float32),
                 "label": i % 2, "scores": np.array([0.5, 0.5], np.float32), "status": 0} for i in range(1200)]
        cls.shared = tempfile.mkdtemp(prefix="ascribe-global-")
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        cls.result = write_result(os.path.join(cls.shared, "r.h5"), rows)

    @unittest.skipUnless(os.environ.get("ASCRIBE_MEASURE_MEMORY"), "a sanitizer's own memory would be measured")
    def test_memory_is_bounded(self):
        """HDF5 has 2 MB of cache for each array, with whatever memory."""
        most = [self.most_kib("global", self.result, "-q", "-o", self.path(memory + ".h5"), "--memory", memory) for memory in ("1G", "8M")]
        self.assertLess(most[1], 100 << 10)
        self.assertGreater(most[0], most[1] + (20 << 10))  # more would be seen
        self.assertEqual(self.tables(self.path("1G.h5"), "--top", "5"), self.tables(self.path("8M.h5"), "--top", "5"))

    def test_stopped(self):
        """While it counts and while it writes: the exit code says so, and nothing is left behind."""
        def listens(process):
            with open("/proc/%d/status" % process.pid) as file:
                caught = next(line for line in file if line.startswith("SigCgt"))
            return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1

        def writes(process):
            return any(name.endswith(".tmp") for name in os.listdir(self.folder))

        for is_time in (listens, writes):
            process = subprocess.Popen([PROGRAM, "global", self.result, "-q", "-o", self.path("g.h5"), "--memory", "8M"], stderr=subprocess.DEVNULL)
            while not is_time(process) and process.poll() is None:
                time.sleep(0.01)
            process.terminate()
            self.assertEqual(process.wait(), 75)
            self.assertEqual(os.listdir(self.folder), [])


@unittest.skipUnless(os.path.exists(os.path.join(DATA, "demo", "dataset.h5")), "no demo data")
class DemoTest(GlobalTest):
    def explain(self, *arguments, limit=40, code=0):
        return self.run_program("explain", "--model", os.path.join(DATA, "demo", "model"), "--data", os.path.join(DATA, "demo", "dataset.h5"), "--limit",
                                str(limit), "--budget", "64", "--quiet", *arguments, code=code)

    def test_during_explain(self):
        """explain --global, with and without the rows' values, is what global makes of the result."""
        self.explain("--out", self.path("r.h5"), "--global", self.path("a.h5"), "--fold-case", limit=5)
        self.explain("--no-values", "--global", self.path("b.h5"), "--fold-case", limit=5)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.h5", "b.h5", "r.h5"])
        expected, a, b = (self.tables(*arguments, "--min-count", "1") for arguments in (
            (self.path("r.h5"), "--fold-case"), (self.path("a.h5"),), (self.path("b.h5"),)))
        self.assertEqual([a["tables"], b["tables"]], [expected["tables"]] * 2)
        self.assertEqual([a["attributions"], a["words"]], [expected["attributions"], expected["words"]])
        before = os.stat(self.path("b.h5"))
        self.assertIn("already exists", self.explain("--no-values", "--global", self.path("b.h5"), limit=5, code=73).stderr)
        self.assertEqual(os.stat(self.path("b.h5")).st_mtime_ns, before.st_mtime_ns)
        for arguments in (["--no-values"], ["--fold-case", "--out", self.path("c.h5")], ["--no-values", "--global", "g.h5", "--out", self.path("c.h5")],
                          ["--global", "g.h5", "--no-text", "--out", self.path("c.h5")]):
            self.explain(*arguments, code=64)

    def test_inspect_and_verify(self):
        self.explain("--no-values", "--global", self.path("g.h5"), limit=2)
        self.assertEqual(json.loads(self.run_program("inspect", self.path("g.h5"), "--json").stdout)["settings"]["method"], "shapley")
        self.assertIn("every word and cell was read", self.run_program("verify", self.path("g.h5")).stdout)

    def test_a_real_result(self):
        result = self.path("result.h5")
        self.explain("--out", result)
        rows = rows_of(result)
        found = self.tables(result, "--fold-case", "--min-count", "1")
        self.assertEqual([table["class"] for table in found["tables"]], ["negative", "positive"])
        for target, table in enumerate(found["tables"]):
            self.assert_table(summed_up(rows, target), table)


if __name__ == "__main__":
    unittest.main()
