"""ascribe importance: SAGE against recorded values of the sage package and by all subsets, removals against scikit-learn's and by hand."""

import filecmp
import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

import ascribe_results
from ascribe_scripts import report, report_charts
from test_evaluate import CLS, DATA, MODEL, OTHER_MODEL, PROGRAM, SEP, call, run, write_dataset

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "sage.json")
CLASSES = [b"negative", b"neutral", b"positive"]
N_WORDS = 7
REST = "(other words)"


def spell(word):
    return ("Word%d" if word % 2 else "word%d") % word


def write_words(path, tokens, rows, labels=None, names=CLASSES, numbers=None):
    """A dataset whose rows are these words, each a token."""
    write_dataset(path, [([CLS] + [tokens[word] for word in words] + [SEP], [-1, *range(len(words)), -1]) for words in rows])
    texts = [[spell(word).encode() for word in words] for words in rows]
    begin = [np.cumsum([0] + [len(text) + 1 for text in row])[:-1] for row in texts]
    with h5py.File(path, "r+") as file:
        for name, parts, kind in (("begin", begin, np.uint32), ("end", [b + [len(t) for t in row] for b, row in zip(begin, texts)], np.uint32)):
            del file["spans/" + name]
            file["spans/" + name] = np.concatenate(parts).astype(kind)
        joined = [b" ".join(row) for row in texts]
        del file["text/bytes"], file["text/offsets"]
        file["text/bytes"] = np.frombuffer(b"".join(joined), np.uint8)
        file["text/offsets"] = np.cumsum([0] + [len(text) for text in joined]).astype(np.int64)
        if labels is not None:
            file["labels/values"], file["labels/names"] = np.array(labels, np.int32), np.array(names)
        if numbers is not None:
            file["labels/numbers"] = np.array(numbers, np.float64)
    return path


def log_probability(logits, label):
    logits = np.asarray(logits)
    return float(logits[label] - logits.max() - np.log(np.exp(logits - logits.max()).sum()))


def areas(scores, labels):
    """By all pairs: the area of each class against the others, and the components of DeLong's variance [class, row]."""
    components = np.zeros((3, len(labels)))
    for c in range(3):
        positive, negative = scores[labels == c, c], scores[labels != c, c]
        psi = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        components[c, labels == c], components[c, labels != c] = psi.mean(1), psi.mean(0)
    return np.array([components[c, labels == c].mean() for c in range(3)]), components


def area_error(difference, labels):
    """Of the mean over classes of a difference of areas."""
    parts = np.zeros(len(labels))
    for c in range(3):
        for kind in (labels == c, labels != c):
            n = kind.sum()
            parts[kind] += (difference[c, kind] - difference[c, kind].mean()) / math.sqrt(n * (n - 1)) / 3
    return math.sqrt((parts**2).sum())


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM names no program")
class Importance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        with open(RECORDED, encoding="ascii") as file:
            cls.recorded = json.load(file)
        cls.tokens, cls.rows, cls.labels = (cls.recorded[key] for key in ("tokens", "rows", "labels"))
        cls.data = write_words(cls.path("data.h5"), cls.tokens, cls.rows, cls.labels)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def text_file(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def importance(self, *options, data=None, model=MODEL, backend="ref"):
        done = call("importance", "--model", model, "--data", data or self.data, "--backend", backend, "--json", "--min-rows", "1",
                    "--allow-tokenizer-mismatch", *options)
        return json.loads(done.stdout)

    def grouped(self, text, *options):
        groups = self.text_file("groups.tsv", text)
        done = call("importance", "--model", MODEL, "--data", self.data, "--backend", "ref", "--json", "--groups", groups,
                    "--allow-tokenizer-mismatch", *options)
        return json.loads(done.stdout)

    def refused(self, code, words, *options, data=None, model=MODEL):
        done = run("importance", "--model", model, "--data", data or self.data, "--allow-tokenizer-mismatch", *options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(words, done.stderr)

    @staticmethod
    def by_word(found):
        return {group["name"]: group for group in found["groups"]}

    # ---- SAGE ----

    def check_sage(self, found, errors):
        groups, exact = self.by_word(found), self.recorded["exact"]
        self.assertEqual(sorted(groups), sorted(map(spell, range(N_WORDS))))
        for word in range(N_WORDS):
            sage, rows = groups[spell(word)]["sage"], groups[spell(word)]["rows"]
            self.assertEqual(rows, sum(word in row for row in self.rows))
            self.assertLess(abs(sage["value"] - self.recorded["values"][word]), 3 * math.hypot(sage["std_error_sampling"], self.recorded["std"][word]))
            self.assertLess(abs(sage["value"] - exact[word]), errors * sage["std_error_sampling"])
        total = sum(group["sage"]["value"] for group in found["groups"])
        self.assertAlmostEqual(total, found["loss_empty"] - found["loss_full"], delta=3e-9)

    def test_sage_finds_the_same(self):
        found = self.importance("--convergence", "0.002", "--passes", "40")
        self.assertGreater(found["passes"], 3)
        self.check_sage(found, 3)
        self.check_sage(self.importance("--convergence", "0.002", "--passes", "3", "--seed", "5", backend="cpu"), 3)

    def test_errors_of_sampling_are_true(self):
        """Over seeds the squared errors in units of the standard error average to 1."""
        found = [self.by_word(self.importance("--passes", "1", "--seed", str(seed), backend="cpu")) for seed in range(24)]
        for word in range(N_WORDS):
            sages = [groups[spell(word)]["sage"] for groups in found]
            errors = np.array([sage["value"] for sage in sages]) - self.recorded["exact"][word]
            stated = np.array([sage["std_error_sampling"] for sage in sages])
            self.assertTrue(0.4 < (errors**2).mean() / (stated**2).mean() < 2, (word, (errors**2).mean() / (stated**2).mean()))

    def test_errors_over_rows_are_those_of_the_rows_values(self):
        """Of rows that are enumerated: the standard deviation of their own values by the root of n. Absent words are [MASK] here."""
        few = [row for row in range(60) if len(self.rows[row]) <= 4]
        data = write_words(self.path("few.h5"), self.tokens, [self.rows[row] for row in few], [self.labels[row] for row in few])
        found = self.importance("--policy", "mask", data=data)
        self.assertEqual([found["passes"], found["ratio"]], [1, 0])
        values = self.exact_values(few)
        for word in range(N_WORDS):
            sage, mine = self.by_word(found)[spell(word)]["sage"], values[:, word]
            self.assertAlmostEqual(sage["value"], mine.mean(), delta=2e-7)
            self.assertEqual(sage["std_error_sampling"], 0)
            self.assertAlmostEqual(sage["std_error_population"], mine.std(ddof=1) / math.sqrt(len(few)), delta=2e-7)

    def exact_values(self, rows):
        """Shapley values of every row's own game by all subsets, whose scores come from texts of their own."""
        subsets = [(row, keep) for row in rows for size in range(len(self.rows[row]) + 1) for keep in itertools.combinations(range(len(self.rows[row])), size)]
        tokens = [self.tokens[word] for word in range(N_WORDS)]
        single = [([CLS] + [tokens[word] if at in keep else 4 for at, word in enumerate(self.rows[row])] + [SEP], [-1] * (len(self.rows[row]) + 1) + [0])
                  for row, keep in subsets]
        data, out = self.path("subsets.h5"), self.path("subsets-result.h5")
        write_dataset(data, single)
        call("explain", "--model", MODEL, "--data", data, "--out", out, "--force", "--method", "occlusion", "--backend", "ref", "-q",
             "--allow-tokenizer-mismatch")
        with h5py.File(out, "r") as file:
            value = {key: math.log(float(scores[self.labels[key[0]]])) for key, scores in zip(subsets, file["scores"][:])}
        found = np.zeros((len(rows), N_WORDS))
        for at, row in enumerate(rows):
            n = len(self.rows[row])
            for place, word in enumerate(self.rows[row]):
                for key in (key for key in value if key[0] == row and place not in key[1]):
                    size, more = len(key[1]), tuple(sorted((*key[1], place)))
                    found[at, word] += math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n) * (value[row, more] - value[key])
        return found

    # ---- Removal ----

    def test_removals_cost_what_scikit_learn_says(self):
        for backend, allowed in (("ref", 1e-6), ("cpu", 1e-5)):
            found = self.importance("--passes", "1", backend=backend)
            whole = self.recorded["whole"]
            for key, name in (("loss_full", "log_loss"), ("accuracy", "accuracy"), ("auc", "auc")):
                self.assertAlmostEqual(found[key], whole[name], delta=allowed)
            for word, removed in enumerate(self.recorded["removed"]):
                drops = self.by_word(found)[spell(word)]["removal"]
                self.assertAlmostEqual(drops["log_loss"]["drop"], removed["log_loss"] - whole["log_loss"], delta=allowed)
                self.assertAlmostEqual(drops["accuracy"]["drop"], whole["accuracy"] - removed["accuracy"], delta=3e-9)
                self.assertAlmostEqual(drops["auc"]["drop"], whole["auc"] - removed["auc"], delta=allowed)

    def test_intervals_of_removals(self):
        found, labels, quantile = self.importance("--passes", "1"), np.array(self.labels), 2.000995378  # t of 59 degrees
        logits, without = np.array(self.recorded["logits"]), np.array(self.recorded["without"])

        def scores(logits):
            return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

        area, components = areas(scores(logits), labels)
        self.assertAlmostEqual(found["auc"], area.mean(), delta=3e-9)
        for word in range(N_WORDS):
            drops = self.by_word(found)[spell(word)]["removal"]
            losses = np.array([log_probability(a, y) - log_probability(b, y) for a, b, y in zip(logits, without[:, word], labels)])
            right = (logits.argmax(1) == labels).astype(float) - (without[:, word].argmax(1) == labels)
            for name, sample in (("log_loss", losses), ("accuracy", right)):
                error = sample.std(ddof=1) / math.sqrt(len(sample))
                self.assertAlmostEqual(drops[name]["std_error"], error, delta=1e-7)
                self.assertAlmostEqual(drops[name]["ci_high"], sample.mean() + quantile * error, delta=1e-6)
                self.assertAlmostEqual(drops[name]["ci_low"], sample.mean() - quantile * error, delta=1e-6)
            other, changed = areas(scores(without[:, word]), labels)
            error = area_error(components - changed, labels)
            self.assertAlmostEqual(drops["auc"]["std_error"], error, delta=1e-9)
            self.assertAlmostEqual(drops["auc"]["ci_low"], (area - other).mean() - 1.959963985 * error, delta=1e-8)

    # ---- Groups ----

    def test_groups_of_words(self):
        found = self.grouped("odd\tWord1\nodd\tWord3\r\n\neven\tword4\nodd\tnowhere\n")
        self.assertEqual([group["name"] for group in found["groups"]][-1], REST)
        self.assertEqual(found["unknown_words"], 1)
        groups = self.by_word(found)
        self.assertEqual(groups["odd"]["rows"], sum(1 in row or 3 in row for row in self.rows))
        self.assertEqual(groups[REST]["rows"], sum(bool(set(row) - {1, 3, 4}) for row in self.rows))
        # One group of everything: the whole difference; what is removed is the empty row.
        alone = self.grouped("".join("all\t%s\n" % spell(word) for word in range(N_WORDS)))
        self.assertEqual([group["name"] for group in alone["groups"]], ["all"])
        everything = alone["groups"][0]
        self.assertAlmostEqual(everything["sage"]["value"], alone["loss_empty"] - alone["loss_full"], delta=3e-9)
        self.assertAlmostEqual(everything["removal"]["log_loss"]["drop"], everything["sage"]["value"], delta=3e-9)
        # Two groups are exact, and the halves of a game of two.
        self.assertEqual([alone["ratio"], alone["passes"]], [0, 1])

    def test_case_and_frequency(self):
        folded = self.importance("--fold-case", "--top", "3", "--passes", "1")
        names = [group["name"] for group in folded["groups"]]
        counts = {word: sum(word in row for row in self.rows) for word in range(N_WORDS)}
        kept = sorted(counts, key=lambda word: (-counts[word], word))[:3]
        self.assertEqual((sorted(names[:-1]), names[-1]), (sorted("word%d" % word for word in kept), REST))
        self.assertEqual(folded["groups"], sorted(folded["groups"][:-1], key=lambda group: -group["sage"]["value"]) + folded["groups"][-1:])
        self.refused(64, "--min-rows 61: no word is in so many of the 60 labelled rows", "--min-rows", "61")
        twice = write_words(self.path("twice.h5"), self.tokens, [[0, 0, 0], [0, 1]], [0, 1])  # rows are counted, not words
        self.refused(64, "no word is in so many of the 2 labelled rows", "--min-rows", "3", data=twice)
        listed = self.grouped("a\tWORD1\n", "--fold-case")
        self.assertEqual(listed["groups"][0]["rows"], counts[1])

    def test_hostile_groups(self):
        for code, words, text in (
            (65, "line 2: expected a group, a tab and a word, found no tab", "a\tWord1\nWord3\n"),
            (65, "line 1: expected a group, a tab and a word, found several tabs", "a\tWord1\t\n"),
            (65, "line 1: expected a group, a tab and a word, found no group", "\tWord1"),
            (65, "line 3: expected a group, a tab and a word, found no word", "a\tWord1\n\na\t\r\n"),
            (65, "line 1: expected text, found a NUL byte", b"a\tWord1\0\n"),
            (65, "line 2: 'Word1' is in group 'a' already", "a\tWord1\nb\tWord1\n"),
            (65, "is the name of the words that are in no group", "(other words)\tWord1\n"),
            (65, "expected lines of a group, a tab and a word, found none", "\n\r\n"),
            (65, "expected lines of a group, a tab and a word, found none", ""),
            (64, "none of the words of group 'b' is in the labelled rows", "a\tWord1\nb\tword1\n"),
        ):
            self.refused(code, words, "--groups", self.text_file("bad.tsv", text))
        self.refused(66, "nothing-there.tsv", "--groups", self.path("nothing-there.tsv"))
        self.refused(64, "neither --min-rows nor --top", "--groups", self.text_file("g.tsv", "a\tWord1\n"), "--top", "5")

    # ---- Rows, labels, files ----

    def test_rows_that_cannot_be_used_are_counted(self):
        rows = self.rows[:6] + [[], [0] * 305]
        labels = self.labels[:5] + [-1, 0, 1]
        data = write_words(self.path("odd.h5"), self.tokens, rows, labels)
        found = self.importance("--passes", "1", data=data)
        self.assertEqual([found[key] for key in ("rows", "rows_evaluated", "rows_unlabelled", "rows_without_words", "rows_unreadable")], [8, 5, 1, 1, 1])
        same = write_words(self.path("same.h5"), self.tokens, rows[:5], labels[:5])
        self.assertEqual(self.importance("--passes", "1", data=same)["loss_full"], found["loss_full"])
        none = write_words(self.path("none.h5"), self.tokens, rows[:2], [-1, -1])
        self.refused(64, "no word is in so many of the 0 labelled rows", data=none)

    def test_labels_that_are_none(self):
        self.refused(64, "found no labels", data=write_words(self.path("plain.h5"), self.tokens, self.rows[:3]))
        named = write_words(self.path("named.h5"), self.tokens, self.rows[:3], [0, 1, 1], [b"good", b"bad"])
        self.refused(64, "expected labels that are all classes of the model, as 'negative', found among others 'good'", data=named)
        numbers = write_words(self.path("numbers.h5"), self.tokens, self.rows[:3], numbers=[0.5, 1, 2])
        self.refused(64, "found numbers as labels", data=numbers)

    def other_model(self, name, **changes):
        folder = self.path(name)
        shutil.copytree(MODEL, folder)
        with open(os.path.join(folder, "config.json"), "r+", encoding="utf-8") as file:
            config = {**json.load(file), **changes}
            file.seek(0)
            json.dump(config, file)
            file.truncate()
        return folder

    def test_several_labels(self):
        model = self.other_model("several", problem_type="multi_label_classification")
        data = write_words(self.path("several.h5"), self.tokens, self.rows)
        matrix = np.random.default_rng(3).integers(0, 2, (60, 3)).astype(np.uint8)
        with h5py.File(data, "r+") as file:
            file["labels/matrix"], file["labels/names"] = matrix, np.array([CLASSES[2], CLASSES[0], CLASSES[1]])
        found = self.importance("--passes", "1", data=data, model=model)
        targets, logits = matrix[:, [1, 2, 0]], np.array(self.recorded["logits"])
        self.assertEqual(found["loss"], "binary_cross_entropy")
        self.assertAlmostEqual(found["loss_full"], (np.logaddexp(0, logits) - targets * logits).sum(1).mean(), delta=1e-6)
        self.assertAlmostEqual(found["accuracy"], ((logits > 0) == targets).all(1).mean(), delta=3e-9)
        self.refused(64, "found labels of one class a row", model=model)

    def test_files_and_python(self):
        out = self.path("importance.h5")
        one = self.importance("-o", out, "--workers", "1", backend="cpu")
        with ascribe_results.load(out) as found:
            self.assertEqual(found.names, [group["name"] for group in one["groups"]])
            told = {"sage/value": [group["sage"]["value"] for group in one["groups"]],
                    "removal/auc/ci_high": [group["removal"]["auc"]["ci_high"] for group in one["groups"]]}
            for name, numbers in told.items():  # JSON has nine digits
                np.testing.assert_allclose(found.table[name], numbers, rtol=1e-8)
            np.testing.assert_allclose([found.whole["loss_full"], found.whole["auc"]], [one["loss_full"], one["auc"]], rtol=1e-8)
            self.assertEqual(found.loss, "cross_entropy")
            self.assertEqual(found.settings["classes"], ["negative", "neutral", "positive"])
            self.assertEqual(found.n_rows, 60)
        other = self.path("other.h5")
        self.importance("-o", other, "--workers", "3", "--step-tokens", "40", backend="cpu")
        self.assertTrue(filecmp.cmp(out, other, shallow=False))
        self.refused(73, "already exists", "-o", out)
        self.refused(64, "expected another file than --data", "-o", self.data, "--force")
        inspected = run("inspect", out)
        self.assertEqual(inspected.returncode, 65)
        self.assertIn("ascribe importance", inspected.stderr)

    def test_paths_that_are_not_utf8(self):
        """They stand in the settings as text: nothing is lost after the passes."""
        model, groups = self.path(os.fsdecode(b"model-\xff")), self.text_file(os.fsdecode(b"groups-\xfe.tsv"), "odd\tWord1\n")
        shutil.copytree(MODEL, model)
        out = self.path("bytes.h5")
        call("importance", "--model", model, "--data", self.data, "--backend", "ref", "--groups", groups, "--passes", "1", "-o", out, "-q",
             "--allow-tokenizer-mismatch")
        with ascribe_results.load(out) as found:
            self.assertEqual(found.settings["model"]["path"], self.path("model-\\xff"))
            self.assertEqual(found.settings["groups"], self.path("groups-\\xfe.tsv"))

    def test_report(self):
        out, page = self.path("shown.h5"), self.path("importance.html")
        found = self.importance("-o", out, "--passes", "1")
        self.assertEqual(report.main([out, "-o", page, "--quiet"]), 0)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('<section id="importance"', text)
        for group in found["groups"]:
            self.assertIn(report_charts.number(group["sage"]["value"], 3, True), text)
            self.assertIn(report_charts.number(group["removal"]["auc"]["drop"], 3, True), text)
            self.assertIn('<td class="n">%s</td>' % report_charts.number(group["sage"]["value"], 2, True), text)
        values = [value for group in found["groups"] for value in (group["sage"]["value"], group["removal"]["log_loss"]["drop"])]
        self.assertEqual(text.count('class="fill neg"'), sum(value < 0 for value in values))
        with h5py.File(out, "r+") as file:
            del file["groups/rows"]
        self.assertEqual(report.main([out, "-o", page, "--quiet", "--force"]), 65)

    def test_dry_run_and_stop(self):
        planned = self.importance("--dry-run", "-o", self.path("never.h5"))
        done = self.importance("--passes", "1")
        self.assertEqual(planned["evaluations"], sum(5 * len(row) - 4 if len(row) > 4 else 2 ** len(row) - 2 for row in self.rows))
        self.assertEqual(planned["evaluations"], done["evaluations"])
        self.assertEqual([planned["n_groups"], done["n_groups"]], [N_WORDS] * 2)  # no other words
        self.assertEqual(self.importance("--dry-run", "--top", "3")["n_groups"], 4)
        self.assertFalse(os.path.exists(self.path("never.h5")))
        slow = subprocess.Popen([PROGRAM, "importance", "--model", MODEL, "--data", self.data, "--backend", "ref", "--passes", "100000", "--convergence",
                                 "0.000001", "-o", self.path("never.h5"), "--allow-tokenizer-mismatch", "--progress", "plain"], stderr=subprocess.PIPE, text=True)
        slow.stderr.readline()
        slow.send_signal(signal.SIGTERM)
        _, said = slow.communicate(timeout=60)
        self.assertEqual(slow.returncode, 75, said)
        self.assertFalse(os.path.exists(self.path("never.h5")))


if __name__ == "__main__":
    unittest.main()
