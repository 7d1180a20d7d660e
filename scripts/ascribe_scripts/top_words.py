"""The strongest words of each class in a result: python -m ascribe_scripts.top_words RESULT.h5 [--words N] [--min-count N]

A word's strength is its mean attribution over all its occurrences, with case ignored. Words are features whose text has
letters only (apostrophes and hyphens inside a word count as letters) and at least two of them. What is averaged: with
two classes, the attribution towards a class minus that towards the other; with more, minus the mean over all classes.
"""

from __future__ import annotations

import argparse
import re
import sys

import h5py
import numpy as np

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*\Z")


def feature_texts(file: h5py.File) -> list:
    """The text of every feature in the order of `values`: its spans, joined by a space."""
    text = file["text/bytes"][:].tobytes()
    text_offsets = file["text/offsets"][:]
    feature_offsets = file["features/offsets"][:]
    span_offsets = file["spans/offsets"][:]
    begin, end, feature = (file["spans/" + name][:] for name in ("begin", "end", "feature"))
    texts = [""] * int(feature_offsets[-1])
    for row in range(len(feature_offsets) - 1):
        for span in range(span_offsets[row], span_offsets[row + 1]):
            at = int(feature_offsets[row]) + int(feature[span])
            piece = text[text_offsets[row] + begin[span] : text_offsets[row] + end[span]].decode("utf-8", "replace")
            texts[at] = (texts[at] + " " + piece).strip()
    return texts


def strengths(values: np.ndarray) -> np.ndarray:
    """[features, classes]: how much more a feature moved a class than the others (two classes) or the mean of all."""
    if values.shape[1] == 2:
        return values - values[:, ::-1]
    return values - values.mean(axis=1, keepdims=True)


def top_words(file: h5py.File, n_words: int, min_count: int) -> list:
    """(class name, [(word, mean strength, count)]) of every class, strongest first."""
    names = [name.decode("utf-8") for name in file["class_names"][:]]
    values = file["values"][:].astype(np.float64)
    if values.shape[1] != len(names):
        raise ValueError("values: expected one column for each of %d classes, found %d; explain with --target all"
                         % (len(names), values.shape[1]))
    strength = strengths(values)
    occurrences: dict = {}
    for at, text in enumerate(feature_texts(file)):
        if WORD.match(text) and len(text) > 1 and np.isfinite(strength[at]).all():
            occurrences.setdefault(text.casefold(), []).append(at)
    means = {word: strength[rows].mean(axis=0) for word, rows in occurrences.items() if len(rows) >= min_count}
    lists = []
    for k, name in enumerate(names):
        ranked = sorted(means, key=lambda word: (-means[word][k], word))[:n_words]
        lists.append((name, [(word, means[word][k], len(occurrences[word])) for word in ranked]))
    return lists


def predicted_right(file: h5py.File):
    """(rows predicted right, labelled rows); the classes must be the dataset's labels, in the same order."""
    if "labels/values" not in file:
        return 0, 0
    labels = file["labels/values"][:]
    scores = file["scores"][:]
    usable = (labels >= 0) & np.isfinite(scores).all(axis=1)
    return int((scores[usable].argmax(axis=1) == labels[usable]).sum()), int(usable.sum())


def report(path: str, n_words: int, min_count: int) -> None:
    with h5py.File(path) as file:
        n_rows = len(file["rows/id"])
        right, labelled = predicted_right(file)
        lists = top_words(file, n_words, min_count)
        print("The strongest words of %d rows, of those that occur at least %d times" % (n_rows, min_count))
        print("(mean attribution to this class minus that to the others, number of occurrences):")
        for name, words in lists:
            print("\n  " + name)
            for word, mean, count in words:
                print("    %-18s %+7.3f %5d" % (word, mean, count))
        if labelled:
            print("\nAccuracy: %.1f %% (%d of %d labelled rows)" % (100 * right / labelled, right, labelled))


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="top_words", description=__doc__.split("\n")[0])
    parser.add_argument("result")
    parser.add_argument("--words", type=int, default=15, help="of each class [default: 15]")
    parser.add_argument("--min-count", type=int, default=3, help="fewest occurrences [default: 3]")
    options = parser.parse_args(arguments)
    try:
        report(options.result, options.words, options.min_count)
    except (OSError, KeyError, ValueError) as error:
        print("top_words: error: %s: %s" % (options.result, error), file=sys.stderr)
        return 66 if isinstance(error, FileNotFoundError) else 65
    return 0


if __name__ == "__main__":
    sys.exit(main())
