// What the solvers of rows with designs of their own share: one row's numbers, the memory for it, and small symmetric
// systems.
#ifndef ASCRIBE_REF_SOLVE_H
#define ASCRIBE_REF_SOLVE_H

#include "ref/ref.h"

// One row; views into the operation's arrays.
typedef struct solve_row {
    const solve_args *args;
    size_t n_coalitions;   // counts[r]
    size_t n_draws;        // 0 where nobody needs it
    const uint64_t *masks; // [n_coalitions, W]
    const double *weights; // [n_coalitions], NULL for walks
    const double *values;  // [n_coalitions, K]
    double *phi;           // [M, K]
    double *std_errors;    // [M, K]
    double *fit;           // [3, K] or NULL
    bool deficient;        // out
} solve_row;

// Scratch that is re-used from row to row. Matrices [M, M] are full, not triangles.
typedef struct solve_memory {
    double *gram, *factor, *path; // [M, M]
    double *centre;               // [M]
    double *right;                // [M, K]
    double *xy, *beta;            // [M]
    double *vectors;              // [6 M], of lars_ref.c
    size_t *selected, *listed;    // [M]
    size_t *order;                // [2 M], of lars_ref.c
    double *block;
    size_t *index_block;
} solve_memory;

static inline const uint64_t *solve_mask(const solve_row *row, size_t s)
{
    return row->masks + s * mask_words(row->args->n_features);
}

// Solves a x = b for n_right right-hand sides b [n, n_right] in place; a [n, n] symmetric, at least positive semidefinite; `copy` [n, n] is
// overwritten. Where a is singular the minimum norm decides and *deficient becomes true.
asc_status solve_symmetric(size_t n, const double *a, double *copy, size_t n_right, double *b, bool *deficient, asc_error *err);

// lars_ref.c: least angle regression and the lasso path on Gram matrix and correlations.
typedef struct lars_problem {
    size_t n;           // features
    const double *gram; // [n, n] X'X
    const double *xy;   // [n] X'y
    size_t n_samples;   // rows of X: the path ends where the largest |correlation| / n_samples is below 1.2e-7
    size_t n_selected;
    bool lasso; // features may leave; the path goes on to its end
} lars_problem;

// Least angle regression: the first n_selected features in the order in which they entered. Lasso: the features of the
// last point on the path with at most n_selected of them (all features when the path has no point but the first). Returns their number.
size_t lars_select(const lars_problem *problem, const solve_memory *memory, size_t *selected);

// One row of every kind; the anchors and `finite` are the caller's business.
asc_status solve_walks(solve_row *row, const solve_memory *memory, asc_error *err);
asc_status solve_constrained(solve_row *row, const solve_memory *memory, asc_error *err);
asc_status solve_ridge(solve_row *row, const solve_memory *memory, asc_error *err);

#endif
