// solve: rows with designs of their own by the solvers of solve/, a block a row; the blocks take turns, so that scratch is bounded.
//
// In double, every sum one thread's in the order that ref has: compiled without contraction (-fmad=false) the bits are ref's. What a row
// yields depends neither on the grid nor on the size of the blocks.
#include "cuda/team.cuh"

#include "cuda/dense.cuh"
#include "solve/rows.h"

#include <stdint.h>

enum { BLOCKS_PER_MULTIPROCESSOR = 4 };
static const size_t most_scratch = (size_t)256 << 20; // bytes, beyond the first block's

static __device__ int fault_of(solve_outcome outcome)
{
    switch (outcome) {
    case SOLVE_DONE: return CUDA_FAULT_NONE;
    case SOLVE_NO_WHOLE_WALKS:
    case SOLVE_NO_WALK: return CUDA_FAULT_WALKS;
    case SOLVE_NO_INVERSE:
    case SOLVE_NO_MEMORY: return CUDA_FAULT_SYSTEM;
    }
    return CUDA_FAULT_NONE;
}

static __global__ void solve_kernel(solve_arrays all, double *scratch, size_t words_each, int *fault)
{
    const solve_memory memory = solve_memory_at(&all, scratch + blockIdx.x * words_each);
    for (size_t row = blockIdx.x; row < all.n_rows; row += gridDim.x) {
        const int count = all.counts[row];
        int found = CUDA_FAULT_INDEX;
        if (count >= 2 && (size_t)count <= all.n_coalitions)
            found = fault_of(solve_one(&all, row, &memory));
        if (found != CUDA_FAULT_NONE && threadIdx.x == 0)
            *fault = found;
        __syncthreads();
    }
}

static solve_arrays arrays_of(const solve_args *args)
{
    return {args->n_rows,
            args->n_features,
            args->n_coalitions,
            args->n_targets,
            mask_words(args->n_features),
            args->kind,
            args->selection,
            args->n_selected,
            args->ridge,
            cuda_data<double>(args->values),
            cuda_data<uint64_t>(args->masks),
            cuda_data<double>(args->weights),
            cuda_data<int32_t>(args->counts),
            cuda_data<int32_t>(args->n_draws),
            cuda_data<double>(args->phi),
            cuda_data<double>(args->std_errors),
            cuda_data<double>(args->anchors),
            cuda_data<double>(args->fit),
            cuda_data<int32_t>(args->finite),
            cuda_data<int32_t>(args->deficient)};
}

// Threads of a block: small systems have nothing to do for many.
static unsigned block_threads(size_t n_features)
{
    return n_features <= 16 ? 32 : n_features <= 100 ? 64 : 256;
}

asc_status cuda_solve(asc_stream *stream, const solve_args *args, asc_error *err)
{
    const cuda_device *device = cuda_device_of(stream);
    const solve_arrays all = arrays_of(args);
    const size_t words_each = solve_memory_words(&all), affordable = most_scratch / sizeof(double) / words_each;
    size_t n_blocks = (size_t)device->properties.multiProcessorCount * BLOCKS_PER_MULTIPROCESSOR;
    void *scratch;
    if (words_each > SIZE_MAX / 16)
        return fail_memory(err, "a regression", SIZE_MAX);
    n_blocks = n_blocks < args->n_rows ? n_blocks : args->n_rows;
    n_blocks = n_blocks < affordable + 1 ? n_blocks : affordable + 1;
    TRY(cuda_scratch(stream, n_blocks * words_each * sizeof(double), &scratch, err));
    CUDA_LAUNCH(solve_kernel, (unsigned)n_blocks, block_threads(args->n_features), 0, stream, all, static_cast<double *>(scratch), words_each,
                cuda_device_of(stream)->fault);
    return cuda_launched(stream, "solve", err);
}
