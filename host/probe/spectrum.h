// Singular values of a product of two thin matrices, and what is told of them.
#ifndef ASCRIBE_PROBE_SPECTRUM_H
#define ASCRIBE_PROBE_SPECTRUM_H

#include "base/fail.h"

#include <stddef.h>

typedef struct spectrum {
    double frobenius, spectral; // root of the sum of squares; the largest
    double effective_rank;      // exp(entropy of s / sum s), 1 to n: Roy & Vetterli, EUSIPCO 2007; 0 for a product that is zero
} spectrum;

// Of A' B [width, width], A and B [n, width], n <= width; both are overwritten. Exact but for rounding in double. ASC_OUT_OF_MEMORY.
asc_status spectrum_of_product(size_t n, size_t width, double *a, double *b, spectrum *out, asc_error *err);

#endif
