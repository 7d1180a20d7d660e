"""The coalitions that the PyTorch loops are timed on: complement pairs of the very sizes that our own design has.

`ascribe explain` exports no masks of its shared design, so its sizes are computed anew (leverage_sizes of host/coalition/leverage.c: every size
from 1 to n - 1 gets the same number of coalitions, a class never more pairs than it has). Which features are in a pair is drawn at random, as
each row's relabelling does. The empty and the full coalition are left out: neither side counts them.
"""
import math
import random


def class_size(n_features, size):
    """Pairs {S, complement of S} with |S| = size <= n/2."""
    if 2 * size == n_features:
        return math.comb(n_features - 1, size - 1)
    return math.comb(n_features, size)


def pairs_of_sizes(n_features, n_pairs):
    """[n/2] the number of pairs of each class; n_pairs <= 2^(n-1) - 1."""
    n_classes = n_features // 2
    masses = [1 if 2 * size == n_features else 2 for size in range(1, n_classes + 1)]
    counts, pairs, mass = [], n_pairs, n_features - 1
    for size, class_mass in enumerate(masses, 1):  # the saturated classes come first
        available = class_size(n_features, size)
        if available > pairs or available * mass > pairs * class_mass:
            break
        counts.append(available)
        pairs -= available
        mass -= class_mass
    mass_before = given = 0
    for class_mass in masses[len(counts) :]:  # cumulative rounding
        mass_before += class_mass
        until = (2 * pairs * mass_before + mass) // (2 * mass)
        counts.append(until - given)
        given = until
    return counts


def draw(n_features, budget, seed=0):
    """Complement pairs (S, features outside S), each once, as sorted lists of features. An odd budget rounds down."""
    if n_features < 2:
        raise ValueError(f"expected at least 2 features, found {n_features}")
    stream = random.Random(seed)
    pairs = []
    for size, count in enumerate(pairs_of_sizes(n_features, min(budget // 2, 2 ** (n_features - 1) - 1)), 1):
        drawn = set()
        while len(drawn) < count:
            members = frozenset(stream.sample(range(n_features), size))
            if 2 * size == n_features and 0 not in members:
                members = frozenset(range(n_features)) - members
            drawn.add(members)
        for members in sorted(drawn, key=sorted):
            pairs.append((sorted(members), [i for i in range(n_features) if i not in members]))
    return pairs


def default_budget(n_features):
    """What `--budget auto` spends on a row."""
    return min(2**n_features - 2, max(512, 16 * n_features))
