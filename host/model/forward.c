// The one forward pass. A block: h = norm(x + attention(x)); y = norm(h + ffn(h)). Vaswani et al., "Attention is all you need",
// NIPS 2017, normalised after the residual sums as BERT does.
#include "model/forward.h"

#include <math.h>

asc_status forward_workspace_create(const device_model *model, size_t max_tokens, size_t max_sequences, forward_workspace *out,
                                    asc_error *err)
{
    const model_config *config = &model->model->config;
    const size_t width = config->n_hidden;
    size_t wide = 3 * width > config->n_ffn ? 3 * width : config->n_ffn;
    wide = wide > config->n_embedding ? wide : config->n_embedding;
    *out = (forward_workspace){.max_tokens = max_tokens, .max_sequences = max_sequences};
    const struct {
        asc_buffer **buffer;
        size_t count;
    } plan[] = {
        {&out->hidden, max_tokens * width},    {&out->wide, max_tokens * wide},       {&out->mixed, max_tokens * width},
        {&out->update, max_tokens * width},    {&out->pooled, max_sequences * width}, {&out->dense, max_sequences * width},
        {&out->logits, max_sequences * model->model->n_classes},
    };
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
        const asc_status status = buffer_create(model->backend, ASC_REAL, plan[i].count, plan[i].buffer, err);
        if (status != ASC_OK) {
            forward_workspace_free(out);
            return status;
        }
    }
    return ASC_OK;
}

void forward_workspace_free(forward_workspace *workspace)
{
    buffer_destroy(workspace->hidden);
    buffer_destroy(workspace->wide);
    buffer_destroy(workspace->mixed);
    buffer_destroy(workspace->update);
    buffer_destroy(workspace->pooled);
    buffer_destroy(workspace->dense);
    buffer_destroy(workspace->logits);
    *workspace = (forward_workspace){0};
}

// What every step of one pass needs.
typedef struct pass {
    const device_model *model;
    const model_config *config;
    asc_stream *stream;
    forward_workspace *workspace;
    const forward_input *input;
    asc_error *err;
} pass;

static asc_status linear(const pass *p, const asc_linear *weights, size_t n_rows, asc_activation activation, asc_buffer *x,
                         asc_buffer *out)
{
    const linear_args args = {weights, n_rows, activation, view_at(x, 0), view_at(out, 0)};
    return op_linear(p->stream, &args, p->err);
}

static asc_status embed(const pass *p)
{
    const device_model *model = p->model;
    forward_workspace *w = p->workspace;
    asc_buffer *out = model->embedding_map ? w->wide : w->hidden;
    const embed_args args = {
        .n_tokens = p->input->n_tokens,
        .n_hidden = p->config->n_embedding,
        .n_vocabulary = p->config->n_vocabulary,
        .n_positions = p->config->n_positions,
        .n_types = p->config->n_types,
        .table = p->input->table,
        .source = p->input->source,
        .positions = p->input->positions,
        .word = view_at(model->word, 0),
        .position = view_at(model->position, 0),
        .type = {model->type, 0},
        .norm = model->embedding_norm,
        .out = view_at(out, 0),
    };
    TRY(op_embed(p->stream, &args, p->err));
    return model->embedding_map ? linear(p, model->embedding_map, args.n_tokens, ASC_ACT_NONE, out, w->hidden) : ASC_OK;
}

// hidden = norm(hidden + update)
static asc_status add_norm(const pass *p, norm_weights norm)
{
    const asc_view hidden = view_at(p->workspace->hidden, 0);
    const add_norm_args args = {p->input->n_tokens, p->config->n_hidden, view_at(p->workspace->update, 0), hidden, norm, hidden};
    return op_add_norm(p->stream, &args, p->err);
}

static asc_status attention(const pass *p)
{
    const attention_args args = {
        .n_sequences = p->input->n_sequences,
        .n_tokens = p->input->n_tokens,
        .max_length = p->input->max_length,
        .n_heads = p->config->n_heads,
        .head_size = p->config->head_size,
        .scale = 1.0 / sqrt((double)p->config->head_size),
        .qkv = view_at(p->workspace->wide, 0),
        .sequence_offsets = p->input->sequence_offsets,
        .out = view_at(p->workspace->mixed, 0),
        .bias_reach = ARCH_BIAS_REACH,
        .bias = {p->model->attention_bias, 0},
        .places = p->input->places,
    };
    return op_attention(p->stream, &args, p->err);
}

static asc_status block(const pass *p, const device_layer *layer)
{
    forward_workspace *w = p->workspace;
    const size_t n_tokens = p->input->n_tokens;
    TRY(linear(p, layer->qkv, n_tokens, ASC_ACT_NONE, w->hidden, w->wide));
    TRY(attention(p));
    TRY(linear(p, layer->attention_out, n_tokens, ASC_ACT_NONE, w->mixed, w->update));
    TRY(add_norm(p, layer->attention_norm));
    TRY(linear(p, layer->ffn_in, n_tokens, p->config->activation, w->hidden, w->wide));
    TRY(linear(p, layer->ffn_out, n_tokens, ASC_ACT_NONE, w->wide, w->update));
    return add_norm(p, layer->ffn_norm);
}

static asc_status head(const pass *p)
{
    forward_workspace *w = p->workspace;
    const size_t n_sequences = p->input->n_sequences;
    const pool_first_args args = {n_sequences, p->input->n_tokens, p->config->n_hidden, view_at(w->hidden, 0),
                                  p->input->sequence_offsets, view_at(w->pooled, 0)};
    TRY(op_pool_first(p->stream, &args, p->err));
    TRY(linear(p, p->model->head_dense, n_sequences, p->config->arch->head_activation, w->pooled, w->dense));
    return linear(p, p->model->classifier, n_sequences, ASC_ACT_NONE, w->dense, w->logits);
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
    const pass p = {model, &model->model->config, stream, workspace, input, err};
    TRY(embed(&p));
    TRY(tap(&p, 0));
    for (size_t i = 0; i < p.config->n_layers; i++) {
        TRY(block(&p, &model->layers[config_stored_block(p.config, i)]));
        TRY(tap(&p, i + 1));
    }
    return head(&p);
}
