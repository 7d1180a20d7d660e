// Results of a slice of rows in memory: one part_row each, filled with "no answer" until a row is solved.
#ifndef ASCRIBE_EXPLAIN_EXPLAINED_H
#define ASCRIBE_EXPLAIN_EXPLAINED_H

#include <ascribe/dataset.h>

#include "base/fail.h"
#include "io/part.h"

// Where one row's numbers are written; the same memory that rows[r] shows read-only.
typedef struct explained_row {
    float *values, *std_errors;                            // [M, K]
    float *base_values, *outputs, *efficiency_residual;    // [K]
    float *scores;                                         // [C]
    int32_t *targets;                                      // [K]
    float *fit;                                            // [n_fit, K]
} explained_row;

typedef struct explained {
    size_t n_rows, n_targets, n_classes, n_fit;
    part_row *rows;      // [n_rows]
    explained_row *into; // [n_rows]
    float *floats;
    int32_t *targets;
} explained;

// Room for the results of `rows`; every float NaN, every target -1. n_fit: see method.h.
typedef struct explained_shape {
    size_t n_targets, n_classes, n_fit;
} explained_shape;
asc_status explained_create(const asc_rows *rows, explained_shape shape, explained **out, asc_error *err);
// Everything of one row, `from` made of the same rows and shape.
void explained_copy_row(explained *to, const explained *from, size_t row);
void explained_free(explained *results); // accepts NULL

#endif
