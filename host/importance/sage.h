// From the values of all rows' games to SAGE values with their standard errors.
//
// Two standard errors, because there are two questions:
// * sampling: how far is the value from what all orders of all players would give for these very rows? Only the drawn orders are random. A visit's
//   two estimates a, b of a row are independent and equally distributed: (a - b)^2 / 4 estimates the variance of their mean, whatever the row. Summed
//   over rows and visits, and divided by (rows * visits)^2, it is that of the value. Enumerated rows add nothing.
// * population: how far is it from the value over all rows that could have come, of which these are a sample? The variance of the rows' own
//   values, and sampling: with s^2 the variance over rows of a visit's values (rows without the group: 0) and d the mean over rows of the
//   variance of sampling of one visit, s^2 / n - d / n + d / (n visits).
// More passes lower the first to 0, the second only to s^2 / n - d / n. So the rule that ends passes takes the first, in the form of the sage
// package: largest standard error / (largest - smallest value) < threshold. (sage draws rows with replacement from the data it is given, and
// its error falls to 0 with more draws: it is of the first kind too, with the choice of rows on top, which passes over all rows do not have.)
// The last group, the words that are in no other, is left out of the rule: it can be so large that any error looks small beside it.
#ifndef ASCRIBE_IMPORTANCE_SAGE_H
#define ASCRIBE_IMPORTANCE_SAGE_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Sums over rows, those that are enumerated apart: they are visited once.
typedef struct sage_part {
    double *sum, *squares; // [n_groups] of the rows' values
    double loss_full, loss_empty;
    uint64_t n_rows; // of every visit, added up
} sage_part;

typedef struct sage_sums {
    size_t n_groups, n_visits;
    sage_part exact, sampled;
    double *spread;   // [n_groups] of (a - b)^2 / 4
    uint64_t *n_rows; // [n_groups] that have the group
} sage_sums;

asc_status sage_create(size_t n_groups, sage_sums *out, asc_error *err);
void sage_free(sage_sums *sums);

// A row's estimates on this visit, in the order of its players, which are these groups.
typedef struct sage_row {
    size_t n_players;
    bool exact;
    const uint32_t *groups;
    const double *first, *second;
    double loss_full, loss_empty;
} sage_row;
void sage_add(sage_sums *sums, const sage_row *row);

typedef struct sage_value {
    double value, sampling_error, population_error; // NaN: no rows; population: one row
} sage_value;
sage_value sage_estimate(const sage_sums *sums, size_t group);

// Rows of a visit, whole rows' mean losses, and the rule's ratio (0: no error at all).
double sage_n_rows(const sage_sums *sums);
double sage_loss_full(const sage_sums *sums);
double sage_loss_empty(const sage_sums *sums);
double sage_ratio(const sage_sums *sums);

#endif
