#!/usr/bin/env python3
"""Records what ERASER's own metrics answer: record_eraser.py CHECKOUT > eraser.txt

CHECKOUT: of eraserbenchmark (DeYoung et al., ACL 2020), commit 36467f1; takes numpy, scipy, scikit-learn, torch. Recorded with numpy 2.4.6,
scipy 1.17.1, scikit-learn 1.9.1. The made-up instances have three classes; of each a line with

    p(full) and p(empty) of the predicted class, then p(without the rationale) and p(the rationale alone) at 1, 5, 10, 20 and 50 %

and after them the lines of what `compute_aopc_scores` says of all: comprehensiveness AOPC and its five points, sufficiency AOPC and its
five points. The test that replays them is tests/unit/test_evaluate.c.
"""
import sys

import numpy as np

THRESHOLDS = [0.01, 0.05, 0.1, 0.2, 0.5]
CLASSES = ["bad", "so", "good"]
N_INSTANCES = 9


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


def main():
    sys.path.insert(0, sys.argv[1])
    from rationale_benchmark.metrics import compute_aopc_scores

    random = np.random.default_rng(5)
    instances = [instance(random) for _ in range(N_INSTANCES)]
    print(N_INSTANCES)
    for one in instances:
        kind = one["classification"]
        points = one["thresholded_scores"]
        line([one["classification_scores"][kind], one["empty"][kind]]
             + [point["comprehensiveness_classification_scores"][kind] for point in points]
             + [point["sufficiency_classification_scores"][kind] for point in points])
    _, comprehensiveness, points_c, sufficiency, points_s = compute_aopc_scores(instances, THRESHOLDS)
    line([comprehensiveness] + points_c)
    line([sufficiency] + points_s)


if __name__ == "__main__":
    main()
