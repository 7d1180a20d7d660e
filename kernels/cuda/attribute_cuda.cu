// Attributions of a bucket of rows that share a design: its linear map applied to each row's contrasts, in double; formulas in
// ref/attribute_ref.c.
//
// One block a row and target, its threads over contrasts or features; the blocks take turns, so that scratch is bounded. Every sum is one
// thread's, ascending from zero as in ref: compiled without contraction (-fmad=false) the bits are ref's. Nothing that a row yields depends on
// another row's numbers or on the grid.
//
// Not a DGEMM of the bucket's values and the map: this is below 0.01 % of the forward passes (counted in BENCHMARKS.md), and a library's sums have no
// order that is told.
#include "cuda/cuda.cuh"

#include "shapes.h"

#include <math.h>

enum { THREADS = 128, BLOCKS_PER_MULTIPROCESSOR = 8 };

struct attribute_view {
    size_t n_rows, n_features, n_coalitions, n_targets, n_contrasts, n_words;
    bool paired;
    asc_error_kind error_kind;
    const double *values, *map, *loo_factor;
    const int *permutations;
    const uint64_t *design_masks;
    double *phi, *std_errors, *anchors;
    int *finite, *fault;
    double *scratch; // [blocks, 2 Q + M]
};

// A block's numbers in the design's columns.
struct column_scratch {
    double *contrast; // [Q]
    double *weighted; // [Q]: loo_factor * e^2
    double *phi;      // [M]
};

static __device__ void find_contrasts(const attribute_view &view, size_t row, size_t k, const column_scratch &own)
{
    const size_t n_targets = view.n_targets;
    const double *values = view.values + row * view.n_coalitions * n_targets + k;
    for (size_t q = threadIdx.x; q < view.n_contrasts; q += THREADS)
        own.contrast[q] = view.paired ? values[2 * q * n_targets] - values[(2 * q + 1) * n_targets] : values[q * n_targets];
}

static __device__ void find_phi(const attribute_view &view, const column_scratch &own)
{
    for (size_t j = threadIdx.x; j < view.n_features; j += THREADS) {
        const double *map = view.map + j * view.n_contrasts;
        double sum = 0;
        for (size_t q = 0; q < view.n_contrasts; q++)
            sum += map[q] * own.contrast[q];
        own.phi[j] = sum;
    }
}

// From the regression's residuals; pair 0 is the efficiency constraint and has none.
static __device__ void find_weighted(const attribute_view &view, const column_scratch &own)
{
    for (size_t q = 1 + threadIdx.x; q < view.n_contrasts; q += THREADS) {
        const uint64_t *mask = view.design_masks + 2 * q * view.n_words;
        double fitted = 0;
        for (size_t j = 0; j < view.n_features; j++)
            fitted += mask_has(mask, j) ? own.phi[j] : -own.phi[j];
        const double residual = own.contrast[q] - fitted;
        own.weighted[q] = view.loo_factor[q] * residual * residual;
    }
}

static __device__ double std_error(const attribute_view &view, size_t j, const column_scratch &own)
{
    if (view.error_kind == ASC_SE_NAN || !isfinite(own.phi[j]))
        return (double)NAN;
    if (view.error_kind == ASC_SE_ZERO)
        return 0;
    const double *map = view.map + j * view.n_contrasts;
    double sum = 0;
    for (size_t q = 1; q < view.n_contrasts; q++)
        sum += map[q] * map[q] * own.weighted[q];
    return sqrt(sum);
}

// Back into the row's own order of the features.
static __device__ void put_back(const attribute_view &view, size_t row, size_t k, const column_scratch &own)
{
    for (size_t i = threadIdx.x; i < view.n_features; i += THREADS) {
        const int j = view.permutations[row * view.n_features + i];
        const size_t at = (row * view.n_features + i) * view.n_targets + k;
        if (j < 0 || (size_t)j >= view.n_features) {
            *view.fault = CUDA_FAULT_INDEX;
            continue;
        }
        view.phi[at] = own.phi[j];
        view.std_errors[at] = std_error(view, (size_t)j, own);
    }
}

static __global__ void attribute_kernel(attribute_view view)
{
    double *scratch = view.scratch + (size_t)blockIdx.x * (2 * view.n_contrasts + view.n_features);
    const column_scratch own = {scratch, scratch + view.n_contrasts, scratch + 2 * view.n_contrasts};
    for (size_t job = blockIdx.x; job < view.n_rows * view.n_targets; job += gridDim.x) {
        const size_t row = job / view.n_targets, k = job % view.n_targets;
        find_contrasts(view, row, k, own);
        __syncthreads();
        find_phi(view, own);
        __syncthreads();
        if (view.error_kind == ASC_SE_HC3)
            find_weighted(view, own);
        __syncthreads();
        put_back(view, row, k, own);
        __syncthreads();
    }
}

// Anchors (coalitions 0 and 1: all and empty) and whether all of the row's values are finite; a block a row.
static __global__ void summarise_kernel(attribute_view view)
{
    CUDA_SHARED(int, finite);
    const size_t row = blockIdx.x, n_values = view.n_coalitions * view.n_targets, n_anchors = 2 * view.n_targets;
    const double *values = view.values + row * n_values;
    if (threadIdx.x == 0)
        *finite = 1;
    __syncthreads();
    for (size_t i = threadIdx.x; i < n_anchors; i += THREADS)
        view.anchors[row * n_anchors + i] = values[i];
    for (size_t i = threadIdx.x; i < n_values; i += THREADS)
        if (!isfinite(values[i]))
            *finite = 0;
    __syncthreads();
    if (threadIdx.x == 0)
        view.finite[row] = *finite;
}

asc_status cuda_attribute(asc_stream *stream, const attribute_args *args, asc_error *err)
{
    const cuda_device *device = cuda_device_of(stream);
    const size_t n_jobs = args->n_rows * args->n_targets, most = (size_t)device->properties.multiProcessorCount * BLOCKS_PER_MULTIPROCESSOR;
    const size_t n_blocks = n_jobs < most ? n_jobs : most, n_columns = 2 * args->n_contrasts + args->n_features;
    void *scratch;
    TRY(cuda_scratch(stream, n_blocks * n_columns * sizeof(double), &scratch, err));
    const attribute_view view = {args->n_rows,
                                 args->n_features,
                                 args->n_coalitions,
                                 args->n_targets,
                                 args->n_contrasts,
                                 mask_words(args->n_features),
                                 args->paired,
                                 args->error_kind,
                                 cuda_data<double>(args->values),
                                 cuda_data<double>(args->map),
                                 cuda_data<double>(args->loo_factor),
                                 cuda_data<int>(args->permutations),
                                 cuda_data<uint64_t>(args->design_masks),
                                 cuda_data<double>(args->phi),
                                 cuda_data<double>(args->std_errors),
                                 cuda_data<double>(args->anchors),
                                 cuda_data<int>(args->finite),
                                 device->fault,
                                 static_cast<double *>(scratch)};
    CUDA_LAUNCH(attribute_kernel, (unsigned)n_blocks, THREADS, 0, stream, view);
    CUDA_LAUNCH(summarise_kernel, (unsigned)args->n_rows, THREADS, sizeof(int), stream, view);
    return cuda_launched(stream, "attribute", err);
}
