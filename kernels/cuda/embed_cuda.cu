// Embedding: out[t] = norm(word[ids[u]] + position[p] + type[types[u]]), u = source[t] or t; p = positions[t] or the table's positions[u];
// without types nothing is added for them. Shapes: out [T, D], the tables [V, D] and so on.
//
// One warp a token, eight tokens a block. Order: word + position, then + type, in float; then norm.cuh. A token whose ids lie outside their
// tables is a fault and is left alone.
#include "cuda/norm.cuh"

enum { WARPS = 8 };

template <typename real> struct embed_view {
    size_t n_tokens, n_entries, n_vocabulary, n_positions, n_types;
    const int *source, *own_positions; // [T] or NULL
    const int *ids, *positions, *types;
    const real *word, *position, *type;
    real *out;
    int *fault;
};

static __device__ __forceinline__ bool outside(int index, size_t end)
{
    return index < 0 || (size_t)index >= end;
}

template <int N, typename real> static __global__ void embed_kernel(embed_view<real> view, norm_view<real> norm)
{
    const size_t t = (size_t)blockIdx.x * WARPS + threadIdx.y, n_hidden = (size_t)norm.n_hidden;
    if (t >= view.n_tokens)
        return;
    const int u = view.source ? view.source[t] : (int)t;
    if (outside(u, view.n_entries)) {
        *view.fault = CUDA_FAULT_INDEX;
        return;
    }
    const int id = view.ids[u], place = view.own_positions ? view.own_positions[t] : view.positions[u];
    const int kind = view.n_types > 0 ? view.types[u] : 0;
    if (outside(id, view.n_vocabulary) || outside(place, view.n_positions) || (view.n_types > 0 && outside(kind, view.n_types))) {
        *view.fault = CUDA_FAULT_INDEX;
        return;
    }
    const real *word = view.word + (size_t)id * n_hidden, *position = view.position + (size_t)place * n_hidden;
    const real *type = view.n_types > 0 ? view.type + (size_t)kind * n_hidden : nullptr;
    const auto sum = [=](int d) {
        const float x = to_float(word[d]) + to_float(position[d]);
        return type ? x + to_float(type[d]) : x;
    };
    norm_row<N>(norm, sum, view.out + t * n_hidden, (int)threadIdx.x);
}

template <typename real> static void launch(asc_stream *stream, const embed_args *args)
{
    const token_table *table = args->table;
    const norm_view<real> norm = norm_view_of<real>(&args->norm, args->n_hidden);
    const embed_view<real> view = {args->n_tokens,
                                   args->source.buffer ? table_entries(table) : args->n_tokens,
                                   args->n_vocabulary,
                                   args->n_positions,
                                   args->n_types,
                                   cuda_data<int>(args->source),
                                   cuda_data<int>(args->positions),
                                   cuda_data<int>(table->ids),
                                   cuda_data<int>(table->positions),
                                   cuda_data<int>(table->types),
                                   cuda_data<real>(args->word),
                                   cuda_data<real>(args->position),
                                   cuda_data<real>(args->type),
                                   cuda_data<real>(args->out),
                                   cuda_device_of(stream)->fault};
    const dim3 grid(cuda_blocks(args->n_tokens, WARPS)), block(32, WARPS);
    if (args->n_hidden <= 12 * 32)
        CUDA_LAUNCH((embed_kernel<12, real>), grid, block, 0, stream, view, norm);
    else if (args->n_hidden <= 24 * 32)
        CUDA_LAUNCH((embed_kernel<24, real>), grid, block, 0, stream, view, norm);
    else
        CUDA_LAUNCH((embed_kernel<NORM_MOST_PER_LANE, real>), grid, block, 0, stream, view, norm);
}

asc_status cuda_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    if (args->n_hidden > NORM_MOST_PER_LANE * 32)
        return fail(err, ASC_INTERNAL, "embed: n_hidden: expected at most %d, found %zu", NORM_MOST_PER_LANE * 32, args->n_hidden);
    CUDA_BY_REAL(stream, launch<real>(stream, args));
    return cuda_launched(stream, "embed", err);
}
