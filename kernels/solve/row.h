// What the solvers of rows with designs of their own share: one row's numbers, the memory for it, and small symmetric systems.
//
// The solvers are written once, for a team (team.h): ref is a team of one, on a device it is a block. The file that includes them first
// defines the three solve_* functions on matrices that are declared here.
#ifndef ASCRIBE_SOLVE_ROW_H
#define ASCRIBE_SOLVE_ROW_H

#include "backend.h"
#include "shapes.h"
#include "team.h"

#include <math.h>

// The operation: solve_args with the addresses of its arrays.
typedef struct solve_arrays {
    size_t n_rows, n_features, n_coalitions, n_targets, n_words;
    asc_solve_kind kind;
    asc_selection selection;
    size_t n_selected;
    double ridge;
    const double *values;
    const uint64_t *masks;
    const double *weights; // NULL for walks
    const int32_t *counts;
    const int32_t *n_draws; // NULL where nobody needs it
    double *phi, *std_errors, *anchors;
    double *fit; // or NULL
    int32_t *finite, *deficient;
} solve_arrays;

// One row; views into the operation's arrays.
typedef struct solve_row {
    const solve_arrays *all;
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
    double *spectrum;             // [M + 1, M], of the pseudo-inverse
    double *centre;               // [M]
    double *right;                // [M, K]
    double *xy, *beta;            // [M]
    double *vectors;              // [5, M], of the path and of the fits
    double *shares;               // [2, S]: what each coalition adds to a sum
    uint64_t *columns;            // [S / 64 rounded up, M]: bit s % 64 of columns[s / 64, i] = coalition s has feature i
    size_t *selected, *order;     // [M]
    size_t *flag;                 // [1]
} solve_memory;

typedef enum solve_outcome {
    SOLVE_DONE,
    SOLVE_NO_WHOLE_WALKS, // the number of coalitions is no walks' and the anchors'
    SOLVE_NO_WALK,        // coalitions that do not add the features one by one
    SOLVE_NO_INVERSE,     // a matrix that is not finite, or whose eigenvalues did not converge
    SOLVE_NO_MEMORY,
} solve_outcome;

// ---- By the includer --------------------------------------------------------------------------------------------

// As dense.h's dense_cholesky, dense_cholesky_solve and dense_symmetric_pseudo_inverse, the same bits; `spectrum` [n + 1, n].
TEAM_FUNCTION bool solve_cholesky(size_t n, double *a, double tolerance);
TEAM_FUNCTION void solve_triangles(size_t n, const double *factor, size_t n_right, double *b);
TEAM_FUNCTION solve_outcome solve_pseudo_inverse(size_t n, double *a, double *spectrum, double tolerance);

// ---- Memory -----------------------------------------------------------------------------------------------------

static inline size_t solve_column_words(const solve_arrays *all)
{
    return (all->n_coalitions + 63) / 64;
}

// Elements of eight bytes that one row at a time needs; SIZE_MAX when that is beyond counting.
static inline size_t solve_memory_words(const solve_arrays *all)
{
    const double n = (double)all->n_features, n_matrix = all->kind == ASC_SOLVE_WALKS ? 0 : n * n;
    const double n_words = 4 * n_matrix + n * ((double)solve_column_words(all) + (double)all->n_targets + 11) +
                           2 * (double)all->n_coalitions + 1;
    return n_words < 1e15 ? (size_t)n_words : SIZE_MAX / 8;
}

// `block` holds solve_memory_words elements of eight bytes.
ASC_BOTH solve_memory solve_memory_at(const solve_arrays *all, void *block)
{
    const size_t n = all->n_features, n_matrix = all->kind == ASC_SOLVE_WALKS ? 0 : n * n;
    solve_memory m;
    m.gram = (double *)block;
    m.factor = m.gram + n_matrix;
    m.path = m.factor + n_matrix;
    m.spectrum = m.path + n_matrix;
    m.centre = m.spectrum + n_matrix + n;
    m.xy = m.centre + n;
    m.beta = m.xy + n;
    m.vectors = m.beta + n;
    m.right = m.vectors + 5 * n;
    m.shares = m.right + n * all->n_targets;
    m.columns = (uint64_t *)(m.shares + 2 * all->n_coalitions);
    m.selected = (size_t *)(m.columns + n * ((all->n_coalitions + 63) / 64));
    m.order = m.selected + n;
    m.flag = m.order + n;
    return m;
}

// ---- One row's coalitions ---------------------------------------------------------------------------------------

ASC_BOTH const uint64_t *solve_mask(const solve_row *row, size_t s)
{
    return row->masks + s * row->all->n_words;
}

TEAM_FUNCTION void solve_fill_columns(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->all->n_features, n_words = (row->n_coalitions + 63) / 64;
    TEAM_FOR(at, 0, n_words * n) {
        const size_t first = at / n * 64, feature = at % n;
        uint64_t column = 0;
        for (size_t bit = 0; bit < 64 && first + bit < row->n_coalitions; bit++)
            column |= (uint64_t)mask_has(solve_mask(row, first + bit), feature) << bit;
        memory->columns[at] = column;
    }
    TEAM_SYNC();
}

// The sum over the set bits of what `shares` [64] holds for them, ascending, added to `sum`.
TEAM_FUNCTION double solve_add_shares(uint64_t bits, const double *shares, double sum)
{
    for (; bits; bits &= bits - 1)
        sum += shares[TEAM_LOWEST_BIT(bits)];
    return sum;
}

// Features 0, 1, 2, ...
TEAM_FUNCTION void solve_select_all(const solve_row *row, const solve_memory *memory)
{
    TEAM_FOR(i, 0, row->all->n_features)
        memory->selected[i] = i;
    TEAM_SYNC();
}

// ---- Symmetric systems ------------------------------------------------------------------------------------------

TEAM_FUNCTION void solve_copy(double *to, const double *from, size_t count)
{
    TEAM_FOR(i, 0, count)
        to[i] = from[i];
    TEAM_SYNC();
}

// Solves a x = b for n_right right-hand sides b [n, n_right] in place; a [n, n] symmetric, at least positive semidefinite.
// Overwrites factor, spectrum and vectors. Where a is singular the minimum norm decides and *deficient becomes true.
TEAM_FUNCTION solve_outcome solve_symmetric(const solve_memory *memory, size_t n, const double *a, size_t n_right, double *b, bool *deficient)
{
    const double singular = 1e-12; // pivots and eigenvalues below this part of the largest
    double *copy = memory->factor, *x = memory->vectors;
    solve_copy(copy, a, n * n);
    if (solve_cholesky(n, copy, singular)) {
        solve_triangles(n, copy, n_right, b);
        return SOLVE_DONE;
    }
    *deficient = true;
    TEAM_SYNC();
    solve_copy(copy, a, n * n);
    const solve_outcome outcome = solve_pseudo_inverse(n, copy, memory->spectrum, singular);
    for (size_t k = 0; outcome == SOLVE_DONE && k < n_right; k++) {
        TEAM_FOR(i, 0, n) {
            x[i] = 0;
            for (size_t j = 0; j < n; j++)
                x[i] += copy[i * n + j] * b[j * n_right + k];
        }
        TEAM_SYNC();
        TEAM_FOR(i, 0, n)
            b[i * n_right + k] = x[i];
        TEAM_SYNC();
    }
    return outcome;
}

#endif
