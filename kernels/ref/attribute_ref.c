// Attributions of a bucket of rows that share a design: its linear map applied to each row's contrasts.
//
// For row r and target k, in the design's columns j:
//     contrast_q = v(S_2q) - v(S_2q+1) when paired, else v(S_q)
//     phi_j      = sum over q of map[j, q] * contrast_q
//     e_q        = contrast_q - sum over j of x_qj * phi_j,  x_qj = +1 when j is in S_2q, else -1
//     SE_j^2     = sum over q >= 1 of map[j, q]^2 * loo_factor[q] * e_q^2       (ASC_SE_HC3)
//
// HC3, here clustered by pair: MacKinnon & White, Journal of Econometrics 29 (1985). Feature i of row r is
// column permutations[r, i]. Standard errors are NaN wherever phi is not finite. Nothing that a row yields
// depends on another row's numbers. Order: every sum ascending from zero.
#include "ref/ref.h"

#include <math.h>
#include <stdlib.h>

// One row's scratch in the design's columns.
typedef struct solve_scratch {
    double *contrast; // [Q]
    double *weighted; // [Q]: loo_factor * e^2
    double *phi;      // [M]
} solve_scratch;

static void solve_phi(const attribute_args *args, size_t row, size_t k, const solve_scratch *scratch)
{
    const size_t n_targets = args->n_targets, n_contrasts = args->n_contrasts;
    const double *values = f64_data(args->values) + row * args->n_coalitions * n_targets + k;
    const double *map = f64_data(args->map);
    for (size_t q = 0; q < n_contrasts; q++)
        scratch->contrast[q] = args->paired ? values[2 * q * n_targets] - values[(2 * q + 1) * n_targets]
                                            : values[q * n_targets];
    for (size_t j = 0; j < args->n_features; j++) {
        double sum = 0;
        for (size_t q = 0; q < n_contrasts; q++)
            sum += map[j * n_contrasts + q] * scratch->contrast[q];
        scratch->phi[j] = sum;
    }
}

// weighted[q] from the regression's residuals; pair 0 is the efficiency constraint and has none.
static void solve_residuals(const attribute_args *args, const solve_scratch *scratch)
{
    const size_t n_words = mask_words(args->n_features);
    for (size_t q = 1; q < args->n_contrasts; q++) {
        const uint64_t *mask = u64_data(args->design_masks) + 2 * q * n_words;
        double fitted = 0;
        for (size_t j = 0; j < args->n_features; j++)
            fitted += mask_has(mask, j) ? scratch->phi[j] : -scratch->phi[j];
        const double residual = scratch->contrast[q] - fitted;
        scratch->weighted[q] = f64_data(args->loo_factor)[q] * residual * residual;
    }
}

static double std_error(const attribute_args *args, size_t j, const solve_scratch *scratch)
{
    if (args->error_kind == ASC_SE_NAN || !isfinite(scratch->phi[j]))
        return NAN;
    if (args->error_kind == ASC_SE_ZERO)
        return 0;
    const double *map = f64_data(args->map) + j * args->n_contrasts;
    double sum = 0;
    for (size_t q = 1; q < args->n_contrasts; q++)
        sum += map[q] * map[q] * scratch->weighted[q];
    return sqrt(sum);
}

static void attribute_row(const attribute_args *args, size_t row, const solve_scratch *scratch)
{
    const size_t n_features = args->n_features, n_targets = args->n_targets;
    const int32_t *permutation = i32_data(args->permutations) + row * n_features;
    for (size_t k = 0; k < n_targets; k++) {
        solve_phi(args, row, k, scratch);
        if (args->error_kind == ASC_SE_HC3)
            solve_residuals(args, scratch);
        for (size_t i = 0; i < n_features; i++) {
            const size_t j = (size_t)permutation[i], at = (row * n_features + i) * n_targets + k;
            f64_data(args->phi)[at] = scratch->phi[j];
            f64_data(args->std_errors)[at] = std_error(args, j, scratch);
        }
    }
}

static void summarise_row(const attribute_args *args, size_t row)
{
    const size_t n_targets = args->n_targets, n_values = args->n_coalitions * n_targets;
    const double *values = f64_data(args->values) + row * n_values;
    for (size_t i = 0; i < 2 * n_targets; i++) // coalitions 0 and 1: all and empty
        f64_data(args->anchors)[row * 2 * n_targets + i] = values[i];
    bool finite = true;
    for (size_t i = 0; i < n_values; i++)
        finite = finite && isfinite(values[i]);
    i32_data(args->finite)[row] = finite;
}

asc_status ref_attribute(asc_stream *stream, const attribute_args *args, asc_error *err)
{
    (void)stream;
    const size_t n_features = args->n_features, n_contrasts = args->n_contrasts;
    TRY(ref_check_indexes("attribute: permutations", i32_data(args->permutations), args->n_rows * n_features,
                          0, n_features, err));
    double *numbers = calloc(2 * n_contrasts + n_features, sizeof *numbers);
    if (!numbers)
        return fail_memory(err, "attributions", (2 * n_contrasts + n_features) * sizeof *numbers);
    const solve_scratch scratch = {numbers, numbers + n_contrasts, numbers + 2 * n_contrasts};
    for (size_t row = 0; row < args->n_rows; row++) {
        attribute_row(args, row, &scratch);
        summarise_row(args, row);
    }
    free(numbers);
    return ASC_OK;
}
