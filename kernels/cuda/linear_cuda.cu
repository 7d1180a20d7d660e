// Linear maps: out[t, g] = activation(W[g] x[t, g] + b[g]); x [T, G, n_in], out [T, G, n_out].
//
// Maps with at least 16 outputs go through gemm_cuda.h in whole tiles of rows, in place: first all whole tiles, then, where rows are left, the last
// tile of rows once more, whose first rows have their results already and get the same bits again. Fewer rows than a tile, views that are not
// aligned and extents that are not multiples of 8 go through copies with zeros around. The activation is a sweep of its own over what the product
// rounded to REAL. Smaller maps (classifier heads) are sums of our own, a warp for each of the T G rows: lane l sums the products of elements l,
// l + 32, ... ascending, then the lanes are added in halves; bias and activation follow in float.
#include "cuda/activation.cuh"
#include "cuda/gemm_cuda.h"
#include "cuda/memory_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_GEMM_OUTPUTS = 16,
    EXTENT_STEP = 8, // n_in and n_out of a product are padded to multiples of it
    WARPS = 8,
    SWEEP_THREADS = 256,
};
static const size_t MOST_COPIED = 32 * GEMM_TILE; // rows at a time

// asc_linear.impl. plan NULL: a small map, weight [G, n_out, n_in] REAL and bias [G, n_out] float; else both are REAL with n_out and n_in padded.
typedef struct cuda_weights {
    gemm_plan *plan;
    size_t n_out, n_in; // as they are stored
    void *weight, *bias;
} cuda_weights;

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

// ---- Weights -------------------------------------------------------------------------------------------------------

// Rounds to REAL once: the float in between is rounded to odd, which keeps what decides the second rounding.
template <typename real> static real from_double(double x)
{
    float nearest = (float)x;
    if (sizeof(real) == sizeof(float) || (double)nearest == x || isnan(x) || isinf(nearest))
        return from_float<real>(nearest);
    if (fabs((double)nearest) > fabs(x))
        nearest = nextafterf(nearest, 0);
    uint32_t bits;
    memcpy(&bits, &nearest, sizeof bits);
    bits |= 1;
    memcpy(&nearest, &bits, sizeof bits);
    return from_float<real>(nearest);
}

// to [G, n_rows_to, n_columns_to] = from [G, n_rows, n_columns] (NULL: zeros) with zeros around.
typedef struct packing {
    size_t n_groups, n_rows, n_columns, n_rows_to, n_columns_to;
} packing;

template <typename T> static void pack(const packing *p, const double *from, T *to)
{
    for (size_t g = 0; g < p->n_groups; g++)
        for (size_t row = 0; row < p->n_rows_to; row++)
            for (size_t column = 0; column < p->n_columns_to; column++) {
                const bool inside = from && row < p->n_rows && column < p->n_columns;
                to[(g * p->n_rows_to + row) * p->n_columns_to + column] =
                    from_double<T>(inside ? from[(g * p->n_rows + row) * p->n_columns + column] : 0);
            }
}

// Packs `from` into new memory of the device.
template <typename T> static asc_status send(cuda_device *device, const packing *p, const double *from, void **out, asc_error *err)
{
    const size_t bytes = p->n_groups * p->n_rows_to * p->n_columns_to * sizeof(T);
    TRY(cuda_allocate(device, CUDA_ON_DEVICE, bytes, out, "weights", err));
    if (device->planning)
        return ASC_OK;
    T *packed = static_cast<T *>(malloc(bytes));
    if (!packed)
        return fail_memory(err, "weights", bytes);
    pack(p, from, packed);
    asc_status status = cuda_check(cudaMemcpyAsync(*out, packed, bytes, cudaMemcpyHostToDevice, nullptr), "sending weights", err);
    if (status == ASC_OK)
        status = cuda_check(cudaStreamSynchronize(nullptr), "sending weights", err);
    free(packed);
    return status;
}

template <typename real>
static asc_status fill(const asc_linear *linear, cuda_weights *weights, const double *weight, const double *bias, asc_error *err)
{
    cuda_device *device = static_cast<cuda_device *>(linear->backend->impl);
    const size_t n_groups = linear->n_groups, n_out = linear->n_out, n_in = linear->n_in;
    const bool is_small = n_out < LEAST_GEMM_OUTPUTS;
    weights->n_out = is_small ? n_out : round_up(n_out, EXTENT_STEP);
    weights->n_in = is_small ? n_in : round_up(n_in, EXTENT_STEP);
    const packing map = {n_groups, n_out, n_in, weights->n_out, weights->n_in}, shift = {n_groups, n_out, 1, weights->n_out, 1};
    TRY(send<real>(device, &map, weight, &weights->weight, err));
    if (is_small)
        return send<float>(device, &shift, bias, &weights->bias, err);
    TRY(send<real>(device, &shift, bias, &weights->bias, err));
    const gemm_shape shape = {n_groups, weights->n_out, weights->n_in};
    return gemm_plan_create(device, shape, weights->weight, weights->bias, &weights->plan, err);
}

asc_status cuda_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err)
{
    cuda_device *device = static_cast<cuda_device *>(linear->backend->impl);
    cuda_weights *weights = static_cast<cuda_weights *>(calloc(1, sizeof *weights));
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    linear->impl = weights;
    asc_status status = ASC_OK;
    CUDA_BY_PRECISION(device->precision, status = fill<real>(linear, weights, weight, bias, err));
    if (cuda_note(device, status) != ASC_OK)
        cuda_linear_destroy(linear);
    return status;
}

void cuda_linear_destroy(asc_linear *linear)
{
    cuda_device *device = static_cast<cuda_device *>(linear->backend->impl);
    cuda_weights *weights = static_cast<cuda_weights *>(linear->impl);
    gemm_plan_destroy(weights->plan);
    cuda_release(device, weights->bias);
    cuda_release(device, weights->weight);
    free(weights);
    linear->impl = nullptr;
}

// ---- Small maps ----------------------------------------------------------------------------------------------------

template <typename real> struct small_map {
    int n_rows, n_groups, n_out, n_in; // n_rows = T G
    const real *weight;
    const float *bias;
    const real *x;
    real *out;
};

template <asc_activation act, typename real> static __global__ void small_map_kernel(small_map<real> m)
{
    const int row = (int)(blockIdx.x * WARPS + threadIdx.y), lane = (int)threadIdx.x;
    if (row >= m.n_rows)
        return;
    const int first_out = row % m.n_groups * m.n_out;
    const real *x = m.x + (size_t)row * m.n_in;
    for (int o = 0; o < m.n_out; o++) {
        const real *weight = m.weight + (size_t)(first_out + o) * m.n_in;
        float sum = 0;
        for (int i = lane; i < m.n_in; i += warpSize)
            sum += to_float(weight[i]) * to_float(x[i]);
        sum = warp_sum(sum);
        if (lane == 0)
            m.out[(size_t)row * m.n_out + o] = from_float<real>(activate<act>(sum + m.bias[first_out + o]));
    }
}

template <typename real> static asc_status multiply_small(asc_stream *stream, const linear_args *args, asc_error *err)
{
    const asc_linear *linear = args->weights;
    const cuda_weights *weights = static_cast<const cuda_weights *>(linear->impl);
    const size_t n_rows = args->n_tokens * linear->n_groups;
    const small_map<real> map = {(int)n_rows, (int)linear->n_groups, (int)linear->n_out, (int)linear->n_in,
                                 static_cast<const real *>(weights->weight), static_cast<const float *>(weights->bias),
                                 cuda_data<real>(args->x), cuda_data<real>(args->out)};
    const dim3 grid(cuda_blocks(n_rows, WARPS)), block(32, WARPS);
    CUDA_BY_ACTIVATION(args->activation, CUDA_LAUNCH((small_map_kernel<act, real>), grid, block, 0, stream, map));
    return cuda_launched(stream, "linear, small", err);
}

// ---- Products ------------------------------------------------------------------------------------------------------

// to [n_rows_to, width_to] = from [n_rows, width] with zeros around; what of `from` lies beyond is left out.
template <typename real> struct padded_copy {
    size_t n_rows, width, n_rows_to, width_to, stride; // of from: elements between rows
    const real *from;
    real *to;
};

template <typename real> static __global__ void copy_kernel(padded_copy<real> c)
{
    const size_t i = (size_t)blockIdx.x * SWEEP_THREADS + threadIdx.x, row = i / c.width_to, column = i % c.width_to;
    if (row >= c.n_rows_to)
        return;
    c.to[i] = row < c.n_rows && column < c.width ? c.from[row * c.stride + column] : from_float<real>(0);
}

template <typename real> static asc_status copy(asc_stream *stream, const padded_copy<real> *copy, asc_error *err)
{
    CUDA_LAUNCH(copy_kernel<real>, dim3(cuda_blocks(copy->n_rows_to * copy->width_to, SWEEP_THREADS)), dim3(SWEEP_THREADS), 0, stream, *copy);
    return cuda_launched(stream, "linear, copies", err);
}

// n_rows rows of x [n_rows, G, n_in] and out, through the stream's scratch.
template <typename real>
static asc_status multiply_copies(asc_stream *stream, const asc_linear *linear, size_t n_rows, const real *x, real *out, asc_error *err)
{
    const cuda_weights *weights = static_cast<const cuda_weights *>(linear->impl);
    const size_t n_groups = linear->n_groups, n_padded = round_up(n_rows, GEMM_TILE) * n_groups, n_maps = n_rows * n_groups;
    void *scratch;
    TRY(cuda_scratch(stream, n_padded * (weights->n_in + weights->n_out) * sizeof(real), &scratch, err));
    real *padded_x = static_cast<real *>(scratch), *padded_out = padded_x + n_padded * weights->n_in;
    const padded_copy<real> in = {n_maps, linear->n_in, n_padded, weights->n_in, linear->n_in, x, padded_x};
    const padded_copy<real> back = {n_maps, linear->n_out, n_maps, linear->n_out, weights->n_out, padded_out, out};
    TRY(copy(stream, &in, err));
    TRY(gemm_run(stream, weights->plan, padded_x, n_padded / n_groups, padded_out, err));
    return copy(stream, &back, err);
}

template <typename real> static asc_status multiply(asc_stream *stream, const linear_args *args, asc_error *err)
{
    const asc_linear *linear = args->weights;
    const cuda_weights *weights = static_cast<const cuda_weights *>(linear->impl);
    const size_t n_tokens = args->n_tokens, n_in = linear->n_groups * linear->n_in, n_out = linear->n_groups * linear->n_out;
    const real *x = cuda_data<real>(args->x);
    real *out = cuda_data<real>(args->out);
    const bool in_place = n_tokens >= GEMM_TILE && weights->n_in == linear->n_in && weights->n_out == linear->n_out && cuda_is_aligned(x) &&
                          cuda_is_aligned(out);
    const size_t n_whole = n_tokens / GEMM_TILE * GEMM_TILE, last = n_tokens - GEMM_TILE;
    if (in_place) {
        TRY(gemm_run(stream, weights->plan, x, n_whole, out, err));
        return n_whole == n_tokens ? ASC_OK : gemm_run(stream, weights->plan, x + last * n_in, GEMM_TILE, out + last * n_out, err);
    }
    for (size_t t = 0; t < n_tokens; t += MOST_COPIED) {
        const size_t n_rows = n_tokens - t < MOST_COPIED ? n_tokens - t : MOST_COPIED;
        TRY(multiply_copies(stream, linear, n_rows, x + t * n_in, out + t * n_out, err));
    }
    return ASC_OK;
}

// ---- Activation ----------------------------------------------------------------------------------------------------

// A piece a thread; all but the last one at once where x is aligned.
template <asc_activation act, typename real> static __global__ void sweep_kernel(real *x, size_t n, bool aligned)
{
    enum { N = CUDA_ALIGNMENT / sizeof(real) };
    const size_t thread = (size_t)blockIdx.x * SWEEP_THREADS + threadIdx.x, first = thread * N;
    if (aligned && first + N <= n) {
        cuda_piece<real> p = reinterpret_cast<cuda_piece<real> *>(x)[thread];
#pragma unroll
        for (int i = 0; i < N; i++)
            p.x[i] = from_float<real>(activate<act>(to_float(p.x[i])));
        reinterpret_cast<cuda_piece<real> *>(x)[thread] = p;
        return;
    }
    for (size_t i = first; i < n && i < first + N; i++)
        x[i] = from_float<real>(activate<act>(to_float(x[i])));
}

template <typename real> static asc_status sweep(asc_stream *stream, const linear_args *args, asc_error *err)
{
    const size_t n = args->n_tokens * args->weights->n_groups * args->weights->n_out;
    real *x = cuda_data<real>(args->out);
    const bool aligned = cuda_is_aligned(x);
    const dim3 grid(cuda_blocks(n, SWEEP_THREADS * CUDA_ALIGNMENT / sizeof(real))), block(SWEEP_THREADS);
    CUDA_BY_ACTIVATION(args->activation, CUDA_LAUNCH((sweep_kernel<act, real>), grid, block, 0, stream, x, n, aligned));
    return cuda_launched(stream, "activation", err);
}

template <typename real> static asc_status linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    if (!static_cast<const cuda_weights *>(args->weights->impl)->plan)
        return multiply_small<real>(stream, args, err);
    TRY(multiply<real>(stream, args, err));
    return args->activation == ASC_ACT_NONE ? ASC_OK : sweep<real>(stream, args, err);
}

asc_status cuda_linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    asc_status status = ASC_OK;
    CUDA_BY_REAL(stream, status = linear<real>(stream, args, err));
    return status;
}
