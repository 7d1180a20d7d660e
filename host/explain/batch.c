// Making a batch and putting it on the device; see batch.h. Solving it is in collect.c.
#include "explain/batch.h"

#include "explain/row_masks.h"

#include "shapes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t batch_row_bytes(const design *d, const explain_request *request, const device_model *model, size_t n_tokens)
{
    const size_t of_weights = d->of_rows ? sizeof(double) : 0;
    const size_t of_coalition = mask_words(d->n_features) * sizeof(uint64_t) + request->n_targets * sizeof(double) + of_weights;
    const size_t copies = request->policy == ASC_POLICY_REPLACE ? 2 : 1;
    const bool has_entries = forward_takes_entries(model) && request->policy != ASC_POLICY_DELETE;
    const size_t n_reals = has_entries ? copies * n_tokens * 4 * model->model->config.n_hidden : 0;
    return d->n_coalitions * of_coalition + n_reals * request_real_bytes(request);
}

size_t batch_n_entries(const batch *b, const device_model *model)
{
    if (!forward_takes_entries(model) || b->position_rule != ASC_POSITIONS_KEPT)
        return 0;
    return b->request->policy == ASC_POLICY_REPLACE ? 2 * b->n_tokens : b->n_tokens;
}

static void measure_rows(batch *b)
{
    const asc_rows *rows = b->rows;
    for (size_t row = 0; row < b->n_rows; row++) {
        const int64_t first = rows->token_offsets[b->row_index[row]], last = rows->token_offsets[b->row_index[row] + 1];
        const size_t length = (size_t)(last - first);
        size_t n_fixed = 0;
        for (int64_t t = first; t < last; t++)
            n_fixed += rows->token_features[t] < 0;
        b->n_row_tokens[row] = length;
        b->n_pair_tokens[row] = length + (b->request->policy == ASC_POLICY_REPLACE ? length : n_fixed);
        b->table_offsets[row + 1] = b->table_offsets[row] + (int32_t)length;
        b->n_tokens += length;
        b->max_length = length > b->max_length ? length : b->max_length;
    }
}

// Whether replacing tokens makes padding of one, or something else of padding: then families that count from the padding give other
// positions to what follows.
static bool changes_padding(const batch *b)
{
    const model_config *config = &b->model->config;
    if (config->arch->positions != POSITIONS_FROM_PAD)
        return false;
    if (b->request->mask_token_id == config->pad_id)
        return true;
    for (size_t row = 0; row < b->n_rows; row++)
        for (int64_t t = b->rows->token_offsets[b->row_index[row]]; t < b->rows->token_offsets[b->row_index[row] + 1]; t++)
            if (b->rows->tokens[t] == config->pad_id && b->rows->token_features[t] >= 0)
                return true;
    return false;
}

static asc_position_rule choose_position_rule(const batch *b)
{
    switch (b->request->policy) {
    case ASC_POLICY_REMOVE: return ASC_POSITIONS_KEPT;
    case ASC_POLICY_REPLACE: return changes_padding(b) ? ASC_POSITIONS_AFTER_PAD : ASC_POSITIONS_KEPT;
    case ASC_POLICY_DELETE:
        return b->model->config.arch->positions == POSITIONS_FROM_PAD ? ASC_POSITIONS_AFTER_PAD : ASC_POSITIONS_COUNTED;
    }
    return ASC_POSITIONS_KEPT;
}

// ---- Rows with designs of their own ------------------------------------------------------------------------------

static asc_status allocate_rows(batch *b, asc_error *err)
{
    const size_t n_coalitions = b->n_rows * b->design->host->n_coalitions, n_words = mask_words(b->n_features);
    b->row_masks = calloc(n_coalitions * n_words, sizeof *b->row_masks);
    b->row_weights = calloc(n_coalitions, sizeof *b->row_weights);
    b->row_counts = calloc(b->n_rows, sizeof *b->row_counts);
    b->row_n_draws = calloc(b->n_rows, sizeof *b->row_n_draws);
    if (b->row_masks && b->row_weights && b->row_counts && b->row_n_draws)
        return ASC_OK;
    return fail_memory(err, "the coalitions of a batch", n_coalitions * (n_words + 1) * sizeof(uint64_t));
}

static void count_units(batch *b)
{
    const design *d = b->design->host;
    for (size_t row = 0; row < b->n_rows; row++) {
        const size_t count = d->of_rows ? (size_t)b->row_counts[row] : d->n_coalitions;
        b->first_unit[row + 1] = b->first_unit[row] + (count - 2) / (d->paired ? 2 : 1);
    }
}

static asc_status make_row(const batch *b, size_t row, row_design *out, asc_error *err)
{
    if (!b->given)
        return row_masks_make(b->request, b->rows->id[b->row_index[row]], out, err);
    row_design_begin(out);
    return b->given->fill(b->given->context, b->row_index[row], out, err);
}

asc_status batch_make_rows(batch *b, asc_error *err)
{
    if (!b->design->host->of_rows || b->row_masks)
        return ASC_OK;
    const size_t n_coalitions = b->design->host->n_coalitions, n_words = mask_words(b->n_features);
    TRY(allocate_rows(b, err));
    for (size_t row = 0; row < b->n_rows; row++) {
        row_design of_row = {
            .n_features = b->n_features,
            .capacity = n_coalitions,
            .masks = b->row_masks + row * n_coalitions * n_words,
            .weights = b->row_weights + row * n_coalitions,
        };
        TRY(stop_poll(&b->request->stop, err));
        TRY(make_row(b, row, &of_row, err));
        b->row_counts[row] = (int32_t)of_row.count;
        b->row_n_draws[row] = (int32_t)of_row.n_draws;
    }
    count_units(b);
    return ASC_OK;
}

static asc_status upload_row_designs(batch *b, asc_stream *stream, asc_error *err)
{
    const size_t n_rows = b->n_rows, n_coalitions = n_rows * b->design->host->n_coalitions, n_words = mask_words(b->n_features);
    TRY(buffer_create(b->backend, ASC_F64, n_coalitions, &b->weights, err));
    TRY(buffer_create(b->backend, ASC_I32, n_rows, &b->counts, err));
    TRY(buffer_create(b->backend, ASC_I32, n_rows, &b->n_draws, err));
    TRY(buffer_upload(stream, view_at(b->masks, 0), b->row_masks, n_coalitions * n_words, err));
    TRY(buffer_upload(stream, view_at(b->weights, 0), b->row_weights, n_coalitions, err));
    TRY(buffer_upload(stream, view_at(b->counts, 0), b->row_counts, n_rows, err));
    return buffer_upload(stream, view_at(b->n_draws, 0), b->row_n_draws, n_rows, err);
}

// ---- Making a batch ----------------------------------------------------------------------------------------------

asc_status batch_create(const batch_inputs *inputs, batch **out, asc_error *err)
{
    const size_t n_rows = inputs->n_rows;
    batch *b = calloc(1, sizeof *b);
    if (b) {
        b->row_index = malloc(n_rows * sizeof *b->row_index);
        b->n_row_tokens = calloc(n_rows, sizeof *b->n_row_tokens);
        b->n_pair_tokens = calloc(n_rows, sizeof *b->n_pair_tokens);
        b->table_offsets = calloc(n_rows + 1, sizeof *b->table_offsets);
        b->first_unit = calloc(n_rows + 1, sizeof *b->first_unit);
    }
    if (!b || !b->row_index || !b->first_unit || !b->n_row_tokens || !b->n_pair_tokens || !b->table_offsets) {
        batch_free(b);
        return fail_memory(err, "a batch", n_rows * 4 * sizeof(size_t));
    }
    memcpy(b->row_index, inputs->row_index, n_rows * sizeof *b->row_index);
    b->request = inputs->request;
    b->model = inputs->model->model;
    b->backend = inputs->model->backend;
    b->rows = inputs->rows;
    b->design = inputs->design;
    b->given = inputs->given;
    b->n_rows = n_rows;
    b->n_features = inputs->design->host->n_features;
    measure_rows(b);
    b->position_rule = choose_position_rule(b);
    asc_status status = batch_find_shared_empty(b, err);
    if (!b->design->host->of_rows)
        count_units(b);
    else if (b->request->masks && status == ASC_OK) // a file is read here, where there is one thread
        status = batch_make_rows(b, err);
    if (status == ASC_OK)
        *out = b;
    else
        batch_free(b);
    return status;
}

void batch_free(batch *b)
{
    if (!b)
        return;
    collection_free(b->collection);
    forward_entries_free(&b->entries);
    buffer_destroy(b->plain_logits);
    buffer_destroy(b->full_logits);
    buffer_destroy(b->values);
    buffer_destroy(b->targets);
    buffer_destroy(b->n_draws);
    buffer_destroy(b->counts);
    buffer_destroy(b->weights);
    buffer_destroy(b->masks);
    buffer_destroy(b->permutations);
    buffer_destroy(b->row_ids);
    buffer_destroy(b->table_data);
    free(b->row_n_draws);
    free(b->row_counts);
    free(b->row_weights);
    free(b->row_masks);
    free(b->shares_empty);
    free(b->first_unit);
    free(b->table_offsets);
    free(b->n_pair_tokens);
    free(b->n_row_tokens);
    free(b->row_index);
    free(b);
}

static asc_status create_buffers(batch *b, asc_error *err)
{
    const design *d = b->design->host;
    const size_t n_words = mask_words(b->n_features), n_targets = b->request->n_targets, n_classes = b->model->n_classes;
    const struct {
        asc_buffer **buffer;
        asc_type type;
        size_t count;
    } plan[] = {
        {&b->row_ids, ASC_U64, b->n_rows},
        {&b->permutations, ASC_I32, b->n_rows * b->n_features},
        {&b->masks, ASC_U64, b->n_rows * d->n_coalitions * n_words},
        {&b->targets, ASC_I32, b->n_rows * n_targets},
        {&b->values, ASC_F64, b->n_rows * d->n_coalitions * n_targets},
        {&b->full_logits, ASC_F64, b->n_rows * n_classes},
        {&b->plain_logits, ASC_F64, b->n_rows * n_classes},
    };
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++)
        TRY(buffer_create(b->backend, plan[i].type, plan[i].count, plan[i].buffer, err));
    return ASC_OK;
}

// The token table: offsets, features, then ids, positions and types, each twice as long under REPLACE (see backend.h).
static asc_status upload_table(batch *b, asc_stream *stream, asc_error *err)
{
    const size_t n = b->n_tokens, copies = b->request->policy == ASC_POLICY_REPLACE ? 2 : 1;
    const size_t features = b->n_rows + 1, ids = features + n, positions = ids + copies * n, types = positions + copies * n;
    const size_t count = types + copies * n;
    int32_t *data = calloc(count, sizeof *data);
    if (!data)
        return fail_memory(err, "the token table", count * sizeof *data);
    memcpy(data, b->table_offsets, features * sizeof *data);
    for (size_t row = 0; row < b->n_rows; row++) {
        const size_t from = (size_t)b->rows->token_offsets[b->row_index[row]], to = (size_t)b->table_offsets[row];
        for (size_t t = 0; t < b->n_row_tokens[row]; t++) {
            data[features + to + t] = b->rows->token_features[from + t];
            for (size_t copy = 0; copy < copies; copy++) {
                data[ids + copy * n + to + t] = copy ? b->request->mask_token_id : b->rows->tokens[from + t];
                data[types + copy * n + to + t] = b->rows->token_types[from + t];
            }
        }
        for (size_t copy = 0; copy < copies; copy++)
            config_positions(&b->model->config, b->rows->tokens + from, b->n_row_tokens[row], data + positions + copy * n + to);
    }
    asc_status status = buffer_create(b->backend, ASC_I32, count, &b->table_data, err);
    if (status == ASC_OK)
        status = buffer_upload(stream, view_at(b->table_data, 0), data, count, err);
    free(data);
    b->table = (token_table){
        .n_tokens = n,
        .offsets = view_at(b->table_data, 0),
        .features = view_at(b->table_data, features),
        .ids = view_at(b->table_data, ids),
        .positions = view_at(b->table_data, positions),
        .types = view_at(b->table_data, types),
    };
    return status;
}

// Row r's targets by the rule, -1 where there is none or where v(all) decides later.
static void choose_targets(const batch *b, size_t row, int32_t *targets)
{
    const explain_request *request = b->request;
    if (b->given && b->given->choose_class) {
        targets[0] = b->given->choose_class(b->given->context, b->row_index[row]);
        return;
    }
    for (size_t k = 0; k < request->n_targets; k++)
        switch (request->target_rule) {
        case TARGETS_ALL: targets[k] = (int32_t)k; break;
        case TARGETS_LISTED: targets[k] = request->listed[k]; break;
        case TARGETS_LABEL: targets[k] = request_label_class(request, b->rows->labels[b->row_index[row]]); break;
        case TARGETS_PREDICTED: targets[k] = -1; break;
        }
}

static asc_status upload_rows(batch *b, asc_stream *stream, asc_error *err)
{
    const size_t n_targets = b->request->n_targets;
    asc_status status = ASC_OK;
    uint64_t *ids = malloc(b->n_rows * sizeof *ids);
    int32_t *targets = malloc(b->n_rows * n_targets * sizeof *targets);
    if (!ids || !targets) {
        status = fail_memory(err, "a batch", b->n_rows * (sizeof *ids + n_targets * sizeof *targets));
        goto done;
    }
    for (size_t row = 0; row < b->n_rows; row++) {
        ids[row] = b->rows->id[b->row_index[row]];
        choose_targets(b, row, targets + row * n_targets);
    }
    status = buffer_upload(stream, view_at(b->row_ids, 0), ids, b->n_rows, err);
    if (status == ASC_OK)
        status = buffer_upload(stream, view_at(b->targets, 0), targets, b->n_rows * n_targets, err);
done:
    free(targets);
    free(ids);
    return status;
}

asc_status batch_upload(batch *b, asc_stream *stream, asc_error *err)
{
    const design *d = b->design->host;
    TRY(create_buffers(b, err));
    TRY(upload_rows(b, stream, err));
    TRY(upload_table(b, stream, err));
    if (d->of_rows) {
        TRY(batch_make_rows(b, err));
        return upload_row_designs(b, stream, err);
    }
    const relabel_args relabel = {
        .n_rows = b->n_rows,
        .n_features = b->n_features,
        .identity = !d->relabelled,
        .seed = b->request->seed,
        .row_ids = view_at(b->row_ids, 0),
        .permutations = view_at(b->permutations, 0),
    };
    TRY(op_relabel(stream, &relabel, err));
    const row_masks_args masks = {
        .n_rows = b->n_rows,
        .n_features = b->n_features,
        .n_coalitions = d->n_coalitions,
        .design_masks = view_at(b->design->masks, 0),
        .permutations = view_at(b->permutations, 0),
        .masks = view_at(b->masks, 0),
    };
    return op_row_masks(stream, &masks, err);
}

size_t batch_coalition_tokens(const batch *b, size_t row, size_t coalition)
{
    const design *d = b->design->host;
    assert(!d->paired && !d->relabelled);
    if (b->request->policy == ASC_POLICY_REPLACE)
        return b->n_row_tokens[row];
    const size_t n_words = mask_words(b->n_features);
    const uint64_t *mask = d->of_rows ? b->row_masks + (row * d->n_coalitions + coalition) * n_words : d->masks + coalition * n_words;
    const int32_t *features = b->rows->token_features + b->rows->token_offsets[b->row_index[row]];
    size_t n_tokens = 0;
    for (size_t t = 0; t < b->n_row_tokens[row]; t++)
        n_tokens += features[t] < 0 || mask_has(mask, (size_t)features[t]);
    return n_tokens;
}
