// linear. ref: within 1e-14 of the formula in long double, scaled by sum |w x| + |b|. cpu: within 1e-5 of
// ref, scaled likewise; its activations alone (a 1 x 1 map) within 5e-7 max(1, |x|). Rows are independent: a
// NaN row spoils itself only.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct linear_case {
    size_t n_groups; // 0: one
    size_t n_tokens, n_in, n_out;
    asc_activation activation;
    float *x, *weight, *bias; // bias NULL: none
    bool misaligned;          // the views
} linear_case;

static linear_case make_case(size_t n_tokens, size_t n_in, size_t n_out, asc_activation activation,
                             bool has_bias)
{
    linear_case c = {.n_tokens = n_tokens, .n_in = n_in, .n_out = n_out, .activation = activation};
    c.x = random_floats(11, n_tokens * n_in, 1);
    c.weight = random_floats(12, n_out * n_in, 0.4f / sqrtf((float)n_in));
    c.bias = has_bias ? random_floats(13, n_out, 0.3f) : NULL;
    return c;
}

static void free_case(linear_case *c)
{
    free(c->bias);
    free(c->weight);
    free(c->x);
}

static double *linear_on(asc_backend_kind kind, const linear_case *c)
{
    rig r;
    const size_t n_groups = c->n_groups ? c->n_groups : 1, n_maps = c->n_tokens * n_groups;
    double *out = get_memory(n_maps * c->n_out * sizeof *out);
    rig_open(&r, kind);
    if (c->misaligned)
        rig_misalign(&r);
    asc_linear *weights = make_linears(&r, n_groups, c->n_out, c->n_in, c->weight, c->bias);
    frame x = frame_in(&r, ASC_REAL, n_maps * c->n_in, c->x);
    frame result = frame_out(&r, ASC_REAL, n_maps * c->n_out);
    const linear_args args = {weights, c->n_tokens, c->activation, x.view, result.view};
    MUST(&r, op_linear(r.stream, &args, &r.err));
    frame_read(&result, out);
    frame_close(&result);
    frame_close(&x);
    linear_destroy(weights);
    rig_close(&r);
    return out;
}

static long double activate(asc_activation activation, long double x)
{
    switch (activation) {
    case ASC_ACT_NONE: return x;
    case ASC_ACT_GELU_ERF: return x * erfcl(-x / sqrtl(2)) / 2;
    case ASC_ACT_GELU_TANH: // x times the logistic function of twice tanh's argument
        return x / (1 + expl(-2 * sqrtl(2 / acosl(-1)) * (x + 0.044715L * powl(x, 3))));
    case ASC_ACT_RELU: return fmaxl(x, 0);
    case ASC_ACT_SILU: return x * (1 + tanhl(x / 2)) / 2;
    case ASC_ACT_TANH: return 1 - 2 / (expl(2 * x) + 1);
    }
    return NAN;
}

// The result, and sum |w x| + |b| of every element.
static double *formula(const linear_case *c, double *scales)
{
    double *out = get_memory(c->n_tokens * c->n_out * sizeof *out);
    for (size_t t = 0; t < c->n_tokens; t++)
        for (size_t o = 0; o < c->n_out; o++) {
            long double sum = c->bias ? c->bias[o] : 0, size = fabsl(sum);
            for (size_t i = 0; i < c->n_in; i++) {
                const long double term = (long double)c->weight[o * c->n_in + i] * c->x[t * c->n_in + i];
                sum += term;
                size += fabsl(term);
            }
            out[t * c->n_out + o] = (double)activate(c->activation, sum);
            scales[t * c->n_out + o] = (double)size;
        }
    return out;
}

// What roundings are measured by: in 16 bits the bias, the sum and the result are rounded, and no activation is steeper than 1.2.
static double *rounded_sizes(const linear_case *c, const double *result)
{
    linear_case plain = *c;
    plain.activation = ASC_ACT_NONE;
    double *sizes = linear_on(ASC_BACKEND_REF, &plain);
    for (size_t i = 0; i < c->n_tokens * c->n_out; i++)
        sizes[i] = 1.2 * (fabs(sizes[i]) + (c->bias ? fabs((double)c->bias[i % c->n_out]) : 0)) + fabs(result[i]);
    return sizes;
}

static void check_linear(asc_backend_kind kind, const linear_case *c)
{
    char what[100];
    const size_t n = c->n_tokens * c->n_out;
    double *scales = get_memory(n * sizeof *scales);
    double *found = linear_on(kind, c), *expected = formula(c, scales);
    if (kind != ASC_BACKEND_REF) {
        free(expected);
        expected = linear_on(reference_of(kind), c);
    }
    snprintf(what, sizeof what, "linear [%zu, %zu] to %zu, activation %d", c->n_tokens, c->n_in, c->n_out,
             (int)c->activation);
    if (n > 8)
        expect_not_trivial(what, n, expected);
    const double tolerance = kind == ASC_BACKEND_REF ? 1e-14 : is_float(kind) ? 1e-5 : 0;
    double *sizes = rounded_sizes(c, expected);
    bound_errors(kind, n, tolerance, scales, 1, sizes);
    expect_close(what, n, found, expected, 1, scales);
    free(sizes);
    free(expected);
    free(found);
    free(scales);
}

// Where the views lie does not matter: the same bits.
static void check_place(asc_backend_kind kind)
{
    for (size_t n_tokens = 7; n_tokens < 300; n_tokens += 264) {
        linear_case c = make_case(n_tokens, 48, 32, ASC_ACT_GELU_ERF, true);
        double *expected = linear_on(kind, &c);
        c.misaligned = true;
        double *found = linear_on(kind, &c);
        expect_same_bits("linear elsewhere", n_tokens * 32, sizeof *found, found, expected);
        free(found);
        free(expected);
        free_case(&c);
    }
}

static void check_shapes(asc_backend_kind kind)
{
    const size_t shapes[][3] = {
        {0, 24, 24},   {1, 24, 48},     {1, 384, 384}, {3, 48, 24},   {19, 32, 96},   {64, 48, 3},
        {111, 24, 1},  {111, 7, 5},     {19, 1, 17},   {989, 32, 48}, {111, 384, 2},  {64, 384, 96},
        {989, 48, 32}, {19, 384, 1536}, {3, 1536, 48}, {130, 64, 64}, {70, 384, 384},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        linear_case c =
            make_case(shapes[i][0], shapes[i][1], shapes[i][2], (asc_activation)(i % 6), i % 4 != 3);
        check_linear(kind, &c);
        free_case(&c);
    }
    for (int activation = ASC_ACT_NONE; activation <= ASC_ACT_TANH; activation++) {
        linear_case c = make_case(19, 48, 32, (asc_activation)activation, true);
        check_linear(kind, &c);
        free_case(&c);
    }
}

// The activations by themselves, on a grid of -12.5 .. 12.5 and at values computed elsewhere (to 16 digits).
static void check_activations(asc_backend_kind kind)
{
    const struct {
        asc_activation activation;
        double at_one, at_minus_three;
    } known[] = {
        {ASC_ACT_NONE, 1, -3},
        {ASC_ACT_GELU_ERF, 0.8413447460685429, -0.004049694094890284},
        {ASC_ACT_GELU_TANH, 0.8411919906082768, -0.003637392081773015},
        {ASC_ACT_RELU, 1, 0},
        {ASC_ACT_SILU, 0.7310585786300049, -0.14227761953270035},
        {ASC_ACT_TANH, 0.7615941559557649, -0.9950547536867305},
    };
    enum { N_POINTS = 401 };
    float x[N_POINTS], one = 1;
    double expected[N_POINTS], scales[N_POINTS];
    for (int i = 0; i < N_POINTS; i++)
        x[i] = (float)(i - 200) / 16;
    for (size_t a = 0; a < sizeof known / sizeof known[0]; a++) {
        const linear_case c = {.n_tokens = N_POINTS, .n_in = 1, .n_out = 1, .activation = known[a].activation, .x = x, .weight = &one};
        double *found = linear_on(kind, &c);
        const double tolerance = (is_float(kind) ? 5e-7 : 1e-15) + unit_roundoff(kind);
        for (int i = 0; i < N_POINTS; i++) {
            expected[i] = (double)activate(c.activation, x[i]);
            scales[i] = fmax(1, fabs(x[i]));
        }
        expect_close("activation", N_POINTS, found, expected, tolerance, scales);
        expect_close("activation of 1", 1, found + 216, &known[a].at_one, tolerance, NULL);
        expect_close("activation of -3", 1, found + 152, &known[a].at_minus_three, 3 * tolerance, NULL);
        free(found);
    }
}

static void check_nan_row(asc_backend_kind kind, size_t n_in, asc_activation activation)
{
    linear_case c = make_case(19, n_in, 24, activation, true);
    double *before = linear_on(kind, &c);
    for (size_t i = 0; i < n_in; i++)
        c.x[6 * n_in + i] = NAN;
    double *after = linear_on(kind, &c);
    expect_same_bits("rows before the NaN", 6 * c.n_out, sizeof *after, after, before);
    expect_all_nan("the row with NaN", c.n_out, after + 6 * c.n_out);
    expect_same_bits("rows after the NaN", 12 * c.n_out, sizeof *after, after + 7 * c.n_out,
                     before + 7 * c.n_out);
    free(after);
    free(before);
    free_case(&c);
}

// Maps side by side give what each gives alone, bit for bit.
static void check_groups(asc_backend_kind kind)
{
    enum { N_GROUPS = 5 };
    const size_t shapes[][3] = {{1, 32, 48}, {19, 24, 16}, {70, 48, 32}, {250, 16, 33}, {19, 48, 3}, {7, 24, 5}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const size_t n_tokens = shapes[i][0], n_in = shapes[i][1], n_out = shapes[i][2], n = n_tokens * n_out;
        linear_case c = make_case(n_tokens, N_GROUPS * n_in, n_out, (asc_activation)(i % 3), i % 2);
        linear_case all = c;
        all.n_in = n_in;
        all.n_groups = N_GROUPS;
        all.bias = c.bias ? random_floats(14, N_GROUPS * n_out, 0.3f) : NULL;
        double *together = linear_on(kind, &all);
        linear_case one = {.n_tokens = n_tokens, .n_in = n_in, .n_out = n_out, .activation = c.activation};
        one.x = get_memory(n_tokens * n_in * sizeof *one.x);
        for (size_t g = 0; g < N_GROUPS; g++) {
            double *part = get_memory(n * sizeof *part);
            for (size_t t = 0; t < n_tokens; t++) {
                memcpy(one.x + t * n_in, c.x + (t * N_GROUPS + g) * n_in, n_in * sizeof *one.x);
                memcpy(part + t * n_out, together + (t * N_GROUPS + g) * n_out, n_out * sizeof *part);
            }
            one.weight = c.weight + g * n_out * n_in;
            one.bias = all.bias ? all.bias + g * n_out : NULL;
            double *alone = linear_on(kind, &one);
            expect_not_trivial("one of several maps", n, alone);
            expect_same_bits("one of several maps", n, sizeof *part, part, alone);
            free(alone);
            free(part);
        }
        free(one.x);
        free(together);
        free(all.bias);
        free_case(&c);
    }
}

void cases_linear(asc_backend_kind kind)
{
    check_groups(kind);
    check_place(kind);
    check_shapes(kind);
    check_activations(kind);
    for (int activation = ASC_ACT_NONE; activation <= ASC_ACT_TANH; activation++)
        check_nan_row(kind, 48, (asc_activation)activation);
}
