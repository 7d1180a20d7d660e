// The attention of each sequence's first token alone, on hidden states: out[q, h] = sum of p[j] x[j], p = softmax(u[q, h] . x[j] + B); x [T, D], u and
// out [n_sequences, H, D].
//
// A block a sequence, for up to 16 heads at once, so that x is read once; 16 tokens at a time in shared memory, with a running softmax
// (attention.cuh). Order: of a score, lane l of a warp sums elements l, l + 32, ... ascending, then the lanes are added in halves; of a block of
// tokens, the weights are added in halves; the weighted sum goes over tokens ascending. All in float.
#include "cuda/attention.cuh"

enum { THREADS = 256, WARPS = THREADS / 32, HEADS = 16, TOKENS = THREADS / HEADS, MOST_PER_THREAD = 8 };

template <typename real> struct first_work {
    sequences all;
    int n_heads, n_hidden;
    const real *x, *u;
    real *out;
    distance_bias<real> bias;
    bool aligned; // x, and its rows
};

// Shared memory of a block; x [TOKENS, D] follows.
typedef struct first_stage {
    float weights[TOKENS][HEADS]; // scores, then weights
    float shrink[HEADS];
} first_stage;

// One sequence and up to HEADS of its heads.
typedef struct first_place {
    sequence s;
    int index, first_head, n_heads;
} first_place;

// n elements, which stand in a row.
template <typename real> static __device__ __forceinline__ void fetch(const real *from, int n, bool aligned, real *to)
{
    enum { PIECE = CUDA_ALIGNMENT / sizeof(real) };
    if (!aligned) {
        for (int i = (int)threadIdx.x; i < n; i += THREADS)
            to[i] = from[i];
        return;
    }
    for (int i = (int)threadIdx.x * PIECE; i < n; i += THREADS * PIECE)
        *reinterpret_cast<cuda_piece<real> *>(to + i) = *reinterpret_cast<const cuda_piece<real> *>(from + i);
}

// Scores of the n tokens in shared memory: a warp two tokens, all heads.
template <typename real>
static __device__ __forceinline__ void score(const first_work<real> &w, const first_place &at, int n, const real *x, first_stage *stage)
{
    const int lane = (int)threadIdx.x % 32, token = (int)threadIdx.x / 32, other = token + WARPS;
    const real *x0 = x + token * w.n_hidden, *x1 = x + (other < n ? other : token) * w.n_hidden;
    if (token >= n)
        return;
    for (int h = 0; h < at.n_heads; h++) {
        const real *u = w.u + ((size_t)at.index * w.n_heads + at.first_head + h) * w.n_hidden;
        float s0 = 0, s1 = 0;
        for (int d = lane; d < w.n_hidden; d += 32) {
            const float value = to_float(u[d]);
            s0 += value * to_float(x0[d]);
            s1 += value * to_float(x1[d]);
        }
        s0 = warp_sum(s0);
        s1 = warp_sum(s1);
        if (lane == 0)
            stage->weights[token][h] = s0;
        if (lane == 0 && other < n)
            stage->weights[other][h] = s1;
    }
}

// The TOKENS lanes of a head together.
static __device__ __forceinline__ float half_max(float x)
{
    for (int lanes = TOKENS / 2; lanes > 0; lanes /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lanes));
    return x;
}

static __device__ __forceinline__ float half_sum(float x)
{
    for (int lanes = TOKENS / 2; lanes > 0; lanes /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, lanes);
    return x;
}

// Scores -> weights, relative to the largest score so far; thread h TOKENS + j has head h and token first + j, its head's largest and total.
template <typename real>
static __device__ __forceinline__ void weigh(const first_work<real> &w, const first_place &at, int first, first_stage *stage, float state[2])
{
    const int h = (int)threadIdx.x / TOKENS, j = (int)threadIdx.x % TOKENS;
    const bool valid = h < at.n_heads && first + j < at.s.length;
    float s = valid ? stage->weights[j][h] : -INFINITY;
    if (valid && w.bias.bias)
        s += bias_at(w.bias, at.first_head + h, at.s.begin, 0, first + j);
    const float most = fmaxf(state[0], half_max(s)), shrink = expf(state[0] - most), weight = expf(s - most);
    stage->weights[j][h] = weight;
    state[0] = most;
    state[1] = state[1] * shrink + half_sum(weight);
    if (j == 0)
        stage->shrink[h] = shrink;
}

// Thread t has elements t, t + THREADS, ... of all heads.
template <int N, typename real>
static __device__ __forceinline__ void mix(const first_place &at, int n_hidden, int n, const real *x, const first_stage &stage,
                                           float out[HEADS][N])
{
    const int thread = (int)threadIdx.x;
#pragma unroll
    for (int h = 0; h < HEADS; h++)
#pragma unroll
        for (int i = 0; i < N; i++)
            out[h][i] *= stage.shrink[h];
    for (int j = 0; j < n; j++) {
        float value[N];
#pragma unroll
        for (int i = 0; i < N; i++)
            value[i] = thread + i * THREADS < n_hidden ? to_float(x[j * n_hidden + thread + i * THREADS]) : 0;
#pragma unroll
        for (int h = 0; h < HEADS; h++)
            if (h < at.n_heads)
#pragma unroll
                for (int i = 0; i < N; i++)
                    out[h][i] += stage.weights[j][h] * value[i];
    }
}

// Grid: sequences, groups of HEADS heads. N elements a thread.
template <int N, typename real> static __global__ void __launch_bounds__(THREADS, N <= 4 ? 2 : 1) attention_first_kernel(first_work<real> w)
{
    CUDA_SHARED(first_stage, stage);
    real *x = reinterpret_cast<real *>(stage + 1);
    const int first_head = (int)blockIdx.y * HEADS, n_left = w.n_heads - first_head;
    const first_place at = {sequence_of(w.all, (int)blockIdx.x), (int)blockIdx.x, first_head, n_left < HEADS ? n_left : HEADS};
    float out[HEADS][N] = {}, state[2] = {-INFINITY, 0};
    for (int first = 0; first < at.s.length; first += TOKENS) {
        const int n = at.s.length - first < TOKENS ? at.s.length - first : TOKENS;
        __syncthreads();
        fetch(w.x + (size_t)(at.s.begin + first) * w.n_hidden, n * w.n_hidden, w.aligned, x);
        __syncthreads();
        score(w, at, n, x, stage);
        __syncthreads();
        weigh(w, at, first, stage, state);
        __syncthreads();
        mix<N>(at, w.n_hidden, n, x, *stage, out);
    }
    __syncthreads();
    if (threadIdx.x % TOKENS == 0)
        stage->shrink[threadIdx.x / TOKENS] = 1 / state[1];
    __syncthreads();
    if (at.s.length == 0)
        return;
#pragma unroll
    for (int h = 0; h < HEADS; h++)
#pragma unroll
        for (int i = 0; i < N; i++) {
            const int d = (int)threadIdx.x + i * THREADS;
            if (h < at.n_heads && d < w.n_hidden)
                w.out[((size_t)at.index * w.n_heads + at.first_head + h) * w.n_hidden + d] = from_float<real>(out[h][i] * stage->shrink[h]);
        }
}

template <int N, typename real> static asc_status launch(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    const size_t most = args->max_length < args->n_tokens ? args->max_length : args->n_tokens, n_hidden = args->n_hidden;
    const size_t bytes = sizeof(first_stage) + TOKENS * n_hidden * sizeof(real);
    first_work<real> w = {};
    w.all = {cuda_data<int>(args->sequence_offsets), (int)args->n_sequences, (int)args->n_tokens, 1, (int)most, cuda_device_of(stream)->fault};
    w.n_heads = (int)args->n_heads;
    w.n_hidden = (int)n_hidden;
    w.x = cuda_data<real>(args->x);
    w.u = cuda_data<real>(args->u);
    w.out = cuda_data<real>(args->out);
    w.bias = distance_bias_of<real>(args->bias, args->places, args->bias_reach);
    w.aligned = cuda_is_aligned(w.x) && n_hidden * sizeof(real) % CUDA_ALIGNMENT == 0;
    TRY(cuda_allow_shared(stream, attention_first_kernel<N, real>, bytes, "attention_first", err));
    CUDA_LAUNCH((attention_first_kernel<N, real>), dim3((unsigned)args->n_sequences, cuda_blocks(args->n_heads, HEADS)), dim3(THREADS), bytes,
                stream, w);
    return cuda_launched(stream, "attention_first", err);
}

template <typename real> static asc_status attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    if (args->n_hidden <= 2 * THREADS)
        return launch<2, real>(stream, args, err);
    if (args->n_hidden <= 4 * THREADS)
        return launch<4, real>(stream, args, err);
    return launch<MOST_PER_THREAD, real>(stream, args, err);
}

asc_status cuda_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    if (args->n_hidden > MOST_PER_THREAD * THREADS)
        return fail(err, ASC_INTERNAL, "attention_first: n_hidden: expected at most %d, found %zu", MOST_PER_THREAD * THREADS, args->n_hidden);
    asc_status status = ASC_OK;
    CUDA_BY_REAL(stream, status = attention_first<real>(stream, args, err));
    return status;
}
