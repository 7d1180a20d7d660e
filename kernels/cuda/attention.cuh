// What the attention kernels share: a step's sequences, rows that tokens share, and the bias by distance.
//
// A sequence's bits depend on that sequence alone: keys are taken in blocks of a fixed size from its first token on, and the running
// softmax (Milakov & Gimelshein 2018; Dao et al. 2022) goes over the blocks in ascending order.
#ifndef ASCRIBE_CUDA_ATTENTION_CUH
#define ASCRIBE_CUDA_ATTENTION_CUH

#include "cuda/cuda.cuh"

// The tokens [begin, begin + length).
typedef struct sequence {
    int begin, length;
} sequence;

typedef struct sequences {
    const int *offsets; // [count + 1]
    int count, n_tokens, least, most; // length of one
    int *fault;
} sequences;

// Sequence q; empty, with a fault, where the offsets are not what was said.
static __device__ __forceinline__ sequence sequence_of(const sequences &all, int q)
{
    const int begin = all.offsets[q], end = all.offsets[q + 1], last = q == all.count - 1 ? all.n_tokens : end;
    if (begin < 0 || begin > end || end > all.n_tokens || end != last || (q == 0 && begin != 0)) {
        *all.fault = CUDA_FAULT_OFFSETS;
        return {0, 0};
    }
    if (end - begin < all.least || end - begin > all.most) {
        *all.fault = CUDA_FAULT_LENGTH;
        return {0, 0};
    }
    return {begin, end - begin};
}


template <typename real> struct distance_bias {
    const real *bias; // [H, 2 reach + 1], NULL: none
    const int *places; // [T], NULL: 0, 1, 2, ... in each sequence
    int reach;
};

template <typename real> static inline distance_bias<real> distance_bias_of(asc_view bias, asc_view places, size_t reach)
{
    return {cuda_data<real>(bias), cuda_data<int>(places), (int)reach};
}

// The bias of a score; query and key count from the sequence's first token, which is token `begin`.
template <typename real>
static __device__ __forceinline__ float bias_at(const distance_bias<real> &b, int head, int begin, int query, int key)
{
    long long distance = (long long)key - query;
    if (b.places)
        distance = (long long)b.places[begin + key] - b.places[begin + query];
    distance = distance > b.reach ? b.reach : distance < -b.reach ? -b.reach : distance;
    return to_float(b.bias[(size_t)head * (2 * (size_t)b.reach + 1) + (size_t)(b.reach + distance)]);
}

#endif
