// A program's signal handlers may run at any moment of a product: the product gives the bits it gives in quiet, and memory stays whole.
// (gemm:jit of oneDNN 2.6, which AVX2 and strided outputs get, breaks both, so signals wait while the library computes.)
#include "compare.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

enum { N_ROWS = 200, N_TIMES = 20, PERIOD_US = 200, LEAST_SIGNALS = 20 };
static const size_t shapes[][2] = {{1152, 384}, {384, 384}, {1536, 384}, {384, 1536}, {96, 32}, {2, 384}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static volatile sig_atomic_t n_signals;

// Leaves its mark on the stack it runs on.
static void handle(int number)
{
    volatile char used[2048];
    for (size_t i = 0; i < sizeof used; i++)
        used[i] = (char)(0x5A + number);
    n_signals += used[7] != 0;
}

static void set_timer(long period_us)
{
    const struct itimerval timer = {{0, period_us}, {0, period_us}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void multiply(rig *r, const asc_linear *weights, const asc_buffer *input, const asc_buffer *output, double *out, size_t n_out)
{
    const linear_args args = {weights, N_ROWS, ASC_ACT_NONE, view_at((asc_buffer *)input, 0), view_at((asc_buffer *)output, 0)};
    MUST(r, op_linear(r->stream, &args, &r->err));
    MUST(r, buffer_download(r->stream, args.out, out, N_ROWS * n_out, &r->err));
}

static void signals_change_nothing(void **state)
{
    const size_t n_out = ((const size_t *)*state)[0], n_in = ((const size_t *)*state)[1];
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    rig r;
    asc_buffer *input = NULL, *output = NULL;
    rig_open(&r, ASC_BACKEND_CPU);
    float *weight = random_floats(1, n_out * n_in, 1), *bias = random_floats(2, n_out, 1), *x = random_floats(3, N_ROWS * n_in, 1);
    double *quiet = get_memory(N_ROWS * n_out * sizeof *quiet), *found = get_memory(N_ROWS * n_out * sizeof *found);
    MUST(&r, buffer_create(r.backend, ASC_REAL, N_ROWS * n_in, &input, &r.err));
    MUST(&r, buffer_create(r.backend, ASC_REAL, N_ROWS * n_out, &output, &r.err));
    MUST(&r, buffer_upload(r.stream, view_at(input, 0), x, N_ROWS * n_in, &r.err));
    asc_linear *weights = make_linear(&r, n_out, n_in, weight, bias);
    multiply(&r, weights, input, output, quiet, n_out);
    linear_destroy(weights);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    n_signals = 0;
    set_timer(PERIOD_US);
    for (size_t i = 0; i < N_TIMES || n_signals < LEAST_SIGNALS; i++) {
        weights = make_linear(&r, n_out, n_in, weight, bias);
        multiply(&r, weights, input, output, found, n_out);
        linear_destroy(weights);
        expect_same_bits("with signals", N_ROWS * n_out, sizeof *found, found, quiet);
    }
    set_timer(0);
    free(found);
    free(quiet);
    free(x);
    free(bias);
    free(weight);
    buffer_destroy(output);
    buffer_destroy(input);
    rig_close(&r);
}

int main(void)
{
    struct CMUnitTest tests[N_SHAPES];
    char names[N_SHAPES][40];
    for (size_t i = 0; i < N_SHAPES; i++) {
        snprintf(names[i], sizeof names[i], "%zu from %zu", shapes[i][0], shapes[i][1]);
        tests[i] = (struct CMUnitTest){names[i], signals_change_nothing, NULL, NULL, (void *)shapes[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
