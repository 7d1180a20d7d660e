// Self-attention within each sequence: out = softmax(scale Q K' + B) V per head; qkv [T, 3, H, E], its rows may be shared, out [T, H, E].
//
// 16-bit REAL and heads of 32 and 64 elements: attention_mma.cuh. All else: the general kernel below, in float, a warp for 4 queries against
// blocks of 32 keys in shared memory, a lane a key for the scores (over e ascending), a lane an element for the weighted sum (over keys
// ascending); sums over a block's keys in halves.
#include "cuda/attention_mma.cuh"

enum { WARPS = 4, QUERIES = 4, BLOCK_QUERIES = WARPS * QUERIES, KEYS = 32, MOST_HEAD_SIZE = 256 };

// ---- The general kernel --------------------------------------------------------------------------------------------

// Shared memory of a block, in floats.
typedef struct stage {
    float *keys;    // [KEYS, E + 1]: so that lanes hit different banks
    float *values;  // [KEYS, E]
    float *queries; // [BLOCK_QUERIES, E]
    float *weights; // [BLOCK_QUERIES, KEYS]
    int head_size;
} stage;

static __host__ __device__ size_t stage_floats(size_t head_size)
{
    return KEYS * (head_size + 1) + KEYS * head_size + BLOCK_QUERIES * head_size + BLOCK_QUERIES * KEYS;
}

static __device__ __forceinline__ stage stage_at(float *memory, int head_size)
{
    float *values = memory + KEYS * (head_size + 1), *queries = values + KEYS * head_size;
    return {memory, values, queries, queries + BLOCK_QUERIES * head_size, head_size};
}

typedef struct float_rows {
    float *first;
    int count, width, stride;
} float_rows;

// Part 0 (queries), 1 (keys) or 2 (values) of as many tokens of a head, from the sequence's token `first` on; zeros beyond the sequence.
template <typename real>
static __device__ void fetch(const attention_work<real> &w, const head_place &at, int part, int first, const float_rows &to)
{
    const int width = w.n_heads * to.width;
    for (int i = (int)(threadIdx.x + 32 * threadIdx.y); i < to.count * to.width; i += 32 * WARPS) {
        const int token = i / to.width, e = i % to.width;
        const real *row = first + token < at.s.length ? qkv_row(w, at.s.begin + first + token, width) : nullptr;
        to.first[token * to.stride + e] = row ? to_float(row[part * width + at.head * to.width + e]) : 0;
    }
}

// What a warp knows of its queries; lane l has elements l, l + 32, ...
template <int N> struct queries {
    float out[QUERIES][N], most[QUERIES], total[QUERIES];
    int first;
};

// The scores of key first + lane become the weights that the stage keeps.
template <int N, typename real>
static __device__ void weigh(const attention_work<real> &w, const head_place &at, int first, const stage &of, queries<N> *x)
{
    const int lane = (int)threadIdx.x, warp = (int)threadIdx.y, key = first + lane;
    float score[QUERIES] = {0};
    for (int e = 0; e < of.head_size; e++)
#pragma unroll
        for (int i = 0; i < QUERIES; i++)
            score[i] += of.queries[(warp * QUERIES + i) * of.head_size + e] * of.keys[lane * (of.head_size + 1) + e];
#pragma unroll
    for (int i = 0; i < QUERIES; i++) {
        const int query = x->first + i;
        float s = key < at.s.length ? score[i] * w.scale : -INFINITY;
        if (w.bias.bias && key < at.s.length && query < at.s.length)
            s += bias_at(w.bias, at.head, at.s.begin, query, key);
        const float most = fmaxf(x->most[i], warp_max(s)), shrink = expf(x->most[i] - most), weight = expf(s - most);
        of.weights[(warp * QUERIES + i) * KEYS + lane] = weight;
        x->most[i] = most;
        x->total[i] = x->total[i] * shrink + warp_sum(weight);
#pragma unroll
        for (int n = 0; n < N; n++)
            x->out[i][n] *= shrink;
    }
    __syncwarp();
}

template <int N> static __device__ __forceinline__ void mix(const stage &of, int n_keys, queries<N> *x)
{
    const int lane = (int)threadIdx.x, warp = (int)threadIdx.y;
    for (int key = 0; key < n_keys; key++)
#pragma unroll
        for (int n = 0; n < N; n++) {
            const int e = lane + 32 * n;
            const float value = e < of.head_size ? of.values[key * of.head_size + e] : 0;
#pragma unroll
            for (int i = 0; i < QUERIES; i++)
                x->out[i][n] += of.weights[(warp * QUERIES + i) * KEYS + key] * value;
        }
}

// Grid: sequences, heads, groups of BLOCK_QUERIES queries. Block: 32, WARPS. N elements a lane.
template <int N, typename real> static __global__ void __launch_bounds__(32 * WARPS, 4) attention_kernel(attention_work<real> w, int head_size)
{
    CUDA_SHARED(float, memory);
    const stage of = stage_at(memory, head_size);
    const head_place at = {sequence_of(w.all, (int)blockIdx.x), (int)blockIdx.y};
    const int lane = (int)threadIdx.x, first_query = (int)blockIdx.z * BLOCK_QUERIES;
    if (first_query >= at.s.length)
        return;
    queries<N> x = {};
    x.first = first_query + (int)threadIdx.y * QUERIES;
    for (int i = 0; i < QUERIES; i++)
        x.most[i] = -INFINITY;
    fetch(w, at, 0, first_query, {of.queries, BLOCK_QUERIES, head_size, head_size});
    for (int first = 0; first < at.s.length; first += KEYS) {
        __syncthreads();
        fetch(w, at, 1, first, {of.keys, KEYS, head_size, head_size + 1});
        fetch(w, at, 2, first, {of.values, KEYS, head_size, head_size});
        __syncthreads();
        weigh(w, at, first, of, &x);
        mix(of, at.s.length - first < KEYS ? at.s.length - first : KEYS, &x);
    }
    for (int i = 0; i < QUERIES && x.first + i < at.s.length; i++)
        for (int n = 0; n < N; n++)
            if (lane + 32 * n < head_size)
                w.out[((size_t)(at.s.begin + x.first + i) * w.n_heads + at.head) * head_size + lane + 32 * n] =
                    from_float<real>(x.out[i][n] / x.total[i]);
}

// ---- Launches ------------------------------------------------------------------------------------------------------

template <typename real> static attention_work<real> work_of(asc_stream *stream, const attention_args *args)
{
    const size_t most = args->max_length < args->n_tokens ? args->max_length : args->n_tokens;
    const real *qkv = cuda_data<real>(args->qkv.data);
    real *out = cuda_data<real>(args->out);
    attention_work<real> w = {};
    w.all = {cuda_data<int>(args->sequence_offsets), (int)args->n_sequences, (int)args->n_tokens, 0, (int)most, cuda_device_of(stream)->fault};
    w.n_heads = (int)args->n_heads;
    w.n_rows = (int)args->qkv.n_rows;
    w.scale = (float)args->scale;
    w.qkv = qkv;
    w.source = cuda_data<int>(args->qkv.source);
    w.out = out;
    w.bias = distance_bias_of<real>(args->bias, args->places, args->bias_reach);
    w.aligned = cuda_is_aligned(qkv) && cuda_is_aligned(out);
    w.stage_keys = most < MMA_KEYS ? (int)((most + 15) / 16 * 16) : MMA_KEYS;
    return w;
}

template <int E, typename real> static asc_status launch_mma(asc_stream *stream, const attention_work<real> *work, asc_error *err)
{
    const attention_work<real> w = *work;
    const size_t bytes = (size_t)MMA_WARPS * 2 * (size_t)w.stage_keys * stage_stride<E> * sizeof(real);
    const dim3 grid((unsigned)w.all.count, cuda_blocks((size_t)w.n_heads, MMA_WARPS),
                    w.all.most <= MMA_KEYS ? 1 : cuda_blocks((size_t)w.all.most, MMA_BLOCK_QUERIES));
    TRY(cuda_allow_shared(stream, attention_mma_kernel<E, real>, bytes, "attention", err));
    CUDA_LAUNCH((attention_mma_kernel<E, real>), grid, dim3(32, MMA_WARPS), bytes, stream, w);
    return cuda_launched(stream, "attention", err);
}

template <int N, typename real>
static asc_status launch_general(asc_stream *stream, const attention_work<real> *work, size_t head_size, asc_error *err)
{
    const attention_work<real> w = *work;
    const size_t bytes = stage_floats(head_size) * sizeof(float);
    const dim3 grid((unsigned)w.all.count, (unsigned)w.n_heads, cuda_blocks((size_t)w.all.most, BLOCK_QUERIES));
    TRY(cuda_allow_shared(stream, attention_kernel<N, real>, bytes, "attention, general", err));
    CUDA_LAUNCH((attention_kernel<N, real>), grid, dim3(32, WARPS), bytes, stream, w, (int)head_size);
    return cuda_launched(stream, "attention, general", err);
}

template <typename real> struct on_tensor_cores {
    static asc_status launch(asc_stream *stream, const attention_work<real> *w, size_t head_size, bool *done, asc_error *err)
    {
        *done = head_size == 32 || head_size == 64;
        return head_size == 32 ? launch_mma<32, real>(stream, w, err) : head_size == 64 ? launch_mma<64, real>(stream, w, err) : ASC_OK;
    }
};

template <> struct on_tensor_cores<float> {
    static asc_status launch(asc_stream *, const attention_work<float> *, size_t, bool *done, asc_error *)
    {
        *done = false;
        return ASC_OK;
    }
};

template <typename real> static asc_status attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    const attention_work<real> w = work_of<real>(stream, args);
    bool done;
    TRY(on_tensor_cores<real>::launch(stream, &w, args->head_size, &done, err));
    if (done)
        return ASC_OK;
    if (args->head_size <= 32)
        return launch_general<1, real>(stream, &w, args->head_size, err);
    if (args->head_size <= 64)
        return launch_general<2, real>(stream, &w, args->head_size, err);
    if (args->head_size <= 128)
        return launch_general<4, real>(stream, &w, args->head_size, err);
    return launch_general<8, real>(stream, &w, args->head_size, err);
}

asc_status cuda_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    if (args->head_size > MOST_HEAD_SIZE)
        return fail(err, ASC_INTERNAL, "attention: head_size: expected at most %d, found %zu", MOST_HEAD_SIZE, args->head_size);
    asc_status status = ASC_OK;
    CUDA_BY_REAL(stream, status = attention<real>(stream, args, err));
    return status;
}
