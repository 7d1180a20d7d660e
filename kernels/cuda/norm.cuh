// Layer normalisation of one row by one warp, shared by embed and add_norm.
//
// Source: Ba, Kiros, Hinton, "Layer normalization", 2016. Two passes in float over values that stay in registers. Order: lane l sums elements
// l, l + 32, ... ascending, then the lanes are added in halves.
#ifndef ASCRIBE_CUDA_NORM_CUH
#define ASCRIBE_CUDA_NORM_CUH

#include "cuda/cuda.cuh"

enum { NORM_MOST_PER_LANE = 64 }; // widths up to 2048 stay in registers

template <typename real> struct norm_view {
    const real *gamma, *beta;
    float epsilon;
    int n_hidden;
};

template <typename real> static inline norm_view<real> norm_view_of(const norm_weights *norm, size_t n_hidden)
{
    return {cuda_data<real>(norm->gamma), cuda_data<real>(norm->beta), (float)norm->epsilon, (int)n_hidden};
}

// out = norm(x), x(d) = element d of the row; called by all lanes of a warp. N: elements a lane holds.
template <int N, typename real, typename Read>
static __device__ __forceinline__ void norm_row(const norm_view<real> &norm, Read x, real *out, int lane)
{
    float held[N], sum = 0, squares = 0;
#pragma unroll
    for (int i = 0; i < N; i++) {
        const int d = lane + i * warpSize;
        held[i] = d < norm.n_hidden ? x(d) : 0;
        sum += held[i];
    }
    const float mean = warp_sum(sum) / (float)norm.n_hidden;
#pragma unroll
    for (int i = 0; i < N; i++) {
        const float difference = lane + i * warpSize < norm.n_hidden ? held[i] - mean : 0;
        squares += difference * difference;
    }
    const float scale = 1 / sqrtf(warp_sum(squares) / (float)norm.n_hidden + norm.epsilon);
#pragma unroll
    for (int i = 0; i < N; i++) {
        const int d = lane + i * warpSize;
        if (d < norm.n_hidden)
            out[d] = from_float<real>((held[i] - mean) * scale * to_float(norm.gamma[d]) + to_float(norm.beta[d]));
    }
}

#endif
