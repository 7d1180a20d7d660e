// The yardstick for speeds: what op_linear reaches on a plain product of random numbers.
#include "cuda/device_cuda.h"
#include "cuda/gemm_cuda.h"

#include <stdlib.h>
#include <time.h>

enum { N_TOKENS = 8192, WIDTH = 2048, PRODUCTS = 16, REPEATS = 6 };

typedef struct rig {
    asc_linear linear;
    asc_buffer x, out;
    double *weight; // [WIDTH, WIDTH]
    float *input;   // [N_TOKENS, WIDTH]
} rig;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static asc_status prepare(asc_stream *stream, rig *r, asc_error *err)
{
    const size_t n_weight = (size_t)WIDTH * WIDTH, n_input = (size_t)N_TOKENS * WIDTH;
    uint32_t state = 1;
    r->weight = static_cast<double *>(malloc(n_weight * sizeof *r->weight));
    r->input = static_cast<float *>(malloc(n_input * sizeof *r->input));
    if (!r->weight || !r->input)
        return fail_memory(err, "the yardstick", n_input * sizeof *r->input);
    for (size_t i = 0; i < n_weight; i++)
        r->weight[i] = gemm_next_number(&state) / 32;
    for (size_t i = 0; i < n_input; i++)
        r->input[i] = gemm_next_number(&state);
    TRY(cuda_linear_create(&r->linear, r->weight, nullptr, err));
    TRY(stream->backend->ops.buffer_create(&r->x, err));
    TRY(stream->backend->ops.buffer_create(&r->out, err));
    return stream->backend->ops.upload(stream, view_at(&r->x, 0), r->input, n_input, err);
}

// Raises *best to the rate of PRODUCTS products.
static asc_status run_products(asc_stream *stream, rig *r, double *best, asc_error *err)
{
    const linear_args args = {&r->linear, N_TOKENS, ASC_ACT_NONE, view_at(&r->x, 0), view_at(&r->out, 0)};
    const double start_s = seconds();
    for (int i = 0; i < PRODUCTS; i++)
        TRY(cuda_linear(stream, &args, err));
    TRY(stream->backend->ops.stream_sync(stream, err));
    const double rate = 2.0 * PRODUCTS * N_TOKENS * WIDTH * WIDTH / (seconds() - start_s);
    *best = rate > *best ? rate : *best;
    return ASC_OK;
}

asc_status cuda_gemm_rate(asc_stream *stream, double *flops_per_s, asc_error *err)
{
    rig r = {};
    r.linear.backend = r.x.backend = r.out.backend = stream->backend;
    r.linear.n_groups = 1;
    r.linear.n_out = r.linear.n_in = WIDTH;
    r.x.type = r.out.type = ASC_REAL;
    r.x.count = r.out.count = (size_t)N_TOKENS * WIDTH;
    double best = 0, first = 0;
    asc_status status = prepare(stream, &r, err);
    if (status == ASC_OK)
        status = run_products(stream, &r, &first, err); // algorithms are chosen, clocks rise
    for (int i = 0; status == ASC_OK && i < REPEATS; i++)
        status = run_products(stream, &r, &best, err);
    if (r.out.data)
        stream->backend->ops.buffer_destroy(&r.out);
    if (r.x.data)
        stream->backend->ops.buffer_destroy(&r.x);
    if (r.linear.impl)
        stream->backend->ops.linear_destroy(&r.linear);
    free(r.input);
    free(r.weight);
    *flops_per_s = best;
    return status;
}
