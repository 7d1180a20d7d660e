// Linear maps: out[t] = activation(W x[t] + b), a tile of rows at a time.
//
// Shapes: x [T, n_in], out [T, n_out]. Maps with at least 16 outputs go through gemm.h, the last tile padded
// with rows of zeros; smaller ones (classifier heads) are dot products of our own: lane l sums the products
// of elements l, l + 16, l + 32 ..., then the lanes are added in halves. The activation sweeps over a tile
// while it is in the cache.
#include "cpu/cpu.h"
#include "cpu/lanes.h"

#include <string.h>

enum { LEAST_GEMM_OUTPUTS = 16 };

// asc_linear.impl: either `packed`, or `weight` [n_out, n_in] and `bias` [n_out].
typedef struct cpu_weights {
    gemm_weights *packed;
    float *weight, *bias;
} cpu_weights;

static asc_status fill_small(const asc_linear *linear, cpu_weights *weights, const float *weight,
                             const float *bias, asc_error *err)
{
    const size_t n_out = linear->n_out, n_weights = n_out * linear->n_in;
    weights->weight = cpu_floats(n_weights);
    weights->bias = cpu_floats(n_out);
    if (!weights->weight || !weights->bias)
        return fail_memory(err, "weights", (n_weights + n_out) * sizeof *weight);
    memcpy(weights->weight, weight, n_weights * sizeof *weight);
    for (size_t i = 0; i < n_out; i++)
        weights->bias[i] = bias ? bias[i] : 0;
    return ASC_OK;
}

asc_status cpu_linear_create(asc_linear *linear, const float *weight, const float *bias, asc_error *err)
{
    const cpu_device *device = linear->backend->impl;
    cpu_weights *weights = calloc(1, sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    linear->impl = weights;
    const asc_status status = linear->n_out < LEAST_GEMM_OUTPUTS
                                  ? fill_small(linear, weights, weight, bias, err)
                                  : gemm_weights_create(device->gemm, linear->n_out, linear->n_in, weight,
                                                        bias, &weights->packed, err);
    if (status != ASC_OK)
        cpu_linear_destroy(linear);
    return status;
}

void cpu_linear_destroy(asc_linear *linear)
{
    cpu_weights *weights = linear->impl;
    gemm_weights_destroy(weights->packed);
    free(weights->bias);
    free(weights->weight);
    free(weights);
    linear->impl = NULL;
}

CPU_CLONES
static void multiply_small(const asc_linear *linear, size_t n_tokens, const float *x, float *out)
{
    const cpu_weights *weights = linear->impl;
    const size_t n_out = linear->n_out, n_in = linear->n_in;
    for (size_t t = 0; t < n_tokens; t++)
        for (size_t o = 0; o < n_out; o++)
            out[t * n_out + o] = lanes_dot(x + t * n_in, weights->weight + o * n_in, n_in) + weights->bias[o];
}

// The last n_rows < tile rows, through padded copies.
static asc_status multiply_rest(asc_stream *stream, const asc_linear *linear, size_t n_rows, const float *x,
                                float *out, asc_error *err)
{
    const cpu_stream *own = stream->impl;
    const cpu_weights *weights = linear->impl;
    const size_t tile = gemm_next_tile(weights->packed, n_rows), n_in = linear->n_in, n_out = linear->n_out;
    float *padded;
    TRY(cpu_scratch(stream, tile * (n_in + n_out), &padded, err));
    float *result = padded + tile * n_in;
    memcpy(padded, x, n_rows * n_in * sizeof *x);
    memset(padded + n_rows * n_in, 0, (tile - n_rows) * n_in * sizeof *x);
    TRY(gemm_run(own->gemm, weights->packed, tile, padded, result, err));
    memcpy(out, result, n_rows * n_out * sizeof *out);
    return ASC_OK;
}

asc_status cpu_linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    const cpu_stream *own = stream->impl;
    const asc_linear *linear = args->weights;
    const cpu_weights *weights = linear->impl;
    const float *x = cpu_real(args->x);
    float *out = cpu_real(args->out);
    if (!weights->packed) {
        multiply_small(linear, args->n_tokens, x, out);
        cpu_activate(args->activation, out, args->n_tokens * linear->n_out);
        return ASC_OK;
    }
    for (size_t t = 0; t < args->n_tokens;) {
        const size_t n_left = args->n_tokens - t, tile = gemm_next_tile(weights->packed, n_left);
        const size_t n_rows = tile < n_left ? tile : n_left;
        const float *x_tile = x + t * linear->n_in;
        float *out_tile = out + t * linear->n_out;
        if (tile <= n_left)
            TRY(gemm_run(own->gemm, weights->packed, tile, x_tile, out_tile, err));
        else
            TRY(multiply_rest(stream, linear, n_rows, x_tile, out_tile, err));
        cpu_activate(args->activation, out_tile, n_rows * linear->n_out);
        t += n_rows;
    }
    return ASC_OK;
}
