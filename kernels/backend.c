// The wrappers of every operation but those on values: they check the contract and call the backend's slot; see
// backend.h and backend_check.h.
#include "backend_check.h"

#include <stdlib.h>

// ---- Device and memory --------------------------------------------------------------------------

static const char *const precision_words[] = {
    [ASC_PRECISION_FULL] = "full precision",
    [ASC_PRECISION_BF16] = "bf16",
    [ASC_PRECISION_FP16] = "fp16",
    [ASC_PRECISION_TF32] = "tf32",
};

asc_status backend_open(asc_backend_kind kind, asc_precision precision, asc_backend **out, asc_error *err)
{
    *out = NULL;
    if (kind == ASC_BACKEND_CUDA)
        return backend_open_cuda(&(cuda_choice){.precision = precision}, out, err);
    asc_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return fail_memory(err, "backend", sizeof *backend);
    asc_status status;
    backend->precision = precision;
    switch (kind) {
    case ASC_BACKEND_REF: backend->ops = backend_ref_ops(); break;
    case ASC_BACKEND_REF_GUARDED: backend->ops = backend_ref_guarded_ops(); break;
    case ASC_BACKEND_CPU: backend->ops = backend_cpu_ops(); break;
    default: status = fail(err, ASC_INTERNAL, "backend_open: kind: unknown backend %d", (int)kind); goto done;
    }
    if (!(precision == ASC_PRECISION_FULL || (precision == ASC_PRECISION_BF16 && backend->ops.has_bf16)))
        status = fail(err, ASC_USAGE, "backend %s computes in %s only, %s was asked for", backend->ops.name,
                      backend->ops.has_bf16 ? "fp32 or bf16" : "double precision", precision_words[precision]);
    else
        status = backend->ops.open(backend, err);
done:
    if (status != ASC_OK)
        free(backend);
    else
        *out = backend;
    return status;
}

void backend_close(asc_backend *backend)
{
    if (!backend)
        return;
    backend->ops.close(backend);
    free(backend);
}

const char *backend_name(const asc_backend *backend)
{
    return backend->ops.name;
}

backend_memory backend_memory_used(const asc_backend *backend)
{
    backend_memory found = {0};
    if (backend->ops.memory)
        backend->ops.memory(backend, &found);
    return found;
}

size_t backend_row_chunk(const asc_backend *backend)
{
    return backend->ops.row_chunk ? backend->ops.row_chunk : SIZE_MAX;
}

const char *backend_kernel_set(const asc_backend *backend)
{
    return backend->kernel_set;
}

const char *backend_algorithms(const asc_backend *backend)
{
    return backend->algorithms ? backend->algorithms : "";
}

asc_status backend_propose_algorithms(asc_stream *stream, asc_error *err)
{
    if (!stream->backend->ops.propose_algorithms)
        return ASC_OK;
    return leave(stream, enter(stream)->propose_algorithms(stream, err));
}

asc_status backend_obey_algorithms(asc_stream *stream, const char *algorithms, asc_error *err)
{
    if (!stream->backend->ops.obey_algorithms)
        return ASC_OK;
    return leave(stream, enter(stream)->obey_algorithms(stream, algorithms, err));
}

asc_status stream_create(asc_backend *backend, asc_stream **out, asc_error *err)
{
    *out = NULL;
    asc_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return fail_memory(err, "stream", sizeof *stream);
    stream->backend = backend;
    const asc_status status = backend->ops.stream_create(stream, err);
    if (status != ASC_OK)
        free(stream);
    else
        *out = stream;
    return status;
}

asc_status stream_sync(asc_stream *stream, asc_error *err)
{
    return stream->backend->ops.stream_sync(stream, err);
}

asc_status stream_wait(asc_stream *stream, asc_stream *other, asc_error *err)
{
    assert(stream->backend == other->backend);
    return stream->backend->ops.stream_wait ? stream->backend->ops.stream_wait(stream, other, err) : ASC_OK;
}

void stream_destroy(asc_stream *stream)
{
    if (!stream)
        return;
    stream->backend->ops.stream_destroy(stream);
    free(stream);
}

asc_status backend_gemm_rate(asc_stream *stream, double *flops_per_s, asc_error *err)
{
    *flops_per_s = 0;
    if (!stream->backend->ops.gemm_rate)
        return ASC_OK;
    return leave(stream, enter(stream)->gemm_rate(stream, flops_per_s, err));
}

asc_status buffer_create(asc_backend *backend, asc_type type, size_t count, asc_buffer **out, asc_error *err)
{
    *out = NULL;
    if (count > PTRDIFF_MAX / sizeof(double))
        return fail_memory(err, "buffer", times(count, sizeof(double)));
    asc_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return fail_memory(err, "buffer", sizeof *buffer);
    *buffer = (asc_buffer){.backend = backend, .type = type, .count = count};
    const asc_status status = backend->ops.buffer_create(buffer, err);
    if (status != ASC_OK)
        free(buffer);
    else
        *out = buffer;
    return status;
}

void buffer_destroy(asc_buffer *buffer)
{
    if (!buffer)
        return;
    buffer->backend->ops.buffer_destroy(buffer);
    free(buffer);
}

size_t buffer_count(const asc_buffer *buffer)
{
    return buffer->count;
}

// A transfer accepts every type: the buffer's own is the expected one.
static asc_status check_transfer(contract *c, const char *name, asc_view view, const void *host, size_t count)
{
    const asc_type type = view.buffer ? view.buffer->type : ASC_REAL;
    need(c, host != NULL || count == 0, name, "no host array");
    need_view(c, &(argument){name, view, type, count, IN});
    return c->status;
}

asc_status buffer_upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err)
{
    contract c = contract_of(stream, "upload", err);
    TRY(check_transfer(&c, "to", to, from, count));
    if (count == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->upload(stream, to, from, count, err));
}

asc_status buffer_download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err)
{
    contract c = contract_of(stream, "download", err);
    TRY(check_transfer(&c, "from", from, to, count));
    if (count == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->download(stream, from, to, count, err));
}

// ---- Fetching -----------------------------------------------------------------------------------

asc_status fetch_create(asc_backend *backend, size_t capacity, asc_fetch **out, asc_error *err)
{
    *out = NULL;
    asc_fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return fail_memory(err, "fetch", sizeof *fetch);
    *fetch = (asc_fetch){.backend = backend, .capacity = capacity};
    asc_status status = ASC_OK;
    if (backend->ops.fetch_create)
        status = backend->ops.fetch_create(fetch, err);
    else if (!(fetch->data = malloc(capacity + 1)))
        status = fail_memory(err, "fetch", capacity);
    if (status != ASC_OK)
        free(fetch);
    else
        *out = fetch;
    return status;
}

void fetch_destroy(asc_fetch *fetch)
{
    if (!fetch)
        return;
    if (fetch->backend->ops.fetch_destroy)
        fetch->backend->ops.fetch_destroy(fetch);
    else
        free(fetch->data);
    free(fetch);
}

asc_status fetch_add(asc_stream *stream, asc_fetch *fetch, asc_view from, size_t count, const void **at, asc_error *err)
{
    contract c = contract_of(stream, "fetch", err);
    need(&c, fetch != NULL && fetch->backend == stream->backend, "fetch", "of another backend than the stream");
    TRY(c.status);
    TRY(check_transfer(&c, "from", from, fetch->data, count));
    need(&c, from.buffer->type != ASC_REAL, "from", "REAL");
    const size_t size = from.buffer->type == ASC_I32 ? sizeof(int32_t) : sizeof(uint64_t), bytes = (times(count, size) + 7) / 8 * 8;
    need(&c, bytes <= fetch->capacity - fetch->used, "count", "more than the fetch has room for");
    TRY(c.status);
    const size_t place = fetch->used;
    *at = (const char *)fetch->data + place;
    fetch->used += bytes;
    if (count == 0)
        return ASC_OK;
    if (stream->backend->ops.fetch_add)
        return leave(stream, enter(stream)->fetch_add(stream, fetch, from, count, place, err));
    return leave(stream, enter(stream)->download(stream, from, (char *)fetch->data + place, count, err));
}

asc_status fetch_end(asc_stream *stream, asc_fetch *fetch, asc_error *err)
{
    return fetch->backend->ops.fetch_end ? fetch->backend->ops.fetch_end(stream, fetch, err) : ASC_OK;
}

asc_status fetch_wait(asc_fetch *fetch, asc_error *err)
{
    return fetch->backend->ops.fetch_wait ? fetch->backend->ops.fetch_wait(fetch, err) : ASC_OK;
}

// ---- Weights ------------------------------------------------------------------------------------

asc_status linear_create(asc_backend *backend, const linear_spec *spec, asc_linear **out, asc_error *err)
{
    *out = NULL;
    contract c = {backend, "linear_create", ASC_OK, err};
    need_size(&c, spec->n_groups, 1, "n_groups");
    need_size(&c, spec->n_out, 1, "n_out");
    need_size(&c, spec->n_in, 1, "n_in");
    need(&c, spec->weight != NULL, "weight", "no host array");
    need(&c, times(times(times(spec->n_groups, spec->n_out), spec->n_in), sizeof(double)) < SIZE_MAX, "n_out",
         "weights are too large to address");
    TRY(c.status);
    asc_linear *linear = calloc(1, sizeof *linear);
    if (!linear)
        return fail_memory(err, "linear", sizeof *linear);
    *linear = (asc_linear){
        .backend = backend, .n_groups = spec->n_groups, .n_out = spec->n_out, .n_in = spec->n_in};
    const asc_status status = backend->ops.linear_create(linear, spec->weight, spec->bias, err);
    if (status != ASC_OK)
        free(linear);
    else
        *out = linear;
    return status;
}

void linear_destroy(asc_linear *linear)
{
    if (!linear)
        return;
    linear->backend->ops.linear_destroy(linear);
    free(linear);
}

// ---- Coalitions and packing ---------------------------------------------------------------------

asc_status op_relabel(asc_stream *stream, const relabel_args *args, asc_error *err)
{
    contract c = contract_of(stream, "relabel", err);
    need_size(&c, args->n_rows, 0, "n_rows");
    need_size(&c, args->n_features, 0, "n_features");
    const argument list[] = {
        {"row_ids", args->row_ids, ASC_U64, args->n_rows, IN},
        {"permutations", args->permutations, ASC_I32, times(args->n_rows, args->n_features), OUT},
    };
    CHECK(&c, list);
    if (args->n_rows == 0 || args->n_features == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->relabel(stream, args, err));
}

asc_status op_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err)
{
    contract c = contract_of(stream, "row_masks", err);
    need_size(&c, args->n_rows, 0, "n_rows");
    need_size(&c, args->n_features, 0, "n_features");
    need_size(&c, args->n_coalitions, 1, "n_coalitions");
    const size_t design_words = times(args->n_coalitions, mask_words(args->n_features));
    const argument list[] = {
        {"design_masks", args->design_masks, ASC_U64, design_words, IN},
        {"permutations", args->permutations, ASC_I32, times(args->n_rows, args->n_features), IN},
        {"masks", args->masks, ASC_U64, times(args->n_rows, design_words), OUT},
    };
    CHECK(&c, list);
    if (args->n_rows == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->row_masks(stream, args, err));
}

asc_status op_pack(asc_stream *stream, const pack_args *args, asc_error *err)
{
    contract c = contract_of(stream, "pack", err);
    need(&c, args->table != NULL, "table", "no token table");
    need(&c, args->policy >= ASC_POLICY_REMOVE && args->policy <= ASC_POLICY_DELETE, "policy",
         "unknown policy");
    need(&c, args->position_rule >= ASC_POSITIONS_KEPT && args->position_rule <= ASC_POSITIONS_AFTER_PAD,
         "position_rule", "unknown rule");
    need(&c, args->position_rule != ASC_POSITIONS_AFTER_PAD || args->pad_id >= 0, "pad_id", "negative");
    need_size(&c, args->n_rows, args->n_sequences > 0, "n_rows");
    need_size(&c, args->n_features, 0, "n_features");
    need_size(&c, args->n_coalitions, 1, "n_coalitions");
    need_size(&c, args->n_sequences, 0, "n_sequences");
    need_size(&c, args->n_tokens, 0, "n_tokens");
    TRY(c.status);
    need_size(&c, times(2, args->table->n_tokens), 0, "table.n_tokens (twice)");
    const size_t row_words = times(args->n_coalitions, mask_words(args->n_features));
    const size_t n_entries = args->table->n_tokens * (args->policy == ASC_POLICY_REPLACE ? 2 : 1);
    const argument list[] = {
        {"table.offsets", args->table->offsets, ASC_I32, plus_one(args->n_rows), IN},
        {"table.features", args->table->features, ASC_I32, args->table->n_tokens, IN},
        {"table.ids", args->table->ids, ASC_I32, n_entries, IN},
        {"table.positions", args->table->positions, ASC_I32, n_entries, IN},
        {"masks", args->masks, ASC_U64, times(args->n_rows, row_words), IN},
        {"sequence_row", args->sequence_row, ASC_I32, args->n_sequences, IN},
        {"sequence_coalition", args->sequence_coalition, ASC_I32, args->n_sequences, IN},
        {"sequence_offsets", args->sequence_offsets, ASC_I32, plus_one(args->n_sequences), OUT},
        {"source", args->source, ASC_I32, args->n_tokens, OUT},
        {"positions", args->positions, ASC_I32, args->n_tokens, OUT},
        {"places", args->places, ASC_I32, args->n_tokens, OUT},
    };
    CHECK(&c, list);
    return leave(stream, enter(stream)->pack(stream, args, err));
}

// ---- The transformer ----------------------------------------------------------------------------

asc_status op_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    contract c = contract_of(stream, "embed", err);
    need(&c, args->table != NULL, "table", "no token table");
    need_size(&c, args->n_tokens, 0, "n_tokens");
    need_size(&c, args->n_hidden, 1, "n_hidden");
    need_size(&c, args->n_vocabulary, 1, "n_vocabulary");
    need_size(&c, args->n_positions, 1, "n_positions");
    need_size(&c, args->n_types, 0, "n_types");
    need(&c, args->n_types > 0 || args->type.buffer == NULL, "type", "a table although n_types is 0");
    TRY(c.status);
    const size_t n_entries = args->source.buffer ? args->table->n_tokens : args->n_tokens;
    const size_t n_hidden = args->n_hidden;
    const argument list[] = {
        {"table.ids", args->table->ids, ASC_I32, n_entries, IN},
        {"table.positions", args->table->positions, ASC_I32, n_entries, IN},
        {"table.types", args->table->types, ASC_I32, n_entries, IN},
        {"source", args->source, ASC_I32, args->n_tokens, IN_OPTIONAL},
        {"positions", args->positions, ASC_I32, args->n_tokens, IN_OPTIONAL},
        {"word", args->word, ASC_REAL, times(args->n_vocabulary, n_hidden), IN},
        {"position", args->position, ASC_REAL, times(args->n_positions, n_hidden), IN},
        {"type", args->type, ASC_REAL, times(args->n_types, n_hidden), args->n_types ? IN : IN_OPTIONAL},
        {"norm.gamma", args->norm.gamma, ASC_REAL, n_hidden, IN},
        {"norm.beta", args->norm.beta, ASC_REAL, n_hidden, IN},
        {"out", args->out, ASC_REAL, times(args->n_tokens, n_hidden), OUT},
    };
    CHECK(&c, list);
    if (args->n_tokens == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->embed(stream, args, err));
}

asc_status op_linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    contract c = contract_of(stream, "linear", err);
    need(&c, args->weights != NULL, "weights", "no weights");
    TRY(c.status);
    need(&c, args->weights->backend == stream->backend, "weights",
         "made by another backend than the stream's");
    need(&c, args->activation >= ASC_ACT_NONE && args->activation <= ASC_ACT_TANH, "activation",
         "unknown activation");
    need_size(&c, args->n_tokens, 0, "n_tokens");
    const size_t n_maps = times(args->n_tokens, args->weights->n_groups);
    const argument list[] = {
        {"x", args->x, ASC_REAL, times(n_maps, args->weights->n_in), IN},
        {"out", args->out, ASC_REAL, times(n_maps, args->weights->n_out), OUT},
    };
    CHECK(&c, list);
    if (args->n_tokens == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->linear(stream, args, err));
}

asc_status op_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    contract c = contract_of(stream, "attention", err);
    need_size(&c, args->n_sequences, 0, "n_sequences");
    need_size(&c, args->n_tokens, 0, "n_tokens");
    need_size(&c, args->n_heads, 1, "n_heads");
    need_size(&c, args->head_size, 1, "head_size");
    need(&c, args->n_tokens <= times(args->n_sequences, args->max_length), "max_length",
         "n_sequences of this length hold fewer than n_tokens");
    need_size(&c, args->bias_reach, 0, "bias_reach");
    TRY(c.status);
    const size_t width = times(args->n_heads, args->head_size), n_out = times(args->n_tokens, width);
    const argument list[] = {
        {"qkv", args->qkv.data, ASC_REAL, times(shared_count(&args->qkv, args->n_tokens), times(3, width)), IN},
        {"qkv.source", args->qkv.source, ASC_I32, args->n_tokens, IN_OPTIONAL},
        {"sequence_offsets", args->sequence_offsets, ASC_I32, plus_one(args->n_sequences), IN},
        {"out", args->out, ASC_REAL, n_out, OUT},
        {"bias", args->bias, ASC_REAL, times(args->n_heads, 2 * args->bias_reach + 1), IN_OPTIONAL},
        {"places", args->places, ASC_I32, args->n_tokens, IN_OPTIONAL},
    };
    CHECK(&c, list);
    if (args->n_tokens == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->attention(stream, args, err));
}

asc_status op_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    contract c = contract_of(stream, "attention_first", err);
    need_size(&c, args->n_sequences, 0, "n_sequences");
    need_size(&c, args->n_tokens, args->n_sequences, "n_tokens");
    need_size(&c, args->n_heads, 1, "n_heads");
    need_size(&c, args->n_hidden, 1, "n_hidden");
    need(&c, args->n_tokens <= times(args->n_sequences, args->max_length), "max_length",
         "n_sequences of this length hold fewer than n_tokens");
    need_size(&c, args->bias_reach, 0, "bias_reach");
    TRY(c.status);
    const size_t n_out = times(args->n_sequences, times(args->n_heads, args->n_hidden));
    const argument list[] = {
        {"x", args->x, ASC_REAL, times(args->n_tokens, args->n_hidden), IN},
        {"u", args->u, ASC_REAL, n_out, IN},
        {"sequence_offsets", args->sequence_offsets, ASC_I32, plus_one(args->n_sequences), IN},
        {"out", args->out, ASC_REAL, n_out, OUT},
        {"bias", args->bias, ASC_REAL, times(args->n_heads, 2 * args->bias_reach + 1), IN_OPTIONAL},
        {"places", args->places, ASC_I32, args->n_tokens, IN_OPTIONAL},
    };
    CHECK(&c, list);
    if (args->n_sequences == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->attention_first(stream, args, err));
}

asc_status op_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err)
{
    contract c = contract_of(stream, "add_norm", err);
    need_size(&c, args->n_tokens, 0, "n_tokens");
    need_size(&c, args->n_hidden, 1, "n_hidden");
    const size_t count = times(args->n_tokens, args->n_hidden);
    const size_t n_residuals = times(shared_count(&args->residual, args->n_tokens), args->n_hidden);
    const argument list[] = {
        {"x", args->x, ASC_REAL, count, IN_OR_OUT},
        {"residual", args->residual.data, ASC_REAL, n_residuals, args->residual.source.buffer ? IN : IN_OR_OUT},
        {"residual.source", args->residual.source, ASC_I32, args->n_tokens, IN_OPTIONAL},
        {"norm.gamma", args->norm.gamma, ASC_REAL, args->n_hidden, IN},
        {"norm.beta", args->norm.beta, ASC_REAL, args->n_hidden, IN},
        {"out", args->out, ASC_REAL, count, OUT},
    };
    CHECK(&c, list);
    if (args->n_tokens == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->add_norm(stream, args, err));
}

asc_status op_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err)
{
    contract c = contract_of(stream, "pool_first", err);
    need_size(&c, args->n_sequences, 0, "n_sequences");
    need_size(&c, args->n_tokens, args->n_sequences, "n_tokens");
    need_size(&c, args->n_hidden, 1, "n_hidden");
    const argument list[] = {
        {"x", args->x, ASC_REAL, times(args->n_tokens, args->n_hidden), IN},
        {"sequence_offsets", args->sequence_offsets, ASC_I32, plus_one(args->n_sequences), IN},
        {"out", args->out, ASC_REAL, times(args->n_sequences, args->n_hidden), OUT},
    };
    CHECK(&c, list);
    if (args->n_sequences == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->pool_first(stream, args, err));
}
