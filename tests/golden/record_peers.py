#!/usr/bin/env python3
"""Records what shap's KernelExplainer and lime's LimeTextExplainer answer: record_peers.py GAMES.h5 OUT.h5

Needs numpy, h5py, shap and lime; recorded with shap 0.51.0, lime 0.2.0.1, scikit-learn 1.9.1, numpy 2.4.6, Python 3.11 (the versions
used stand in the file). OUT is a mask file (host/io/mask_file.h) of the peers' own coalitions, with their answers beside it:

    enumerated/{game, n} int32 [E]     KernelExplainer on the first n features of a game of GAMES, the others absent;
    enumerated/{phi, phi_l1} [E, 11]   n <= 11, so every coalition is evaluated; l1_reg off, and its default num_features(10)
    rows, offsets, masks, weights      the coalitions of the peers' random designs on synthetic games
    kind, n_selected int32 [R]         0 shap, 1 shap with num_features(n_selected), lime: 2 none, 3 forward, 4 highest, 5 lasso path
    values float64 [S, 2]              of the coalitions, two outputs; full, empty float64 [R, 2]
    phi_offsets int64 [R + 1], phi float64 [sum of n, 2], fit float64 [R, 6]: intercept, score, local prediction of both outputs

The test that replays them is tests/property/test_peers.c.
"""
import platform
import sys
import warnings

import h5py
import lime
import lime.lime_text
import numpy as np
import shap
import sklearn

ENUMERATED = [(0, 2), (1, 3), (2, 6), (3, 9), (4, 11), (5, 11), (6, 10), (7, 11)]  # (game, n)
SHAP_FEATURES = [20, 33, 60]
LIME_FEATURES = [9, 20, 41, 60]  # the first with many equal samples
LIME_SAMPLES = 700
LIME_CHOICES = {"none": (2, 10), "forward_selection": (3, 4), "highest_weights": (4, 10), "lasso_path": (5, 10)}


class SyntheticGame:
    """v(S): a squashed sum of features and of pairs, and a second output that is not symmetric to the first."""

    def __init__(self, n, seed):
        random = np.random.RandomState(seed)
        self.single = random.normal(size=n) * (random.uniform(size=n) < 0.6)
        self.pairs = np.triu(random.normal(size=(n, n)) * (random.uniform(size=(n, n)) < 0.1), 1)

    def __call__(self, present):
        present = np.asarray(present, dtype=float)
        score = present @ self.single + np.einsum("si,ij,sj->s", present, self.pairs, present)
        return np.stack([1 / (1 + np.exp(-score / 3)), np.tanh(score / 5 + present[:, 0] * present[:, 1])], axis=1)


def kernel_shap(function, n, **options):
    explainer = shap.KernelExplainer(function, np.zeros((1, n)))
    phi = np.asarray(explainer.shap_values(np.ones((1, n)), silent=True, **options)[0])
    return explainer, phi.reshape(n, -1)


def enumerated(games):
    values = games["values"]
    phi = np.zeros((len(ENUMERATED), 11))
    phi_l1 = np.zeros((len(ENUMERATED), 11))
    for row, (game, n) in enumerate(ENUMERATED):
        table = values[game, : 2**n]

        def function(present):
            return table[(np.asarray(present) @ 2 ** np.arange(n)).astype(int)]

        phi[row, :n] = kernel_shap(function, n, l1_reg=False)[1][:, 0]
        phi_l1[row, :n] = kernel_shap(function, n)[1][:, 0]
    return phi, phi_l1


def pack(present, n_words):
    """0/1 [S, n] -> uint64 [S, n_words], bit i of the words = feature i."""
    bits = np.packbits(np.asarray(present, dtype=np.uint8), axis=1, bitorder="little")
    padded = np.zeros((len(bits), 8 * n_words), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view("<u8")


def shap_rows():
    for n in SHAP_FEATURES:
        game = SyntheticGame(n, n)
        for kind, options in ((0, {"l1_reg": False}), (1, {"l1_reg": "num_features(10)"})):
            np.random.seed(n)
            explainer, phi = kernel_shap(game, n, **options)
            yield n, kind, 10, explainer.maskMatrix, explainer.kernelWeights, explainer.ey, game, phi, np.zeros((3, 2))


def lime_rows():
    for n in LIME_FEATURES:
        game = SyntheticGame(n, 1000 + n)
        words = ["w%02d" % i for i in range(n)]

        def classifier(texts):
            return game([[word in text for word in words] for text in texts])

        explainer = lime.lime_text.LimeTextExplainer(random_state=n)
        seen = {}
        fit = explainer.base.explain_instance_with_data

        def spy(data, labels, distances, *rest, **named):
            seen.update(data=data, labels=labels, distances=distances)
            return fit(data, labels, distances, *rest, **named)

        explainer.base.explain_instance_with_data = spy
        explainer.explain_instance(" ".join(words), classifier, labels=(0, 1), num_samples=LIME_SAMPLES)
        weights = explainer.base.kernel_fn(seen["distances"])
        for choice, (kind, n_selected) in LIME_CHOICES.items():
            phi = np.zeros((n, 2))
            numbers = np.zeros((3, 2))
            for k in range(2):
                intercept, listed, score, local = fit(seen["data"], seen["labels"], seen["distances"], k, n_selected, choice)
                for feature, value in listed:
                    phi[feature, k] = value
                numbers[:, k] = intercept, score, local[0]
            yield n, kind, n_selected, seen["data"], weights, seen["labels"], game, phi, numbers


def main(games_path, out_path):
    warnings.simplefilter("error", sklearn.exceptions.ConvergenceWarning)
    rows = list(shap_rows()) + list(lime_rows())
    n_words = max((row[0] + 63) // 64 for row in rows)
    with h5py.File(games_path, "r") as games:
        phi, phi_l1 = enumerated(games)
    with h5py.File(out_path, "w", libver=("earliest", "v108")) as out:
        for name, value in {
            "format": "ascribe-masks", "format_version": "1.0", "shap": shap.__version__, "lime": "0.2.0.1",
            "sklearn": sklearn.__version__, "numpy": np.__version__, "python": platform.python_version(),
        }.items():
            out.attrs[name] = np.bytes_(value)

        def put(name, values, kind):
            out.create_dataset(name, data=np.asarray(values, dtype=kind), compression="gzip", shuffle=True, track_times=False)

        put("enumerated/game", [game for game, _ in ENUMERATED], "<i4")
        put("enumerated/n", [n for _, n in ENUMERATED], "<i4")
        put("enumerated/phi", phi, "<f8")
        put("enumerated/phi_l1", phi_l1, "<f8")
        put("rows/id", np.arange(len(rows)), "<u8")
        put("rows/features", [row[0] for row in rows], "<u4")
        put("offsets", np.cumsum([0] + [len(row[3]) for row in rows]), "<i8")
        put("masks", np.concatenate([pack(row[3], n_words) for row in rows]), "<u8")
        put("weights", np.concatenate([row[4] for row in rows]), "<f8")
        put("kind", [row[1] for row in rows], "<i4")
        put("n_selected", [row[2] for row in rows], "<i4")
        put("values", np.concatenate([row[5] for row in rows]), "<f8")
        put("full", [row[6](np.ones((1, row[0])))[0] for row in rows], "<f8")
        put("empty", [row[6](np.zeros((1, row[0])))[0] for row in rows], "<f8")
        put("phi_offsets", np.cumsum([0] + [row[0] for row in rows]), "<i8")
        put("phi", np.concatenate([row[7] for row in rows]), "<f8")
        put("fit", [row[8].ravel() for row in rows], "<f8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
