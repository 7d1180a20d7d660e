"""The benchmark's own parts: coalitions, batches, the table; and, where torch is, that both loops give the same logits."""
import collections
import copy
import importlib.util
import io
import json
import os
import tempfile
import unittest
from contextlib import redirect_stderr

import coalitions
import make_benchmarks
import pytorch_cpu

SIZES = {  # (n, pairs): what leverage_sizes of host/coalition/leverage.c gives
    (5, 14): [5, 9],
    (7, 40): [7, 17, 16],
    (9, 100): [9, 30, 31, 30],
    (12, 300): [12, 64, 64, 64, 64, 32],
    (13, 2047): [13, 78, 286, 557, 556, 557],
    (30, 256): [18, 17, 18, 18, 17, 18, 18, 17, 18, 18, 17, 18, 18, 17, 9],
}


class Coalitions(unittest.TestCase):
    def test_sizes_are_the_designs(self):
        for (n_features, n_pairs), counts in SIZES.items():
            self.assertEqual(coalitions.pairs_of_sizes(n_features, n_pairs), counts)

    def test_pairs_are_complements_and_each_is_there_once(self):
        for n_features, budget in ((2, 2), (5, 30), (8, 200), (30, 513), (126, 2016)):
            pairs = coalitions.draw(n_features, budget, seed=3)
            seen = collections.Counter(frozenset(members) for pair in pairs for members in pair)
            self.assertEqual(len(seen), 2 * min(budget // 2, 2 ** (n_features - 1) - 1))
            self.assertEqual(set(seen.values()), {1})
            for members, others in pairs:
                self.assertTrue(members and others)
                self.assertEqual(sorted(members + others), list(range(n_features)))

    def test_what_is_drawn_depends_on_the_seed_alone(self):
        self.assertEqual(coalitions.draw(30, 64, 1), coalitions.draw(30, 64, 1))
        self.assertNotEqual(coalitions.draw(30, 64, 1), coalitions.draw(30, 64, 2))

    def test_every_feature_is_present_about_half_the_time(self):
        present = collections.Counter(i for pair in coalitions.draw(30, 6000) for members in pair for i in members)
        self.assertEqual(set(present.values()), {3000})  # complements: exactly half
        first = collections.Counter(i for members, _ in coalitions.draw(30, 6000) for i in members)
        mean = sum(first.values()) / 30
        for count in first.values():
            self.assertLess(abs(count - mean), 6 * mean**0.5)

    def test_too_few_features(self):
        with self.assertRaisesRegex(ValueError, "found 1"):
            coalitions.draw(1, 4)


class Batches(unittest.TestCase):
    LENGTHS = [5, 32, 7, 7, 3, 30, 18, 18, 18]

    def test_every_sequence_once(self):
        for loop in pytorch_cpu.LOOPS:
            for batch_tokens in (1, 32, 100, 4096):
                batches = pytorch_cpu.batches_of(loop, self.LENGTHS, 32, batch_tokens)
                self.assertEqual(sorted(sum(batches, [])), list(range(len(self.LENGTHS))))

    def test_padded_batches_hold_full_length_sequences(self):
        self.assertEqual([len(b) for b in pytorch_cpu.batches_of("padded", self.LENGTHS, 32, 100)], [3, 3, 3])

    def test_dropped_batches_are_sorted_and_within_their_tokens(self):
        batches = pytorch_cpu.batches_of("dropped", self.LENGTHS, 32, 40)
        lengths = [[self.LENGTHS[i] for i in batch] for batch in batches]
        self.assertEqual(sum(lengths, []), sorted(self.LENGTHS))
        for batch in lengths:
            self.assertTrue(len(batch) == 1 or len(batch) * max(batch) <= 40)

    def test_an_order_whose_beginnings_are_spread_evenly(self):
        for n in (1, 2, 7, 100, 301):
            order = pytorch_cpu.spread(n)
            self.assertEqual(sorted(order), list(range(n)))
        mean = sum(pytorch_cpu.spread(300)[:40]) / 40
        self.assertLess(abs(mean - 149.5), 15)

    def test_kept_positions(self):
        pairs = coalitions.draw(30, 512, 0)
        kept = pytorch_cpu.kept_positions(32, 30, 512, 0)
        self.assertEqual(len(kept), 512)
        for at, (members, others) in enumerate(pairs):
            self.assertEqual(kept[2 * at], [0] + [i + 1 for i in members] + [31])
            self.assertEqual(len(kept[2 * at]) + len(kept[2 * at + 1]), 34)
            self.assertEqual(sorted(kept[2 * at][1:-1] + kept[2 * at + 1][1:-1]), list(range(1, 31)))
            self.assertEqual(len(others), len(kept[2 * at + 1]) - 2)

    def test_operations(self):
        # 12 layers x (128 x (8 x 768^2 + 4 x 768 x 3072) + 4 x 128^2 x 768), the pooler and two classes
        self.assertEqual(pytorch_cpu.sequence_flops("bert-base", 128), 12 * (128 * 14155776 + 50331648) + 1179648 + 3072)

    def test_rates_count_the_share_of_all_tokens(self):
        part = dict(seconds=2.0, batches=1, sequences=4, tokens=100, flops=3e9, cpu_share=1.0)
        part.update(all_sequences=40, all_tokens=800, all_kept=600)
        found = pytorch_cpu.rates([part, dict(part, seconds=4.0, cpu_share=0.5)])
        self.assertAlmostEqual(found["coalitions_per_s"], 75 * 40 / 800)
        self.assertAlmostEqual(found["gflops"], 2.25)
        self.assertAlmostEqual(found["padding_percent"], 25)
        self.assertEqual(found["cpu_share"], 0.5)


def peer_turn(loop, speed):
    return {
        "side": "peer", "loop": loop, "processes_x_threads": "2x1", "attention": "sdpa", "batch_tokens": 512, "coalitions_per_s": speed,
        "gflops": 200.0, "cpu_share": 0.96,
    }


def own_turn(precision, speed):
    report = {"coalitions_per_second": speed, "flops_per_second": 240e9, "gemm_flops_per_second": 250e9}
    return {"side": "ours", "precision": precision, "report": report}


RESULT = {
    "format": "ascribe-cpu-comparison", "format_version": 1, "date": "2026-11-24", "command": "tests/bench/compare_cpu.py ascribe out.json",
    "seconds": 10.0,
    "hardware": {
        "cpu": "A Processor", "family": "6", "model": "207", "flags": ["avx512f"], "cores": 2, "memory_gib": 24.0, "virtual": True,
        "system": "Debian",
    },
    "versions": {"ascribe": {"version": "0.1.0", "commit": "abc", "compiler": "GNU 12", "matrices": "oneDNN 2"}, "python": "3.11"},
    "shapes": [
        {
            "shape": "minilm-l6", "length": 32, "agreement": {"largest_difference": 2e-7, "deviation": 0.1}, "torch_mm_gflops": {"2x1": 300.0, "1x2": 280.0},
            "peer_versions": {"torch": "2", "transformers": "5"},
            "turns": [
                own_turn("float32", 990.0), peer_turn("padded", 250.0), peer_turn("dropped", 390.0),
                own_turn("float32", 1000.0), peer_turn("padded", 240.0), peer_turn("dropped", 400.0),
            ],
        }
    ],
}


class Table(unittest.TestCase):
    def test_the_best_of_each_counts(self):
        cells = make_benchmarks.row(RESULT["shapes"][0])
        self.assertEqual(len(cells), len(make_benchmarks.HEADS))
        self.assertEqual(
            cells,
            ["minilm-l6 @ 32", "1,000", "80", "250 (2x1, sdpa, 512)", "67", "**4.00**", "400 (2x1, sdpa, 512)", "67", "**2.50**", "–", "–"],
        )

    def test_half_precision_stands_beside_float32(self):
        entry = copy.deepcopy(RESULT["shapes"][0])
        entry["turns"].append(own_turn("bf16", 2000.0))
        self.assertEqual(make_benchmarks.row(entry)[-2:], ["2,000", "8.00"])
        self.assertEqual(make_benchmarks.row(entry)[1], "1,000")

    def test_it_says_when_the_machine_was_busy(self):
        self.assertNotIn("not idle", make_benchmarks.section(RESULT, "x.json"))
        busy = copy.deepcopy(RESULT)
        for turn in busy["shapes"][0]["turns"]:
            if turn.get("loop") == "dropped":
                turn["cpu_share"] = 0.5
        self.assertIn("had 50 % of the processors", make_benchmarks.section(busy, "x.json"))

    def test_what_is_missing_is_refused(self):
        entry = copy.deepcopy(RESULT["shapes"][0])
        entry["turns"] = [turn for turn in entry["turns"] if turn.get("loop") != "dropped"]
        with self.assertRaises(make_benchmarks.Malformed):
            make_benchmarks.row(entry)
        with self.assertRaises(make_benchmarks.Malformed):
            make_benchmarks.section(dict(RESULT, format_version=2), "x.json")

    def run_in(self, folder, text, *arguments):
        path = os.path.join(folder, "B.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(folder, "r.json"), "w", encoding="utf-8") as file:
            json.dump(RESULT, file)
        with redirect_stderr(io.StringIO()):
            status = make_benchmarks.main(["--into", path, *arguments])
        with open(path, encoding="utf-8") as file:
            return status, file.read()

    def test_only_the_text_between_the_markers_changes(self):
        text = f"before\n{make_benchmarks.BEGIN}\nold\n{make_benchmarks.END}\nbehind\n"
        with tempfile.TemporaryDirectory() as folder:
            status, new = self.run_in(folder, text, os.path.join(folder, "r.json"))
            self.assertEqual(status, 0)
            self.assertTrue(new.startswith(f"before\n{make_benchmarks.BEGIN}\n2026-11-24, 2 cores of A Processor"))
            self.assertTrue(new.endswith(f"|\n{make_benchmarks.END}\nbehind\n"))
            self.assertNotIn("old", new)
            self.assertEqual(self.run_in(folder, new, "--check"), (0, new))  # names its own raw results
            edited = new.replace("**4.00**", "**4.10**")
            self.assertEqual(self.run_in(folder, edited, "--check"), (1, edited))
            self.assertEqual(self.run_in(folder, edited), (0, new))

    def test_a_document_without_markers_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.run_in(folder, "text\n", os.path.join(folder, "r.json")), (65, "text\n"))


@unittest.skipUnless(
    importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"), "PyTorch's loops need torch and transformers: not here"
)
class Loops(unittest.TestCase):
    def test_dropping_tokens_changes_no_logit(self):
        import torch

        pytorch_cpu.SHAPES["tiny"] = ("bert", 2, 32, 4, 64)
        self.addCleanup(pytorch_cpu.SHAPES.pop, "tiny")
        model = pytorch_cpu.make_model("tiny")
        answers = []
        for loop in pytorch_cpu.LOOPS:
            work = pytorch_cpu.Work(dict(pytorch_cpu.task_of("tiny", 12, 40)), loop, 60)
            logits = torch.empty(len(work.kept), pytorch_cpu.N_CLASSES)
            with torch.inference_mode():
                for batch in work.batches:
                    logits[batch] = model(**work.inputs(torch, batch)).logits
            answers.append(logits)
        self.assertGreater(float(answers[0].std(dim=0).min()), 1e-2)  # the coalitions matter
        self.assertLess(float((answers[0] - answers[1]).abs().max()), 1e-5)


if __name__ == "__main__":
    unittest.main()
