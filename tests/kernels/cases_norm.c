// add_norm. ref: within 1e-12 of the formula in long double, scaled by the row's largest output times (1 +
// |mean| / deviation of its input). cpu: within 2e-6 of ref, scaled likewise, and in 16 bits one rounding. Rows are independent and the
// output may replace either input.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef enum place { APART, OVER_X, OVER_RESIDUAL } place;

typedef struct norm_case {
    size_t n_tokens, n_hidden;
    double epsilon;
    float *x, *residual, *gamma, *beta;
} norm_case;

static norm_case make_case(size_t n_tokens, size_t n_hidden, float offset)
{
    norm_case c = {.n_tokens = n_tokens, .n_hidden = n_hidden, .epsilon = 1e-12};
    c.x = random_floats(31, n_tokens * n_hidden, 1);
    c.residual = random_floats(32, n_tokens * n_hidden, 0.5f);
    c.gamma = random_floats(33, n_hidden, 1);
    c.beta = random_floats(34, n_hidden, 0.3f);
    for (size_t i = 0; i < n_tokens * n_hidden; i++)
        c.x[i] += offset;
    return c;
}

static void free_case(norm_case *c)
{
    free(c->beta);
    free(c->gamma);
    free(c->residual);
    free(c->x);
}

static double *norm_on(asc_backend_kind kind, const norm_case *c, place where)
{
    rig r;
    const size_t n = c->n_tokens * c->n_hidden;
    double *out = get_memory(n * sizeof *out);
    rig_open(&r, kind);
    frame x = frame_in(&r, ASC_REAL, n, c->x), residual = frame_in(&r, ASC_REAL, n, c->residual);
    frame gamma = frame_in(&r, ASC_REAL, c->n_hidden, c->gamma),
          beta = frame_in(&r, ASC_REAL, c->n_hidden, c->beta);
    frame apart = frame_out(&r, ASC_REAL, n);
    frame *result = where == OVER_X ? &x : where == OVER_RESIDUAL ? &residual : &apart;
    const add_norm_args args = {.n_tokens = c->n_tokens,
                                .n_hidden = c->n_hidden,
                                .x = x.view,
                                .residual = {.data = residual.view},
                                .norm = {gamma.view, beta.view, c->epsilon},
                                .out = result->view};
    MUST(&r, op_add_norm(r.stream, &args, &r.err));
    frame_read(result, out);
    free(result->uploaded); // overwritten on purpose
    result->uploaded = NULL;
    frame *frames[] = {&x, &residual, &gamma, &beta, &apart};
    for (size_t i = 0; i < 5; i++)
        frame_close(frames[i]);
    rig_close(&r);
    return out;
}

static double *formula(const norm_case *c, double *scales)
{
    const size_t n = c->n_hidden;
    double *out = get_memory(c->n_tokens * n * sizeof *out);
    for (size_t t = 0; t < c->n_tokens; t++) {
        const float *x = c->x + t * n, *residual = c->residual + t * n;
        long double sum = 0, squares = 0;
        double largest = 0;
        for (size_t d = 0; d < n; d++) {
            sum += (long double)x[d] + residual[d];
            squares += powl((long double)x[d] + residual[d], 2);
        }
        const long double mean = sum / n, deviation = sqrtl(squares / n - mean * mean + c->epsilon);
        for (size_t d = 0; d < n; d++) {
            out[t * n + d] =
                (double)(((long double)x[d] + residual[d] - mean) / deviation * c->gamma[d] + c->beta[d]);
            largest = fmax(largest, fabs(out[t * n + d]));
        }
        for (size_t d = 0; d < n; d++)
            scales[t * n + d] = largest * (1 + (double)fabsl(mean / deviation));
    }
    return out;
}

static void check_norm(asc_backend_kind kind, const norm_case *c)
{
    char what[100];
    const size_t n = c->n_tokens * c->n_hidden;
    double *scales = get_memory(n * sizeof *scales);
    double *found = norm_on(kind, c, APART), *expected = formula(c, scales);
    if (kind != ASC_BACKEND_REF) {
        free(expected);
        expected = norm_on(reference_of(kind), c, APART);
    }
    snprintf(what, sizeof what, "add_norm [%zu, %zu]", c->n_tokens, c->n_hidden);
    if (n > 0)
        expect_not_trivial(what, n, expected);
    const double tolerance = kind == ASC_BACKEND_REF ? 1e-12 : is_float(kind) ? 2e-6 : 0;
    bound_errors(kind, n, tolerance, scales, 1, expected);
    expect_close(what, n, found, expected, 1, scales);
    for (int where = OVER_X; where <= OVER_RESIDUAL; where++) {
        double *in_place = norm_on(kind, c, (place)where);
        expect_same_bits("add_norm in place", n, sizeof *found, in_place, found);
        free(in_place);
    }
    free(expected);
    free(found);
    free(scales);
}

// 1, 2, 3, 4 plus 0: mean 2.5, variance 1.25; epsilon .0125 makes the divisor sqrt(1.2625). And a constant
// row: beta.
static void check_by_hand(asc_backend_kind kind)
{
    float x[] = {1, 2, 3, 4, 2, 2, 2, 2}, residual[8] = {0}, gamma[] = {1, 2, 1, -1},
          beta[] = {0, 0, 1, 0.5f};
    const norm_case c = {2, 4, 0.0125, x, residual, gamma, beta};
    const double unit = 0.5 / sqrt(1.2625);
    const double expected[] = {-3 * unit, -2 * unit, 1 + unit, 0.5 - 3 * unit, 0, 0, 1, 0.5};
    double *found = norm_on(kind, &c, APART);
    expect_close("by hand", 8, found, expected, is_float(kind) ? 5e-7 + 2 * unit_roundoff(kind) : 1e-14, NULL);
    free(found);
}

static void check_nan_row(asc_backend_kind kind, size_t n_hidden)
{
    norm_case c = make_case(19, n_hidden, 0);
    double *before = norm_on(kind, &c, APART);
    c.residual[6 * n_hidden + n_hidden - 1] = NAN;
    double *after = norm_on(kind, &c, APART);
    expect_same_bits("rows before the NaN", 6 * n_hidden, sizeof *after, after, before);
    expect_all_nan("the row with NaN", n_hidden, after + 6 * n_hidden);
    expect_same_bits("rows after the NaN", 12 * n_hidden, sizeof *after, after + 7 * n_hidden,
                     before + 7 * n_hidden);
    free(after);
    free(before);
    free_case(&c);
}

// Residual rows that several tokens share give what copies of them give, bit for bit; a row that is not there is refused.
static void check_shared(asc_backend_kind kind)
{
    enum { N_ROWS = 7, N_TOKENS = 19, N_HIDDEN = 48, N = N_TOKENS * N_HIDDEN };
    norm_case c = make_case(N_TOKENS, N_HIDDEN, 0);
    float *rows = random_floats(35, N_ROWS * N_HIDDEN, 0.5f);
    int32_t *source = random_ints(36, N_TOKENS, N_ROWS);
    for (size_t t = 0; t < N_TOKENS; t++)
        memcpy(c.residual + t * N_HIDDEN, rows + (size_t)source[t] * N_HIDDEN, N_HIDDEN * sizeof *rows);
    double *expected = norm_on(kind, &c, APART), found[N];
    rig r;
    rig_open(&r, kind);
    frame x = frame_in(&r, ASC_REAL, N, c.x), shared = frame_in(&r, ASC_REAL, N_ROWS * N_HIDDEN, rows);
    frame gamma = frame_in(&r, ASC_REAL, N_HIDDEN, c.gamma), beta = frame_in(&r, ASC_REAL, N_HIDDEN, c.beta);
    frame index = frame_in(&r, ASC_I32, N_TOKENS, source), result = frame_out(&r, ASC_REAL, N);
    add_norm_args args = {N_TOKENS, N_HIDDEN, x.view, {shared.view, index.view, N_ROWS},
                          {gamma.view, beta.view, c.epsilon}, result.view};
    MUST(&r, op_add_norm(r.stream, &args, &r.err));
    frame_read(&result, found);
    expect_same_bits("shared residuals", N, sizeof *found, found, expected);
    args.residual.n_rows = N_ROWS - 1;
    MUST_REFUSE_CONTENT(&r, "add_norm: residual.source", op_add_norm(r.stream, &args, &r.err));
    args.residual.n_rows = N_ROWS + 1;
    MUST_REFUSE(&r, "add_norm: residual: ", op_add_norm(r.stream, &args, &r.err));
    args.residual.n_rows = N_ROWS, args.out = shared.view;
    MUST_REFUSE(&r, "add_norm: out: ", op_add_norm(r.stream, &args, &r.err));
    frame *frames[] = {&x, &shared, &gamma, &beta, &index, &result};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        frame_close(frames[i]);
    rig_close(&r);
    free(expected);
    free(source);
    free(rows);
    free_case(&c);
}

void cases_add_norm(asc_backend_kind kind)
{
    check_shared(kind);
    const size_t token_counts[] = {0, 1, 3, 19, 64, 111, 989}, widths[] = {7, 24, 32, 48, 384};
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 5; j++) {
            norm_case c = make_case(token_counts[i], widths[j], i == 3 ? 100.0f : 0.0f);
            check_norm(kind, &c);
            free_case(&c);
        }
    check_by_hand(kind);
    check_nan_row(kind, 48);
    check_nan_row(kind, 7);
}
