// Rows of op_linear on the cpu backend are independent: a row's bits are those it has alone, whatever the
// number of rows in the call, its place among them, its neighbours (NaN and infinity too) and other threads
// that use the same weights.
//
// Shapes: those of MiniLM, BERT-base and small models, and classifier heads.
#include "compare.h"

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

enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

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

static void open_case(bits_case *c, const size_t shape[2])
{
    memset(c, 0, sizeof *c);
    c->n_out = shape[0];
    c->n_in = shape[1];
    rig_open(&c->r, ASC_BACKEND_CPU);
    float *weight = random_floats(1, c->n_out * c->n_in, 1 / sqrtf((float)c->n_in));
    float *bias = random_floats(2, c->n_out, 1);
    c->x = random_floats(3, MOST_ROWS * c->n_in, 1);
    c->weights = make_linear(&c->r, c->n_out, c->n_in, weight, bias);
    free(bias);
    free(weight);
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

int main(void)
{
    enum { N_TESTS = N_SHAPES + 1 };
    struct CMUnitTest tests[N_TESTS];
    char names[N_TESTS][60];
    memset(tests, 0, sizeof tests);
    for (size_t i = 0; i < N_SHAPES; i++) {
        snprintf(names[i], sizeof names[i], "rows_are_independent, %zu to %zu", shapes[i][1], shapes[i][0]);
        tests[i] =
            (struct CMUnitTest){names[i], rows_are_independent, NULL, NULL, (void *)(uintptr_t)shapes[i]};
    }
    snprintf(names[N_SHAPES], sizeof names[N_SHAPES], "threads_share_weights");
    tests[N_SHAPES] =
        (struct CMUnitTest){names[N_SHAPES], threads_share_weights, NULL, NULL, (void *)(uintptr_t)shapes[1]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
