#!/usr/bin/env python3
"""Records what the sage package and scikit-learn answer: record_sage.py FOLDER writes FOLDER/sage.txt and FOLDER/sage.json

Takes sage-importance 0.0.6 (Covert et al., NeurIPS 2020), scikit-learn, PyTorch and transformers, whose model is data/golden/models/mpnet. Recorded
with numpy 2.4.6, scikit-learn 1.9.1, torch 2.15.0, transformers 5.23.0. Two tasks; absent features are taken away, whole rows are the data.

sage.txt, a game in closed form: the model is sum_i a_i over the present features, the loss the squared error to y. A line "rows features", a line for
each row with its a and then y, then the values and standard deviations of sage's PermutationEstimator. Replayed by tests/unit/test_importance.c.

sage.json, words of a small vocabulary: `tokens` of the words; `rows`: the words of each row in their order; `labels`; `logits` of whole rows and
`without` each word [rows, words, classes] (as `logits` where the row has it not); sage's `values` and `std` for the cross entropy; the `exact` values by
all subsets of each row; scikit-learn's `log_loss`, `accuracy`, `auc` (each class against the others, plain mean) of whole rows and without each
word. Replayed by tests/python/test_importance.py.
"""
import itertools
import json
import math
import os
import sys

import numpy as np
import sage
import sklearn.metrics
import torch
import transformers

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "golden", "models", "mpnet")
CLS, SEP = 2, 3
BATCH, N_PERMUTATIONS = 512, 512 * 40


class Present:
    """An imputer: predictions of the present features alone, by a function of (x, S)."""

    def __init__(self, predict, n_features):
        self.predict, self.num_groups = predict, n_features

    def __call__(self, x, present):
        return self.predict(x, present)


def estimate(predict, x, y, loss):
    estimator = sage.PermutationEstimator(Present(predict, x.shape[1]), loss, random_state=5)
    found = estimator(x, y, batch_size=BATCH, n_permutations=N_PERMUTATIONS, detect_convergence=False, bar=False)
    return found.values.tolist(), found.std.tolist()


# ---- The game in closed form ----


def record_game(path):
    random = np.random.default_rng(8)
    a = np.round(random.normal(0, 1, (80, 6)) * [1.5, 1, 0.7, 0.4, 0.2, 0], 3)
    a[random.random(a.shape) < 0.3] = 0
    y = np.round(a.sum(1) + random.normal(0, 0.5, len(a)), 3)
    values, std = estimate(lambda x, present: (x * present).sum(1), a, y, "mse")
    with open(path, "w", encoding="ascii") as out:
        print(*a.shape, file=out)
        for row, target in zip(a, y):
            print(*map(float, row), float(target), file=out)
        print(*map(repr, values), file=out)
        print(*map(repr, std), file=out)


# ---- Words ----


def make_task():
    random = np.random.default_rng(21)
    tokens = [int(token) for token in random.choice(np.arange(5, 100), 7, replace=False)]
    rows = [[int(word) for word in random.permutation(7)[: random.integers(2, 8)]] for _ in range(60)]
    return tokens, rows, random


class Model:
    def __init__(self, tokens):
        self.tokens, self.known = tokens, {}
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(MODEL, dtype=torch.float64).eval()

    def __call__(self, words, present):
        """Logits of a row with these of its words; nothing attends to the others."""
        key = (tuple(words), tuple(word in present for word in words))
        if key not in self.known:
            ids, mask = [CLS] + [self.tokens[word] for word in words] + [SEP], [1, *map(int, key[1]), 1]
            with torch.no_grad():
                logits = self.model(input_ids=torch.tensor([ids]), attention_mask=torch.tensor([mask])).logits
            self.known[key] = logits[0].numpy()
        return self.known[key]


def log_probability(logits, label):
    return float(logits[label] - logits.max() - np.log(np.exp(logits - logits.max()).sum()))


def exact_values(model, rows, labels):
    values = np.zeros(7)
    for words, label in zip(rows, labels):
        for word in words:
            others = [other for other in words if other != word]
            for size in range(len(words)):
                weight = math.factorial(size) * math.factorial(len(words) - size - 1) / math.factorial(len(words))
                for subset in map(set, itertools.combinations(others, size)):
                    gain = log_probability(model(words, subset | {word}), label) - log_probability(model(words, subset), label)
                    values[word] += weight * gain / len(rows)
    return values


def metrics(logits, labels):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return {"log_loss": float(sklearn.metrics.log_loss(labels, p, labels=[0, 1, 2])),
            "accuracy": float(sklearn.metrics.accuracy_score(labels, p.argmax(1))),
            "auc": float(sklearn.metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"))}


def record_words(path):
    tokens, rows, random = make_task()
    model = Model(tokens)
    logits = np.array([model(words, set(words)) for words in rows])
    ranks = (logits - logits.mean(0)) / logits.std(0) + random.normal(0, 0.7, logits.shape)
    labels = ranks.argmax(1)
    without = np.array([[model(words, set(words) - {word}) for word in range(7)] for words in rows])
    x = np.zeros((len(rows), 7))
    for row, words in enumerate(rows):
        x[row, words] = np.arange(1, len(words) + 1)

    def predict(batch, present):
        found = []
        for positions, here in zip(batch, present):
            words = [int(word) for word in np.argsort(positions) if positions[word] > 0]
            row_logits = model(words, {word for word in words if here[word]})
            found.append(np.exp(row_logits - row_logits.max()) / np.exp(row_logits - row_logits.max()).sum())
        return np.array(found)

    values, std = estimate(predict, x, labels, "cross entropy")
    recorded = {"tokens": tokens, "rows": rows, "labels": labels.tolist(), "logits": logits.tolist(), "without": without.tolist(),
                "values": values, "std": std, "exact": exact_values(model, rows, labels).tolist(), "whole": metrics(logits, labels),
                "removed": [metrics(without[:, word], labels) for word in range(7)]}
    with open(path, "w", encoding="ascii") as out:
        out.write("{" + ",\n".join('"%s": %s' % (key, json.dumps(value)) for key, value in recorded.items()) + "}\n")


def main():
    record_game(os.path.join(sys.argv[1], "sage.txt"))
    record_words(os.path.join(sys.argv[1], "sage.json"))


if __name__ == "__main__":
    main()
