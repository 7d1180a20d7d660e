// See row_pass.h. Attention is computed from the pass's own queries and keys, in double; rollout as in Abnar & Zuidema, "Quantifying attention
// flow in transformers", ACL 2020: half attention, averaged over heads, half identity, multiplied through the blocks.
#include "probe/row_pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BIAS_WIDTH = 2 * ARCH_BIAS_REACH + 1, N_TABLES = 4 };

struct row_pass {
    const device_model *model;
    const model_config *config;
    asc_stream *stream;
    forward_workspace workspace;
    asc_buffer *table, *offsets; // I32 [N_TABLES, max_tokens]: ids, positions, types, features; [2]
    size_t max_tokens, n_tokens;
    double *real;   // [max_tokens, max(3 D, F)] what is downloaded
    double *before; // [max_tokens, D] hidden states of the depth before
    double *scores; // [max_tokens] of one query
    double *bias;   // [H, BIAS_WIDTH]; NULL: none
    float *zeros;   // [E]
    size_t ablated_block, ablated_head;
    row_numbers *out;
    row_whole *whole;
};

// ---- Memory ----

asc_status row_numbers_create(const device_model *model, bool ablated, row_numbers *out, asc_error *err)
{
    const model_config *c = &model->model->config;
    const size_t n_classes = model->model->n_classes, n_heads = c->n_layers * c->n_heads, n_depths = c->n_layers + 1, n_neurons = c->n_layers * c->n_ffn;
    const size_t count = n_heads * N_ATTENTION_NUMBERS + 4 * n_depths + 2 * n_neurons + n_classes + (ablated ? n_heads * n_classes : 0);
    *out = (row_numbers){.memory = calloc(count, sizeof(double)), .neuron_position = calloc(n_neurons, sizeof(int32_t))};
    if (!out->memory || !out->neuron_position) {
        row_numbers_free(out);
        return fail_memory(err, "what is told of a row", count * sizeof(double));
    }
    out->attention = out->memory;
    out->norms = out->attention + n_heads * N_ATTENTION_NUMBERS;
    out->squares = out->norms + n_depths;
    out->before = out->squares + n_depths;
    out->pairs = out->before + n_depths;
    out->neuron_max = out->pairs + n_depths;
    out->neuron_sum = out->neuron_max + n_neurons;
    out->logits = out->neuron_sum + n_neurons;
    out->ablated_logits = out->logits + n_classes;
    return ASC_OK;
}

void row_numbers_free(row_numbers *numbers)
{
    free(numbers->neuron_position);
    free(numbers->memory);
    *numbers = (row_numbers){0};
}

asc_status row_whole_create(const model_config *config, size_t n_tokens, row_whole *out, asc_error *err)
{
    const size_t square = n_tokens * n_tokens, n_maps = config->n_layers * config->n_heads;
    *out = (row_whole){.attention = malloc(n_maps * square * sizeof(float)),
                       .norms = malloc(n_tokens * (config->n_layers + 1) * sizeof(float)),
                       .mean = calloc(config->n_layers * square, sizeof(double)),
                       .rollout = malloc(n_tokens * sizeof(float)),
                       .flow = malloc(n_tokens * config->n_layers * sizeof(double))};
    if (out->attention && out->norms && out->mean && out->rollout && out->flow)
        return ASC_OK;
    row_whole_free(out);
    return fail_memory(err, "a whole row", n_maps * square * sizeof(float));
}

void row_whole_free(row_whole *whole)
{
    free(whole->flow);
    free(whole->rollout);
    free(whole->mean);
    free(whole->norms);
    free(whole->attention);
    *whole = (row_whole){0};
}

static asc_status create_device_side(row_pass *p, asc_error *err)
{
    asc_backend *backend = p->model->backend;
    TRY(stream_create(backend, &p->stream, err));
    TRY(forward_workspace_create(p->model, p->max_tokens, 1, &p->workspace, err));
    TRY(buffer_create(backend, ASC_I32, N_TABLES * p->max_tokens, &p->table, err));
    TRY(buffer_create(backend, ASC_I32, 2, &p->offsets, err));
    if (p->bias)
        TRY(buffer_download(p->stream, view_at(p->model->attention_bias, 0), p->bias, p->config->n_heads * BIAS_WIDTH, err));
    return ASC_OK;
}

asc_status row_pass_create(const device_model *model, size_t max_tokens, row_pass **out, asc_error *err)
{
    const model_config *c = &model->model->config;
    const size_t wide = 3 * c->n_hidden > c->n_ffn ? 3 * c->n_hidden : c->n_ffn;
    row_pass *p = calloc(1, sizeof *p);
    *out = p; // the caller frees it, whatever the status
    if (!p)
        return fail_memory(err, "a worker", sizeof *p);
    p->model = model;
    p->config = c;
    p->max_tokens = max_tokens;
    p->real = malloc(max_tokens * wide * sizeof *p->real);
    p->before = malloc(max_tokens * c->n_hidden * sizeof *p->before);
    p->scores = malloc(max_tokens * sizeof *p->scores);
    p->zeros = calloc(c->head_size, sizeof *p->zeros);
    if (model->attention_bias)
        p->bias = malloc(c->n_heads * BIAS_WIDTH * sizeof *p->bias);
    if (!p->real || !p->before || !p->scores || !p->zeros || (model->attention_bias && !p->bias))
        return fail_memory(err, "a worker", max_tokens * wide * sizeof *p->real);
    return create_device_side(p, err);
}

void row_pass_free(row_pass *p)
{
    if (!p)
        return;
    buffer_destroy(p->offsets);
    buffer_destroy(p->table);
    forward_workspace_free(&p->workspace);
    stream_destroy(p->stream);
    free(p->zeros);
    free(p->bias);
    free(p->scores);
    free(p->before);
    free(p->real);
    free(p);
}

// ---- Attention ----

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

// scores [n_tokens]: the attention of one query in one head.
static void attend(const row_pass *p, size_t head, size_t query)
{
    const size_t n = p->n_tokens, E = p->config->head_size, D = p->config->n_hidden;
    const double *bias = p->bias ? p->bias + head * BIAS_WIDTH + ARCH_BIAS_REACH : NULL;
    double largest = -INFINITY, sum = 0;
    for (size_t key = 0; key < n; key++) {
        int64_t distance = (int64_t)key - (int64_t)query;
        distance = distance > ARCH_BIAS_REACH ? ARCH_BIAS_REACH : distance < -ARCH_BIAS_REACH ? -ARCH_BIAS_REACH : distance;
        p->scores[key] = p->config->attention_scale * dot(p->real + query * 3 * D + head * E, p->real + key * 3 * D + D + head * E, E);
        p->scores[key] += bias ? bias[distance] : 0;
        largest = fmax(largest, p->scores[key]);
    }
    for (size_t key = 0; key < n; key++)
        sum += p->scores[key] = exp(p->scores[key] - largest);
    for (size_t key = 0; key < n; key++)
        p->scores[key] /= sum;
}

static void count_query(const row_pass *p, size_t query, double *numbers)
{
    const size_t n = p->n_tokens;
    const double *scores = p->scores, share = 1 / (double)n, inner = n > 1 ? 1 / (double)(n - 1) : 0;
    for (size_t key = 0; key < n; key++)
        numbers[ATTENTION_ENTROPY] -= scores[key] > 0 ? share * scores[key] * log(scores[key]) : 0;
    numbers[ATTENTION_FIRST] += share * scores[0];
    numbers[ATTENTION_LAST] += share * scores[n - 1];
    numbers[ATTENTION_SELF] += share * scores[query];
    numbers[ATTENTION_PREVIOUS] += query > 0 ? inner * scores[query - 1] : 0;
    numbers[ATTENTION_NEXT] += query + 1 < n ? inner * scores[query + 1] : 0;
}

static void keep_query(const row_pass *p, size_t line, size_t query)
{
    const size_t n = p->n_tokens, block = line / p->config->n_heads;
    float *to = p->whole->attention + (line * n + query) * n;
    double *mean = p->whole->mean + (block * n + query) * n;
    for (size_t key = 0; key < n; key++) {
        to[key] = (float)p->scores[key];
        mean[key] += p->scores[key] / (double)p->config->n_heads;
    }
}

static asc_status see_qkv(void *user, size_t block, asc_view qkv, asc_error *err)
{
    row_pass *p = user;
    TRY(buffer_download(p->stream, qkv, p->real, p->n_tokens * 3 * p->config->n_hidden, err));
    for (size_t head = 0; head < p->config->n_heads; head++) {
        const size_t line = block * p->config->n_heads + head;
        for (size_t query = 0; query < p->n_tokens; query++) {
            attend(p, head, query);
            count_query(p, query, p->out->attention + line * N_ATTENTION_NUMBERS);
            if (p->whole)
                keep_query(p, line, query);
        }
    }
    return ASC_OK;
}

// The first token's row of the product of all blocks, from the last to the first.
static asc_status roll_out(const row_pass *p, asc_error *err)
{
    const size_t n = p->n_tokens;
    double *now = calloc(2 * n, sizeof *now), *next = now + n;
    if (!now)
        return fail_memory(err, "attention rollout", 2 * n * sizeof *now);
    now[0] = 1;
    for (size_t block = p->config->n_layers; block-- > 0;) {
        const double *mean = p->whole->mean + block * n * n;
        for (size_t key = 0; key < n; key++)
            next[key] = 0.5 * now[key];
        for (size_t query = 0; query < n; query++)
            for (size_t key = 0; key < n; key++)
                next[key] += 0.5 * now[query] * mean[query * n + key];
        memcpy(now, next, n * sizeof *now);
    }
    for (size_t key = 0; key < n; key++)
        p->whole->rollout[key] = (float)now[key];
    free(now);
    return ASC_OK;
}

// ---- Hidden states and neurons ----

// |sum of the tokens' unit vectors|^2 is n plus the cosine of every ordered pair.
static double mean_pair_cosine(const row_pass *p)
{
    const size_t n = p->n_tokens, D = p->config->n_hidden;
    double square = 0;
    for (size_t d = 0; d < D; d++) {
        double sum = 0;
        for (size_t t = 0; t < n; t++) {
            const double *x = p->before + t * D;
            sum += x[d] / p->real[t];
        }
        square += sum * sum;
    }
    return n > 1 ? (square - (double)n) / (double)(n * (n - 1)) : 0;
}

// `before` becomes the hidden states of this depth, the beginning of `real` their norms.
static asc_status see_hidden(void *user, size_t depth, asc_view hidden, asc_error *err)
{
    row_pass *p = user;
    row_numbers *out = p->out;
    const size_t D = p->config->n_hidden, n_depths = p->config->n_layers + 1;
    TRY(buffer_download(p->stream, hidden, p->real, p->n_tokens * D, err));
    for (size_t t = 0; t < p->n_tokens; t++) {
        const double *x = p->real + t * D, *y = p->before + t * D;
        const double norm = sqrt(dot(x, x, D));
        out->norms[depth] += norm;
        out->squares[depth] += norm * norm;
        if (depth > 0)
            out->before[depth] += dot(x, y, D) / (norm * sqrt(dot(y, y, D)));
        if (p->whole)
            p->whole->norms[t * n_depths + depth] = (float)norm;
    }
    memcpy(p->before, p->real, p->n_tokens * D * sizeof *p->before);
    for (size_t t = 0; t < p->n_tokens; t++)
        p->real[t] = sqrt(dot(p->before + t * D, p->before + t * D, D));
    out->pairs[depth] = mean_pair_cosine(p);
    return ASC_OK;
}

static asc_status see_inner(void *user, size_t block, size_t first, size_t count, asc_view inner, asc_error *err)
{
    row_pass *p = user;
    const size_t F = p->config->n_ffn;
    double *most = p->out->neuron_max + block * F, *sum = p->out->neuron_sum + block * F;
    int32_t *position = p->out->neuron_position + block * F;
    TRY(buffer_download(p->stream, inner, p->real, count * F, err));
    for (size_t t = 0; t < count; t++)
        for (size_t f = 0; f < F; f++) {
            const double value = p->real[t * F + f];
            sum[f] += value;
            if (value > most[f]) {
                most[f] = value;
                position[f] = (int32_t)(first + t);
            }
        }
    return ASC_OK;
}

// ---- The pass ----

static asc_status upload(row_pass *p, const row_input *row, asc_error *err)
{
    const size_t n = row->n_tokens, most = p->max_tokens;
    const int32_t offsets[2] = {0, (int32_t)n};
    int32_t *data = malloc(N_TABLES * n * sizeof *data);
    if (!data)
        return fail_memory(err, "a row's tokens", N_TABLES * n * sizeof *data);
    memcpy(data, row->tokens, n * sizeof *data);
    config_positions(p->config, row->tokens, n, data + n);
    for (size_t t = 0; t < n; t++) {
        data[2 * n + t] = p->config->n_types > 0 ? row->types[t] : 0;
        data[3 * n + t] = -1;
    }
    asc_status status = buffer_upload(p->stream, view_at(p->offsets, 0), offsets, 2, err);
    for (size_t i = 0; status == ASC_OK && i < N_TABLES; i++)
        status = buffer_upload(p->stream, view_at(p->table, i * most), data + i * n, n, err);
    free(data);
    return status;
}

// The pass over the tokens that were uploaded last.
static asc_status run(row_pass *p, const forward_tap *tap, double *logits, asc_error *err)
{
    const size_t n = p->n_tokens, most = p->max_tokens;
    const token_table table = {.n_tokens = n, .offsets = view_at(p->offsets, 0), .ids = view_at(p->table, 0),
                               .positions = view_at(p->table, most), .types = view_at(p->table, 2 * most), .features = view_at(p->table, 3 * most)};
    const forward_input input = {.n_sequences = 1, .n_tokens = n, .max_length = n, .table = &table, .sequence_offsets = view_at(p->offsets, 0), .tap = tap};
    TRY(forward_run(p->model, p->stream, &p->workspace, &input, err));
    return buffer_download(p->stream, view_at(p->workspace.logits, 0), logits, p->model->model->n_classes, err);
}

asc_status row_pass_run(row_pass *p, const row_input *row, row_numbers *out, row_whole *whole, asc_error *err)
{
    const forward_tap tap = {.hidden = see_hidden, .qkv = see_qkv, .inner = see_inner, .user = p};
    const size_t n_heads = p->config->n_layers * p->config->n_heads, n_depths = p->config->n_layers + 1, n_neurons = p->config->n_layers * p->config->n_ffn;
    p->out = out;
    p->whole = whole;
    p->n_tokens = out->n_tokens = row->n_tokens;
    out->tokens = row->tokens;
    memset(out->attention, 0, (n_heads * N_ATTENTION_NUMBERS + 4 * n_depths) * sizeof(double));
    for (size_t i = 0; i < n_neurons; i++) {
        out->neuron_max[i] = -INFINITY;
        out->neuron_sum[i] = 0;
        out->neuron_position[i] = 0;
    }
    TRY(upload(p, row, err));
    TRY(run(p, &tap, out->logits, err));
    return whole ? roll_out(p, err) : ASC_OK;
}

static asc_status switch_off(void *user, size_t block, asc_view mixed, asc_error *err)
{
    const row_pass *p = user;
    const size_t D = p->config->n_hidden, E = p->config->head_size;
    for (size_t t = 0; block == p->ablated_block && t < p->n_tokens; t++)
        TRY(buffer_upload(p->stream, view_at(mixed.buffer, mixed.first + t * D + p->ablated_head * E), p->zeros, E, err));
    return ASC_OK;
}

asc_status row_pass_ablate(row_pass *p, row_numbers *out, asc_error *err)
{
    const forward_tap tap = {.mixed = switch_off, .user = p};
    const size_t n_classes = p->model->model->n_classes;
    for (p->ablated_block = 0; p->ablated_block < p->config->n_layers; p->ablated_block++)
        for (p->ablated_head = 0; p->ablated_head < p->config->n_heads; p->ablated_head++) {
            const size_t line = p->ablated_block * p->config->n_heads + p->ablated_head;
            TRY(run(p, &tap, out->ablated_logits + line * n_classes, err));
        }
    return ASC_OK;
}
