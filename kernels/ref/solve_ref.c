// solve: rows with designs of their own, one after another, by the solvers of solve/ as a team of one.
#include "ref/ref.h"

#include "base/dense.h"
#include "solve/rows.h"

#include <stdlib.h>

// ---- The matrices, by base/dense.h -------------------------------------------------------------

static inline bool solve_cholesky(size_t n, double *a, double tolerance)
{
    return dense_cholesky(n, a, tolerance);
}

static inline void solve_triangles(size_t n, const double *factor, size_t n_right, double *b)
{
    dense_cholesky_solve(n, factor, n_right, b);
}

static inline solve_outcome solve_pseudo_inverse(size_t n, double *a, double *spectrum, double tolerance)
{
    (void)spectrum;
    const asc_status status = dense_symmetric_pseudo_inverse(n, a, tolerance, NULL, NULL);
    return status == ASC_OK ? SOLVE_DONE : status == ASC_OUT_OF_MEMORY ? SOLVE_NO_MEMORY : SOLVE_NO_INVERSE;
}

// ---- All rows -----------------------------------------------------------------------------------

static solve_arrays arrays_of(const solve_args *args)
{
    return (solve_arrays){
        .n_rows = args->n_rows,
        .n_features = args->n_features,
        .n_coalitions = args->n_coalitions,
        .n_targets = args->n_targets,
        .n_words = mask_words(args->n_features),
        .kind = args->kind,
        .selection = args->selection,
        .n_selected = args->n_selected,
        .ridge = args->ridge,
        .values = f64_data(args->values),
        .masks = u64_data(args->masks),
        .weights = args->weights.buffer ? f64_data(args->weights) : NULL,
        .counts = i32_data(args->counts),
        .n_draws = args->n_draws.buffer ? i32_data(args->n_draws) : NULL,
        .phi = f64_data(args->phi),
        .std_errors = f64_data(args->std_errors),
        .anchors = f64_data(args->anchors),
        .fit = args->fit.buffer ? f64_data(args->fit) : NULL,
        .finite = i32_data(args->finite),
        .deficient = i32_data(args->deficient),
    };
}

static asc_status report(solve_outcome outcome, const solve_arrays *all, size_t r, asc_error *err)
{
    switch (outcome) {
    case SOLVE_DONE: return ASC_OK;
    case SOLVE_NO_WHOLE_WALKS:
        return fail(err, ASC_INTERNAL, "solve: counts: row %zu: %d coalitions of %zu features are no whole walks", r, (int)all->counts[r],
                    all->n_features);
    case SOLVE_NO_WALK: return fail(err, ASC_INTERNAL, "solve: masks: row %zu: a walk adds its features not one by one", r);
    case SOLVE_NO_INVERSE: return fail(err, ASC_INTERNAL, "solve: weights: row %zu: its normal equations have no solution", r);
    case SOLVE_NO_MEMORY: return fail_memory(err, "a regression", all->n_features * all->n_features * sizeof(double));
    }
    return ASC_OK;
}

asc_status ref_solve(asc_stream *stream, const solve_args *args, asc_error *err)
{
    (void)stream;
    const solve_arrays all = arrays_of(args);
    const size_t n_words = solve_memory_words(&all);
    TRY(ref_check_indexes("solve: counts", all.counts, args->n_rows, 2, args->n_coalitions + 1, err));
    void *block = calloc(n_words, sizeof(double));
    if (!block)
        return fail_memory(err, "a regression", n_words * sizeof(double));
    const solve_memory memory = solve_memory_at(&all, block);
    asc_status status = ASC_OK;
    for (size_t r = 0; status == ASC_OK && r < args->n_rows; r++)
        status = report(solve_one(&all, r, &memory), &all, r, err);
    free(block);
    return status;
}
