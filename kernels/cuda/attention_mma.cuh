// Attention of one head on the tensor cores, for 16-bit REAL and heads of 32 and 64 elements.
//
// A tile is 16 queries of one warp against blocks of 64 keys, which lie in shared memory: scores and running softmax in float in registers; the
// weights are rounded to REAL for the second product, and it is the rounded ones that are summed, so that they still add up to 1. Sequences of at
// most 64 tokens: a warp a head, all queries, keys read once. Longer ones: the four warps of a block share the keys of one head after the other,
// and copy a block of keys while they work on the one before. A tile does the same in both cases.
#ifndef ASCRIBE_CUDA_ATTENTION_MMA_CUH
#define ASCRIBE_CUDA_ATTENTION_MMA_CUH

#include "cuda/attention.cuh"
#include "cuda/mma.cuh"

enum { MMA_WARPS = 4, MMA_QUERIES = 16, MMA_KEYS = 64, MMA_BLOCK_QUERIES = MMA_WARPS * MMA_QUERIES };

template <typename real> struct attention_work {
    sequences all;
    int n_heads, n_rows; // n_rows: of qkv
    float scale;
    const real *qkv;   // [n_rows, 3, H, E]
    const int *source; // [T], NULL: row t
    real *out;         // [T, H, E]
    distance_bias<real> bias;
    bool aligned;    // qkv and out
    int stage_keys;  // that a stage holds: MMA_KEYS, or fewer where no sequence has as many
};

// Token t's row of qkv, NULL with a fault where there is none such.
template <typename real> static __device__ __forceinline__ const real *qkv_row(const attention_work<real> &w, int t, int width)
{
    const int row = w.source ? w.source[t] : t;
    if (w.source && (row < 0 || row >= w.n_rows)) {
        *w.all.fault = CUDA_FAULT_INDEX;
        return nullptr;
    }
    return w.qkv + (size_t)row * 3 * width;
}

// Rows of a stage are 16 bytes longer than a head, so that eight of them lie in different banks.
template <int E> static constexpr int stage_stride = E + 8;

// One head of one sequence.
typedef struct head_place {
    sequence s;
    int head;
} head_place;

// How many keys the block that begins at key `first` has.
static __device__ __forceinline__ int keys_from(const head_place &at, int first)
{
    return at.s.length - first < MMA_KEYS ? at.s.length - first : MMA_KEYS;
}

// The keys from `first` on, and behind the stage's keys their values; by thread threads.x of threads.y. Up to the next multiple of 16 keys zeros
// follow, since 0 times anything else might be NaN.
template <int E, typename real>
static __device__ __forceinline__ void fill_stage(const attention_work<real> &w, const head_place &at, int first, real *stage, dim3 threads)
{
    enum { PIECES = E / 8 }; // of 16 bytes
    const int n_keys = keys_from(at, first), n_staged = (n_keys + 15) / 16 * 16;
    for (int i = (int)threads.x; i < n_staged * 2 * PIECES; i += (int)threads.y) {
        const int key = i / (2 * PIECES), part = i / PIECES % 2, piece = i % PIECES, width = w.n_heads * E;
        real *to = stage + (part * w.stage_keys + key) * stage_stride<E> + piece * 8;
        const real *row = key < n_keys ? qkv_row(w, at.s.begin + first + key, width) : nullptr;
        const real *from = row + (1 + part) * width + at.head * E + piece * 8;
        if (row && w.aligned)
            copy_to_shared(to, from);
        else
            for (int e = 0; e < 8; e++)
                to[e] = row ? from[e] : from_float<real>(0);
    }
}

// 16 queries of a head. Of an element held in two halves, [0] belongs to query g, [1] to query g + 8 of the tile.
template <int E> struct tile {
    unsigned q[E / 16][4];
    float out[E / 8][4]; // not yet divided by the total
    float most[2], total[2];
    int first; // query
};

// Elements e and e + 1 of a query's head.
template <typename real> static __device__ __forceinline__ unsigned load_pair(const attention_work<real> &w, const real *from)
{
    unsigned bits;
    if (w.aligned)
        return *reinterpret_cast<const unsigned *>(from);
    const real pair[2] = {from[0], from[1]};
    memcpy(&bits, pair, sizeof bits);
    return bits;
}

template <int E, typename real>
static __device__ __forceinline__ void open_tile(const attention_work<real> &w, const head_place &at, int first, tile<E> *x)
{
    const int lane = (int)threadIdx.x, g = lane / 4, t = lane % 4, width = w.n_heads * E;
    x->first = first;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = first + g + 8 * half;
        const real *row = query < at.s.length ? qkv_row(w, at.s.begin + query, width) : nullptr;
        const real *from = row + at.head * E + 2 * t;
#pragma unroll
        for (int k = 0; k < E / 16; k++) {
            x->q[k][half] = row ? load_pair(w, from + 16 * k) : 0;
            x->q[k][2 + half] = row ? load_pair(w, from + 16 * k + 8) : 0;
        }
        x->most[half] = -INFINITY;
        x->total[half] = 0;
    }
#pragma unroll
    for (int e = 0; e < E / 8; e++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            x->out[e][i] = 0;
}

// The scores of the tile's queries and the keys of a stage, which begins at key `first`; -infinity beyond.
template <int E, typename real>
static __device__ __forceinline__ void score(const attention_work<real> &w, const head_place &at, const tile<E> &x, int first,
                                             const real *stage, float s[MMA_KEYS / 8][4])
{
    const int lane = (int)threadIdx.x, g = lane / 4, t = lane % 4, n_keys = keys_from(at, first);
#pragma unroll
    for (int n = 0; n < MMA_KEYS / 16; n++) {
#pragma unroll
        for (int i = 0; i < 8; i++)
            s[2 * n + i / 4][i % 4] = 0;
        if (n * 16 < n_keys) {
            const real *row = stage + (n * 16 + lane / 16 * 8 + lane % 8) * stage_stride<E> + lane / 8 % 2 * 8;
#pragma unroll
            for (int k = 0; k < E / 16; k++) {
                unsigned b[4];
                load_matrices(b, row + 16 * k);
                mma(real(), s[2 * n], x.q[k], b);
                mma(real(), s[2 * n + 1], x.q[k], b + 2);
            }
        }
    }
#pragma unroll
    for (int n = 0; n < MMA_KEYS / 8; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int key = n * 8 + 2 * t + i % 2, query = x.first + g + 8 * (i / 2);
            s[n][i] = key < n_keys ? s[n][i] * w.scale : -INFINITY;
            if (w.bias.bias && key < n_keys && query < at.s.length)
                s[n][i] += bias_at(w.bias, at.head, at.s.begin, query, first + key);
        }
}

// The four lanes of a query together.
static __device__ __forceinline__ float quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}

static __device__ __forceinline__ float quad_sum(float x)
{
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

// Scores -> weights as REAL holds them, relative to the largest score so far, to which the tile is brought.
template <int E, typename real> static __device__ __forceinline__ void weigh(tile<E> *x, float s[MMA_KEYS / 8][4])
{
    const float log2_e = 1.44269504f;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = x->most[half], sum = 0;
#pragma unroll
        for (int n = 0; n < MMA_KEYS / 8; n++)
            most = fmaxf(most, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
        most = quad_max(most);
        const float shrink = exp2f((x->most[half] - most) * log2_e);
#pragma unroll
        for (int n = 0; n < MMA_KEYS / 8; n++)
#pragma unroll
            for (int i = 2 * half; i < 2 * half + 2; i++) {
                s[n][i] = to_float(from_float<real>(exp2f((s[n][i] - most) * log2_e)));
                sum += s[n][i];
            }
        x->most[half] = most;
        x->total[half] = x->total[half] * shrink + quad_sum(sum);
#pragma unroll
        for (int e = 0; e < E / 8; e++) {
            x->out[e][2 * half] *= shrink;
            x->out[e][2 * half + 1] *= shrink;
        }
    }
}

// Takes in the keys of a stage, which begins at key `first`.
template <int E, typename real>
static __device__ __forceinline__ void absorb(const attention_work<real> &w, const head_place &at, int first, const real *stage, tile<E> *x)
{
    const int lane = (int)threadIdx.x, n_keys = keys_from(at, first);
    const real *values = stage + w.stage_keys * stage_stride<E>;
    float s[MMA_KEYS / 8][4];
    score(w, at, *x, first, stage, s);
    weigh<E, real>(x, s);
#pragma unroll
    for (int n = 0; n < MMA_KEYS / 16; n++)
        if (n * 16 < n_keys) {
            const unsigned a[4] = {mma_pair(real(), s[2 * n][0], s[2 * n][1]), mma_pair(real(), s[2 * n][2], s[2 * n][3]),
                                   mma_pair(real(), s[2 * n + 1][0], s[2 * n + 1][1]), mma_pair(real(), s[2 * n + 1][2], s[2 * n + 1][3])};
            const real *row = values + (n * 16 + lane % 16) * stage_stride<E> + lane / 16 * 8;
#pragma unroll
            for (int e = 0; e < E / 16; e++) {
                unsigned b[4];
                load_matrices_transposed(b, row + 16 * e);
                mma(real(), x->out[2 * e], a, b);
                mma(real(), x->out[2 * e + 1], a, b + 2);
            }
        }
}

template <int E, typename real>
static __device__ __forceinline__ void close_tile(const attention_work<real> &w, const head_place &at, const tile<E> &x)
{
    const int lane = (int)threadIdx.x, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = x.first + g + 8 * half;
        if (query >= at.s.length)
            continue;
        const float share = 1 / x.total[half];
        real *to = w.out + ((size_t)(at.s.begin + query) * w.n_heads + at.head) * E + 2 * t;
#pragma unroll
        for (int e = 0; e < E / 8; e++) {
            const float a = x.out[e][2 * half] * share, b = x.out[e][2 * half + 1] * share;
            if (w.aligned) {
                *reinterpret_cast<unsigned *>(to + 8 * e) = mma_pair(real(), a, b);
            } else {
                to[8 * e] = from_float<real>(a);
                to[8 * e + 1] = from_float<real>(b);
            }
        }
    }
}

// A warp: all queries of a head of at most MMA_KEYS tokens.
template <int E, typename real>
static __device__ __forceinline__ void attend_short(const attention_work<real> &w, const head_place &at, real *stage)
{
    fill_stage<E>(w, at, 0, stage, dim3(threadIdx.x, 32));
    copies_wait();
    __syncwarp();
    for (int first = 0; first < at.s.length; first += MMA_QUERIES) {
        tile<E> x;
        open_tile(w, at, first, &x);
        absorb(w, at, 0, stage, &x);
        close_tile(w, at, x);
    }
}

// A block: queries [first, first + MMA_BLOCK_QUERIES) of a head, two stages in turn.
template <int E, typename real>
static __device__ __forceinline__ void attend_long(const attention_work<real> &w, const head_place &at, int first, real *stages)
{
    const int own = first + (int)threadIdx.y * MMA_QUERIES;
    const dim3 threads(threadIdx.x + 32 * threadIdx.y, 32 * MMA_WARPS);
    tile<E> x;
    open_tile(w, at, own, &x);
    __syncthreads(); // the head before has been worked off
    fill_stage<E>(w, at, 0, stages, threads);
    for (int key = 0; key < at.s.length; key += MMA_KEYS) {
        const int turn = key / MMA_KEYS % 2;
        real *stage = stages + turn * 2 * MMA_KEYS * stage_stride<E>, *next = stages + (1 - turn) * 2 * MMA_KEYS * stage_stride<E>;
        copies_wait();
        __syncthreads();
        if (key + MMA_KEYS < at.s.length)
            fill_stage<E>(w, at, key + MMA_KEYS, next, threads);
        if (own < at.s.length)
            absorb(w, at, key, stage, &x);
    }
    if (own < at.s.length)
        close_tile(w, at, x);
}

// Grid: sequences, groups of MMA_WARPS heads, and groups of MMA_BLOCK_QUERIES queries of long ones. Block: 32, MMA_WARPS.
template <int E, typename real> static __global__ void __launch_bounds__(32 * MMA_WARPS, 3) attention_mma_kernel(attention_work<real> w)
{
    CUDA_SHARED(real, stages);
    const sequence s = sequence_of(w.all, (int)blockIdx.x);
    const int first_head = (int)blockIdx.y * MMA_WARPS, first_query = (int)blockIdx.z * MMA_BLOCK_QUERIES;
    if (first_query >= s.length)
        return;
    if (s.length <= MMA_KEYS) {
        const int warp = (int)threadIdx.y;
        if (first_head + warp < w.n_heads)
            attend_short<E>(w, {s, first_head + warp}, stages + warp * 2 * w.stage_keys * stage_stride<E>);
        return;
    }
    for (int head = first_head; head < w.n_heads && head < first_head + MMA_WARPS; head++)
        attend_long<E>(w, {s, head}, first_query, stages);
}

#endif
