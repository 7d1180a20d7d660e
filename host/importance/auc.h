// The area under the ROC curve, and how it differs between two rankings of the same rows (DeLong, DeLong, Clarke-Pearson, Biometrics 44, 1988), by
// ranks (Sun, Xu, IEEE Signal Processing Letters 21, 2014): n log n.
#ifndef ASCRIBE_IMPORTANCE_AUC_H
#define ASCRIBE_IMPORTANCE_AUC_H

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

typedef struct auc_rows {
    size_t n_rows, n_scores; // n_scores: one-against-the-rest problems
    const uint8_t *positive; // [n_scores, n_rows]
} auc_rows;

// Of one ranking: scores [n_scores, n_rows]. components [n_scores, n_rows]: of a positive row the share of negative ones that it comes before, of a
// negative row the share of positive ones that come before it, ties half. Returns in *area the mean over the scores that have both kinds of rows,
// NaN when none has.
asc_status auc_rank(const auc_rows *rows, const double *scores, double *components, double *area, asc_error *err);

// Standard error of the difference of two rankings' areas, from their components: the root of the sum over rows of h^2, h the mean over scores of
// the deviation of the row's difference from the mean by the root of m (m - 1), m the rows of its kind. For one score this is DeLong's, for
// several its extension to their mean, with what they have in common. NaN where a score has one row of a kind.
asc_status auc_difference_error(const auc_rows *rows, const double *full, const double *changed, double *std_error, asc_error *err);

#endif
