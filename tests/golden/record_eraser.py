#!/usr/bin/env python3
"""Records what ERASER's own metrics answer: record_eraser.py CHECKOUT > eraser.txt

CHECKOUT: of eraserbenchmark (DeYoung et al., ACL 2020), commit 36467f1; takes numpy, scipy, scikit-learn, torch. Recorded with numpy 2.4.6,
scipy 1.17.1, scikit-learn 1.9.1. The made-up instances have three classes; of each a line with

    p(full) and p(empty) of the predicted class, then p(without the rationale) and p(the rationale alone) at 1, 5, 10, 20 and 50 %

and after them the lines of what `compute_aopc_scores` says of all: comprehensiveness AOPC and its five points, sufficiency AOPC and its
five points. Then, for made-up rows with a rationale: the number of features and how many are taken, then 1 for each marked feature, then the
scores, and what ERASER says of that row alone: macro token F1, macro IoU F1 at 1/2, AUPRC. Taken are the features of highest score, the first of equal
ones. The test that replays them is tests/unit/test_evaluate.c.
"""
import sys

import numpy as np

THRESHOLDS = [0.01, 0.05, 0.1, 0.2, 0.5]
CLASSES = ["bad", "so", "good"]
N_INSTANCES = 9
N_MARKED = 40


def scores(random):
    return dict(zip(CLASSES, random.dirichlet([1, 1, 1]).tolist()))


def instance(random):
    full = scores(random)
    points = [
        {"threshold": t, "comprehensiveness_classification_scores": scores(random), "sufficiency_classification_scores": scores(random)}
        for t in THRESHOLDS
    ]
    return {"classification": max(full, key=full.get), "classification_scores": full, "thresholded_scores": points, "empty": scores(random)}


def line(numbers):
    print(" ".join(repr(float(number)) for number in numbers))


def marked_row(random):
    n = int(random.integers(1, 25))
    marked = np.zeros(n, int)
    for _ in range(int(random.integers(1, 4))):
        begin = int(random.integers(0, n))
        marked[begin : begin + int(random.integers(1, 6))] = 1
    scores = np.round(random.normal(size=n) + marked, 1 if random.random() < 0.5 else 4).astype(np.float32)
    return marked, scores, int(random.integers(1, n + 1))


def runs(members):
    """[begin, end) of neighbours that are all members."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], members, [0]))))
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2])]


def answers(metrics, marked, scores, k):
    taken = np.zeros(len(marked), int)
    taken[np.argsort(-scores, kind="stable")[:k]] = 1
    truth, found = ([metrics.Rationale("row", "row", begin, end) for begin, end in runs(members)] for members in (marked, taken))
    tokens = [[token for rationale in rationales for token in rationale.to_token_level()] for rationales in (truth, found)]
    token_f1 = metrics.score_hard_rationale_predictions(*tokens)["instance_macro"]["f1"]
    iou_f1 = metrics.partial_match_score(truth, found, [0.5])[0]["macro"]["f1"]
    document = metrics.PositionScoredDocument("row", "row", tuple(scores.tolist()), tuple(bool(one) for one in marked))
    return [token_f1, iou_f1, metrics._auprc({"row": document.truths}, {"row": document.scores})]


def main():
    sys.path.insert(0, sys.argv[1])
    from rationale_benchmark import metrics

    random = np.random.default_rng(5)
    instances = [instance(random) for _ in range(N_INSTANCES)]
    print(N_INSTANCES)
    for one in instances:
        kind = one["classification"]
        points = one["thresholded_scores"]
        line([one["classification_scores"][kind], one["empty"][kind]]
             + [point["comprehensiveness_classification_scores"][kind] for point in points]
             + [point["sufficiency_classification_scores"][kind] for point in points])
    _, comprehensiveness, points_c, sufficiency, points_s = metrics.compute_aopc_scores(instances, THRESHOLDS)
    line([comprehensiveness] + points_c)
    line([sufficiency] + points_s)
    print(N_MARKED)
    for _ in range(N_MARKED):
        marked, scores, k = marked_row(random)
        print(len(marked), k, *marked)
        line(scores)
        line(answers(metrics, marked, scores, k))


if __name__ == "__main__":
    main()
