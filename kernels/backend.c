// The checks that stand between the host and every backend, once for all of them; see backend.h.
//
// Each operation lists its arguments in a table: name, view, element type, element count, direction.
// `check_arguments` then holds every view against its buffer, and every output against all other arguments:
// an output may share no element with another argument, except where the operation works in place. A broken
// contract is our bug: ASC_INTERNAL, "op: argument: what is wrong".
#include "backend_ops.h"

#include "base/checked.h"
#include "shapes.h"

#include <assert.h>
#include <stdlib.h>

// Products of dimensions, stuck at SIZE_MAX when they do not fit: no buffer holds that many elements, so the
// bounds check fails.
static size_t times(size_t a, size_t b)
{
    size_t product;
    return checked_multiply(a, b, &product) ? product : SIZE_MAX;
}

static size_t plus_one(size_t a)
{
    return a == SIZE_MAX ? a : a + 1;
}

// ---- Checking -----------------------------------------------------------------------------------

typedef enum direction {
    IN,
    IN_OR_OUT, // an input that the operation may overwrite with its output, exactly or not at all
    IN_OPTIONAL,
    OUT,
    OUT_OPTIONAL,
} direction;

typedef struct argument {
    const char *name;
    asc_view view;
    asc_type type;
    size_t count;
    direction direction;
} argument;

// An operation being checked: `first` is the first failure.
typedef struct contract {
    const asc_backend *backend;
    const char *op;
    asc_status status;
    asc_error *err;
} contract;

static contract contract_of(const asc_stream *stream, const char *op, asc_error *err)
{
    assert(stream != NULL);
    return (contract){stream->backend, op, ASC_OK, err};
}

static const char *type_name(asc_type type)
{
    switch (type) {
    case ASC_REAL: return "REAL";
    case ASC_F64: return "F64";
    case ASC_I32: return "I32";
    case ASC_U64: return "U64";
    }
    return "unknown type";
}

// Records that a condition the caller owes does not hold.
static void need(contract *c, bool holds, const char *name, const char *what)
{
    if (c->status == ASC_OK && !holds)
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: %s", c->op, name, what);
}

// A dimension in [least, INT32_MAX]: indexes and offsets are I32.
static void need_size(contract *c, size_t value, size_t least, const char *name)
{
    if (c->status == ASC_OK && (value < least || value > INT32_MAX))
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: expected %zu to %d, found %zu", c->op, name, least,
                         INT32_MAX, value);
}

// The view lies in a buffer of this backend and of the argument's type.
static void need_view(contract *c, const argument *a)
{
    const asc_buffer *buffer = a->view.buffer;
    size_t end;
    need(c, buffer != NULL, a->name, "no buffer");
    if (c->status != ASC_OK)
        return;
    need(c, buffer->backend == c->backend, a->name, "the buffer belongs to another backend than the stream");
    if (c->status == ASC_OK && buffer->type != a->type)
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: expected a buffer of %s, found %s", c->op, a->name,
                         type_name(a->type), type_name(buffer->type));
    if (c->status == ASC_OK && (!checked_add(a->view.first, a->count, &end) || end > buffer->count))
        c->status = fail(c->err, ASC_INTERNAL,
                         "%s: %s: %zu elements from element %zu are out of bounds, the buffer holds %zu",
                         c->op, a->name, a->count, a->view.first, buffer->count);
}

static bool is_output(const argument *a)
{
    return a->direction == OUT || a->direction == OUT_OPTIONAL;
}

static void need_apart(contract *c, const argument *out, const argument *other)
{
    if (c->status != ASC_OK || out->view.buffer == NULL || out->view.buffer != other->view.buffer)
        return;
    const size_t out_end = out->view.first + out->count, other_end = other->view.first + other->count;
    const bool apart = out_end <= other->view.first || other_end <= out->view.first;
    const bool same = out->view.first == other->view.first && out->count == other->count;
    if (!apart && out->count > 0 && other->count > 0 && !(other->direction == IN_OR_OUT && same))
        c->status = fail(c->err, ASC_INTERNAL, "%s: %s: overlaps %s", c->op, out->name, other->name);
}

static asc_status check_arguments(contract *c, const argument *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool optional = list[i].direction == IN_OPTIONAL || list[i].direction == OUT_OPTIONAL;
        if (!optional || list[i].view.buffer != NULL)
            need_view(c, &list[i]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; is_output(&list[i]) && j < n; j++)
            if (j != i)
                need_apart(c, &list[i], &list[j]);
    return c->status;
}

#define CHECK(contract, list) TRY(check_arguments(contract, list, sizeof(list) / sizeof((list)[0])))

// Around every slot: leave(stream, enter(stream)->slot(...)).
static const asc_backend_ops *enter(const asc_stream *stream)
{
    const asc_backend_ops *ops = &stream->backend->ops;
    if (ops->enter)
        ops->enter(stream->backend);
    return ops;
}

static asc_status leave(const asc_stream *stream, asc_status status)
{
    if (stream->backend->ops.leave)
        stream->backend->ops.leave(stream->backend);
    return status;
}

// ---- Device and memory --------------------------------------------------------------------------

asc_status backend_open(asc_backend_kind kind, asc_backend **out, asc_error *err)
{
    *out = NULL;
    asc_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return fail_memory(err, "backend", sizeof *backend);
    asc_status status;
    switch (kind) {
    case ASC_BACKEND_REF: backend->ops = backend_ref_ops(); break;
    case ASC_BACKEND_REF_GUARDED: backend->ops = backend_ref_guarded_ops(); break;
    case ASC_BACKEND_CPU: backend->ops = backend_cpu_ops(); break;
    default: status = fail(err, ASC_INTERNAL, "backend_open: kind: unknown backend %d", (int)kind); goto done;
    }
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

const char *backend_kernel_set(const asc_backend *backend)
{
    return backend->kernel_set;
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

void stream_destroy(asc_stream *stream)
{
    if (!stream)
        return;
    stream->backend->ops.stream_destroy(stream);
    free(stream);
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

asc_status linear_create(asc_backend *backend, size_t n_out, size_t n_in, const float *weight,
                         const float *bias, asc_linear **out, asc_error *err)
{
    *out = NULL;
    contract c = {backend, "linear_create", ASC_OK, err};
    need_size(&c, n_out, 1, "n_out");
    need_size(&c, n_in, 1, "n_in");
    need(&c, weight != NULL, "weight", "no host array");
    need(&c, times(times(n_out, n_in), sizeof(double)) < SIZE_MAX, "n_out",
         "weights are too large to address");
    TRY(c.status);
    asc_linear *linear = calloc(1, sizeof *linear);
    if (!linear)
        return fail_memory(err, "linear", sizeof *linear);
    *linear = (asc_linear){.backend = backend, .n_out = n_out, .n_in = n_in};
    const asc_status status = backend->ops.linear_create(linear, weight, bias, err);
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
    const argument list[] = {
        {"x", args->x, ASC_REAL, times(args->n_tokens, args->weights->n_in), IN},
        {"out", args->out, ASC_REAL, times(args->n_tokens, args->weights->n_out), OUT},
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
    const size_t n_out = times(args->n_tokens, times(args->n_heads, args->head_size));
    const argument list[] = {
        {"qkv", args->qkv, ASC_REAL, times(3, n_out), IN},
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

asc_status op_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err)
{
    contract c = contract_of(stream, "add_norm", err);
    need_size(&c, args->n_tokens, 0, "n_tokens");
    need_size(&c, args->n_hidden, 1, "n_hidden");
    const size_t count = times(args->n_tokens, args->n_hidden);
    const argument list[] = {
        {"x", args->x, ASC_REAL, count, IN_OR_OUT},
        {"residual", args->residual, ASC_REAL, count, IN_OR_OUT},
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

// ---- Values and attributions --------------------------------------------------------------------

static void need_step(contract *c, const step_logits *step)
{
    need_size(c, step->n_rows, 0, "n_rows");
    need_size(c, step->n_coalitions, 1, "n_coalitions");
    need_size(c, step->n_sequences, 0, "n_sequences");
    need_size(c, step->n_classes, 1, "n_classes");
    need(c, step->n_sequences <= times(step->n_rows, step->n_coalitions), "n_sequences",
         "more sequences than coalitions of all rows");
}

asc_status op_record_full(asc_stream *stream, const record_full_args *args, asc_error *err)
{
    const step_logits *step = &args->step;
    contract c = contract_of(stream, "record_full", err);
    need_step(&c, step);
    const argument list[] = {
        {"sequence_row", step->sequence_row, ASC_I32, step->n_sequences, IN},
        {"sequence_coalition", step->sequence_coalition, ASC_I32, step->n_sequences, IN},
        {"logits", step->logits, ASC_REAL, times(step->n_sequences, step->n_classes), IN},
        {"full_logits", args->full_logits, ASC_F64, times(step->n_rows, step->n_classes), OUT},
        {"targets", args->targets, ASC_I32, step->n_rows, OUT_OPTIONAL},
    };
    CHECK(&c, list);
    if (step->n_sequences == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->record_full(stream, args, err));
}

asc_status op_values(asc_stream *stream, const values_args *args, asc_error *err)
{
    const step_logits *step = &args->step;
    contract c = contract_of(stream, "values", err);
    need_step(&c, step);
    need_size(&c, args->n_targets, 1, "n_targets");
    need(&c, args->output >= ASC_OUTPUT_LOGIT && args->output <= ASC_OUTPUT_LOGODDS, "output",
         "unknown output");
    const size_t n_values = times(times(step->n_rows, step->n_coalitions), args->n_targets);
    const argument list[] = {
        {"sequence_row", step->sequence_row, ASC_I32, step->n_sequences, IN},
        {"sequence_coalition", step->sequence_coalition, ASC_I32, step->n_sequences, IN},
        {"logits", step->logits, ASC_REAL, times(step->n_sequences, step->n_classes), IN},
        {"targets", args->targets, ASC_I32, times(step->n_rows, args->n_targets), IN},
        {"values", args->values, ASC_F64, n_values, OUT},
    };
    CHECK(&c, list);
    if (step->n_sequences == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->values(stream, args, err));
}

static void need_contrasts(contract *c, const attribute_args *args)
{
    need_size(c, args->n_rows, 0, "n_rows");
    need_size(c, args->n_features, 0, "n_features");
    need_size(c, args->n_coalitions, 2, "n_coalitions");
    need_size(c, args->n_targets, 1, "n_targets");
    need(c, times(args->n_contrasts, args->paired ? 2 : 1) == args->n_coalitions, "n_contrasts",
         args->paired ? "a paired design has n_coalitions / 2" : "an unpaired design has n_coalitions");
    need(c, args->error_kind >= ASC_SE_ZERO && args->error_kind <= ASC_SE_NAN, "error_kind", "unknown kind");
    need(c, args->error_kind != ASC_SE_HC3 || args->paired, "error_kind", "HC3 needs a paired design");
    need(c, args->error_kind != ASC_SE_HC3 || args->loo_factor.buffer != NULL, "loo_factor",
         "no buffer, but HC3 needs it");
}

asc_status op_attribute(asc_stream *stream, const attribute_args *args, asc_error *err)
{
    contract c = contract_of(stream, "attribute", err);
    need_contrasts(&c, args);
    const size_t n_permuted = times(args->n_rows, args->n_features);
    const size_t n_phi = times(n_permuted, args->n_targets);
    const size_t row_values = times(args->n_coalitions, args->n_targets);
    const argument list[] = {
        {"values", args->values, ASC_F64, times(args->n_rows, row_values), IN},
        {"permutations", args->permutations, ASC_I32, n_permuted, IN},
        {"design_masks", args->design_masks, ASC_U64, times(args->n_coalitions, mask_words(args->n_features)),
         IN},
        {"map", args->map, ASC_F64, times(args->n_features, args->n_contrasts), IN},
        {"loo_factor", args->loo_factor, ASC_F64, args->n_contrasts, IN_OPTIONAL},
        {"phi", args->phi, ASC_F64, n_phi, OUT},
        {"std_errors", args->std_errors, ASC_F64, n_phi, OUT},
        {"anchors", args->anchors, ASC_F64, times(args->n_rows, times(2, args->n_targets)), OUT},
        {"finite", args->finite, ASC_I32, args->n_rows, OUT},
    };
    CHECK(&c, list);
    if (args->n_rows == 0)
        return ASC_OK;
    return leave(stream, enter(stream)->attribute(stream, args, err));
}
