"""ascribe evaluate: every number against a slow reference that passes each masked text through the model as a text of its own."""

import filecmp
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data")
MODEL = os.path.join(DATA, "golden", "models", "mpnet")  # its predictions differ from row to row
OTHER_MODEL = os.path.join(DATA, "golden", "models", "bert-relu")
CLS, SEP, MASK = 2, 3, 4
FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)
SIZES = (6, 1, 45, 0, 21, 310, 13, 20)  # features; 310 is too long for the model
N_ORDERS, SEED = 2, 11
STUDENT_95 = {5: 2.570581836}  # of so many degrees, from a table
METRICS = (["comprehensiveness_aopc", "sufficiency_aopc", "deletion_auc", "insertion_auc"]
           + ["comprehensiveness@%.2f" % f for f in FRACTIONS] + ["sufficiency@%.2f" % f for f in FRACTIONS])


# ---- Random orders: Philox4x32-10, Fisher-Yates from the top, Lemire's bounded integers ----


def philox(counter, key):
    key = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [p1 >> 32 ^ counter[1] ^ key[0], p1 & 0xFFFFFFFF, p0 >> 32 ^ counter[3] ^ key[1], p0 & 0xFFFFFFFF]
        key = [key[0] + 0x9E3779B9 & 0xFFFFFFFF, key[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return counter


def random_order(seed, row_id, number, n):
    def stream():
        block = 0
        while True:
            yield from philox([block, 8 + (number << 8), row_id & 0xFFFFFFFF, row_id >> 32], seed)
            block += 1

    words, order = stream(), list(range(n))
    for i in range(n - 1, 0, -1):
        product = next(words) * (i + 1)
        while product & 0xFFFFFFFF < 2**32 % (i + 1):
            product = next(words) * (i + 1)
        j = product >> 32
        order[i], order[j] = order[j], order[i]
    return order


# ---- Datasets ----


def made_rows():
    """Rows of tokens and the feature of each, -1: fixed. Every third feature has two tokens."""
    random, rows = np.random.default_rng(3), []
    for n in SIZES:
        features = [f for f in range(n) for _ in range(2 if f % 3 == 0 and n < 40 else 1)]
        rows.append(([CLS] + random.integers(5, 100, len(features)).tolist() + [SEP], [-1] + features + [-1]))
    return rows


def write_dataset(path, rows, first_id=100, marks=None):
    def offsets(counts):
        return np.concatenate(([0], np.cumsum(list(counts)))).astype(np.int64)

    n_features = [max(features, default=-1) + 1 for _, features in rows]
    total = sum(n_features)
    text = [b"a " * n for n in n_features]
    arrays = {
        "rows/id": np.arange(first_id, first_id + len(rows), dtype=np.uint64),
        "rows/truncated": np.zeros(len(rows), np.uint32),
        "tokens/ids": np.concatenate([np.array(tokens, np.int32) for tokens, _ in rows]),
        "tokens/features": np.concatenate([np.array(features, np.int32) for _, features in rows]),
        "tokens/offsets": offsets(len(tokens) for tokens, _ in rows),
        "features/offsets": offsets(n_features),
        "spans/begin": np.concatenate([2 * np.arange(n, dtype=np.uint32) for n in n_features]),
        "spans/end": np.concatenate([2 * np.arange(n, dtype=np.uint32) + 1 for n in n_features]),
        "spans/feature": np.concatenate([np.arange(n, dtype=np.int32) for n in n_features]),
        "spans/offsets": offsets(n_features),
        "text/bytes": np.frombuffer(b"".join(text), np.uint8),
        "text/offsets": offsets(map(len, text)),
    }
    if marks is not None:
        arrays["features/rationale"] = np.concatenate(marks).astype(np.uint8)
    numbers = {"cls_token_id": CLS, "sep_token_id": SEP, "mask_token_id": MASK, "pad_token_id": 0, "unk_token_id": 1, "vocab_size": 101,
               "max_length": 200, "n_merged": 0, "n_skipped": 0, "n_truncated": 0}
    texts = {"format": "ascribe-dataset", "format_version": "1.0", "created_by": "a test", "granularity": "word", "source": "made",
             "tokenizer": "none", "tokenizer_sha256": ""}
    assert total == len(arrays["spans/begin"])
    with h5py.File(path, "w") as file:
        for name, data in arrays.items():
            file[name] = data
        for name, value in texts.items():
            file.attrs[name] = np.bytes_(value)
        for name, value in numbers.items():
            file.attrs[name] = np.int64(value)
    return path


# ---- The reference ----


class Values:
    """v(S) of single masked texts, each a row of a dataset of its own; asked for twice: collected, then known."""

    def __init__(self, policy):
        self.policy, self.places, self.rows, self.scores = policy, {}, [], None

    def __call__(self, row, present, target):
        tokens, features = row
        there = [feature < 0 or feature in present for feature in features]
        if self.policy == "mask":
            ids = [token if is_there else MASK for token, is_there in zip(tokens, there)]
        else:
            ids = [token for token, is_there in zip(tokens, there) if is_there]
        place = self.places.setdefault(tuple(ids), len(self.places))
        if place == len(self.rows):
            self.rows.append((ids, [-1] * (len(ids) - 1) + [0] if len(ids) > 1 else [-1]))
        return 0.0 if self.scores is None else float(self.scores[place][target])

    def look_up(self, folder):
        data, out = os.path.join(folder, "single.h5"), os.path.join(folder, "single-result.h5")
        write_dataset(data, self.rows)
        call("explain", "--model", MODEL, "--data", data, "--out", out, "--force", "--method", "occlusion", "--backend", "ref", "-q",
             "--allow-tokenizer-mismatch")
        with h5py.File(out, "r") as file:
            self.scores = file["scores"][:]


def row_metrics(value, row, order, target):
    """(metrics by name, deletion curve, insertion curve, fractions)."""
    n, everything = len(order), set(order)
    full = value(row, everything, target)
    found = {}
    for fraction in FRACTIONS:
        top = set(order[: int(np.ceil(round(fraction * n, 9)))])
        found["comprehensiveness@%.2f" % fraction] = full - value(row, everything - top, target)
        found["sufficiency@%.2f" % fraction] = full - value(row, top, target)
    for kind in ("comprehensiveness", "sufficiency"):
        found[kind + "_aopc"] = np.mean([found["%s@%.2f" % (kind, fraction)] for fraction in FRACTIONS])
    steps = min(n, 20)
    sizes = [int(np.ceil(i * n / steps)) for i in range(steps + 1)]
    x = np.array(sizes) / n
    curves = [np.array([value(row, everything - set(order[:k]), target) for k in sizes]),
              np.array([value(row, set(order[:k]), target) for k in sizes])]
    for name, curve in zip(("deletion_auc", "insertion_auc"), curves):
        found[name] = float(np.sum(np.diff(x) * (curve[1:] + curve[:-1]) / 2))
    return found, curves[0], curves[1], x


def reference(rows, result, value):
    """Per evaluated row: id, attribution's and the random orders' mean (metrics, curves)."""
    found = []
    with h5py.File(result, "r") as file:
        scores, values, offsets, ids, status = (file[name][:] for name in ("scores", "values", "features/offsets", "rows/id", "status"))
    for i, row in enumerate(rows):
        if status[i] & 1 << 3 or offsets[i] == offsets[i + 1]:
            continue
        target = int(np.argmax(scores[i]))
        phi = values[offsets[i] : offsets[i + 1], target].astype(float)
        orders = [sorted(range(len(phi)), key=lambda f: (-phi[f], f))]
        orders += [random_order(SEED, int(ids[i]), number, len(phi)) for number in range(N_ORDERS)]
        all_of_them = [row_metrics(value, row, order, target) for order in orders]
        by_random = ({name: np.mean([one[0][name] for one in all_of_them[1:]]) for name in METRICS},
                     np.mean([one[1] for one in all_of_them[1:]], axis=0), np.mean([one[2] for one in all_of_them[1:]], axis=0))
        found.append({"id": int(ids[i]), "class": target, "attribution": all_of_them[0], "random": by_random, "fractions": all_of_them[0][3]})
    return found


def run(*arguments, **how):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, **how)


def call(*arguments):
    done = run(*arguments)
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(arguments), done.stderr))
    return done


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM names no program")
class Evaluate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.rows = made_rows()
        cls.data = write_dataset(cls.path("data.h5"), cls.rows)
        cls.result = cls.explained("mask")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def explained(cls, policy, *options):
        out = cls.path("result-%s-%d.h5" % (policy, len(options)))
        call("explain", "--model", MODEL, "--data", cls.data, "--out", out, "--policy", policy, "--budget", "64", "-q", "--backend", "cpu",
             "--allow-tokenizer-mismatch", *options)
        return out

    def evaluate(self, *options, result=None, name="eval.h5"):
        out = self.path(name)
        done = call("evaluate", result or self.result, "--model", MODEL, "--data", self.data, "-o", out, "--force", "--json", "--orders",
                    str(N_ORDERS), "--seed", str(SEED), *options)
        return json.loads(done.stdout), out

    def refused(self, code, words, *options, result=None, model=MODEL, data=None):
        done = run("evaluate", result or self.result, "--model", model, "--data", data or self.data, *options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(words, done.stderr)
        return done.stderr

    def check_rows(self, path, expected, allowed):
        with h5py.File(path, "r") as file:
            self.assertEqual(file.attrs["format"], b"ascribe-evaluation")
            self.assertEqual(file.attrs["complete"], 1)
            self.assertEqual(file["rows/id"][:].tolist(), [row["id"] for row in expected])
            self.assertEqual(file["rows/class"][:].tolist(), [row["class"] for row in expected])
            for group in ("attribution", "random"):
                points = {"comprehensiveness": file[group + "/comprehensiveness_aopc_points"][:], "sufficiency": file[group + "/sufficiency_aopc_points"][:]}
                for i, row in enumerate(expected):
                    metrics, deletion, insertion = row[group][:3]
                    for name, number in metrics.items():
                        kind, _, fraction = name.partition("@")
                        stored = points[kind][i, FRACTIONS.index(float(fraction))] if fraction else file[group + "/" + name][i]
                        self.assertAlmostEqual(stored, number, delta=allowed, msg="%s %s of row %d" % (group, name, row["id"]))
                    for name, curve in (("deletion", deletion), ("insertion", insertion)):
                        stored = file[group + "/" + name][i]
                        np.testing.assert_allclose(stored[: len(curve)], curve, atol=allowed, rtol=0)
                        self.assertTrue(np.isnan(stored[len(curve) :]).all())
                    np.testing.assert_allclose(file["rows/fractions"][i][: len(curve)], row["fractions"], atol=1e-7)

    def check_means(self, summary, path, expected, allowed):
        for name in METRICS:
            ours = np.array([row["attribution"][0][name] for row in expected])
            random = np.array([row["random"][0][name] for row in expected])
            for key, sample in (("attribution", ours), ("random", random), ("difference", ours - random)):
                found, error = summary["metrics"][name][key], sample.std(ddof=1) / np.sqrt(len(sample))
                half = STUDENT_95[len(sample) - 1] * error
                for field, number in (("mean", sample.mean()), ("std_error", error), ("ci_low", sample.mean() - half), ("ci_high", sample.mean() + half)):
                    self.assertAlmostEqual(found[field], number, delta=5 * allowed, msg="%s %s %s" % (name, key, field))
                    with h5py.File(path, "r") as file:
                        self.assertAlmostEqual(file["all/%s/%s" % (key, field)][METRICS.index(name)], found[field], delta=1e-8)
        grid = np.linspace(0, 1, 21)
        for key, group, curve in (("deletion", "attribution", 1), ("insertion", "attribution", 2), ("random_deletion", "random", 1), ("random_insertion", "random", 2)):
            mean = np.mean([np.interp(grid, row["fractions"], row[group][curve]) for row in expected], axis=0)
            np.testing.assert_allclose(summary["curves"][key], mean, atol=5 * allowed, rtol=0)

    def check(self, policy, backend, result):
        value = Values(policy)
        reference(self.rows, result, value)
        value.look_up(self.folder)
        expected = reference(self.rows, result, value)
        self.assertEqual(len(expected), 6)
        summary, path = self.evaluate("--backend", backend, result=result)
        self.check_rows(path, expected, 1e-6)
        self.check_means(summary, path, expected, 1e-6)
        self.assertEqual([summary[key] for key in ("rows", "rows_evaluated", "rows_unexplained", "rows_without_features", "rows_other_class")], [8, 6, 1, 1, 0])
        self.assertLess(summary["largest_difference"], 1e-5)

    def test_masked_rows_one_at_a_time(self):
        self.check("mask", "ref", self.result)

    def test_shortened_rows_one_at_a_time(self):
        self.check("delete", "ref", self.explained("delete"))

    def test_fast_kernels_agree(self):
        self.check("mask", "cpu", self.result)

    def test_neither_workers_nor_slices_matter(self):
        _, one = self.evaluate("--workers", "1", name="one.h5")
        _, three = self.evaluate("--workers", "3", "--step-tokens", "200", name="three.h5")
        self.assertTrue(filecmp.cmp(one, three, shallow=False))
        _, part = self.evaluate("--rows", "2:7", "--limit", "3", name="part.h5")
        with h5py.File(one, "r") as whole, h5py.File(part, "r") as some:
            ids = some["rows/id"][:].tolist()
            self.assertEqual(ids, [102, 104])
            at = [whole["rows/id"][:].tolist().index(i) for i in ids]
            for group in ("rows", "attribution", "random"):
                for name in some[group]:
                    np.testing.assert_array_equal(some[group][name][:], whole[group][name][:][at])
        _, other = self.evaluate("--seed", "12", name="other.h5")
        with h5py.File(one, "r") as a, h5py.File(other, "r") as b:
            np.testing.assert_array_equal(a["attribution/deletion"][:], b["attribution/deletion"][:])
            self.assertFalse(np.array_equal(a["random/deletion_auc"][:], b["random/deletion_auc"][:]))

    def test_classes_that_were_not_explained_are_left_out(self):
        evaluable = np.array([n in (6, 1, 45, 21, 13, 20) for n in SIZES])
        n_other = 0
        with h5py.File(self.result, "r") as all_classes:
            predicted = all_classes["scores"][:].argmax(axis=1)[evaluable]
        for target, name in enumerate(("negative", "neutral", "positive")):
            summary, path = self.evaluate(result=self.explained("mask", "--target", name, "--force"))
            self.assertEqual(summary["rows_evaluated"], int((predicted == target).sum()))
            self.assertEqual(summary["rows_other_class"], int((predicted != target).sum()))
            n_other += summary["rows_other_class"]
            with h5py.File(path, "r") as file:
                self.assertTrue((file["rows/class"][:] == target).all())
                if summary["rows_evaluated"] == 0:
                    self.assertTrue(np.isnan(file["all/attribution/mean"][:]).all())
        self.assertEqual(n_other, 2 * len(predicted))
        self.assertGreater(len(set(predicted)), 1)

    def test_plausibility_where_there_are_rationales(self):
        marks = [np.zeros(n, int) for n in SIZES]
        for row, features in ((0, [2]), (2, [3, 4, 5, 17, 18, 30]), (4, list(range(8))), (5, list(range(31))), (7, [19])):
            marks[row][features] = 1
        data = write_dataset(self.path("marked.h5"), self.rows, marks=marks)
        result = self.path("marked-result.h5")
        call("explain", "--model", MODEL, "--data", data, "--out", result, "--budget", "64", "-q", "--backend", "cpu", "--allow-tokenizer-mismatch")
        out = self.path("marked-eval.h5")
        summary = json.loads(call("evaluate", result, "--model", MODEL, "--data", data, "-o", out, "--json", "--orders", "2", "--rows", "0:5").stdout)
        share = np.mean([m.mean() for m in marks if m.any()])  # of the whole dataset
        with h5py.File(result, "r") as file, h5py.File(out, "r") as found:
            scores, values, offsets = file["scores"][:], file["values"][:], file["features/offsets"][:]
            self.assertAlmostEqual(json.loads(found.attrs["settings"])["rationale_share"], share, delta=1e-6)
            by_id = {int(i): at for at, i in enumerate(found["rows/id"])}
            self.assertTrue(np.isnan(found["attribution/auprc"][by_id[101]]))
            for row in (0, 2, 4):
                phi = values[offsets[row] : offsets[row + 1], scores[row].argmax()]
                order = np.argsort(-phi, kind="stable")
                k = int(np.ceil(share * len(phi) - 1e-9))
                both, n_marked = marks[row][order[:k]].sum(), marks[row].sum()
                self.assertAlmostEqual(found["attribution/token_f1"][by_id[100 + row]], 2 * both / (k + n_marked), delta=1e-6)
                by_chance = [marks[row][random_order(0, 100 + row, number, len(phi))[:k]].sum() for number in range(2)]
                self.assertAlmostEqual(found["random/token_f1"][by_id[100 + row]], np.mean(by_chance) * 2 / (k + n_marked), delta=1e-6)
                hits = np.cumsum(marks[row][order])
                recall, precision = np.append(0, hits / n_marked), np.append(1, hits / np.arange(1, len(phi) + 1))
                area = np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2)
                self.assertAlmostEqual(found["attribution/auprc"][by_id[100 + row]], area, delta=1e-6)
            for name in ("token_f1", "iou_f1", "auprc"):
                self.assertEqual(summary["metrics"][name]["rows"], 3)
                for group in ("attribution", "random"):
                    rows = found[group + "/" + name][:]
                    self.assertAlmostEqual(summary["metrics"][name][group]["mean"], np.nanmean(rows), delta=1e-6)
        marks[0][0] = 2
        wrong = write_dataset(self.path("wrong.h5"), self.rows, marks=marks)
        done = run("explain", "--model", MODEL, "--data", wrong, "--out", self.path("none.h5"), "--allow-tokenizer-mismatch")
        self.assertEqual(done.returncode, 65)
        self.assertIn("'features/rationale': expected 0 or 1, found 2", done.stderr)

    def test_other_model_or_data_is_refused(self):
        self.refused(78, "model.weights_sha256", model=OTHER_MODEL)
        changed = made_rows()
        changed[0][0][1] += 1
        message = self.refused(78, "dataset.sha256", data=write_dataset(self.path("changed.h5"), changed))
        self.assertNotIn("model.weights_sha256", message)

    def test_bad_input(self):
        self.refused(66, "none.h5", result=self.path("none.h5"))
        self.refused(65, "ascribe-dataset", result=self.data)
        self.refused(64, "begins at row 8,", "--rows", "8:")
        self.refused(64, "--orders", "--orders", "101")
        self.refused(64, "--out", "--force")
        taken = self.path("taken.h5")
        shutil.copy(self.result, taken)
        self.refused(73, "already exists", "-o", taken)
        self.refused(73, "already exists", "-o", taken, model=self.path("none"))  # said before the model is read
        self.assertTrue(filecmp.cmp(taken, self.result, shallow=False))
        damaged = self.path("damaged.h5")
        shutil.copy(self.result, damaged)
        with h5py.File(damaged, "r+") as file:
            file["rows/id"][2] = 9
        self.refused(65, "is not the dataset's row 2", result=damaged)

    def test_stop_leaves_nothing(self):
        out = self.path("stopped.h5")
        before = set(os.listdir(self.folder))
        process = subprocess.Popen([PROGRAM, "evaluate", self.result, "--model", MODEL, "--data", self.data, "-o", out, "--orders", "100", "--backend", "ref",
                                    "--progress", "plain"], stderr=subprocess.PIPE, text=True)
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        message = process.communicate()[1]
        self.assertEqual(process.returncode, 75, message)
        self.assertEqual(set(os.listdir(self.folder)), before)


if __name__ == "__main__":
    unittest.main()
