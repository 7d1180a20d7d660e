// Rank correlations with ties.
#ifndef ASCRIBE_GLOBAL_CORRELATION_H
#define ASCRIBE_GLOBAL_CORRELATION_H

#include "base/fail.h"

#include <stddef.h>

// Spearman's rho (Pearson's correlation of average ranks) and Kendall's tau-b of n pairs of numbers; NaN below two pairs or where one side is all
// ties. ASC_OUT_OF_MEMORY.
asc_status rank_correlations(const double *x, const double *y, size_t n, double *spearman, double *kendall, asc_error *err);

#endif
