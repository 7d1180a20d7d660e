// Layer normalisation of a sum: out[t] = norm(x[t] + residual[t]); all [T, D] (the residual's rows may be shared), gamma and beta [D].
//
// One warp a token, eight tokens a block. Numerics and order: norm.cuh; the sum stays in float.
#include "cuda/norm.cuh"

enum { WARPS = 8 };

template <typename real> struct add_norm_view {
    int n_tokens, n_rows; // rows of the residual
    const real *x, *residual;
    const int *source; // null: token t has row t
    norm_view<real> norm;
    real *out;
    int *fault;
};

template <int N, typename real> static __global__ void add_norm_kernel(add_norm_view<real> v)
{
    const int t = (int)(blockIdx.x * WARPS + threadIdx.y), lane = (int)threadIdx.x;
    if (t >= v.n_tokens)
        return;
    const int row = v.source ? v.source[t] : t;
    if (v.source && (row < 0 || row >= v.n_rows)) {
        *v.fault = CUDA_FAULT_INDEX;
        return;
    }
    const real *a = v.x + (size_t)t * v.norm.n_hidden, *b = v.residual + (size_t)row * v.norm.n_hidden;
    norm_row<N>(v.norm, [=](int d) { return to_float(a[d]) + to_float(b[d]); }, v.out + (size_t)t * v.norm.n_hidden, lane);
}

template <typename real> static void launch(asc_stream *stream, const add_norm_args *args)
{
    const add_norm_view<real> view = {(int)args->n_tokens,
                                      (int)args->residual.n_rows,
                                      cuda_data<real>(args->x),
                                      cuda_data<real>(args->residual.data),
                                      cuda_data<int>(args->residual.source),
                                      norm_view_of<real>(&args->norm, args->n_hidden),
                                      cuda_data<real>(args->out),
                                      cuda_device_of(stream)->fault};
    const dim3 grid(cuda_blocks(args->n_tokens, WARPS)), block(32, WARPS);
    if (args->n_hidden <= 12 * 32)
        CUDA_LAUNCH((add_norm_kernel<12, real>), grid, block, 0, stream, view);
    else if (args->n_hidden <= 24 * 32)
        CUDA_LAUNCH((add_norm_kernel<24, real>), grid, block, 0, stream, view);
    else
        CUDA_LAUNCH((add_norm_kernel<NORM_MOST_PER_LANE, real>), grid, block, 0, stream, view);
}

asc_status cuda_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err)
{
    if (args->n_hidden > NORM_MOST_PER_LANE * 32)
        return fail(err, ASC_INTERNAL, "add_norm: n_hidden: expected at most %d, found %zu", NORM_MOST_PER_LANE * 32, args->n_hidden);
    CUDA_BY_REAL(stream, launch<real>(stream, args));
    return cuda_launched(stream, "add_norm", err);
}
