"""ascribe-report without a browser: its structure, its numbers against the files, hostile texts, and what it refuses."""

import base64
import contextlib
import hashlib
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

import ascribe_results
from ascribe_scripts import report, report_charts, report_convergence, report_page
from test_compare_evaluations import NAMES, made_scores, write_evaluation
from test_global import CLASSES, made_rows, summed_up, write_result
from test_probe import MODELS, write_dataset

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
VOID = {"meta", "link", "br", "hr", "img", "input", "circle", "line"}
HOSTILE = ["</script><script>document.title='run'</script>", "<img src=x onerror=\"document.title='run'\">", "\u202eevil\u202d", "a\u2028b", "\U0001f600\u200d\U0001f525", "&lt;&amp;", "'\"`",
           "<!--", "]]>", "\u05e9\u05dc\u05d5\u05dd", "e\u0301", "\x01\x1b[31m", "x" * 3000, "javascript:alert(1)", "</style>", "%s{0}"]


class Page(html.parser.HTMLParser):
    """What stands in a page: elements with their attributes, texts, ids, scripts; `open` must be empty at the end."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.wrong, self.scripts, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        self.data = json.loads(next(body for facts, body in self.scripts if facts.get("type") == "application/json"))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            facts, body = self.scripts[-1]
            self.scripts[-1] = (facts, body + data)
        else:
            self.texts.append(data)

    def all(self, tag):
        return [facts for name, facts in self.elements if name == tag]

    def lines(self, at):
        """The table of words of a class: {word: {column: value}}."""
        table = self.data["words"]["tables"][str(at)]
        names = self.data["words"]["names"]
        lines = [dict(zip(names, line)) for line in zip(*table["columns"])]
        return {self.data["words"]["words"][line["word"]]: line for line in lines}


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ascribe-report-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.output = self.path("report.html")

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *arguments):
        """(exit status, standard error)."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = report.main(list(arguments))
            except SystemExit as stop:
                status = stop.code
        return status, err.getvalue()

    def page(self, *arguments):
        status, err = self.call(*arguments, "-o", self.output, "--force")
        self.assertEqual((status, err), (0, ""))
        with open(self.output, encoding="utf-8", newline="") as file:
            self.text = file.read()
        page = Page(self.text)
        self.assertEqual((page.open, page.wrong), ([], []))
        return page

    def refused(self, code, *arguments, output=None):
        status, err = self.call(*arguments, "-o", output or self.output)
        self.assertEqual(status, code, err)
        self.assertRegex(err, r"\Aascribe-report: error: [^\n]+\n\Z")
        return err


def result(path, n_rows=120, **options):
    rows = made_rows(n_rows)
    write_result(path, rows, **options)
    return rows


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class Structure(Folder):
    def test_landmarks_headings_and_names(self):
        result(self.path("r.h5"))
        page = self.page(self.path("r.h5"))
        for tag in ("header", "nav", "main", "footer", "h1", "noscript"):
            self.assertEqual(len(page.all(tag)), 1, tag)
        ids = [facts["id"] for _, facts in page.elements if facts.get("id")]
        self.assertEqual(len(ids), len(set(ids)))
        sections = [facts["id"] for facts in page.all("section")]
        self.assertEqual(sections, ["facts", "words", "rows", "groups", "convergence", "methods"])
        self.assertEqual(["#" + name for name in sections], [facts["href"] for facts in page.all("a")][1:])
        for facts in page.all("section"):
            self.assertIn(facts["aria-labelledby"], ids)
        self.assertEqual(page.all("html"), [{"lang": "en"}])

    def test_asks_for_nothing_and_runs_its_own_script_alone(self):
        result(self.path("r.h5"))
        page = self.page(self.path("r.h5"))
        for tag, facts in page.elements:
            self.assertFalse({"src", "srcset", "action", "data", "poster"} & set(facts), tag)
            self.assertFalse([name for name in facts if name.startswith("on")], tag)
            self.assertTrue(facts.get("href", "#").startswith("#"), facts)
        self.assertNotRegex(self.text, r"url\(|@import|https?://")
        (_, _), (facts, script) = page.scripts
        self.assertEqual(facts, {})
        policy = next(facts["content"] for facts in page.all("meta") if facts.get("http-equiv"))
        self.assertIn("default-src 'none'", policy)
        self.assertIn("'sha256-%s'" % base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(), policy)
        self.assertNotRegex(script, r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(|XMLHttpRequest|import\(")

    def test_one_panel_of_each_class_is_shown(self):
        result(self.path("r.h5"))
        for arguments, shown in (([], "1"), (["--class", "bad"], "0"), (["-c", "0"], "0")):
            page = self.page(self.path("r.h5"), *arguments)
            panels = [facts for facts in page.all("div") if facts.get("data-group") == "class"]
            self.assertTrue(panels)
            self.assertEqual({facts["data-key"] for facts in panels if "hidden" not in facts}, {shown})
            self.assertEqual(page.data["shown"], shown)

    def test_code_is_kilobytes(self):
        folder = os.path.join(os.path.dirname(report_page.__file__), "report_assets")
        self.assertLess(sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)), 32_000)


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class Numbers(Folder):
    def test_words_equal_numpy(self):
        rows = result(self.path("r.h5"))
        page = self.page(self.path("r.h5"))
        for target in (0, 1):
            expected = summed_up(rows, target, min_count=3)
            found = page.lines(target)
            self.assertEqual(set(found), set(expected))
            for word, line in expected.items():
                for name in ("count", "rows", "min_row", "max_row"):
                    self.assertEqual(found[word][name], line[name], (word, name))
                for name in ("mean", "mean_abs", "std", "ci_low", "ci_high", "q_value"):
                    if line[name] is None:
                        self.assertIsNone(found[word][name])
                    else:
                        self.assertAlmostEqual(found[word][name], line[name], delta=1e-4 * abs(line[name]), msg=(word, name))
        importance = [line["mean_abs"] * line["count"] for line in page.lines(1).values()]
        self.assertTrue(all(a >= b * (1 - 1e-4) for a, b in zip(importance, importance[1:])))

    def test_rows_equal_the_file(self):
        rows = result(self.path("r.h5"))
        page = self.page(self.path("r.h5"), "--rows", "7,3-4", "--max-rows", "40")
        shown = page.data["rows"]["rows"]
        self.assertEqual(len(shown), 40)
        self.assertEqual([row["number"] for row in shown[:3]], [7, 3, 4])
        self.assertEqual({row["reason"] for row in shown[:3]}, {"chosen"})
        with ascribe_results.load(self.path("r.h5")) as file:
            for row in shown:
                truth = file[row["number"]]
                self.assertEqual("".join(row["texts"]), truth.text)
                self.assertEqual(row["words"], truth.words)
                self.assertEqual((row["prediction"], row["label"]), (truth.prediction, truth.label))
                for k in range(2):
                    found = np.array([np.nan if value is None else value for value in row["phi"][k]])
                    np.testing.assert_allclose(found, truth.values[:, k], rtol=1e-3)
        self.assertEqual(len({row["number"] for row in shown}), 40)
        wrong = [row for row in shown if row["reason"] == "wrong"]
        self.assertTrue(wrong and all(row["right"] == 0 for row in wrong))
        self.assertEqual([row["score"] for row in wrong], sorted((row["score"] for row in wrong), reverse=True))
        self.assertEqual(len(rows), 120)

    def test_features_in_another_order_than_the_text(self):
        rows = result(self.path("r.h5"))
        with h5py.File(self.path("r.h5"), "r+") as file:
            edges = file["spans/offsets"][:]
            for begin, end in zip(edges, edges[1:]):
                file["spans/feature"][begin:end] = file["spans/feature"][begin:end][::-1]
        shown = self.page(self.path("r.h5")).data["rows"]["rows"]
        self.assertGreater(len(shown), 20)
        for row in shown:
            self.assertEqual([row["words"][feature] for feature in row["features"] if feature >= 0], rows[row["number"]]["words"])
            phi = dict(zip(row["features"], row["texts"]))
            for feature, value in enumerate(row["phi"][1]):
                truth = rows[row["number"]]["values"][rows[row["number"]]["words"].__len__() - 1 - [i for i in row["features"] if i >= 0].index(feature), 1]
                self.assertTrue(value is None and np.isnan(truth) or abs(value - truth) <= 1e-3 * abs(truth), (phi, feature))

    def test_accuracy_and_status(self):
        rows = result(self.path("r.h5"))
        text = " ".join(self.page(self.path("r.h5")).texts)
        labelled = [row for row in rows if row["label"] >= 0]
        right = sum(int(np.argmax(row["scores"])) == row["label"] for row in labelled)
        self.assertIn("(%d of %d labelled rows)" % (right, len(labelled)), text)
        self.assertRegex(text, r"too_long\s*%d\b" % sum(row["status"] == 8 for row in rows))
        for label in (0, 1):
            wrong = sum(row["label"] == label and int(np.argmax(row["scores"])) != label for row in rows)
            self.assertRegex(re.sub(r"\s+", " ", text), r"%d rows of label %s" % (wrong, CLASSES[label]))

    def test_sums_alone_say_the_same(self):
        result(self.path("r.h5"))
        subprocess.run([PROGRAM, "global", self.path("r.h5"), "--fold-case", "-o", self.path("g.h5"), "-q"], check=True)
        first = self.page(self.path("r.h5"))
        second = self.page(self.path("g.h5"))
        self.assertEqual(first.data["words"], second.data["words"])
        self.assertEqual([facts["id"] for facts in second.all("section")], ["facts", "words", "groups", "methods"])
        accuracy = re.search(r"\(\d+ of \d+ labelled rows\)", " ".join(first.texts)).group()
        self.assertIn(accuracy, " ".join(second.texts))
        both = self.page(self.path("g.h5"), self.path("r.h5"))
        self.assertEqual(both.data["rows"], first.data["rows"])

    def test_two_evaluations_compared(self):
        """The shift of faithfulness, beside that of words."""
        result(self.path("r.h5"))
        paths = [write_evaluation(self.path(name + ".h5"), list(range(40)), made_scores(list(range(40)), seed, shift)) for name, seed, shift in (("a", 1, 0), ("b", 2, -0.1))]
        with open(self.path("c.json"), "w") as file:
            subprocess.run([PROGRAM, "compare", *paths, "--json"], check=True, stdout=file)
        page = self.page(self.path("r.h5"), self.path("c.json"))
        self.assertIn("compare", [facts["id"] for facts in page.all("section")])
        with open(self.path("c.json")) as file:
            lines = json.load(file)["faithfulness"]
        cells = " ".join(page.texts)
        for line in lines:
            self.assertIn(line["metric"], cells)
            self.assertIn(report_charts.number(line["gain"]["difference"], 3, True), cells)
        self.assertIn("row by row over the 40 rows of both", cells)
        self.assertGreater(self.text.count('<span class="wrong">worse</span>'), 3)
        alone = self.page(self.path("c.json"))
        self.assertEqual([facts["id"] for facts in alone.all("section")], ["compare"])
        self.assertIn("one comparison of evaluations at most", self.refused(64, self.path("c.json"), self.path("c.json"), output=self.path("other.html")))
        with open(self.path("d.json"), "w") as file:
            json.dump({"a": "", "b": "", "rows_a": 1, "rows_b": 1, "faithfulness": [dict(lines[0], score="x")]}, file)
        self.assertIn("ascribe compare", self.refused(65, self.path("d.json"), output=self.path("other.html")))

    def test_two_results_and_a_comparison(self):
        write_result(self.path("a.h5"), made_rows(60))
        write_result(self.path("b.h5"), made_rows(60, seed=2, first_id=60, shift=0.5))
        with open(self.path("c.json"), "w") as file:
            subprocess.run([PROGRAM, "compare", self.path("a.h5"), self.path("b.h5"), "--fold-case", "--json"], check=True, stdout=file)
        page = self.page(self.path("a.h5"), self.path("b.h5"), self.path("c.json"), "--rows", "59,60", "--max-rows", "2")
        self.assertEqual([(row["file"], row["number"], row["id"]) for row in page.data["rows"]["rows"]], [(0, 59, "59"), (1, 0, "60")])
        self.assertIn("compare", [facts["id"] for facts in page.all("section")])
        with open(self.path("c.json")) as file:
            comparison = json.load(file)
        text = " ".join(page.texts)
        for one in comparison["classes"]:
            self.assertIn(report_charts.number(one["spearman"]), text)
            self.assertIn(report_charts.number(one["words"][0]["difference"], 3, True), text)
        alone = self.page(self.path("c.json"))
        self.assertEqual([facts["id"] for facts in alone.all("section")], ["compare"])

    def test_faithfulness(self):
        names = NAMES[:14]
        scores = {"attribution": np.full((12, 17), 0.3, np.float32), "random": np.full((12, 17), 0.1, np.float32)}
        for which, means in (("attribution", [0.4321, 0.1234, 0.25, 0.75]), ("random", [0.1, 0.3, 0.5, 0.5])):
            scores[which][:, :4] = means
            scores[which][:, 14:] = np.nan
        scores["attribution"][:, 1] += np.tile([-0.8, 0.8], 6).astype(np.float32)
        write_evaluation(self.path("e.h5"), list(range(12)), scores)
        page = self.page(self.path("e.h5"))
        self.assertEqual([facts["id"] for facts in page.all("section")], ["evaluation"])
        lines = re.findall(r"<tr><td>(.*?)</tr>", self.text)
        cells = {line.split("<")[0]: re.sub("<[^>]*>", " ", line).split() for line in lines}
        self.assertEqual(set(cells), set(names))
        self.assertEqual(cells["comprehensiveness_aopc"][1:5] + cells["comprehensiveness_aopc"][-1:], ["high", "0.432", "0.100", "+0.332", "better"])
        self.assertEqual((cells["sufficiency_aopc"][1], cells["sufficiency_aopc"][-1], cells["deletion_auc"][-1]), ("low", "difference", "better"))
        self.assertEqual(self.text.count('<line class="curve"'), 40)
        with h5py.File(self.path("e.h5"), "r+") as file:
            file["all/attribution/mean"][0] = 0.9
        self.assertIn("expected the mean of comprehensiveness_aopc", self.refused(65, self.path("e.h5"), output=self.path("other.html")))

    def test_dots_say_how_they_were_chosen(self):
        size = np.linspace(0.001, 1, 5000)
        picture = report_convergence._errors(size, np.full(5000, 0.1), 1000)
        self.assertIn("one in 5 of 5,000", picture)
        self.assertEqual(picture.count("<circle"), 1000)
        self.assertIn("%.1f %%" % (100 * np.mean(size > 0.2)), picture)
        self.assertIn("all 5,000", report_convergence._errors(size, np.full(5000, 0.1), 5000))
        self.assertIn("no standard errors", report_convergence._errors(size, np.full(5000, np.nan), 5000))

    def test_methods_tell_of_this_run(self):
        for method, output, expected in (("occlusion", "probability", "leave one out"), ("lime", "logodds", "ridge regression"), ("shapley", "logit", "averaged over all ways")):
            result(self.path("r.h5"), method=method, output=output, policy="mask")
            text = " ".join(self.page(self.path("r.h5")).texts)
            self.assertIn(expected, text)
            self.assertIn("replaced by the mask token", text)
            self.assertEqual(self.page(self.path("r.h5")).data["rows"]["adds_up"], method == "shapley")


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class Hostile(Folder):
    def rows(self):
        rows = made_rows(30)
        for i, row in enumerate(rows):
            row["words"] = [HOSTILE[(i + k) % len(HOSTILE)] for k in range(len(row["words"]))]
        return rows

    def test_texts_stay_texts(self):
        names = ["</title><script>x</script>", "\"><b onmouseover=x>"]
        write_result(self.path("r.h5"), self.rows(), labels=names, classes=names, created_by="<script>x</script>", policy="<i>")
        page = self.page(self.path("r.h5"), "--title", "</title><script>document.title='run'</script>", "--min-count", "1")
        self.assertEqual(len(page.scripts), 2)
        self.assertEqual(len(page.all("img")), 0)
        for tag, facts in page.elements:
            self.assertFalse([name for name in facts if name.startswith("on")], (tag, facts))
        self.assertEqual(len(page.all("title")), 1)
        self.assertIn("</script><script>document.title='run'</script>", page.data["words"]["words"])
        raw = self.text.split('id="data">')[1].split("</script>")[0]
        self.assertNotRegex(raw, "[<>&\u2028\u2029]")
        self.assertNotRegex(self.text, "[\x00-\x08\x0b-\x1f\ud800-\udfff\u202e]")
        self.assertEqual(set(page.data["classes"].values()), set(names))

    def test_visible(self):
        self.assertEqual(report_charts.visible("\u202eevil\u202c g\u200bood \u05e9 \u200d"), "[U+202E]evil[U+202C] g[U+200B]ood \u05e9 \u200d")
        self.assertEqual(report_charts.visible("a\0b\x1b\ud800\x7f\ufffe\tc\n"), "a\u2400b\u241b\ufffd\ufffd\ufffd\tc\n")
        self.assertEqual(report_page.embedded({"a": "\ud800</script>\u2028&"}), '{"a":"\ufffd\\u003c/script\\u003e\\u2028\\u0026"}')
        self.assertEqual(report_charts.word("  "), "<bdi class=\"word\">&#x27;  &#x27;</bdi>")
        self.assertEqual(len(report_charts.word("x" * 500)), len('<bdi class="word"></bdi>') + 48)

    def test_bytes_that_are_no_text(self):
        write_result(self.path("r.h5"), made_rows(30))
        with h5py.File(self.path("r.h5"), "r+") as file:
            file["text/bytes"][3:6] = np.frombuffer(b"\xed\xa0\x80", np.uint8)
            file["text/bytes"][8] = 0
        status, err = self.call(self.path("r.h5"), "-o", self.output)
        self.assertIn(status, (0, 65), err)  # read with U+FFFD, or refused by ascribe global
        if status == 0:
            with open(self.output, encoding="utf-8") as file:
                self.assertNotIn("\0", file.read())

    def test_long_rows_are_cut_and_say_so(self):
        rows = made_rows(4)
        random = np.random.default_rng(0)
        rows[1]["words"] = ["w%d" % (i % 700) for i in range(10_000)]
        rows[1]["values"] = random.normal(0, 1, (10_000, 2)).astype(np.float32)
        rows[1]["values"][9_000] = 50
        rows[1]["status"] = 0
        write_result(self.path("r.h5"), rows)
        row = self.page(self.path("r.h5"), "--rows", "1").data["rows"]["rows"][0]
        self.assertEqual((row["n_features"], row["n_shown"]), (10_000, 1500))
        self.assertEqual(len(row["words"]), 1500 + 15)
        self.assertIn(50, row["phi"][0][1500:])
        self.assertAlmostEqual(row["total"][0], float(rows[1]["values"][:, 0].astype(float).sum()), delta=0.1)
        self.assertLess(os.path.getsize(self.output), 400_000)


def probe(path, names=None):
    """A probe of a small model, three rows whole; names of its tokens are written into it."""
    data = write_dataset(path + ".data", [[2, 7, 3], [2, 9, 8, 3], [2] + [11, 12] * 30 + [3]], [0, 1, 2], ["negative", "neutral", "positive"])
    subprocess.run([PROGRAM, "probe", "--model", os.path.join(MODELS, "bert-f32"), "--data", data, "--full-rows", "0:3", "-o", path, "--quiet", "--backend", "cpu"], check=True)
    if names:
        with h5py.File(path, "r+") as file:
            file["vocabulary/name"] = np.array([name.encode("utf-8", "surrogatepass")[:60] for name in names])


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class Inside(Folder):
    LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def shares(self, letters):
        return (np.array([self.LETTERS.index(letter) for letter in letters]) / 63) ** 2

    def test_numbers_are_those_of_the_file(self):
        probe(self.path("p.h5"))
        page = self.page(self.path("p.h5"))
        self.assertEqual([facts["id"] for facts in page.all("section")], ["inside"])
        inside, text = page.data["inside"], " ".join(page.texts)
        with h5py.File(self.path("p.h5")) as file:
            for name in ("ablation/logit_change_abs", "attention/entropy", "heads/ov_frobenius"):
                for value in file[name][:]:
                    self.assertIn(report_charts.number(value, 2), page.texts)
            for line, matrix in enumerate(inside["matrices"]):
                heat, bins = file["matrices/heat"][line], file["matrices/bins"][line]
                heat = heat[np.isfinite(heat)]
                self.assertLess(abs(self.shares(matrix["heat"]) - heat / heat.max()).max(), 1 / 63)
                kept = bins[matrix["first"] : matrix["first"] + len(matrix["bins"])]
                self.assertEqual(kept.sum(), bins.sum())
                self.assertLess(abs(self.shares(matrix["bins"]) - kept / kept.max()).max(), 1 / 63)
            attention = file["full/attention"][:36].reshape(2, 2, 3, 3)
            self.assertIn("row id 102", text)
            self.assertEqual(len(inside["rows"][2]["tokens"]), 48)
            for neuron in file["top_neurons/neuron"][:]:
                self.assertIn(str(neuron), page.texts)
        shown = self.shares(inside["rows"][0]["attention"]).reshape(2, 3, 3, 3)
        self.assertLess(abs(shown - np.concatenate([attention.mean(1, keepdims=True), attention], 1)).max(), 1 / 63)
        self.assertIn("#11", inside["rows"][2]["tokens"])
        self.assertLess(os.path.getsize(self.output), 250_000)

    def test_weights_alone_and_files_of_version_1_0(self):
        subprocess.run([PROGRAM, "probe", "--model", os.path.join(MODELS, "bert-f32"), "-o", self.path("p.h5"), "--quiet"], check=True)
        page = self.page(self.path("p.h5"))
        self.assertEqual(page.data["inside"]["rows"], [])
        with h5py.File(self.path("p.h5"), "r+") as file:
            del file["matrices/heat"], file.attrs["has_heat"]
        self.assertEqual({one["heat"] for one in self.page(self.path("p.h5")).data["inside"]["matrices"]}, {None})

    def test_hostile_names_stay_text(self):
        probe(self.path("p.h5"), [HOSTILE[i % len(HOSTILE)] for i in range(101)])
        page = self.page(self.path("p.h5"))
        self.assertEqual(len(page.all("script")), 2)
        self.assertEqual(page.all("img"), [])
        self.assertNotIn("\u202e", self.text)

    def test_damaged_ones_are_refused(self):
        probe(self.path("p.h5"))
        with h5py.File(self.path("p.h5"), "r+") as file:
            file["top_neurons/context"][0, 0] = 1 << 20
        self.assertIn("top_neurons/context", self.refused(65, self.path("p.h5")))
        probe(self.path("q.h5"))
        self.refused(64, self.path("q.h5"), self.path("q.h5"))

    def test_beside_a_result(self):
        result(self.path("r.h5"))
        probe(self.path("p.h5"))
        sections = [facts["id"] for facts in self.page(self.path("r.h5"), self.path("p.h5")).all("section")]
        self.assertEqual(sections[-2:], ["inside", "methods"])


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class Refused(Folder):
    def test_arguments(self):
        result(self.path("r.h5"), 20)
        path = self.path("r.h5")
        self.assertIn("'neither'", self.refused(64, path, "--class", "neither"))
        self.assertIn("--rows", self.refused(64, path, "--rows", "20"))
        self.refused(64, path, "--rows", "3-1")
        self.refused(64, path, "--rows", "x")
        self.refused(64, path, "--rows", "0-9", "--max-rows", "5")
        self.refused(64, path, "--max-rows", "1001")
        self.refused(64, path, "--nonsense")
        self.refused(64)
        self.assertFalse(os.path.exists(self.output))
        self.assertEqual(self.call(path)[0], 64)
        self.assertIn("inputs", self.refused(64, path, "--force", output=path))

    def test_nothing_is_overwritten_unless_asked(self):
        result(self.path("r.h5"), 20)
        with open(self.output, "w") as file:
            file.write("mine")
        self.assertIn("--force", self.refused(73, self.path("r.h5")))
        self.refused(73, self.path("none.h5"))  # before any work
        with open(self.output) as file:
            self.assertEqual(file.read(), "mine")
        self.page(self.path("r.h5"))
        self.assertGreater(os.path.getsize(self.output), 10_000)
        self.refused(73, self.path("r.h5"), output=self.path("no/report.html"))
        self.assertEqual(sorted(os.listdir(self.folder)), ["r.h5", "report.html"])

    def test_files(self):
        self.refused(66, self.path("none.h5"))
        self.refused(66, self.folder)
        with open(self.path("t.txt"), "w") as file:
            file.write("text")
        self.refused(65, self.path("t.txt"))
        for text in ("{}", "{", '{"classes": [1], "outputs": []}'):
            with open(self.path("c.json"), "w") as file:
                file.write(text)
            self.assertIn("ascribe compare", self.refused(65, self.path("c.json")))
        with h5py.File(self.path("d.h5"), "w") as file:
            file.attrs["format"] = np.bytes_("ascribe-dataset")
        self.assertIn("ascribe-dataset", self.refused(65, self.path("d.h5")))
        result(self.path("r.h5"), 20)
        with open(self.path("r.h5"), "r+b") as file:
            file.truncate(os.path.getsize(self.path("r.h5")) // 2)
        self.refused(65, self.path("r.h5"))

    def test_files_that_do_not_belong_together(self):
        write_result(self.path("a.h5"), made_rows(20))
        write_result(self.path("b.h5"), made_rows(20, first_id=20), method="occlusion")
        self.assertIn("method", self.refused(78, self.path("a.h5"), self.path("b.h5")))
        write_result(self.path("b.h5"), made_rows(20), text=False)
        self.assertIn("text", self.refused(65, self.path("b.h5")))
        for name in ("g.h5", "h.h5"):
            subprocess.run([PROGRAM, "global", self.path("a.h5"), "-o", self.path(name), "-q"], check=True)
        self.assertIn("one", self.refused(64, self.path("g.h5"), self.path("h.h5")))
        write_result(self.path("c.h5"), made_rows(20))
        with h5py.File(self.path("c.h5"), "r+") as file:
            del file["std_errors"]
        self.assertIn("std_errors", self.refused(65, self.path("g.h5"), self.path("c.h5")))
        self.assertIn("a result beside it", self.refused(64, self.path("g.h5"), "--rows", "1"))
        write_result(self.path("c.h5"), made_rows(20), digest="e" * 64)
        self.assertIn("is not among the sources", " ".join(self.page(self.path("g.h5"), self.path("c.h5")).texts))
        write_result(self.path("c.h5"), made_rows(20), classes=["x", "y"])
        self.refused(78, self.path("g.h5"), self.path("c.h5"), output=self.path("other.html"))

    def test_no_program(self):
        result(self.path("r.h5"), 20)
        before = {name: os.environ.get(name) for name in ("ASCRIBE_PROGRAM", "PATH")}
        try:
            os.environ["ASCRIBE_PROGRAM"] = self.path("none")
            self.assertIn("ASCRIBE_PROGRAM", self.refused(69, self.path("r.h5")))
            del os.environ["ASCRIBE_PROGRAM"]
            os.environ["PATH"] = self.folder
            self.refused(69, self.path("r.h5"))
        finally:
            os.environ.update(before)


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
class EdgeRows(Folder):
    def test_no_labels_no_words_no_rows(self):
        write_result(self.path("r.h5"), made_rows(30), labels=None)
        page = self.page(self.path("r.h5"))
        self.assertNotIn("groups", [facts["id"] for facts in page.all("section")])
        write_result(self.path("r.h5"), made_rows(30), labels=["these are", "no classes"])
        page = self.page(self.path("r.h5"))
        self.assertNotIn("groups", [facts["id"] for facts in page.all("section")])
        self.assertNotIn("accuracy", page.texts)
        rows = made_rows(3)
        for row in rows:
            row.update(words=[], values=np.zeros((0, 2), np.float32))
        write_result(self.path("r.h5"), rows)
        page = self.page(self.path("r.h5"))
        self.assertEqual(page.lines(1), {})

    def test_several_labels_a_row(self):
        rows = result(self.path("r.h5"))
        random = np.random.default_rng(5)
        matrix = random.integers(0, 2, (len(rows), 2)).astype(np.uint8)
        matrix[::9] = 255
        with h5py.File(self.path("r.h5"), "r+") as file:
            del file["labels/values"]
            file["labels/matrix"] = matrix
            scores = file["scores"][:]
        right = ((scores > 0.5) == (matrix == 1)).all(axis=1) & (matrix[:, 0] != 255)
        self.assertIn("(%d of %d labelled rows)" % (right.sum(), (matrix[:, 0] != 255).sum()), " ".join(self.page(self.path("r.h5")).texts))

    def test_labels_that_are_numbers(self):
        rows = result(self.path("r.h5"), labels=None)
        with h5py.File(self.path("r.h5"), "r+") as file:
            for name in ("values", "std_errors", "base_values", "outputs", "efficiency_residual", "targets", "scores", "class_names"):
                data = file[name][:]
                del file[name]
                file[name] = data[:1] if name == "class_names" else data[:, :1]
            numbers = np.linspace(0, 1, len(rows))
            numbers[3] = np.nan
            file["labels/numbers"] = numbers
            error = float(np.nanmean(abs(file["scores"][:, 0].astype(float) - numbers)))
            for name in ("n_classes", "n_targets"):
                file.attrs[name] = np.int64(1)
        page = self.page(self.path("r.h5"))
        text = " ".join(page.texts)
        self.assertIn("mean absolute error", text)
        self.assertIn(report_charts.number(error), text)
        self.assertEqual(page.data["shown"], "0")

    def test_most_rows_none(self):
        result(self.path("r.h5"))
        self.assertEqual(self.page(self.path("r.h5"), "--max-rows", "0").data["rows"]["rows"], [])


@unittest.skipUnless(PROGRAM and os.environ.get("ASCRIBE_MEASURE_MEMORY"), "only where the program is not slowed down by checks")
class Size(Folder):
    def test_a_hundred_thousand_rows(self):
        """Less than 5 MB of HTML, less than 1 GiB of memory, in all processes."""
        random = np.random.default_rng(3)
        words = np.char.add("word", np.char.mod("%d", np.exp(random.random(300_000) * np.log(8_000)).astype(int))).tolist()
        values = random.normal(0, 1, (300_000, 2)).astype(np.float32)
        rows = [{"id": i, "words": words[3 * i : 3 * i + 3], "values": values[3 * i : 3 * i + 3], "label": i % 2, "scores": np.array([0.4, 0.6], np.float32), "status": 0} for i in range(100_000)]
        write_result(self.path("r.h5"), rows)
        code = "import resource, sys; from ascribe_scripts import report; s = report.main(sys.argv[1:]); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(s)"
        done = subprocess.run([sys.executable, "-c", code, self.path("r.h5"), "-o", self.output, "-q"], capture_output=True, text=True, check=True)
        self.assertLess(os.path.getsize(self.output), 5_000_000)
        self.assertLess(max(map(int, done.stdout.split())), 1 << 20)  # KiB


if __name__ == "__main__":
    unittest.main()
