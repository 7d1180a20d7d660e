// Leverage sampling of complement pairs: how many pairs of each size a design holds, and which ones.
//
// Class s, 1 <= s <= n/2, holds the pairs {S, complement of S} with |S| = s. The leverage score of a
// coalition in KernelSHAP's regression is 1 / C(n, s), so every size from 1 to n - 1 gets the same mass: a
// class stands for two sizes, the middle class of an even n for one, and no class for more pairs than it has
// (Musco & Witter, ICLR 2025).
#ifndef ASCRIBE_COALITION_LEVERAGE_H
#define ASCRIBE_COALITION_LEVERAGE_H

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

// Number of pairs in class s: C(n, s), and C(n, s) / 2 when 2 s = n. Saturates at UINT64_MAX.
uint64_t leverage_class_size(size_t n_features, size_t s);

// Splits n_pairs <= 2^(n-1) - 1 over the classes: counts[s - 1] for s = 1 .. n/2, each the share of its class
// rounded up or down, in integers only. counts [n/2].
void leverage_sizes(size_t n_features, size_t n_pairs, size_t *counts);

// Draws counts[s - 1] distinct pairs of every class, uniformly within the class, from the Philox stream of
// this candidate. masks [2 * sum of counts, mask_words(n)], zeroed by the caller: the smaller coalition of a
// pair (of equal ones that with feature 0), then its complement; classes in ascending order.
// ASC_OUT_OF_MEMORY.
asc_status leverage_draw(size_t n_features, const size_t *counts, uint64_t candidate, uint64_t *masks,
                         asc_error *err);

#endif
