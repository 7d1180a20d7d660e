// The one forward pass. A block: h = norm(x + attention(x)); y = norm(h + ffn(h)). Vaswani et al., "Attention is all you need",
// NIPS 2017, normalised after the residual sums as BERT does.
//
// Two savings live here. Block 0's queries, keys and values belong to a token and its position alone, so that they are computed once for
// every entry of the token table and looked up by every sequence. And a classifier reads the first token alone, so that the last block
// needs one query a sequence, and, by op_attention_first, neither keys nor values.
#include "model/forward.h"

#include "model/savings.h"

const char *const forward_stage_names[N_FORWARD_STAGES] = {
    "embed", "qkv", "attention", "attention_out", "norm", "ffn_in", "ffn_out", "last_block", "head", "pack", "values", "solve",
};

// ---- Memory ------------------------------------------------------------------------------------------------------

enum { N_BUFFERS = 9 };

static void list_buffers(forward_workspace *w, asc_buffer **list[N_BUFFERS])
{
    asc_buffer **const all[N_BUFFERS] = {&w->hidden, &w->wide,   &w->mixed,    &w->update, &w->pooled,
                                         &w->dense,  &w->logits, &w->absorbed, &w->mixture};
    for (size_t i = 0; i < N_BUFFERS; i++)
        list[i] = all[i];
}

asc_status forward_workspace_create(const device_model *model, size_t max_tokens, size_t max_sequences, forward_workspace *out,
                                    asc_error *err)
{
    const model_config *config = &model->model->config;
    const size_t width = config->n_hidden;
    size_t wide = 3 * width > config->n_ffn ? 3 * width : config->n_ffn;
    wide = wide > config->n_embedding ? wide : config->n_embedding;
    const size_t n_heads = model->last.query ? config->n_heads : 0;
    const size_t counts[N_BUFFERS] = {
        max_tokens * width,    max_tokens * wide,     max_tokens * width,
        max_tokens * width,    max_sequences * width, max_sequences * width,
        max_sequences * model->model->n_classes,      max_sequences * n_heads * width,
        max_sequences * n_heads * width,
    };
    asc_buffer **buffers[N_BUFFERS];
    *out = (forward_workspace){.max_tokens = max_tokens, .max_sequences = max_sequences};
    list_buffers(out, buffers);
    for (size_t i = 0; i < N_BUFFERS; i++) {
        const asc_status status = buffer_create(model->backend, ASC_REAL, counts[i], buffers[i], err);
        if (status != ASC_OK) {
            forward_workspace_free(out);
            return status;
        }
    }
    return ASC_OK;
}

void forward_workspace_free(forward_workspace *workspace)
{
    asc_buffer **buffers[N_BUFFERS];
    list_buffers(workspace, buffers);
    for (size_t i = 0; i < N_BUFFERS; i++)
        buffer_destroy(*buffers[i]);
    *workspace = (forward_workspace){0};
}

size_t forward_workspace_elements(const forward_workspace *workspace)
{
    forward_workspace copy = *workspace;
    asc_buffer **buffers[N_BUFFERS];
    size_t n = 0;
    list_buffers(&copy, buffers);
    for (size_t i = 0; i < N_BUFFERS; i++)
        n += buffer_count(*buffers[i]);
    return n;
}

// ---- Operations --------------------------------------------------------------------------------------------------

// What every step of one pass needs.
typedef struct pass {
    const device_model *model;
    const model_config *config;
    asc_stream *stream;
    forward_workspace *workspace;
    const forward_input *input;
    forward_stage stage; // what all time counts as; N_FORWARD_STAGES: each stage as itself
    asc_error *err;
} pass;

asc_status forward_begin_stage(const forward_workspace *workspace, asc_error *err)
{
    return workspace->profile ? stopwatch_lap(workspace->profile->watch, NULL, err) : ASC_OK;
}

asc_status forward_end_stage(const forward_workspace *workspace, forward_stage stage, asc_error *err)
{
    forward_profile *profile = workspace->profile;
    return profile ? stopwatch_lap(profile->watch, &profile->seconds[stage], err) : ASC_OK;
}

// Ends a stage: what ran since the last one was this.
static asc_status end_stage(const pass *p, forward_stage stage)
{
    return forward_end_stage(p->workspace, p->stage < N_FORWARD_STAGES ? p->stage : stage, p->err);
}

static asc_status linear(const pass *p, const asc_linear *weights, size_t n_rows, asc_activation activation, asc_view x, asc_view out)
{
    const linear_args args = {weights, n_rows, activation, x, out};
    TRY(stop_poll(&p->model->model->stop, p->err));
    return op_linear(p->stream, &args, p->err);
}

// The embeddings of n_tokens tokens to `out`, through `wide` where they are narrower.
static asc_status embed(const pass *p, const forward_input *input, asc_view out)
{
    const device_model *model = p->model;
    const embed_args args = {
        .n_tokens = input->n_tokens,
        .n_hidden = p->config->n_embedding,
        .n_vocabulary = p->config->n_vocabulary,
        .n_positions = p->config->n_positions,
        .n_types = p->config->n_types,
        .table = input->table,
        .source = input->source,
        .positions = input->positions,
        .word = view_at(model->word, 0),
        .position = view_at(model->position, 0),
        .type = {model->type, 0},
        .norm = model->embedding_norm,
        .out = model->embedding_map ? view_at(p->workspace->wide, 0) : out,
    };
    TRY(op_embed(p->stream, &args, p->err));
    if (!model->embedding_map)
        return ASC_OK;
    return linear(p, model->embedding_map, input->n_tokens, ASC_ACT_NONE, view_at(p->workspace->wide, 0), out);
}

// rows of `out` = norm(update + residual)
static asc_status add_norm(const pass *p, size_t n_rows, shared_rows residual, norm_weights norm, asc_view out)
{
    const add_norm_args args = {n_rows, p->config->n_hidden, view_at(p->workspace->update, 0), residual, norm, out};
    return op_add_norm(p->stream, &args, p->err);
}

static asc_status attention(const pass *p, shared_rows qkv)
{
    const attention_args args = {
        .n_sequences = p->input->n_sequences,
        .n_tokens = p->input->n_tokens,
        .max_length = p->input->max_length,
        .n_heads = p->config->n_heads,
        .head_size = p->config->head_size,
        .scale = p->model->savings & ASC_SAVING_FOLD ? 1 : p->config->attention_scale,
        .qkv = qkv,
        .sequence_offsets = p->input->sequence_offsets,
        .out = view_at(p->workspace->mixed, 0),
        .bias_reach = ARCH_BIAS_REACH,
        .bias = {p->model->attention_bias, 0},
        .places = p->input->places,
    };
    TRY(op_attention(p->stream, &args, p->err));
    return end_stage(p, STAGE_ATTENTION);
}

// ---- Blocks ------------------------------------------------------------------------------------------------------

// The rest of a block after attention, for n_rows rows from these places on: mixed -> out. `update` and `wide` are used from their start.
static asc_status finish_rows(const pass *p, const device_layer *layer, size_t n_rows, asc_view mixed, shared_rows residual, asc_view out)
{
    const asc_view update = view_at(p->workspace->update, 0), wide = view_at(p->workspace->wide, 0);
    TRY(linear(p, layer->attention_out, n_rows, ASC_ACT_NONE, mixed, update));
    TRY(end_stage(p, STAGE_ATTENTION_OUT));
    TRY(add_norm(p, n_rows, residual, layer->attention_norm, out));
    TRY(end_stage(p, STAGE_NORM));
    TRY(linear(p, layer->ffn_in, n_rows, p->config->activation, out, wide));
    TRY(end_stage(p, STAGE_FFN_IN));
    TRY(linear(p, layer->ffn_out, n_rows, ASC_ACT_NONE, wide, update));
    TRY(end_stage(p, STAGE_FFN_OUT));
    TRY(add_norm(p, n_rows, (shared_rows){.data = out}, layer->ffn_norm, out));
    return end_stage(p, STAGE_NORM);
}

// The same for all of n_rows rows, a few at a time where the backend likes that: rows do not know of each other.
static asc_status finish_block(const pass *p, const device_layer *layer, size_t n_rows, asc_buffer *mixed, shared_rows residual,
                               asc_buffer *out)
{
    const size_t width = p->config->n_hidden, most = backend_row_chunk(p->model->backend);
    for (size_t first = 0; first < n_rows; first += most) {
        shared_rows rest = residual;
        if (residual.source.buffer)
            rest.source.first += first;
        else
            rest.data.first += first * width;
        TRY(finish_rows(p, layer, n_rows - first < most ? n_rows - first : most, view_at(mixed, first * width), rest,
                        view_at(out, first * width)));
    }
    return ASC_OK;
}

static asc_status block(const pass *p, const device_layer *layer)
{
    forward_workspace *w = p->workspace;
    TRY(linear(p, layer->qkv, p->input->n_tokens, ASC_ACT_NONE, view_at(w->hidden, 0), view_at(w->wide, 0)));
    TRY(end_stage(p, STAGE_QKV));
    TRY(attention(p, (shared_rows){.data = view_at(w->wide, 0)}));
    return finish_block(p, layer, p->input->n_tokens, w->mixed, (shared_rows){.data = view_at(w->hidden, 0)}, w->hidden);
}

// Block 0 on entries that are known already.
static asc_status block_of_entries(const pass *p, const device_layer *layer)
{
    const forward_entries *entries = p->input->entries;
    const asc_view source = p->input->source;
    TRY(attention(p, (shared_rows){view_at(entries->qkv, 0), source, entries->n_entries}));
    const shared_rows residual = {view_at(entries->hidden, 0), source, entries->n_entries};
    return finish_block(p, layer, p->input->n_tokens, p->workspace->mixed, residual, p->workspace->hidden);
}

// The first token of every sequence: hidden -> pooled.
static asc_status pool(const pass *p)
{
    const pool_first_args args = {p->input->n_sequences, p->input->n_tokens, p->config->n_hidden, view_at(p->workspace->hidden, 0),
                                  p->input->sequence_offsets, view_at(p->workspace->pooled, 0)};
    return op_pool_first(p->stream, &args, p->err);
}

// The last block for first tokens alone, without keys and values: hidden -> pooled.
static asc_status last_block(const pass *p, const device_layer *layer)
{
    forward_workspace *w = p->workspace;
    const device_last *last = &p->model->last;
    const size_t n_sequences = p->input->n_sequences;
    pass one_stage = *p;
    one_stage.stage = STAGE_LAST;
    const attention_first_args args = {
        .n_sequences = n_sequences,
        .n_tokens = p->input->n_tokens,
        .max_length = p->input->max_length,
        .n_heads = p->config->n_heads,
        .n_hidden = p->config->n_hidden,
        .x = view_at(w->hidden, 0),
        .u = view_at(w->absorbed, 0),
        .sequence_offsets = p->input->sequence_offsets,
        .out = view_at(w->mixture, 0),
        .bias_reach = ARCH_BIAS_REACH,
        .bias = {p->model->attention_bias, 0},
        .places = p->input->places,
    };
    TRY(pool(p));
    TRY(linear(p, last->query, n_sequences, ASC_ACT_NONE, view_at(w->pooled, 0), view_at(w->dense, 0)));
    TRY(linear(p, last->keys, n_sequences, ASC_ACT_NONE, view_at(w->dense, 0), view_at(w->absorbed, 0)));
    TRY(op_attention_first(p->stream, &args, p->err));
    TRY(linear(p, last->values, n_sequences, ASC_ACT_NONE, view_at(w->mixture, 0), view_at(w->dense, 0)));
    return finish_block(&one_stage, layer, n_sequences, w->dense, (shared_rows){.data = view_at(w->pooled, 0)}, w->pooled);
}

static asc_status head(const pass *p)
{
    forward_workspace *w = p->workspace;
    const size_t n_sequences = p->input->n_sequences;
    TRY(linear(p, p->model->head_dense, n_sequences, p->config->arch->head_activation, view_at(w->pooled, 0), view_at(w->dense, 0)));
    TRY(linear(p, p->model->classifier, n_sequences, ASC_ACT_NONE, view_at(w->dense, 0), view_at(w->logits, 0)));
    return end_stage(p, STAGE_HEAD);
}

// ---- The pass ----------------------------------------------------------------------------------------------------

static const device_layer *layer_of(const pass *p, size_t block)
{
    return &p->model->layers[config_stored_block(p->config, block)];
}

static asc_status tap(const pass *p, size_t depth)
{
    const forward_tap *t = p->input->tap;
    return t ? t->hidden(t->user, depth, view_at(p->workspace->hidden, 0), p->err) : ASC_OK;
}

asc_status forward_run(const device_model *model, asc_stream *stream, forward_workspace *workspace, const forward_input *input,
                       asc_error *err)
{
    if (input->n_tokens > workspace->max_tokens || input->n_sequences > workspace->max_sequences)
        return fail(err, ASC_INTERNAL, "forward pass of %zu tokens in %zu sequences, workspace holds %zu in %zu", input->n_tokens,
                    input->n_sequences, workspace->max_tokens, workspace->max_sequences);
    TRY(forward_begin_stage(workspace, err));
    const pass p = {model, &model->model->config, stream, workspace, input, N_FORWARD_STAGES, err};
    const size_t n_blocks = p.config->n_layers;
    const size_t n_full = model->last.query && !input->all_tokens && !input->tap ? n_blocks - 1 : n_blocks;
    const size_t first = input->entries ? 1 : 0;
    if (input->entries) {
        TRY(block_of_entries(&p, layer_of(&p, 0)));
    } else {
        TRY(embed(&p, input, view_at(workspace->hidden, 0)));
        TRY(end_stage(&p, STAGE_EMBED));
        TRY(tap(&p, 0));
    }
    for (size_t i = first; i < n_full; i++) {
        TRY(block(&p, layer_of(&p, i)));
        TRY(tap(&p, i + 1));
    }
    TRY(n_full < n_blocks ? last_block(&p, layer_of(&p, n_blocks - 1)) : pool(&p));
    return head(&p);
}

// ---- Entries -----------------------------------------------------------------------------------------------------

bool forward_takes_entries(const device_model *model)
{
    return model->savings & ASC_SAVING_FIRST_LAYER && model->model->config.n_layers > 1;
}

// Entries [first, first + count) of a table as a table of their own.
static token_table slice_of(const token_table *table, size_t first, size_t count)
{
    token_table slice = *table;
    slice.n_tokens = count;
    slice.ids.first += first;
    slice.positions.first += first;
    slice.types.first += first;
    return slice;
}

static asc_status compute_entries(const pass *p, const token_table *table, const forward_entries *out)
{
    const size_t width = p->config->n_hidden, most = p->workspace->max_tokens;
    for (size_t first = 0; first < out->n_entries; first += most) {
        const size_t count = out->n_entries - first < most ? out->n_entries - first : most;
        const token_table slice = slice_of(table, first, count);
        const asc_view hidden = view_at(out->hidden, first * width);
        TRY(embed(p, &(forward_input){.n_tokens = count, .table = &slice}, hidden));
        TRY(linear(p, layer_of(p, 0)->qkv, count, ASC_ACT_NONE, hidden, view_at(out->qkv, first * 3 * width)));
    }
    return end_stage(p, STAGE_EMBED);
}

asc_status forward_entries_create(const device_model *model, asc_stream *stream, forward_workspace *workspace, const token_table *table,
                                  size_t n_entries, forward_entries *out, asc_error *err)
{
    const size_t width = model->model->config.n_hidden;
    TRY(forward_begin_stage(workspace, err));
    const pass p = {model, &model->model->config, stream, workspace, NULL, N_FORWARD_STAGES, err};
    *out = (forward_entries){.n_entries = n_entries};
    asc_status status = buffer_create(model->backend, ASC_REAL, n_entries * width, &out->hidden, err);
    if (status == ASC_OK)
        status = buffer_create(model->backend, ASC_REAL, n_entries * 3 * width, &out->qkv, err);
    if (status == ASC_OK)
        status = compute_entries(&p, table, out);
    if (status != ASC_OK)
        forward_entries_free(out);
    return status;
}

void forward_entries_free(forward_entries *entries)
{
    buffer_destroy(entries->qkv);
    buffer_destroy(entries->hidden);
    *entries = (forward_entries){0};
}
