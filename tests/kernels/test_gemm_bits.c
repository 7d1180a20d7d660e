// Rows of op_linear on the cpu backend are independent: a row's bits are those it has alone, whatever the
// number of rows in the call, its place among them, its neighbours (NaN and infinity too) and other threads
// that use the same weights. In full precision and in bf16, which is also held against ref here. So are those on cuda: small shapes on
// the emulated one, and all, in all precisions, by test_gemm_bits --backend cuda.
//
// Shapes: those of MiniLM, BERT-base and small models, and classifier heads.
#include "compare.h"

#include "../cuda_module.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_ROWS = 300, N_THREADS = 2 };

static const size_t shapes[][2] = {
    {1152, 384}, {384, 384}, {1536, 384}, {384, 1536}, {2304, 768}, {3072, 768}, {768, 3072}, {2, 384},
    {3, 32},     {15, 384},  {96, 32},    {64, 32},    {32, 64},    {72, 24},    {17, 7},     {16, 768},
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0], SMALL = 4000, N_CUDA = 3, N_TESTS = 3 * (N_SHAPES + 1) + 3 };
static const asc_backend_kind cuda_kinds[N_CUDA] = {TEST_CUDA_FP16, TEST_CUDA_BF16, ASC_BACKEND_CUDA};

// What a test runs on.
typedef struct setting {
    const size_t *shape;
    bool bf16; // of cpu
    asc_backend_kind kind;
} setting;

// A linear map of one shape, MOST_ROWS rows of input, and what each of them gives alone.
typedef struct bits_case {
    rig r;
    size_t n_out, n_in;
    asc_linear *weights;
    float *x;
    asc_buffer *input, *output;
    double *alone, *found; // [MOST_ROWS, n_out]
} bits_case;

static void run_rows(bits_case *c, size_t first, size_t n_rows, double *out)
{
    const linear_args args = {c->weights, n_rows, ASC_ACT_GELU_ERF, view_at(c->input, first * c->n_in),
                              view_at(c->output, 0)};
    MUST(&c->r, op_linear(c->r.stream, &args, &c->r.err));
    MUST(&c->r, buffer_download(c->r.stream, args.out, out, n_rows * c->n_out, &c->r.err));
}

// Skips the test where bf16 is asked for and not to be had.
static void open_case(bits_case *c, const setting *of)
{
    memset(c, 0, sizeof *c);
    c->n_out = of->shape[0];
    c->n_in = of->shape[1];
    if (!of->bf16)
        rig_open(&c->r, of->kind);
    else if (!rig_open_bf16(&c->r))
        skip();
    float *weight = random_floats(1, c->n_out * c->n_in, 1 / sqrtf((float)c->n_in));
    float *bias = random_floats(2, c->n_out, 1);
    c->x = random_floats(3, MOST_ROWS * c->n_in, 1);
    c->weights = make_linear(&c->r, c->n_out, c->n_in, weight, bias);
    free(bias);
    free(weight);
    MUST(&c->r, backend_propose_algorithms(c->r.stream, &c->r.err)); // as a run does
    MUST(&c->r, buffer_create(c->r.backend, ASC_REAL, MOST_ROWS * c->n_in, &c->input, &c->r.err));
    MUST(&c->r, buffer_create(c->r.backend, ASC_REAL, MOST_ROWS * c->n_out, &c->output, &c->r.err));
    MUST(&c->r, buffer_upload(c->r.stream, view_at(c->input, 0), c->x, MOST_ROWS * c->n_in, &c->r.err));
    c->alone = get_memory(MOST_ROWS * c->n_out * sizeof *c->alone);
    c->found = get_memory(MOST_ROWS * c->n_out * sizeof *c->found);
    for (size_t row = 0; row < MOST_ROWS; row++)
        run_rows(c, row, 1, c->alone + row * c->n_out);
    expect_not_trivial("outputs", MOST_ROWS * c->n_out, c->alone);
}

static void close_case(bits_case *c)
{
    free(c->found);
    free(c->alone);
    buffer_destroy(c->output);
    buffer_destroy(c->input);
    free(c->x);
    linear_destroy(c->weights);
    rig_close(&c->r);
}

// Every number of rows, each at another place of the input; fewer of them for the largest maps, to save time.
static void check_numbers_of_rows(bits_case *c)
{
    const bool large = c->n_out * c->n_in > 1000000;
    for (size_t n_rows = 1; n_rows <= MOST_ROWS; n_rows += large && n_rows > 50 ? 5 : 1) {
        char what[100];
        const size_t first = n_rows * 7 % (MOST_ROWS + 1 - n_rows);
        run_rows(c, first, n_rows, c->found);
        snprintf(what, sizeof what, "%zu to %zu, %zu rows from row %zu", c->n_in, c->n_out, n_rows, first);
        expect_same_bits(what, n_rows * c->n_out, sizeof *c->found, c->found, c->alone + first * c->n_out);
    }
}

// NaN or infinity in rows 1, 5, 9, 13 ... spoils those and no others.
static void check_bad_neighbours(bits_case *c)
{
    float *x = get_memory(MOST_ROWS * c->n_in * sizeof *x);
    memcpy(x, c->x, MOST_ROWS * c->n_in * sizeof *x);
    for (size_t row = 1; row < MOST_ROWS; row += 4)
        for (size_t i = 0; i < c->n_in; i++)
            x[row * c->n_in + i] = row % 8 == 1 ? NAN : INFINITY;
    MUST(&c->r, buffer_upload(c->r.stream, view_at(c->input, 0), x, MOST_ROWS * c->n_in, &c->r.err));
    for (size_t n_rows = MOST_ROWS; n_rows >= 2; n_rows /= 2) {
        run_rows(c, 0, n_rows, c->found);
        for (size_t row = 0; row < n_rows; row++)
            if (row % 4 != 1)
                expect_same_bits("row beside NaN", c->n_out, sizeof *c->found, c->found + row * c->n_out,
                                 c->alone + row * c->n_out);
            else if (row % 8 == 1)
                expect_all_nan("row of NaN", c->n_out, c->found + row * c->n_out);
    }
    free(x);
}

static void rows_are_independent(void **state)
{
    bits_case c;
    open_case(&c, *state);
    check_numbers_of_rows(&c);
    check_bad_neighbours(&c);
    close_case(&c);
}

// ---- Threads ----------------------------------------------------------------------------------------------

typedef struct worker {
    pthread_t thread;
    const bits_case *c;
    size_t number;
    bool same;
} worker;

// In a thread of its own: no cmocka here, whose failures jump.
static void *run_worker(void *argument)
{
    worker *w = argument;
    const bits_case *c = w->c;
    asc_stream *stream = NULL;
    asc_buffer *output = NULL;
    double *found = get_memory(MOST_ROWS * c->n_out * sizeof *found);
    bool same = stream_create(c->r.backend, &stream, NULL) == ASC_OK &&
                buffer_create(c->r.backend, ASC_REAL, MOST_ROWS * c->n_out, &output, NULL) == ASC_OK;
    for (size_t i = 0; i < 60 && same; i++) {
        const size_t n_rows = 1 + (i * 37 + w->number * 11) % MOST_ROWS, first = i % (MOST_ROWS + 1 - n_rows);
        const linear_args args = {c->weights, n_rows, ASC_ACT_GELU_ERF, view_at(c->input, first * c->n_in),
                                  view_at(output, 0)};
        same = op_linear(stream, &args, NULL) == ASC_OK &&
               buffer_download(stream, args.out, found, n_rows * c->n_out, NULL) == ASC_OK &&
               memcmp(found, c->alone + first * c->n_out, n_rows * c->n_out * sizeof *found) == 0;
    }
    buffer_destroy(output);
    stream_destroy(stream);
    free(found);
    w->same = same;
    return NULL;
}

static void threads_share_weights(void **state)
{
    bits_case c;
    worker workers[N_THREADS];
    open_case(&c, *state);
    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (worker){.c = &c, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_true(workers[i].same);
    close_case(&c);
}

// ---- bf16 -------------------------------------------------------------------------------------------------

// out and sum |w x| + |b| of n_rows rows, by the formula in double.
static void multiply_plainly(const size_t shape[2], size_t n_rows, const float *const inputs[3], double *out, double *scales)
{
    const float *weight = inputs[0], *bias = inputs[1], *x = inputs[2];
    for (size_t t = 0; t < n_rows; t++)
        for (size_t o = 0; o < shape[0]; o++) {
            double sum = bias[o], scale = fabs(sum);
            for (size_t i = 0; i < shape[1]; i++) {
                const double term = (double)weight[o * shape[1] + i] * x[t * shape[1] + i];
                sum += term;
                scale += fabs(term);
            }
            out[t * shape[0] + o] = sum;
            scales[t * shape[0] + o] = scale;
        }
}

static void run_map(rig *r, const size_t shape[2], size_t n_rows, const float *const inputs[3], double *out)
{
    asc_linear *linear = make_linear(r, shape[0], shape[1], inputs[0], inputs[1]);
    frame x = frame_in(r, ASC_REAL, n_rows * shape[1], inputs[2]), result = frame_out(r, ASC_REAL, n_rows * shape[0]);
    const linear_args args = {linear, n_rows, ASC_ACT_NONE, x.view, result.view};
    MUST(r, op_linear(r->stream, &args, &r->err));
    frame_read(&result, out);
    frame_close(&result);
    frame_close(&x);
    linear_destroy(linear);
}

// Rounding a number to bf16 changes it by at most 2^-9 of itself, a product of two by 2^-8 + 2^-18; the sum in float adds n 2^-24. It is really
// bf16: the largest error is more than a hundredth of that bound, which float is far from.
static void bf16_is_near_the_formula(void **state)
{
    enum { N_ROWS = 67 };
    const setting *of = *state;
    const size_t *shape = of->shape, n = N_ROWS * shape[0];
    rig r;
    if (!rig_open_bf16(&r))
        skip();
    float *weight = random_floats(5, shape[0] * shape[1], 1 / sqrtf((float)shape[1])), *bias = random_floats(6, shape[0], 1);
    float *x = random_floats(7, N_ROWS * shape[1], 1);
    const float *const inputs[] = {weight, bias, x};
    double *found = get_memory(n * sizeof *found), *expected = get_memory(n * sizeof *found), *scales = get_memory(n * sizeof *found);
    const double bound = 0x1p-8 + 0x1p-18 + (double)shape[1] * 0x1p-24;
    double largest = 0;
    run_map(&r, shape, N_ROWS, inputs, found);
    multiply_plainly(shape, N_ROWS, inputs, expected, scales);
    expect_close("bf16", n, found, expected, bound, scales);
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(found[i] - expected[i]) / scales[i]);
    assert_true(largest > bound / 100);
    free(scales);
    free(expected);
    free(found);
    free(x);
    free(bias);
    free(weight);
    rig_close(&r);
}

// Inputs that bf16 holds exactly, halfway cases of which the even neighbour is 1, and NaN whose upper half is infinity's; times 1.
static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    enum { N_OUT = 16 };
    const size_t shape[2] = {N_OUT, 1};
    const float x[] = {1, 1 + 0x1p-8f, 1 + 0x1.8p-8f, 1 + 0x3p-8f, 1 - 0x1p-9f, -1 - 0x1p-8f, 0x1.fffffep127f, INFINITY, 0, 3.140625f};
    const double expected[] = {1, 1, 1 + 0x1p-7, 1 + 0x1p-6, 1, -1, INFINITY, INFINITY, 0, 3.140625};
    enum { N_ROWS = sizeof x / sizeof *x };
    float weight[N_OUT], bias[N_OUT] = {0}, nan[1];
    double out[N_ROWS * N_OUT];
    const uint32_t bits = 0x7F800001;
    rig r;
    if (!rig_open_bf16(&r))
        skip();
    for (size_t o = 0; o < N_OUT; o++)
        weight[o] = 1;
    run_map(&r, shape, N_ROWS, (const float *const[]){weight, bias, x}, out);
    for (size_t t = 0; t < N_ROWS; t++)
        assert_true(out[t * N_OUT] == expected[t] && out[t * N_OUT + N_OUT - 1] == expected[t]);
    memcpy(nan, &bits, sizeof bits);
    run_map(&r, shape, 1, (const float *const[]){weight, bias, nan}, out);
    expect_all_nan("NaN in bf16", N_OUT, out);
    rig_close(&r);
}

// Where it is not to be had, the error says why and what to do; ref refuses it everywhere.
static void bf16_is_refused(void **state)
{
    (void)state;
    asc_backend *backend = NULL;
    asc_error err;
    assert_int_equal(backend_open(ASC_BACKEND_REF, ASC_PRECISION_BF16, &backend, &err), ASC_USAGE);
    assert_non_null(strstr(err.message, "bf16"));
    const asc_status status = backend_open(ASC_BACKEND_CPU, ASC_PRECISION_BF16, &backend, &err);
    assert_true(status == ASC_OK || status == ASC_NO_DEVICE);
    if (status == ASC_NO_DEVICE) {
        assert_non_null(strstr(err.message, "bf16"));
        assert_non_null(strstr(err.hint, "fp32"));
    }
    backend_close(backend);
}

static struct CMUnitTest make_test(char name[80], const char *text, CMUnitTestFunction function, const setting *of)
{
    if (of)
        snprintf(name, 80, "%s, %zu to %zu, %s%s", text, of->shape[1], of->shape[0], kind_name(of->kind), of->bf16 ? " bf16" : "");
    else
        snprintf(name, 80, "%s", text);
    return (struct CMUnitTest){name, function, NULL, NULL, (void *)(uintptr_t)of};
}

// All shapes on a GPU.
static int run_on_cuda(void)
{
    struct CMUnitTest tests[N_CUDA * N_SHAPES];
    setting settings[N_CUDA * N_SHAPES];
    char names[N_CUDA * N_SHAPES][80];
    for (size_t i = 0; i < N_CUDA * N_SHAPES; i++) {
        settings[i] = (setting){shapes[i % N_SHAPES], false, cuda_kinds[i / N_SHAPES]};
        tests[i] = make_test(names[i], "rows_are_independent", rows_are_independent, &settings[i]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[N_TESTS];
    setting settings[3 * N_SHAPES];
    char names[N_TESTS][80];
    size_t n = 0;
    if (only_cuda_is_wanted(argc, argv))
        return cuda_module_is_usable() ? run_on_cuda() : TEST_SKIPPED;
    for (size_t i = 0; i < 2 * N_SHAPES; i++, n++) {
        settings[i] = (setting){shapes[i % N_SHAPES], i >= N_SHAPES, ASC_BACKEND_CPU};
        tests[n] = make_test(names[n], "rows_are_independent", rows_are_independent, &settings[i]);
    }
    for (size_t i = 1; i < 2 * N_SHAPES; i += N_SHAPES, n++)
        tests[n] = make_test(names[n], "threads_share_weights", threads_share_weights, &settings[i]);
    tests[n] = make_test(names[n], "bf16_is_near_the_formula", bf16_is_near_the_formula, &settings[N_SHAPES + 1]);
    n++;
    tests[n] = make_test(names[n], "bf16_rounds_to_nearest_even", bf16_rounds_to_nearest_even, NULL);
    n++;
    tests[n] = make_test(names[n], "bf16_is_refused", bf16_is_refused, NULL);
    n++;
    for (size_t i = 0; i < N_SHAPES; i++)
        if (shapes[i][0] * shapes[i][1] < SMALL) {
            settings[2 * N_SHAPES + i] = (setting){shapes[i], false, TEST_CUDA_FP16};
            tests[n] = make_test(names[n], "rows_are_independent", rows_are_independent, &settings[2 * N_SHAPES + i]);
            n++;
        }
    return _cmocka_run_group_tests("gemm bits", tests, n, NULL, NULL);
}
