// Linear maps: out[t, g] = activation(W[g] x[t, g] + b[g]), a tile of rows at a time.
//
// Shapes: x [T, G, n_in], out [T, G, n_out]. Maps with at least 16 outputs go through gemm.h; rows of several groups, and the last
// tile, padded with rows of zeros, go through copies. Smaller ones (classifier heads) are dot products of our own, added up as lanes.h
// says. The activation sweeps over a tile while it is in the cache.
#include "cpu/cpu.h"
#include "cpu/lanes.h"

#include <string.h>

enum { LEAST_GEMM_OUTPUTS = 16 };

// One group: either `packed`, or `weight` [n_out, n_in] and `bias` [n_out]. asc_linear.impl is an array of n_groups.
typedef struct cpu_weights {
    gemm_weights *packed;
    float *weight, *bias;
} cpu_weights;

// Rows of one group of a call; they stand a stride apart.
typedef struct group_rows {
    const asc_linear *linear;
    const cpu_weights *weights;
    const float *x;
    float *out;
    size_t n_rows, x_stride, out_stride;
} group_rows;

static float *to_floats(const double *from, size_t n)
{
    float *floats = cpu_floats(n);
    for (size_t i = 0; floats && i < n; i++)
        floats[i] = from ? (float)from[i] : 0;
    return floats;
}

// weight [n_out, n_in], bias [n_out] or NULL, of one group.
static asc_status fill_group(const asc_linear *linear, cpu_weights *weights, const double *weight, const double *bias,
                             asc_error *err)
{
    const cpu_device *device = linear->backend->impl;
    const size_t n_weights = linear->n_out * linear->n_in;
    weights->weight = to_floats(weight, n_weights);
    weights->bias = to_floats(bias, linear->n_out);
    if (!weights->weight || !weights->bias)
        return fail_memory(err, "weights", (n_weights + linear->n_out) * sizeof(float));
    if (linear->n_out < LEAST_GEMM_OUTPUTS)
        return ASC_OK;
    TRY(gemm_weights_create(device->gemm, linear->n_out, linear->n_in, weights->weight, weights->bias, &weights->packed, err));
    free(weights->weight);
    free(weights->bias);
    weights->weight = weights->bias = NULL;
    return ASC_OK;
}

asc_status cpu_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err)
{
    const size_t n_out = linear->n_out, n_in = linear->n_in;
    cpu_weights *weights = calloc(linear->n_groups, sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", linear->n_groups * sizeof *weights);
    linear->impl = weights;
    asc_status status = ASC_OK;
    for (size_t g = 0; g < linear->n_groups && status == ASC_OK; g++)
        status = fill_group(linear, &weights[g], weight + g * n_out * n_in, bias ? bias + g * n_out : NULL, err);
    if (status != ASC_OK)
        cpu_linear_destroy(linear);
    return status;
}

void cpu_linear_destroy(asc_linear *linear)
{
    cpu_weights *weights = linear->impl;
    for (size_t g = 0; g < linear->n_groups; g++) {
        gemm_weights_destroy(weights[g].packed);
        free(weights[g].bias);
        free(weights[g].weight);
    }
    free(weights);
    linear->impl = NULL;
}

CPU_CLONES
static void multiply_small(const group_rows *rows)
{
    const size_t n_out = rows->linear->n_out, n_in = rows->linear->n_in;
    for (size_t t = 0; t < rows->n_rows; t++)
        for (size_t o = 0; o < n_out; o++)
            rows->out[t * rows->out_stride + o] =
                lanes_dot(rows->x + t * rows->x_stride, rows->weights->weight + o * n_in, n_in) + rows->weights->bias[o];
}

// rows->n_rows <= tile rows, through copies.
static asc_status multiply_copies(asc_stream *stream, const group_rows *rows, size_t tile, asc_error *err)
{
    const cpu_stream *own = stream->impl;
    const size_t n_in = rows->linear->n_in, n_out = rows->linear->n_out;
    float *x;
    TRY(cpu_scratch(stream, tile * (n_in + n_out), &x, err));
    float *result = x + tile * n_in;
    for (size_t t = 0; t < rows->n_rows; t++)
        memcpy(x + t * n_in, rows->x + t * rows->x_stride, n_in * sizeof *x);
    memset(x + rows->n_rows * n_in, 0, (tile - rows->n_rows) * n_in * sizeof *x);
    TRY(gemm_run(own->gemm, rows->weights->packed, tile, x, result, err));
    for (size_t t = 0; t < rows->n_rows; t++)
        memcpy(rows->out + t * rows->out_stride, result + t * n_out, n_out * sizeof *result);
    return ASC_OK;
}

static void activate(const group_rows *rows, asc_activation activation)
{
    const size_t n_out = rows->linear->n_out;
    if (rows->out_stride == n_out)
        cpu_activate(activation, rows->out, rows->n_rows * n_out);
    else if (activation != ASC_ACT_NONE)
        for (size_t t = 0; t < rows->n_rows; t++)
            cpu_activate(activation, rows->out + t * rows->out_stride, n_out);
}

static asc_status multiply_group(asc_stream *stream, const group_rows *all, asc_activation activation, asc_error *err)
{
    const cpu_stream *own = stream->impl;
    const bool dense = all->linear->n_groups == 1;
    group_rows rows = *all;
    if (!rows.weights->packed) {
        multiply_small(&rows);
        activate(&rows, activation);
        return ASC_OK;
    }
    for (size_t t = 0; t < all->n_rows; t += rows.n_rows) {
        const size_t n_left = all->n_rows - t, tile = gemm_next_tile(rows.weights->packed, n_left);
        rows.n_rows = tile < n_left ? tile : n_left;
        rows.x = all->x + t * all->x_stride;
        rows.out = all->out + t * all->out_stride;
        if (dense && tile <= n_left)
            TRY(gemm_run(own->gemm, rows.weights->packed, tile, rows.x, rows.out, err));
        else
            TRY(multiply_copies(stream, &rows, tile, err));
        activate(&rows, activation);
    }
    return ASC_OK;
}

asc_status cpu_linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    const asc_linear *linear = args->weights;
    const cpu_weights *weights = linear->impl;
    for (size_t g = 0; g < linear->n_groups; g++) {
        const group_rows rows = {
            .linear = linear,
            .weights = &weights[g],
            .x = cpu_real(args->x) + g * linear->n_in,
            .out = cpu_real(args->out) + g * linear->n_out,
            .n_rows = args->n_tokens,
            .x_stride = linear->n_groups * linear->n_in,
            .out_stride = linear->n_groups * linear->n_out,
        };
        TRY(multiply_group(stream, &rows, args->activation, err));
    }
    return ASC_OK;
}
