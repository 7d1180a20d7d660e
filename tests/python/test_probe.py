"""ascribe probe: what the program sees inside a model, against recorded values of transformers, NumPy, and models that were changed."""

import filecmp
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import h5py
import numpy as np

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data")
MODELS = os.path.join(DATA, "golden", "models")
FAMILIES = ("bert-f32", "distilbert", "roberta", "electra-small", "albert", "mpnet")
TOLERANCE = 1e-5  # of the larger of 1 and the largest value, as for the forward pass: the recorded values are fp32


def load(model, name):
    with open(os.path.join(MODELS, model, name), encoding="utf-8") as file:
        return json.load(file)["inputs"]


def offsets(counts):
    return np.concatenate(([0], np.cumsum(list(counts)))).astype(np.int64)


def write_dataset(path, rows, labels=None, names=None):
    """Rows of token ids as an ascribe-dataset v1: every token but the first and the last is a feature, its text "w"."""
    inner = [max(0, len(row) - 2) for row in rows]
    arrays = {
        "rows/id": np.arange(100, 100 + len(rows), dtype=np.uint64),
        "rows/truncated": np.zeros(len(rows), np.uint32),
        "tokens/ids": np.concatenate([np.array(row, np.int32) for row in rows]),
        "tokens/features": np.concatenate([np.array([i - 1 if 0 < i < len(row) - 1 else -1 for i in range(len(row))], np.int32) for row in rows]),
        "tokens/offsets": offsets(map(len, rows)),
        "features/offsets": offsets(inner),
        "spans/offsets": offsets(inner),
        "spans/begin": np.concatenate([np.arange(n, dtype=np.uint32) for n in inner]),
        "spans/end": np.concatenate([np.arange(1, n + 1, dtype=np.uint32) for n in inner]),
        "spans/feature": np.concatenate([np.arange(n, dtype=np.int32) for n in inner]),
        "text/bytes": np.full(sum(inner), ord("w"), np.uint8),
        "text/offsets": offsets(inner),
    }
    if labels is not None:
        arrays["labels/values"] = np.array(labels, np.int32)
        arrays["labels/names"] = np.array([name.encode() for name in names])
    facts = {"format": "ascribe-dataset", "format_version": "1.0", "created_by": "a test", "tokenizer": "", "tokenizer_sha256": "", "granularity": "token"}
    numbers = {"vocab_size": 50, "max_length": 512, "n_truncated": 0, "n_merged": 0, "n_skipped": 0, "mask_token_id": 4, "pad_token_id": 0, "unk_token_id": 1}
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, data in arrays.items():
            file[name] = data
        for name, value in facts.items():
            file.attrs[name] = np.bytes_(value)
        for name, value in numbers.items():
            file.attrs[name] = np.int64(value)
    return path


def tensors_of(path):
    """name -> array of a safetensors file of float32, writable views of *block."""
    with open(path, "rb") as file:
        block = bytearray(file.read())
    size = int.from_bytes(block[:8], "little")
    header = json.loads(block[8:8 + size])
    header.pop("__metadata__", None)
    found = {}
    for name, one in header.items():
        assert one["dtype"] == "F32", name
        begin, end = (8 + size + at for at in one["data_offsets"])
        found[name] = np.frombuffer(block, np.float32, (end - begin) // 4, begin).reshape(one["shape"])
    return found, block


def loss(logits, label):
    return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[label])


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM is not set")
class ProbeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_program(self, *arguments, expect=0):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def probe(self, model, data, out="probe.h5", *more):
        arguments = ["--data", data] if data else []
        self.run_program("probe", "--model", model, *arguments, "-o", self.path(out), "--quiet", "--force", *more)
        with h5py.File(self.path(out)) as file:
            found = {}
            file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
            found.update({"attrs": dict(file.attrs)})
        return found

    def close(self, found, expected, what):
        found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        self.assertEqual(found.shape, expected.shape, what)
        self.assertTrue(np.array_equal(np.isnan(found), np.isnan(expected)), what)
        worst = np.nanmax(np.abs(found - expected))
        self.assertLessEqual(worst, TOLERANCE * max(1, np.nanmax(np.abs(expected))), what)

    def recorded_dataset(self, model):
        inputs = load(model, "probe.json")
        with open(os.path.join(MODELS, model, "config.json"), encoding="utf-8") as file:
            names = list(json.load(file)["id2label"].values())
        return inputs, write_dataset(self.path("data.h5"), [one["input_ids"] for one in inputs], [1, 2], names)

    # ---- Recorded values of transformers ----

    def check_whole(self, inputs, found, what):
        starts, places = found["full/offsets"], found["full/attention_offsets"]
        for r, one in enumerate(inputs):
            expected = np.array(one["attention"])
            self.close(found["full/attention"][places[r]:places[r + 1]].reshape(expected.shape), expected, what + " attention")
            self.close(found["full/rollout"][starts[r]:starts[r + 1]], one["rollout"], what + " rollout")
            self.close(found["full/flow"][starts[r]:starts[r + 1]], one["flow"], what + " flow")
            self.close(found["full/norms"][starts[r]:starts[r + 1]], one["norms"], what + " norms")
            self.close(found["full/logits"][r], one["logits"], what + " logits")
            self.assertEqual(found["full/tokens"][starts[r]:starts[r + 1]].tolist(), one["input_ids"])

    def check_attention(self, inputs, found, what):
        numbers = {name: [] for name in ("entropy", "to_first", "to_last", "to_self", "to_previous", "to_next")}
        for one in inputs:
            a = np.array(one["attention"])
            numbers["entropy"].append(-(a * np.log(a)).sum(-1).mean(-1))
            numbers["to_first"].append(a[..., 0].mean(-1))
            numbers["to_last"].append(a[..., -1].mean(-1))
            for name, shift in (("to_self", 0), ("to_previous", -1), ("to_next", 1)):
                numbers[name].append(np.diagonal(a, shift, -2, -1).mean(-1))
        for name, rows in numbers.items():
            self.close(found["attention/" + name], np.mean(rows, 0).ravel(), f"{what} {name}")
        self.close(found["attention/entropy_std"], np.std(numbers["entropy"], 0, ddof=1).ravel(), what + " entropy_std")

    def check_hidden_and_neurons(self, inputs, found, what):
        norms = np.concatenate([np.array(one["norms"]) for one in inputs])
        self.close(found["hidden/norm_mean"], norms.mean(0), what + " norm_mean")
        self.close(found["hidden/norm_std"], norms.std(0, ddof=1), what + " norm_std")
        lengths = np.array([len(one["input_ids"]) for one in inputs])
        means = np.array([one["neuron_mean"] for one in inputs])
        most = np.array([one["neuron_max"] for one in inputs])
        which = most.argmax(0)
        self.close(found["neurons/mean"], (np.tensordot(lengths, means, 1) / lengths.sum()).ravel(), what + " neurons")
        self.close(found["neurons/max"], most.max(0).ravel(), what + " largest activations")
        clear = (np.abs(most[0] - most[1]) > 1e-4).ravel()
        place = np.take_along_axis(np.array([one["neuron_position"] for one in inputs]), which[None], 0)[0]
        self.assertGreater(clear.sum(), 100)
        self.assertEqual((found["neurons/row"] - 100)[clear].tolist(), which.ravel()[clear].tolist())
        self.assertGreater((found["neurons/position"] == place.ravel())[clear].mean(), 0.99)  # all but ties within fp32
        tokens = [inputs[row - 100]["input_ids"][at] for row, at in zip(found["neurons/row"].tolist(), found["neurons/position"].tolist())]
        self.assertEqual(found["neurons/token"].tolist(), tokens)
        self.check_top_neurons(inputs, most, found, what)

    def check_top_neurons(self, inputs, most, found, what):
        """most [rows, blocks, neurons]: recorded. Neurons and rows that are further apart than rounding come in their order."""
        n_blocks, n_neurons = most.shape[1:]
        which = found["top_neurons/neuron"].reshape(n_blocks, -1)
        self.assertEqual((which.shape[1], found["top_neurons/activation"].shape[1]), (10, 8))
        for block in range(n_blocks):
            best = most[:, block].max(0)
            self.close(best[which[block]], np.sort(best)[::-1][:10], what + " top neurons")
            self.assertEqual(len(set(which[block].tolist())), 10)
            for rank, neuron in enumerate(which[block]):
                line = block * 10 + rank
                order = np.argsort(-most[:, block, neuron], kind="stable")
                self.close(found["top_neurons/activation"][line], np.append(most[order, block, neuron], [np.nan] * 6), what + " top rows")
                self.assertEqual(found["top_neurons/position"][line][2:].tolist(), [-1] * 6)
                if abs(np.diff(most[:, block, neuron])[0]) > 1e-4:
                    self.assertEqual((found["top_neurons/row"][line][:2] - 100).tolist(), order.tolist())
                self.check_contexts(inputs, found, line)

    def check_contexts(self, inputs, found, line):
        contexts = found["top_neurons/context"][line].reshape(-1, 13)
        for row, position, context in zip(found["top_neurons/row"][line][:2], found["top_neurons/position"][line][:2], contexts):
            ids = inputs[int(row) - 100]["input_ids"]
            self.assertEqual(context.tolist(), [ids[at] if 0 <= at < len(ids) else -1 for at in range(position - 6, position + 7)])
        self.assertEqual(set(contexts[2:].ravel().tolist()), {-1})

    def check_ablation(self, inputs, found, multi_label, what):
        changes, losses, flips = [], [], []
        for one, label in zip(inputs, (1, 2)):
            before, after = np.array(one["logits"]), np.array(one["ablated_logits"])
            changes.append((after[..., before.argmax()] - before.max()).ravel())
            losses.append([loss(logits, label) - loss(before, label) for logits in after.reshape(-1, after.shape[-1])])
            flips.append((after.argmax(-1) != before.argmax()).ravel())
        self.close(found["ablation/logit_change"], np.mean(changes, 0), what + " logit_change")
        self.close(found["ablation/logit_change_abs"], np.mean(np.abs(changes), 0), what + " logit_change_abs")
        self.close(found["ablation/logit_std_error"], np.std(changes, 0, ddof=1) / np.sqrt(2), what + " logit_std_error")
        self.close(found["ablation/flips"], np.mean(flips, 0), what + " flips")
        if multi_label:
            self.assertTrue(np.isnan(found["ablation/loss_change"]).all())
        else:
            self.close(found["ablation/loss_change"], np.mean(losses, 0), what + " loss_change")

    def test_inside_equals_recorded_values(self):
        for model in FAMILIES:
            inputs, data = self.recorded_dataset(model)
            for backend in ("ref", "cpu"):
                what = f"{model} {backend}"
                found = self.probe(os.path.join(MODELS, model), data, "probe.h5", "--backend", backend, "--full-rows", "0:2")
                self.check_whole(inputs, found, what)
                self.check_attention(inputs, found, what)
                self.check_hidden_and_neurons(inputs, found, what)
                self.check_ablation(inputs, found, model == "distilbert", what)

    def test_cosines_equal_recorded_hidden_states(self):
        for model in FAMILIES:
            one = next(one for one in load(model, "golden.json") if one["name"] == "plain-7")
            states = [np.array(one["embeddings"])] + [np.array(layer) for layer in one["layers"]]
            units = [state / np.linalg.norm(state, axis=1, keepdims=True) for state in states]
            data = write_dataset(self.path("data.h5"), [one["input_ids"]])
            found = self.probe(os.path.join(MODELS, model), data, "probe.h5", "--backend", "ref")
            n = len(one["input_ids"])
            pairs = [((unit @ unit.T).sum() - n) / (n * (n - 1)) for unit in units]
            self.close(found["hidden/cosine_tokens"], pairs, model)
            self.close(found["hidden/cosine_before"][1:], [(a * b).sum(1).mean() for a, b in zip(units, units[1:])], model)
            self.assertTrue(np.isnan(found["hidden/cosine_before"][0]))

    # ---- Ablation is the same as a model without the head ----

    def test_ablation_equals_a_head_without_values(self):
        for model, value, n_heads in (("bert-f32", "bert.encoder.layer.{}.attention.self.value", 2), ("mpnet", "mpnet.encoder.layer.{}.attention.attn.v", 2)):
            inputs, data = self.recorded_dataset(model)
            folder = os.path.join(MODELS, model)
            arguments = ("--backend", "ref", "--rows", "1:2", "--full-rows", "1:2")
            found = self.probe(folder, data, "probe.h5", *arguments)
            predicted = found["full/logits"][0].argmax()
            for block in range(2):
                for head in range(n_heads):
                    changed = self.path("changed")
                    shutil.copytree(folder, changed, dirs_exist_ok=True)
                    tensors, file = tensors_of(os.path.join(changed, "model.safetensors"))
                    for part in (".weight", ".bias"):
                        tensor = tensors[value.format(block) + part]
                        size = len(tensor) // n_heads
                        tensor[head * size:(head + 1) * size] = 0
                    with open(os.path.join(changed, "model.safetensors"), "wb") as out:
                        out.write(file)
                    other = self.probe(changed, data, "other.h5", *arguments, "--ablation-rows", "0")
                    self.assertNotIn("ablation/flips", other)
                    change = found["ablation/logit_change"][block * n_heads + head]
                    self.assertAlmostEqual(change, float(other["full/logits"][0][predicted]) - float(found["full/logits"][0][predicted]), delta=1e-6)
                    self.assertNotAlmostEqual(change, 0, delta=1e-4)

    # ---- Weights ----

    def check_spectra(self, found, line, product, kind, what):
        s = np.linalg.svd(product, compute_uv=False)
        p = s[s > 0] / s.sum()
        for name, value in (("frobenius", np.linalg.norm(product)), ("spectral", s[0]), ("effective_rank", np.exp(-(p * np.log(p)).sum()))):
            self.assertAlmostEqual(found[f"heads/{kind}_{name}"][line], value, delta=1e-9 * max(1, value), msg=f"{what} {kind}_{name}")

    def test_weights_equal_numpy(self):
        patterns = {"bert-f32": "bert.encoder.layer.{}.attention.self.{}", "mpnet": "mpnet.encoder.layer.{}.attention.attn.{}",
                    "albert": "albert.encoder.albert_layer_groups.0.albert_layers.0.attention.{1}"}
        names = {"bert-f32": ("query", "key", "value", None), "mpnet": ("q", "k", "v", "o"), "albert": ("query", "key", "value", "dense")}
        for model, pattern in patterns.items():
            tensors = {name: array.astype(np.float64) for name, array in tensors_of(os.path.join(MODELS, model, "model.safetensors"))[0].items()}
            found = self.probe(os.path.join(MODELS, model), None)
            n_blocks, n_heads = int(found["attrs"]["n_blocks"]), int(found["attrs"]["n_heads"])
            for block in range(n_blocks):
                maps = [tensors[(pattern.format(block, name) if name else f"bert.encoder.layer.{block}.attention.output.dense") + ".weight"] for name in names[model]]
                size = len(maps[0]) // n_heads
                for head in range(n_heads):
                    rows = slice(head * size, (head + 1) * size)
                    self.check_spectra(found, block * n_heads + head, maps[0][rows].T @ maps[1][rows], "qk", model)
                    self.check_spectra(found, block * n_heads + head, maps[3][:, rows] @ maps[2][rows], "ov", model)
            self.check_matrices(found, tensors, model)
            self.check_directions(found, tensors, model)

    def check_matrices(self, found, tensors, model):
        listed = [name.decode() for name in found["matrices/name"]]
        linear = {name for name, array in tensors.items() if array.ndim == 2}
        self.assertEqual(set(listed), linear - {name for name in linear if model == "mpnet" and ".pooler." in name})
        edges = np.concatenate(([-np.inf], np.arange(-64, 65) / 128, [np.inf]))
        for line, name in enumerate(listed):
            array = tensors[name]
            self.assertEqual((found["matrices/rows"][line], found["matrices/columns"][line]), array.shape)
            for column, value in (("frobenius", np.linalg.norm(array)), ("mean", array.mean()), ("std", array.std()), ("min", array.min()), ("max", array.max())):
                self.assertAlmostEqual(found["matrices/" + column][line], value, delta=1e-10 * max(1, abs(value)), msg=f"{model} {name} {column}")
            place = np.searchsorted(edges, array.ravel(), "right") - 1
            self.assertEqual(found["matrices/bins"][line].tolist(), np.bincount(place, minlength=130).tolist())
            heat = np.full((32, 32), np.nan)
            up, across = (min(size, 32) for size in array.shape)
            for i in range(up):
                for j in range(across):
                    part = array[i * len(array) // up:(i + 1) * len(array) // up, j * array.shape[1] // across:(j + 1) * array.shape[1] // across]
                    heat[i, j] = np.sqrt((part**2).mean())
            np.testing.assert_allclose(found["matrices/heat"][line].reshape(32, 32), heat, rtol=1e-6)

    def check_directions(self, found, tensors, model):
        last, inner = ("classifier.out_proj", "classifier.dense") if model == "mpnet" else ("classifier", {"bert-f32": "bert.pooler.dense", "albert": "albert.pooler"}[model])
        direction = tensors[last + ".weight"] @ tensors[inner + ".weight"]
        if model == "albert":
            direction = direction @ tensors["albert.encoder.embedding_hidden_mapping_in.weight"]
        word = next(array for name, array in tensors.items() if name.endswith("word_embeddings.weight"))
        np.testing.assert_allclose(found["vocabulary/direction"], word @ direction.T, rtol=1e-5, atol=1e-5)

    # ---- A whole run ----

    def test_workers_do_not_change_a_bit(self):
        model, data = os.path.join(DATA, "demo", "model"), os.path.join(DATA, "demo", "dataset.h5")
        for workers in ("1", "3"):
            self.probe(model, data, f"{workers}.h5", "--rows", "5:32", "--full-rows", "3:5", "--ablation-rows", "2", "--backend", "cpu", "--workers", workers)
        self.assertTrue(filecmp.cmp(self.path("1.h5"), self.path("3.h5"), shallow=False))
        with h5py.File(self.path("1.h5")) as file:
            self.assertEqual([int(file.attrs[name]) for name in ("first_row", "n_rows", "n_skipped", "n_ablated", "n_with_loss", "n_full")], [5, 27, 0, 2, 2, 2])
        summary = json.loads(self.run_program("inspect", self.path("1.h5"), "--json").stdout)
        self.assertEqual((summary["kind"], summary["rows"], summary["rows_whole"]), ("probe", 27, 2))
        self.run_program("verify", self.path("1.h5"))

    def test_equal_rows_are_kept_by_their_ids(self):
        data = write_dataset(self.path("data.h5"), [[2, 7, 3], [2, 9, 8, 3]] * 3)
        with h5py.File(data, "r+") as file:
            file["rows/id"][:] = [50, 40, 30, 20, 10, 60]
        found = self.probe(os.path.join(MODELS, "bert-f32"), data, "probe.h5", "--neurons", "1000", "--neuron-rows", "4", "--workers", "3")
        rows = found["top_neurons/row"]
        self.assertEqual(sorted(found["top_neurons/neuron"][:64].tolist()), list(range(64)))
        self.assertEqual({tuple(line) for line in rows.tolist()}, {(10, 30, 50, 20), (20, 40, 60, 10)})
        first = {neuron: row for neuron, row in zip(found["top_neurons/neuron"][64:].tolist(), rows[64:, 0].tolist())}
        self.assertEqual(found["neurons/row"][64:].tolist(), [first[neuron] for neuron in range(64)])

    def test_long_rows_have_no_flow(self):
        data = write_dataset(self.path("data.h5"), [[2, 7, 3], [2, 9, 8, 3]])
        found = self.probe(os.path.join(MODELS, "bert-f32"), data, "probe.h5", "--full-rows", "0:2", "--flow-tokens", "3")
        self.assertEqual(np.isnan(found["full/flow"]).tolist(), [[False] * 2] * 3 + [[True] * 2] * 4)
        np.testing.assert_allclose(found["full/flow"][:3].sum(0), 1, rtol=1e-6)
        mean = found["full/attention"][:18].reshape(2, 3, 3).mean(0)  # behind the first block there is one connection to each token
        np.testing.assert_allclose(found["full/flow"][:3, 0], (mean[0] + [1, 0, 0]) / 2, rtol=1e-6)
        self.assertNotIn("full/flow", self.probe(os.path.join(MODELS, "bert-f32"), data, "probe.h5", "--full-rows", "0:2", "--flow-tokens", "0"))

    def test_tokens_have_names(self):
        model = os.path.join(DATA, "demo", "model")
        found = self.probe(model, None)
        with open(os.path.join(model, "vocab.txt"), encoding="utf-8") as file:
            names = file.read().split("\n")[: len(found["vocabulary/name"])]
        self.assertEqual([name.decode() for name in found["vocabulary/name"]], names)
        self.assertNotIn("vocabulary/name", self.probe(os.path.join(MODELS, "bert-f32"), None))

    def test_long_names_are_cut_between_characters(self):
        model = self.path("model")
        shutil.copytree(os.path.join(MODELS, "bert-f32"), model)
        size = len(self.probe(model, None)["vocabulary/direction"])
        long = ["x" + "\u00e9" * 40, "xy" + "\u00e9" * 40, "x" + "\u20ac" * 40, "x" + "\u00e9" * 31, "y" * 64, "y" * 65, "xy" + "\u00e9" * 31]
        kept = ["x" + "\u00e9" * 31, "xy" + "\u00e9" * 31, "x" + "\u20ac" * 21, "x" + "\u00e9" * 31, "y" * 64, "y" * 64, "xy" + "\u00e9" * 31]
        names = {name: i for i, name in enumerate(long + [f"word{i}" for i in range(len(long), size)])}
        with open(os.path.join(model, "tokenizer.json"), "w", encoding="utf-8") as file:
            json.dump({"model": {"type": "WordPiece", "vocab": names}}, file, ensure_ascii=False)
        found = self.probe(model, None)
        self.assertEqual([name.decode() for name in found["vocabulary/name"][: len(kept)]], kept)

    def test_files_of_version_1_0_are_read(self):
        data = write_dataset(self.path("data.h5"), [[2, 7, 3], [2, 9, 8, 3]])
        self.probe(os.path.join(MODELS, "bert-f32"), data, "probe.h5", "--full-rows", "0:2")
        with h5py.File(self.path("probe.h5"), "r+") as file:
            for name in ("has_heat", "n_top_neurons", "n_top_rows", "n_flow_tokens"):
                del file.attrs[name]
            for name in ("top_neurons", "full/flow", "matrices/heat"):
                del file[name]
        self.run_program("inspect", self.path("probe.h5"))

    def test_rows_that_the_model_cannot_take_are_counted(self):
        rows = [[2, 7, 3], [2], [2] + [9] * 70 + [3], [2, 40, 41, 3]]
        data = write_dataset(self.path("data.h5"), rows)
        found = self.probe(os.path.join(MODELS, "bert-f32"), data)
        facts = found["attrs"]
        self.assertEqual((int(facts["n_rows"]), int(facts["n_skipped"]), int(facts["n_tokens"]), int(facts["n_ablated"]), int(facts["n_with_loss"])), (4, 1, 8, 3, 0))
        self.assertTrue(np.isfinite(found["attention/to_previous"]).all())
        self.assertTrue(np.isnan(found["ablation/loss_change"]).all())
        self.run_program("probe", "--model", os.path.join(MODELS, "bert-f32"), "--data", data, "--full-rows", "2:3", "-o", self.path("no.h5"), expect=65)
        self.assertFalse(os.path.exists(self.path("no.h5")))

    def test_a_dry_run_counts_passes(self):
        rows = [[2, 7, 3], [2], [2] + [9] * 70 + [3], [2, 40, 41, 3]]
        data = write_dataset(self.path("data.h5"), rows)
        arguments = ("probe", "--model", os.path.join(MODELS, "bert-f32"), "--data", data, "--full-rows", "3:4", "-o", self.path("out.h5"), "--dry-run")
        cost = json.loads(self.run_program(*arguments, "--json").stdout)
        self.assertEqual((cost["rows"], cost["rows_left_out"], cost["tokens"], cost["rows_ablated"], cost["rows_whole"]), (4, 1, 8, 3, 1))
        self.assertEqual((cost["passes"], cost["passes_of_ablation"]), (3 + 3 * 4 + 1, 12))
        pass_of = lambda s: 2 * s * (8 * 32**2 + 4 * 32 * 64 + 4 * 32 * s)
        self.assertEqual(cost["operations"], 5 * (pass_of(3) + pass_of(1) + pass_of(4)) + pass_of(4))
        self.assertIn("16 through the model: 12 with a head switched off (on 3 rows)", self.run_program(*arguments).stdout)
        self.assertEqual(sorted(os.listdir(self.folder)), ["data.h5"])

    def test_bad_input_is_refused(self):
        model = os.path.join(MODELS, "bert-f32")
        data = write_dataset(self.path("data.h5"), [[2, 7, 3]])
        base = ("probe", "--model", model, "-o", self.path("out.h5"))
        with open(self.path("texts.csv"), "w", encoding="utf-8") as file:
            file.write("text\nhello\n")
        for arguments, code, word in (((*base, "--full-rows", "0:1"), 64, "--data"), ((*base, "--data", data, "--full-rows", "0:2"), 64, "--full-rows"),
                                      ((*base, "--data", data, "--full-rows", "0:"), 64, "--full-rows"), ((*base, "--data", data, "--rows", "4:"), 64, "--rows"),
                                      ((*base, "--data", data, "--neuron-rows", "1001"), 64, "1000"),
                                      ((*base, "--data", data, "--flow-tokens", "16777217"), 64, "16777216"),
                                      ((*base, "--neurons", "3"), 64, "--data"), ((*base, "--data", self.path("texts.csv")), 65, "HDF5"), ((*base, "--data", self.path("none.h5")), 66, "none.h5"),
                                      (("probe", "--model", self.path("none"), "-o", self.path("out.h5")), 66, "none"), (("probe", "--model", model), 64, "--out")):
            done = self.run_program(*arguments, expect=code)
            self.assertIn(word, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["data.h5", "texts.csv"])
        self.run_program(*base, "--quiet")
        self.run_program(*base, "--quiet", expect=73)

    def test_damaged_probes_are_refused(self):
        data = write_dataset(self.path("data.h5"), [[2, 7, 3], [2, 9, 8, 3]])
        self.probe(os.path.join(MODELS, "bert-f32"), data, "probe.h5", "--full-rows", "0:2")

        def without(name):
            return lambda file: file.__delitem__(name)

        def longer(file):
            file["full/attention_offsets"][1] += 1

        def with_value(name, value):
            return lambda file: file[name].__setitem__(3, value)

        for damage in (without("matrices/heat"), without("top_neurons/row"), without("full/flow"), lambda file: file["top_neurons/context"].__setitem__((3, 2), 101),
                       with_value("top_neurons/neuron", 64), lambda file: file["top_neurons/position"].__setitem__((0, 0), -2),
                       lambda file: file.attrs.__setitem__("n_top_rows", np.int64(0)), lambda file: file.attrs.__setitem__("has_heat", np.int64(2)),
                       lambda file: file.__setitem__("vocabulary/name", np.array([b"a", b"b"])),
                       without("heads/qk_frobenius"), without("neurons/max"), without("full/rollout"), longer, with_value("neurons/token", 101),
                       with_value("neurons/position", -2), with_value("ablation/flips", 1.5),
                       lambda file: file.attrs.__setitem__("complete", np.int64(0)),
                       lambda file: file.attrs.__setitem__("n_heads", np.int64(3)), lambda file: file.attrs.__setitem__("n_blocks", np.int64(-1))):
            shutil.copy(self.path("probe.h5"), self.path("damaged.h5"))
            with h5py.File(self.path("damaged.h5"), "r+") as file:
                damage(file)
            self.run_program("inspect", self.path("damaged.h5"), expect=65)

    def test_a_stop_leaves_nothing(self):
        model, data = os.path.join(DATA, "demo", "model"), os.path.join(DATA, "demo", "dataset.h5")
        process = subprocess.Popen([PROGRAM, "probe", "--model", model, "--data", data, "--ablation-rows", "1200", "--backend", "ref", "-o", self.path("out.h5")],
                                   stderr=subprocess.PIPE, text=True)
        self.assertIn("probing", process.stderr.readline())
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, errors)
        self.assertEqual(os.listdir(self.folder), [])

    def test_tokens_have_their_texts(self):
        summary = json.loads(self.run_program("probe", "--model", os.path.join(DATA, "demo", "model"), "-o", self.path("out.h5"), "--json").stdout)
        with open(os.path.join(DATA, "demo", "model", "vocab.txt"), encoding="utf-8") as file:
            vocabulary = file.read().split("\n")
        for tokens in summary["tokens"].values():
            for token in tokens["for"] + tokens["against"]:
                self.assertEqual(token["text"], vocabulary[token["id"]])

    def test_summaries(self):
        data = write_dataset(self.path("data.h5"), [[2, 7, 3], [2, 9, 8, 3]], [0, 1], ["negative", "positive"])
        base = ("probe", "--model", os.path.join(MODELS, "bert-f32"), "--data", data, "-o", self.path("out.h5"))
        text = self.run_program(*base).stdout
        for words in ("2 rows (0 left out), 7 tokens", "|change|", "hidden states", "neurons", "negative, most for:"):
            self.assertIn(words, text)
        summary = json.loads(self.run_program(*base, "--force", "--json", "--top", "0").stdout)
        changes = [head["logit_change_abs"] for head in summary["heads"]]
        self.assertEqual(changes, sorted(changes, reverse=True))
        self.assertEqual((len(changes), len(summary["hidden"]), len(summary["neurons"])), (4, 3, 128))
        with h5py.File(self.path("out.h5")) as file:
            np.testing.assert_allclose(changes, sorted(file["ablation/logit_change_abs"][()], reverse=True), rtol=1e-8)
            best = summary["tokens"]["positive"]["for"][0]["id"]
            self.assertEqual(best, int(file["vocabulary/direction"][:, 2].argmax()))


if __name__ == "__main__":
    unittest.main()
