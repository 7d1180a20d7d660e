// Pooling: out[q] = x[sequence_offsets[q]], the first token of every sequence; x [T, D], out [n_sequences, D]. A warp a sequence.
#include "cuda/cuda.cuh"

enum { WARPS = 8 };

struct pool_view {
    size_t n_sequences, n_tokens, n_hidden;
    const int *offsets;
    int *fault;
};

template <typename real> static __global__ void pool_first_kernel(pool_view view, const real *x, real *out)
{
    const size_t q = (size_t)blockIdx.x * WARPS + threadIdx.y;
    if (q >= view.n_sequences)
        return;
    const int first = view.offsets[q], end = view.offsets[q + 1];
    if (first < 0 || first >= end || (size_t)end > view.n_tokens) {
        *view.fault = CUDA_FAULT_OFFSETS;
        return;
    }
    for (size_t d = threadIdx.x; d < view.n_hidden; d += warpSize)
        out[q * view.n_hidden + d] = x[(size_t)first * view.n_hidden + d];
}

template <typename real> static void launch(asc_stream *stream, const pool_first_args *args)
{
    const pool_view view = {args->n_sequences, args->n_tokens, args->n_hidden, cuda_data<int>(args->sequence_offsets),
                            cuda_device_of(stream)->fault};
    const dim3 grid(cuda_blocks(args->n_sequences, WARPS)), block(32, WARPS);
    CUDA_LAUNCH((pool_first_kernel<real>), grid, block, 0, stream, view, cuda_data<real>(args->x), cuda_data<real>(args->out));
}

asc_status cuda_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err)
{
    CUDA_BY_REAL(stream, launch<real>(stream, args));
    return cuda_launched(stream, "pool_first", err);
}
