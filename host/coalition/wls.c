// The map of a leverage design by projected normal equations; see wls.h.
#include "coalition/wls.h"

#include "base/checked.h"
#include "base/dense.h"
#include "coalition/leverage.h"
#include "shapes.h"

#include <assert.h>
#include <stdlib.h>

static const double PIVOT_TOLERANCE = 1e-10;    // smaller pivots count as a singular matrix
static const double SPECTRUM_TOLERANCE = 1e-10; // smaller eigenvalues count as zero
static const double SMALLEST_FREEDOM = 0.05;    // least 1 - h_p

// The regression of one design; everything [.. n_pairs] is indexed by pair p = contrast p + 1 of the design.
typedef struct regression {
    size_t n_features;
    size_t n_pairs;
    double *centred;   // [n_pairs, n]: x_p minus its mean
    double *mean;      // [n_pairs]: mean of x_p
    double *weight;    // [n_pairs]: omega_p
    double *inclusion; // [n_pairs]: pi_p
    double *normal;    // [n, n]: A
} regression;

static void close_regression(regression *r)
{
    free(r->normal);
    free(r->inclusion);
    free(r->weight);
    free(r->mean);
    free(r->centred);
}

static double *allocate(size_t rows, size_t columns)
{
    size_t count = 0;
    if (!checked_multiply(rows, columns, &count) || count > SIZE_MAX / sizeof(double))
        return NULL;
    return malloc((count > 0 ? count : 1) * sizeof(double));
}

static asc_status open_regression(const design *d, regression *r, asc_error *err)
{
    const size_t n = d->n_features;
    const size_t n_pairs = d->n_contrasts - 1;
    *r = (regression){.n_features = n, .n_pairs = n_pairs};
    r->centred = allocate(n_pairs, n);
    r->mean = allocate(n_pairs, 1);
    r->weight = allocate(n_pairs, 1);
    r->inclusion = allocate(n_pairs, 1);
    r->normal = allocate(n, n);
    if (r->centred && r->mean && r->weight && r->inclusion && r->normal)
        return ASC_OK;
    close_regression(r);
    return fail_memory(err, "the regression of a design", n_pairs * n * sizeof(double));
}

static void fill_rows(const design *d, const size_t *counts, regression *r)
{
    const size_t n = r->n_features;
    size_t pair = 0;
    for (size_t s = 1; s <= n / 2; s++) {
        const double count = (double)counts[s - 1];
        const double halves = 2 * s == n ? 0.5 : 1;
        const double weight = halves / (count * (double)s * (double)(n - s));
        const double inclusion = count / (double)leverage_class_size(n, s);
        const double mean = ((double)s - (double)(n - s)) / (double)n;
        for (size_t k = 0; k < counts[s - 1]; k++, pair++) {
            const uint64_t *mask = d->masks + 2 * (pair + 1) * mask_words(n);
            for (size_t i = 0; i < n; i++)
                r->centred[pair * n + i] = (mask_has(mask, i) ? 1 : -1) - mean;
            r->mean[pair] = mean;
            r->weight[pair] = weight;
            r->inclusion[pair] = inclusion;
        }
    }
    assert(pair == r->n_pairs);
}

// A = sum over p of omega_p x~_p x~_p', both triangles.
static void fill_normal(regression *r)
{
    const size_t n = r->n_features;
    for (size_t k = 0; k < n * n; k++)
        r->normal[k] = 0;
    for (size_t pair = 0; pair < r->n_pairs; pair++) {
        const double *restrict x = r->centred + pair * n;
        for (size_t i = 0; i < n; i++) {
            double *restrict row = r->normal + i * n;
            const double scaled = r->weight[pair] * x[i];
            for (size_t j = 0; j <= i; j++)
                row[j] += scaled * x[j];
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            r->normal[j * n + i] = r->normal[i * n + j];
}

// Columns 1 .. n_pairs of the map = A^-1 X~' Omega by Cholesky; false (and the map unspecified) when A is
// singular beyond its null direction 1. Destroys `normal`.
static bool solve_normal(regression *r, design *d)
{
    const size_t n = r->n_features;
    double trace = 0;
    for (size_t i = 0; i < n; i++)
        trace += r->normal[i * n + i];
    const double lift = trace / ((double)n * (double)n);
    for (size_t k = 0; k < n * n; k++)
        r->normal[k] += lift;
    if (!dense_cholesky(n, r->normal, PIVOT_TOLERANCE))
        return false;
    for (size_t i = 0; i < n; i++) {
        double *row = d->map + i * d->n_contrasts;
        row[0] = 0;
        for (size_t pair = 0; pair < r->n_pairs; pair++)
            row[pair + 1] = r->weight[pair] * r->centred[pair * n + i];
    }
    dense_cholesky_solve(n, r->normal, d->n_contrasts, d->map);
    return true;
}

// Minimum norm when the rows are independent: psi = X~' (X~ X~')^-1 y, whatever the weights. Sets *solved;
// false when they are not, or too close to it.
static asc_status solve_rows(const regression *r, design *d, bool *solved, asc_error *err)
{
    const size_t n = r->n_features;
    const size_t n_pairs = r->n_pairs;
    *solved = false;
    if (n_pairs >= n)
        return ASC_OK;
    double *gram = allocate(n_pairs, n_pairs);
    double *rows = allocate(n_pairs, n);
    if (!gram || !rows) {
        free(rows);
        free(gram);
        return fail_memory(err, "a minimum-norm solution", n_pairs * n * sizeof(double));
    }
    for (size_t k = 0; k < n_pairs * n; k++)
        rows[k] = r->centred[k];
    for (size_t p = 0; p < n_pairs; p++) {
        for (size_t q = 0; q <= p; q++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += rows[p * n + i] * rows[q * n + i];
            gram[p * n_pairs + q] = sum;
        }
    }
    if (dense_cholesky(n_pairs, gram, PIVOT_TOLERANCE)) {
        dense_cholesky_solve(n_pairs, gram, n, rows);
        for (size_t i = 0; i < n; i++)
            for (size_t pair = 0; pair < n_pairs; pair++)
                d->map[i * d->n_contrasts + pair + 1] = rows[pair * n + i];
        *solved = true;
    }
    free(rows);
    free(gram);
    return ASC_OK;
}

// Minimum norm in general: columns 1 .. n_pairs of the map = A^+ X~' Omega.
static asc_status solve_pseudo_inverse(regression *r, design *d, asc_error *err)
{
    const size_t n = r->n_features;
    fill_normal(r);
    TRY(dense_symmetric_pseudo_inverse(n, r->normal, SPECTRUM_TOLERANCE, NULL, err));
    for (size_t i = 0; i < n; i++) {
        for (size_t pair = 0; pair < r->n_pairs; pair++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++)
                sum += r->normal[i * n + j] * r->centred[pair * n + j];
            d->map[i * d->n_contrasts + pair + 1] = r->weight[pair] * sum;
        }
    }
    return ASC_OK;
}

// Takes the rounding out of sum psi = 0, and adds what Delta gets: 1/n minus its part in the targets.
static void finish_map(const regression *r, design *d)
{
    const size_t n = r->n_features;
    const size_t n_contrasts = d->n_contrasts;
    for (size_t q = 1; q < n_contrasts; q++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += d->map[i * n_contrasts + q];
        for (size_t i = 0; i < n; i++)
            d->map[i * n_contrasts + q] -= sum / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double *row = d->map + i * n_contrasts;
        row[0] = 1 / (double)n;
        for (size_t q = 1; q < n_contrasts; q++)
            row[0] -= row[q] * r->mean[q - 1];
    }
}

static void fill_loo_factor(const regression *r, design *d)
{
    const size_t n = r->n_features;
    d->loo_factor[0] = 0;
    for (size_t pair = 0; pair < r->n_pairs; pair++) {
        double leverage = 0;
        for (size_t i = 0; i < n; i++)
            leverage += r->centred[pair * n + i] * d->map[i * d->n_contrasts + pair + 1];
        double freedom = 1 - leverage;
        if (freedom < SMALLEST_FREEDOM)
            freedom = SMALLEST_FREEDOM;
        d->loo_factor[pair + 1] = (1 - r->inclusion[pair]) / (freedom * freedom);
    }
}

asc_status wls_solve(design *d, const size_t *counts, bool minimum_norm, asc_error *err)
{
    assert(d->paired && d->n_contrasts >= 1);
    regression r;
    TRY(open_regression(d, &r, err));
    asc_status status = ASC_OK;
    bool solved = false;
    fill_rows(d, counts, &r);
    if (!minimum_norm) {
        fill_normal(&r);
        solved = solve_normal(&r, d);
    }
    d->under_determined = !solved;
    if (!solved) {
        status = solve_rows(&r, d, &solved, err);
        if (status == ASC_OK && !solved)
            status = solve_pseudo_inverse(&r, d, err);
        if (status != ASC_OK)
            goto done;
    }
    finish_map(&r, d);
    const bool everything = d->n_coalitions - 2 == design_full_budget(d->n_features);
    d->error_kind = d->under_determined ? DESIGN_ERROR_UNDEFINED
                    : everything        ? DESIGN_ERROR_NONE
                                        : DESIGN_ERROR_HC3;
    if (d->error_kind == DESIGN_ERROR_HC3) {
        d->loo_factor = allocate(d->n_contrasts, 1);
        if (!d->loo_factor) {
            status = fail_memory(err, "leave-one-out factors", d->n_contrasts * sizeof *d->loo_factor);
            goto done;
        }
        fill_loo_factor(&r, d);
    }
done:
    close_regression(&r);
    return status;
}
