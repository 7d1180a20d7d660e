// record_full and values. Logits are floats on every backend and the arithmetic is double on all: within
// 1e-13 of the formula in long double, scaled by 1 + the largest |logit|; ref_guarded and cpu besides bit for
// bit like ref.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N_ROWS = 3, N_COALITIONS = 5, N_SEQUENCES = 7 };

// Every row's coalition 0 but row 1's; three other coalitions; some of the batch is left for another step.
static const int32_t sequence_row[N_SEQUENCES] = {2, 0, 0, 1, 1, 2, 0};
static const int32_t sequence_coalition[N_SEQUENCES] = {0, 3, 0, 4, 1, 2, 1};

typedef struct step_frames {
    frame rows, coalitions, logits;
    step_logits step;
} step_frames;

static step_frames open_step(rig *r, size_t n_classes, const float *logits)
{
    step_frames s = {frame_in(r, ASC_I32, N_SEQUENCES, sequence_row),
                     frame_in(r, ASC_I32, N_SEQUENCES, sequence_coalition),
                     frame_in(r, ASC_REAL, N_SEQUENCES * n_classes, logits),
                     .step = {N_ROWS, N_COALITIONS, N_SEQUENCES, n_classes, {0}, {0}, {.n_rows = 0}}};
    s.step.sequence_row = s.rows.view;
    s.step.sequence_coalition = s.coalitions.view;
    s.step.logits.data = s.logits.view;
    return s;
}

static void close_step(step_frames *s)
{
    frame_close(&s->rows);
    frame_close(&s->coalitions);
    frame_close(&s->logits);
}

// ---- record_full --------------------------------------------------------------------------------

static void check_record(rig *r, size_t n_classes, const float *logits,
                         const int32_t expected_targets[N_ROWS])
{
    step_frames s = open_step(r, n_classes, logits);
    frame full = frame_out(r, ASC_F64, N_ROWS * n_classes), targets = frame_out(r, ASC_I32, N_ROWS);
    double *found = get_memory(N_ROWS * n_classes * sizeof *found);
    double *expected = get_memory(N_ROWS * n_classes * sizeof *expected);
    int32_t found_targets[N_ROWS];
    for (size_t c = 0; c < n_classes;
         c++) { // sequences 2 and 0 are the full ones of rows 0 and 2; row 1 has none here
        expected[c] = logits[2 * n_classes + c];
        expected[n_classes + c] = pattern_double();
        expected[2 * n_classes + c] = logits[c];
    }
    record_full_args args = {s.step, full.view, {NULL, 0}};
    MUST(r, op_record_full(r->stream, &args, &r->err));
    frame_read(&targets, found_targets);
    for (size_t row = 0; row < N_ROWS; row++)
        assert_int_equal(found_targets[row], pattern_int());
    args.targets = targets.view;
    MUST(r, op_record_full(r->stream, &args, &r->err));
    frame_read(&full, found);
    frame_read(&targets, found_targets);
    expect_close("full_logits", N_ROWS * n_classes, found, expected, 0, NULL);
    for (size_t row = 0; row < N_ROWS; row++)
        assert_int_equal(found_targets[row], expected_targets[row]);
    free(expected);
    free(found);
    frame_close(&targets);
    frame_close(&full);
    close_step(&s);
}

void cases_record_full(asc_backend_kind kind)
{
    rig r;
    rig_open(&r, kind);
    const int32_t untouched = pattern_int();
    float plain[N_SEQUENCES * 3] = {[0] = -1, -3, 0.5f, [6] = 2, 1, -4};
    check_record(&r, 3, plain, (const int32_t[]){0, untouched, 2});
    float ties[N_SEQUENCES * 3] = {[0] = 1, 4, 4, [6] = -2, -2, -2};
    check_record(&r, 3, ties, (const int32_t[]){0, untouched, 1});
    float with_nan[N_SEQUENCES * 3] = {[0] = 1, NAN, NAN, [6] = NAN, 5, INFINITY};
    check_record(&r, 3, with_nan, (const int32_t[]){0, untouched, 1});
    float infinite[N_SEQUENCES * 3] = {[0] = -INFINITY, -INFINITY, -1e30f, [6] = 3, INFINITY, INFINITY};
    check_record(&r, 3, infinite, (const int32_t[]){1, untouched, 2});
    float single[N_SEQUENCES] = {7, 0, -7};
    check_record(&r, 1, single, (const int32_t[]){0, untouched, 0});
    rig_close(&r);
}

// ---- values -------------------------------------------------------------------------------------

typedef struct value_case {
    asc_output output;
    bool sigmoid;
    size_t n_classes, n_targets;
    const float *logits;
    const int32_t *targets; // [N_ROWS, K]
} value_case;

static void values_on(asc_backend_kind kind, const value_case *c, double *out)
{
    rig r;
    rig_open(&r, kind);
    step_frames s = open_step(&r, c->n_classes, c->logits);
    frame targets = frame_in(&r, ASC_I32, N_ROWS * c->n_targets, c->targets);
    frame values = frame_out(&r, ASC_F64, N_ROWS * N_COALITIONS * c->n_targets);
    const values_args args = {s.step, c->output, c->sigmoid, c->n_targets, targets.view, values.view};
    MUST(&r, op_values(r.stream, &args, &r.err));
    frame_read(&values, out);
    frame_close(&values);
    frame_close(&targets);
    close_step(&s);
    rig_close(&r);
}

// By the definition: p first, then the clipped logit of p and of 1 - p, each summed by itself.
static double formula(const value_case *c, const float *logits, int32_t target)
{
    long double p, rest;
    if (target < 0)
        return NAN;
    if (c->output == ASC_OUTPUT_LOGIT)
        return logits[target];
    if (c->sigmoid) {
        p = 1 / (1 + expl(-(long double)logits[target]));
        rest = 1 / (1 + expl((long double)logits[target]));
    } else {
        long double own = 0, others = 0;
        for (int32_t k = 0; k < (int32_t)c->n_classes; k++)
            *(k == target ? &own : &others) += expl(logits[k]);
        p = own / (own + others);
        rest = others / (own + others);
    }
    if (c->output == ASC_OUTPUT_PROBABILITY)
        return (double)p;
    return (double)(p < 1e-15L      ? logl(1e-15L) - log1pl(-1e-15L)
                    : rest < 1e-15L ? log1pl(-1e-15L) - logl(1e-15L)
                                    : logl(p) - logl(rest));
}

static void check_values(asc_backend_kind kind, const value_case *c)
{
    const size_t n = N_ROWS * N_COALITIONS * c->n_targets;
    double *found = get_memory(n * sizeof *found), *expected = get_memory(n * sizeof *expected);
    double largest = 1;
    for (size_t i = 0; i < n; i++)
        expected[i] = pattern_double(); // what this step does not hold stays as it was
    for (size_t i = 0; i < N_SEQUENCES * c->n_classes; i++)
        largest = fmax(largest, fabs(c->logits[i]));
    for (size_t q = 0; q < N_SEQUENCES; q++)
        for (size_t k = 0; k < c->n_targets; k++) {
            const size_t row = (size_t)sequence_row[q], coalition = (size_t)sequence_coalition[q];
            expected[(row * N_COALITIONS + coalition) * c->n_targets + k] =
                formula(c, c->logits + q * c->n_classes, c->targets[row * c->n_targets + k]);
        }
    values_on(kind, c, found);
    expect_close("values", n, found, expected, 1e-13 * (1 + largest), NULL);
    if (kind != ASC_BACKEND_REF) {
        values_on(ASC_BACKEND_REF, c, expected);
        // CUDA's exp, log and log1p are within 1 ulp, and so is the C library's: a handful of those, relative to the largest number.
        expect_close("values like ref's", n, found, expected, is_cuda(kind) ? 2e-15 * (1 + largest) : 0, NULL);
    }
    free(expected);
    free(found);
}

// Far from 0: neither exp nor the clip may overflow, and probabilities and log-odds reach their bounds.
static void check_extremes(asc_backend_kind kind)
{
    float logits[N_SEQUENCES * 2] = {1000, -1000, 80, 79, -500, -501, 3e38f, -3e38f, 0, 0, 34, 0, -36, 36};
    const int32_t targets[N_ROWS * 2] = {0, 1, 0, 1, 0, 1};
    double found[N_ROWS * N_COALITIONS * 2];
    value_case c = {ASC_OUTPUT_LOGODDS, false, 2, 2, logits, targets};
    const double bound = 34.538776394910684; // log((1 - 1e-15) / 1e-15)
    const double row_two[2] = {bound, -bound}, row_zero[2] = {1, -1}, row_one[2] = {bound, -bound},
                 clipped[2] = {-bound, bound};
    values_on(kind, &c, found);
    expect_close("sequence 0", 2, found + (2 * N_COALITIONS + 0) * 2, row_two, 1e-12, NULL);
    expect_close("sequence 1", 2, found + (0 * N_COALITIONS + 3) * 2, row_zero, 1e-12, NULL);
    expect_close("sequence 3", 2, found + (1 * N_COALITIONS + 4) * 2, row_one, 1e-12, NULL);
    expect_close("sequence 6", 2, found + (0 * N_COALITIONS + 1) * 2, clipped, 1e-12, NULL);
    c.output = ASC_OUTPUT_PROBABILITY;
    const double certain[2] = {1, 0}, near[2] = {0.7310585786300049, 0.2689414213699951};
    values_on(kind, &c, found);
    expect_close("probability 0", 2, found + (2 * N_COALITIONS + 0) * 2, certain, 0, NULL);
    expect_close("probability 1", 2, found + (0 * N_COALITIONS + 3) * 2, near, 1e-13, NULL);
    expect_close("probability 3", 2, found + (1 * N_COALITIONS + 4) * 2, certain, 0, NULL);
}

// A NaN logit of one sequence: NaN there (softmax mixes its classes), every other value keeps its bits.
static void check_nan(asc_backend_kind kind, asc_output output)
{
    enum { N_CLASSES = 3, N_VALUES = N_ROWS * N_COALITIONS * 2 };
    float *logits = random_floats(52, N_SEQUENCES * N_CLASSES, 2);
    const int32_t targets[N_ROWS * 2] = {0, 2, 2, 0, 0, 2};
    double before[N_VALUES], after[N_VALUES];
    value_case c = {output, false, N_CLASSES, 2, logits, targets};
    values_on(kind, &c, before);
    logits[3 * N_CLASSES + 1] = NAN; // sequence 3 = row 1, coalition 4; class 1 is no target
    values_on(kind, &c, after);
    const size_t at = (1 * N_COALITIONS + 4) * 2;
    if (output == ASC_OUTPUT_LOGIT)
        expect_same_bits("other classes' logits", 2, sizeof *after, after + at, before + at);
    else
        expect_all_nan("the sequence with NaN", 2, after + at);
    if (output != ASC_OUTPUT_LOGIT) {
        double among_nothing[N_VALUES];
        logits[3 * N_CLASSES + 2] = -INFINITY; // beside the NaN no other class has any weight
        values_on(kind, &c, among_nothing);
        expect_all_nan("NaN beside -infinity", 2, among_nothing + at);
    }
    expect_same_bits("values before", at, sizeof *after, after, before);
    expect_same_bits("values after", N_VALUES - at - 2, sizeof *after, after + at + 2, before + at + 2);
    free(logits);
}

static void check_bad_contents(asc_backend_kind kind)
{
    rig r;
    rig_open(&r, kind);
    float *logits = random_floats(53, N_SEQUENCES * 3, 1);
    const int32_t bad[N_ROWS] = {0, 3, 0};
    step_frames s = open_step(&r, 3, logits);
    frame targets = frame_in(&r, ASC_I32, N_ROWS, bad),
          values = frame_out(&r, ASC_F64, N_ROWS * N_COALITIONS);
    values_args args = {s.step, ASC_OUTPUT_LOGIT, false, 1, targets.view, values.view};
    MUST_REFUSE_CONTENT(&r, "values: targets", op_values(r.stream, &args, &r.err));
    args.step.n_rows = 2; // sequence 0 is of row 2
    MUST_REFUSE_CONTENT(&r, "values: sequence_row", op_values(r.stream, &args, &r.err));
    frame_close(&values);
    frame_close(&targets);
    close_step(&s);
    free(logits);
    rig_close(&r);
}

void cases_values(asc_backend_kind kind)
{
    const int32_t targets[N_ROWS * 4] = {0, 1, 2, -1, 2, 2, -1, 0, 1, 0, 2, 1}, only[N_ROWS] = {0, 0, 0};
    float *logits = random_floats(51, N_SEQUENCES * 3, 3);
    for (int output = ASC_OUTPUT_LOGIT; output <= ASC_OUTPUT_LOGODDS; output++)
        for (int sigmoid = 0; sigmoid < 2; sigmoid++) {
            const value_case several = {(asc_output)output, sigmoid, 3, 4, logits, targets};
            const value_case one_class = {(asc_output)output, sigmoid, 1, 1, logits, only};
            check_values(kind, &several);
            check_values(kind, &one_class);
        }
    free(logits);
    check_extremes(kind);
    for (int output = ASC_OUTPUT_LOGIT; output <= ASC_OUTPUT_LOGODDS; output++)
        check_nan(kind, (asc_output)output);
    if (!is_float(kind) || is_cuda(kind))
        check_bad_contents(kind);
}
