// Packing: the tokens of a step's sequences, back to back, as indexes into the token table; what is written is ref's, bit for bit.
//
// Sequence q holds row r = sequence_row[q]'s tokens u = offsets[r] .. offsets[r + 1] - 1 in their order. A token is present when it is fixed
// (feature -1) or its feature is in the coalition. REMOVE and DELETE keep present tokens only; REPLACE keeps all and points absent ones at
// their second entry, U + u.
//
// Five kernels: the lengths (a warp a sequence, 32 tokens at a time by ballots), their sums by chunks, those sums' prefix sums, every
// sequence's offset, and the tokens (a warp a sequence). Integers: no order matters. Indexes out of bounds and another number of tokens
// than was said are faults; nothing is written outside the outputs.
#include "cuda/cuda.cuh"

#include "shapes.h"

enum { WARPS = 8, CHUNK = 64 };

struct pack_view {
    asc_policy policy;
    asc_position_rule position_rule;
    int pad_id;
    size_t n_rows, n_features, n_coalitions, n_sequences, n_tokens, n_table, n_words;
    const int *offsets, *features, *ids, *table_positions;
    const uint64_t *masks;
    const int *sequence_row, *sequence_coalition;
    int *sequence_offsets, *source, *positions, *places;
    int *lengths;      // [n_sequences], scratch
    long long *chunks; // [n_chunks], scratch: sums of CHUNK lengths, then what stands before each chunk
    size_t n_chunks;
    int *fault;
};

// ---- One sequence -----------------------------------------------------------------------------------------------

struct sequence_span {
    int first, end; // in the token table
    const uint64_t *mask;
};

// An empty span, and a fault, where an index is out of bounds.
static __device__ sequence_span find_span(const pack_view &view, size_t q)
{
    const int row = view.sequence_row[q], coalition = view.sequence_coalition[q];
    sequence_span span = {0, 0, view.masks};
    if (row < 0 || (size_t)row >= view.n_rows || coalition < 0 || (size_t)coalition >= view.n_coalitions) {
        *view.fault = CUDA_FAULT_INDEX;
        return span;
    }
    const int first = view.offsets[row], end = view.offsets[row + 1];
    if (first < 0 || end < first || (size_t)end > view.n_table) {
        *view.fault = CUDA_FAULT_OFFSETS;
        return span;
    }
    return {first, end, view.masks + ((size_t)row * view.n_coalitions + (size_t)coalition) * view.n_words};
}

static __device__ bool is_present(const pack_view &view, const sequence_span &span, int u)
{
    const int feature = view.features[u];
    if (feature < -1 || (feature >= 0 && (size_t)feature >= view.n_features)) {
        *view.fault = CUDA_FAULT_INDEX;
        return false;
    }
    return feature < 0 || mask_has(span.mask, (size_t)feature);
}

// ---- Lengths and offsets ----------------------------------------------------------------------------------------

static __global__ void lengths_kernel(pack_view view)
{
    const size_t q = (size_t)blockIdx.x * WARPS + threadIdx.y;
    if (q >= view.n_sequences)
        return;
    const sequence_span span = find_span(view, q);
    int length = 0;
    for (int first = span.first; first < span.end; first += warpSize) {
        const int u = first + (int)threadIdx.x;
        const bool kept = u < span.end && (is_present(view, span, u) || view.policy == ASC_POLICY_REPLACE);
        length += __popc(__ballot_sync(0xffffffffu, kept));
    }
    if (threadIdx.x == 0)
        view.lengths[q] = length;
}

// The sum of what the block's threads before this one bring; *total: of all. `shared` [CHUNK].
static __device__ long long sum_before(long long mine, long long *shared, long long *total)
{
    const unsigned thread = threadIdx.x;
    shared[thread] = mine;
    __syncthreads();
    for (unsigned step = 1; step < CHUNK; step *= 2) {
        const long long earlier = thread >= step ? shared[thread - step] : 0;
        __syncthreads();
        shared[thread] += earlier;
        __syncthreads();
    }
    const long long sum = shared[thread];
    *total = shared[CHUNK - 1];
    __syncthreads();
    return sum - mine;
}

static __global__ void chunks_kernel(pack_view view)
{
    CUDA_SHARED(long long, shared);
    const size_t q = (size_t)blockIdx.x * CHUNK + threadIdx.x;
    long long total;
    (void)sum_before(q < view.n_sequences ? view.lengths[q] : 0, shared, &total);
    if (threadIdx.x == 0)
        view.chunks[blockIdx.x] = total;
}

// One block: chunks [n_chunks] become their prefix sums, the last of which must be n_tokens.
static __global__ void chunk_offsets_kernel(pack_view view)
{
    CUDA_SHARED(long long, shared);
    long long before = 0, total;
    for (size_t first = 0; first < view.n_chunks; first += CHUNK) {
        const size_t chunk = first + threadIdx.x;
        const long long sum = chunk < view.n_chunks ? view.chunks[chunk] : 0, offset = sum_before(sum, shared, &total);
        if (chunk < view.n_chunks)
            view.chunks[chunk] = before + offset;
        before += total;
    }
    if (threadIdx.x == 0 && before != (long long)view.n_tokens)
        *view.fault = CUDA_FAULT_COUNT;
    if (threadIdx.x == 0)
        view.sequence_offsets[0] = 0;
}

static __global__ void offsets_kernel(pack_view view)
{
    CUDA_SHARED(long long, shared);
    const size_t q = (size_t)blockIdx.x * CHUNK + threadIdx.x;
    const long long most = (long long)view.n_tokens, length = q < view.n_sequences ? view.lengths[q] : 0;
    long long total;
    const long long end = view.chunks[blockIdx.x] + sum_before(length, shared, &total) + length;
    if (q < view.n_sequences)
        view.sequence_offsets[q + 1] = (int)(end < most ? end : most);
}

// ---- Tokens -----------------------------------------------------------------------------------------------------

// A warp writes its sequence's tokens, 32 of the table at a time.
static __global__ void tokens_kernel(pack_view view)
{
    const size_t q = (size_t)blockIdx.x * WARPS + threadIdx.y;
    if (q >= view.n_sequences)
        return;
    const sequence_span span = find_span(view, q);
    const unsigned before = (1u << threadIdx.x) - 1u;
    const int begin = view.sequence_offsets[q];
    int n_written = 0, n_counted = 0; // tokens, and those among them that are not padding
    for (int first = span.first; first < span.end; first += warpSize) {
        const int u = first + (int)threadIdx.x;
        const bool present = u < span.end && is_present(view, span, u);
        const bool kept = u < span.end && (present || view.policy == ASC_POLICY_REPLACE);
        const size_t entry = present ? (size_t)u : view.n_table + (size_t)u;
        const bool counted = kept && view.position_rule == ASC_POSITIONS_AFTER_PAD && view.ids[entry] != view.pad_id;
        const unsigned all_kept = __ballot_sync(0xffffffffu, kept), all_counted = __ballot_sync(0xffffffffu, counted);
        const int index = n_written + __popc(all_kept & before);
        const size_t at = (size_t)begin + (size_t)index;
        if (kept && at < view.n_tokens) {
            view.source[at] = (int)entry;
            view.places[at] = view.policy == ASC_POLICY_DELETE ? index : u - span.first;
            switch (view.position_rule) {
            case ASC_POSITIONS_KEPT: view.positions[at] = view.table_positions[entry]; break;
            case ASC_POSITIONS_COUNTED: view.positions[at] = index; break;
            case ASC_POSITIONS_AFTER_PAD:
                view.positions[at] = view.pad_id + (counted ? n_counted + __popc(all_counted & before) + 1 : 0);
                break;
            }
        }
        n_written += __popc(all_kept);
        n_counted += __popc(all_counted);
    }
}

// ---- The operation ----------------------------------------------------------------------------------------------

static pack_view view_of(const pack_args *args, int *fault)
{
    const token_table *table = args->table;
    pack_view view = {};
    view.policy = args->policy;
    view.position_rule = args->position_rule;
    view.pad_id = args->pad_id;
    view.n_rows = args->n_rows;
    view.n_features = args->n_features;
    view.n_coalitions = args->n_coalitions;
    view.n_sequences = args->n_sequences;
    view.n_tokens = args->n_tokens;
    view.n_table = table->n_tokens;
    view.n_words = mask_words(args->n_features);
    view.offsets = cuda_data<int>(table->offsets);
    view.features = cuda_data<int>(table->features);
    view.ids = cuda_data<int>(table->ids);
    view.table_positions = cuda_data<int>(table->positions);
    view.masks = cuda_data<uint64_t>(args->masks);
    view.sequence_row = cuda_data<int>(args->sequence_row);
    view.sequence_coalition = cuda_data<int>(args->sequence_coalition);
    view.sequence_offsets = cuda_data<int>(args->sequence_offsets);
    view.source = cuda_data<int>(args->source);
    view.positions = cuda_data<int>(args->positions);
    view.places = cuda_data<int>(args->places);
    view.n_chunks = cuda_blocks(args->n_sequences, CHUNK);
    view.fault = fault;
    return view;
}

asc_status cuda_pack(asc_stream *stream, const pack_args *args, asc_error *err)
{
    pack_view view = view_of(args, cuda_device_of(stream)->fault);
    const size_t chunk_bytes = view.n_chunks * sizeof *view.chunks, shared_bytes = CHUNK * sizeof(long long);
    const dim3 grid(cuda_blocks(args->n_sequences, WARPS)), block(32, WARPS);
    void *scratch;
    TRY(cuda_scratch(stream, chunk_bytes + args->n_sequences * sizeof *view.lengths, &scratch, err));
    view.chunks = static_cast<long long *>(scratch);
    view.lengths = reinterpret_cast<int *>(static_cast<char *>(scratch) + chunk_bytes);
    if (args->n_sequences > 0) {
        CUDA_LAUNCH(lengths_kernel, grid, block, 0, stream, view);
        CUDA_LAUNCH(chunks_kernel, (unsigned)view.n_chunks, CHUNK, shared_bytes, stream, view);
    }
    CUDA_LAUNCH(chunk_offsets_kernel, 1, CHUNK, shared_bytes, stream, view);
    if (args->n_sequences > 0) {
        CUDA_LAUNCH(offsets_kernel, (unsigned)view.n_chunks, CHUNK, shared_bytes, stream, view);
        CUDA_LAUNCH(tokens_kernel, grid, block, 0, stream, view);
    }
    return cuda_launched(stream, "pack", err);
}
