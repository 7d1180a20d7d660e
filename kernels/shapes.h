// Glossary of dimension letters and the index functions that host, kernels and tests share.
//
//   R rows        S coalitions (of one row)     T tokens        M features (n in formulas)
//   D hidden      H heads     E head dim        F FFN width     C classes    K explained targets    V vocabulary
//
// Every array is row-major: the letter furthest right varies fastest.
#ifndef ASCRIBE_SHAPES_H
#define ASCRIBE_SHAPES_H

#include "both.h"

#include <stddef.h>
#include <stdint.h>

// A coalition is a bit mask over features: bit f of the words says that feature f is present.
enum { ASC_MASK_BITS = 64 };

// Number of 64-bit words of a mask over n_features (at least 1, so that n = 0 has an address too).
ASC_BOTH size_t mask_words(size_t n_features)
{
    return n_features == 0 ? 1 : (n_features + ASC_MASK_BITS - 1) / ASC_MASK_BITS;
}

ASC_BOTH int mask_has(const uint64_t *mask, size_t feature)
{
    return (int)(mask[feature / ASC_MASK_BITS] >> (feature % ASC_MASK_BITS) & 1u);
}

ASC_BOTH void mask_add(uint64_t *mask, size_t feature)
{
    mask[feature / ASC_MASK_BITS] |= (uint64_t)1 << (feature % ASC_MASK_BITS);
}

#endif
