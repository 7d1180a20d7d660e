#!/usr/bin/env python3
"""Makes data/golden/games/games.h5: twenty real cooperative games with all 2^14 coalitions each.

The games are pre-computed ones of the shapiq benchmark (MIT licence; see data/golden/games/README.md): a
DistilBERT sentiment classifier on texts of 14 tokens, absent tokens replaced by [MASK].  The source stores
a signed score, +p for a positive and -p for a negative label.  Here a value is the logit of P(positive),
with P = v if v > 0 else 1 + v, and row m of the table is the coalition whose bit i (value 2^i) says that
token i is present.

Needs Python >= 3.9, numpy and h5py.  --games is a folder with game_K.npz (arrays coalitions, values,
n_players):
    python3 scripts/make_games.py --games DIR --out data/golden/games/games.h5
"""
import argparse
import glob
import math
import os
import re

import h5py
import numpy

ORIGIN = ("shapiq benchmark, SentimentAnalysis_Game: DistilBERT fine-tuned on IMDB, 14 tokens, absent tokens "
          "replaced by [MASK]; value = logit of P(positive)")
LICENCE = "MIT (the shapiq developers)"


def read_game(path):
    """(logits of P(positive) in bit-mask order, number of tokens) of one stored game."""
    with numpy.load(path) as game:
        coalitions, values = game["coalitions"], game["values"]
        n_features = int(game["n_players"])
    assert coalitions.shape == (2 ** n_features, n_features), path
    masks = coalitions.astype(numpy.int64) @ (1 << numpy.arange(n_features))
    assert numpy.array_equal(numpy.sort(masks), numpy.arange(2 ** n_features)), path
    table = numpy.empty(2 ** n_features)
    table[masks] = values
    positive = numpy.where(table > 0, table, 1 + table)
    assert ((positive > 0) & (positive < 1)).all(), path
    return numpy.log(positive) - numpy.log1p(-positive), n_features


def shapley_values(table, n_features):
    """Exact Shapley values by their definition, from a table in bit-mask order."""
    masks = numpy.arange(2 ** n_features)
    sizes = sum((masks >> i) & 1 for i in range(n_features))
    weights = numpy.array([1 / (n_features * math.comb(n_features - 1, s)) for s in range(n_features)])
    phi = numpy.empty(n_features)
    for feature in range(n_features):
        without = masks[(masks >> feature) & 1 == 0]
        phi[feature] = weights[sizes[without]] @ (table[without | 1 << feature] - table[without])
    return phi


def write_games(path, names, tables, n_features):
    with h5py.File(path, "w") as file:
        file.create_dataset("values", data=tables, chunks=(1, tables.shape[1]), compression="gzip",
                            compression_opts=9, shuffle=True, track_times=False)
        width = max(len(name) for name in names)
        file.create_dataset("names", data=names, dtype=h5py.string_dtype("ascii", width), track_times=False)
        file.attrs["origin"] = ORIGIN
        file.attrs["licence"] = LICENCE
        file.attrs["n_features"] = numpy.int32(n_features)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--games", required=True, help="folder with game_K.npz")
    parser.add_argument("--out", default="data/golden/games/games.h5")
    args = parser.parse_args()
    paths = sorted(glob.glob(os.path.join(args.games, "game_*.npz")),
                   key=lambda p: int(re.search(r"(\d+)\.npz$", p)[1]))
    if not paths:
        parser.error(f"no game_K.npz in {args.games}")
    games = [read_game(path) for path in paths]
    n_features = games[0][1]
    tables = numpy.stack([table for table, _ in games])
    names = [os.path.basename(path)[:-len(".npz")] for path in paths]
    os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
    write_games(args.out, names, tables, n_features)
    worst = max(abs(shapley_values(t, n_features).sum() - (t[-1] - t[0])) for t in tables)
    print(f"{len(names)} games of {n_features} tokens; largest efficiency gap of exact values {worst:.2e}")


if __name__ == "__main__":
    main()
