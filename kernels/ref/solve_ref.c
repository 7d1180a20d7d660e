// solve: rows with designs of their own, one after another; and the simplest of the three solvers, the antithetic walks.
//
// Walks: Castro, Gomez, Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers & Operations
// Research 36 (2009); each order walked forward and backward: Mitchell et al., "Sampling permutations for Shapley value
// estimation", JMLR 23 (2022).
#include "ref/solve_ref.h"

#include "base/checked.h"
#include "base/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double singular = 1e-12; // pivots and eigenvalues below this part of the largest

asc_status solve_symmetric(size_t n, const double *a, double *copy, size_t n_right, double *b, bool *deficient, asc_error *err)
{
    memcpy(copy, a, n * n * sizeof *copy);
    if (dense_cholesky(n, copy, singular)) {
        dense_cholesky_solve(n, copy, n_right, b);
        return ASC_OK;
    }
    *deficient = true;
    memcpy(copy, a, n * n * sizeof *copy);
    TRY(dense_symmetric_pseudo_inverse(n, copy, singular, NULL, err));
    double *x = malloc((n + 1) * sizeof *x);
    if (!x)
        return fail_memory(err, "a regression", n * sizeof *x);
    for (size_t k = 0; k < n_right; k++) {
        for (size_t i = 0; i < n; i++) {
            x[i] = 0;
            for (size_t j = 0; j < n; j++)
                x[i] += copy[i * n + j] * b[j * n_right + k];
        }
        for (size_t i = 0; i < n; i++)
            b[i * n_right + k] = x[i];
    }
    free(x);
    return ASC_OK;
}

// ---- Walks --------------------------------------------------------------------------------------

// The order of a walk from its prefixes; false when they are none.
static bool read_order(const solve_row *row, size_t first, size_t *order)
{
    const size_t n = row->args->n_features, n_words = mask_words(n);
    uint64_t before, now;
    for (size_t j = 0; j < n; j++) {
        size_t n_new = 0;
        for (size_t w = 0; w < n_words; w++) {
            before = j == 0 ? 0 : solve_mask(row, first + 2 * (j - 1))[w];
            now = j == n - 1 ? row->masks[w] : solve_mask(row, first + 2 * j)[w];
            if (before & ~now)
                return false;
            for (uint64_t added = now & ~before; added; added &= added - 1, n_new++)
                order[j] = w * ASC_MASK_BITS + (size_t)__builtin_ctzll(added);
        }
        if (n_new != 1 || order[j] >= n)
            return false;
    }
    return true;
}

// Value of the walk's j-th prefix (j = 0 ... n), or of its complement.
static double walk_value(const solve_row *row, size_t first, size_t j, size_t side, size_t k)
{
    const size_t n = row->args->n_features, n_targets = row->args->n_targets;
    size_t coalition = first + 2 * (j - 1) + side;
    if (j == 0 || j == n)
        coalition = (j == n) == (side == 0) ? 0 : 1;
    return row->values[coalition * n_targets + k];
}

static void add_walk(solve_row *row, size_t first, const size_t *order, double n_walks)
{
    const size_t n = row->args->n_features, n_targets = row->args->n_targets;
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < n_targets; k++) {
            const double forward = walk_value(row, first, j + 1, 0, k) - walk_value(row, first, j, 0, k);
            const double backward = walk_value(row, first, j, 1, k) - walk_value(row, first, j + 1, 1, k);
            const size_t at = order[j] * n_targets + k;
            const double found = (forward + backward) / 2;
            // Welford's update: mean in phi, sum of squared deviations in std_errors.
            const double from_mean = found - row->phi[at];
            row->phi[at] += from_mean / n_walks;
            row->std_errors[at] += from_mean * (found - row->phi[at]);
        }
    }
}

asc_status solve_walks(solve_row *row, const solve_memory *memory, asc_error *err)
{
    const size_t n = row->args->n_features, n_values = n * row->args->n_targets, length = 2 * (n - 1);
    const size_t n_walks = length ? (row->n_coalitions - 2) / length : 1;
    if (n_walks == 0 || 2 + n_walks * length != row->n_coalitions)
        return fail(err, ASC_INTERNAL, "solve: counts: %zu coalitions of %zu features are no whole walks", row->n_coalitions, n);
    memset(row->phi, 0, n_values * sizeof *row->phi);
    memset(row->std_errors, 0, n_values * sizeof *row->std_errors);
    for (size_t walk = 0; walk < n_walks; walk++) {
        const size_t first = 2 + walk * length;
        if (!read_order(row, first, memory->selected))
            return fail(err, ASC_INTERNAL, "solve: masks: walk %zu adds its features not one by one", walk);
        add_walk(row, first, memory->selected, (double)(walk + 1));
    }
    const double freedom = (double)(n_walks - 1) * (double)n_walks;
    for (size_t i = 0; i < n_values; i++)
        row->std_errors[i] = n_walks > 1 ? sqrt(row->std_errors[i] / freedom) : (double)NAN;
    return ASC_OK;
}

// ---- All rows -----------------------------------------------------------------------------------

static void free_memory(solve_memory *memory)
{
    free(memory->index_block);
    free(memory->block);
}

static asc_status make_memory(const solve_args *args, solve_memory *m, asc_error *err)
{
    const size_t n = args->n_features;
    const size_t n_matrix = args->kind == ASC_SOLVE_WALKS ? 0 : n * n;
    const size_t n_doubles = 3 * n_matrix + n * (9 + args->n_targets);
    size_t bytes = 0;
    if (checked_multiply(n_doubles, sizeof(double), &bytes)) {
        m->block = calloc(n_doubles, sizeof(double));
        m->index_block = calloc(4 * n, sizeof(size_t));
    }
    if (!m->block || !m->index_block)
        return fail_memory(err, "a regression", bytes);
    m->gram = m->block;
    m->factor = m->gram + n_matrix;
    m->path = m->factor + n_matrix;
    m->centre = m->path + n_matrix;
    m->xy = m->centre + n;
    m->beta = m->xy + n;
    m->vectors = m->beta + n;
    m->right = m->vectors + 6 * n;
    m->selected = m->index_block;
    m->listed = m->selected + n;
    m->order = m->listed + n;
    return ASC_OK;
}

static solve_row open_row(const solve_args *args, size_t r)
{
    const size_t n_coalitions = args->n_coalitions, n_values = args->n_features * args->n_targets;
    return (solve_row){
        .args = args,
        .n_coalitions = (size_t)i32_data(args->counts)[r],
        .n_draws = args->n_draws.buffer ? (size_t)i32_data(args->n_draws)[r] : 0,
        .masks = u64_data(args->masks) + r * n_coalitions * mask_words(args->n_features),
        .weights = args->weights.buffer ? f64_data(args->weights) + r * n_coalitions : NULL,
        .values = f64_data(args->values) + r * n_coalitions * args->n_targets,
        .phi = f64_data(args->phi) + r * n_values,
        .std_errors = f64_data(args->std_errors) + r * n_values,
        .fit = args->fit.buffer ? f64_data(args->fit) + r * 3 * args->n_targets : NULL,
    };
}

static bool all_finite(const solve_row *row)
{
    bool finite = true;
    for (size_t i = 0; i < row->n_coalitions * row->args->n_targets; i++)
        finite = finite && isfinite(row->values[i]);
    return finite;
}

static asc_status solve_one(solve_row *row, const solve_memory *memory, asc_error *err)
{
    const size_t n_targets = row->args->n_targets, n_values = row->args->n_features * n_targets;
    for (size_t i = 0; i < n_values; i++)
        row->phi[i] = row->std_errors[i] = (double)NAN;
    for (size_t i = 0; row->fit && i < 3 * n_targets; i++)
        row->fit[i] = (double)NAN;
    if (!all_finite(row))
        return ASC_OK;
    switch (row->args->kind) {
    case ASC_SOLVE_WALKS: return solve_walks(row, memory, err);
    case ASC_SOLVE_CONSTRAINED: return solve_constrained(row, memory, err);
    case ASC_SOLVE_RIDGE: return solve_ridge(row, memory, err);
    }
    return ASC_OK;
}

asc_status ref_solve(asc_stream *stream, const solve_args *args, asc_error *err)
{
    (void)stream;
    solve_memory memory = {0};
    TRY(ref_check_indexes("solve: counts", i32_data(args->counts), args->n_rows, 2, args->n_coalitions + 1, err));
    asc_status status = make_memory(args, &memory, err);
    for (size_t r = 0; status == ASC_OK && r < args->n_rows; r++) {
        solve_row row = open_row(args, r);
        for (size_t i = 0; i < 2 * args->n_targets; i++) // coalitions 0 and 1: all and empty
            f64_data(args->anchors)[r * 2 * args->n_targets + i] = row.values[i];
        i32_data(args->finite)[r] = all_finite(&row);
        status = solve_one(&row, &memory, err);
        i32_data(args->deficient)[r] = row.deficient;
    }
    free_memory(&memory);
    return status;
}
