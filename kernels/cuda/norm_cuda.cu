// Layer normalisation of a sum: out[t] = norm(x[t] + residual[t]); all [T, D] (the residual's rows may be shared), gamma and beta [D].
//
// One warp a token, eight tokens a block. Numerics and order: norm.cuh; the sum stays in float.
#include "cuda/norm.cuh"

enum { WARPS = 8 };

template <int N, typename real>
static __global__ void add_norm_kernel(int n_tokens, const real *x, const real *residual, const int *source, int n_rows, norm_view<real> norm,
                                       real *out, int *fault)
{
    const int t = (int)(blockIdx.x * WARPS + threadIdx.y), lane = (int)threadIdx.x;
    if (t >= n_tokens)
        return;
    const int row = source ? source[t] : t;
    if (source && (row < 0 || row >= n_rows)) {
        *fault = CUDA_FAULT_INDEX;
        return;
    }
    const real *a = x + (size_t)t * norm.n_hidden, *b = residual + (size_t)row * norm.n_hidden;
    norm_row<N>(norm, [=](int d) { return to_float(a[d]) + to_float(b[d]); }, out + (size_t)t * norm.n_hidden, lane);
}

template <typename real> static void launch(asc_stream *stream, const add_norm_args *args)
{
    const norm_view<real> norm = norm_view_of<real>(&args->norm, args->n_hidden);
    const int n_tokens = (int)args->n_tokens, n_rows = (int)args->residual.n_rows;
    const real *x = cuda_data<real>(args->x), *residual = cuda_data<real>(args->residual.data);
    const int *source = cuda_data<int>(args->residual.source);
    real *out = cuda_data<real>(args->out);
    int *fault = cuda_device_of(stream)->fault;
    const dim3 grid(cuda_blocks(args->n_tokens, WARPS)), block(32, WARPS);
    if (args->n_hidden <= 12 * 32)
        CUDA_LAUNCH((add_norm_kernel<12, real>), grid, block, 0, stream, n_tokens, x, residual, source, n_rows, norm, out, fault);
    else if (args->n_hidden <= 24 * 32)
        CUDA_LAUNCH((add_norm_kernel<24, real>), grid, block, 0, stream, n_tokens, x, residual, source, n_rows, norm, out, fault);
    else
        CUDA_LAUNCH((add_norm_kernel<NORM_MOST_PER_LANE, real>), grid, block, 0, stream, n_tokens, x, residual, source, n_rows, norm, out,
                    fault);
}

asc_status cuda_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err)
{
    if (args->n_hidden > NORM_MOST_PER_LANE * 32)
        return fail(err, ASC_INTERNAL, "add_norm: n_hidden: expected at most %d, found %zu", NORM_MOST_PER_LANE * 32, args->n_hidden);
    CUDA_BY_REAL(stream, launch<real>(stream, args));
    return cuda_launched("add_norm", err);
}
