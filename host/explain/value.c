// See value.h.
#include "explain/value.h"

#include <stdlib.h>

// Parts of `sequences`, back to back, each with room for one element more than the step has values: of the sequences that are evaluated, rows and
// coalitions; of the values, where some share a sequence, rows, coalitions and which sequence; and the sequences' offsets. A step sends
// those it needs, which come first, in one transfer.
typedef enum sequence_part { ROWS, COALITIONS, VALUE_ROWS, VALUE_COALITIONS, VALUE_SOURCE, OFFSETS, N_PARTS } sequence_part;

static size_t part_at(const value_worker *worker, sequence_part part)
{
    return (size_t)part * worker->part_size;
}

static asc_view part_view(const value_worker *worker, sequence_part part)
{
    return view_at(worker->sequences, part_at(worker, part));
}

asc_status value_worker_create(const device_model *model, step_limits limits, value_worker *out, asc_error *err)
{
    const size_t max_values = 2 * limits.max_sequences, n_sequences = N_PARTS * (max_values + 1);
    *out = (value_worker){.limits = limits, .max_values = max_values};
    out->host_sequences = calloc(n_sequences, sizeof *out->host_sequences);
    asc_status status = out->host_sequences ? ASC_OK : fail_memory(err, "a step", n_sequences * sizeof(int32_t));
    if (status == ASC_OK)
        status = stream_create(model->backend, &out->stream, err);
    if (status == ASC_OK)
        status = forward_workspace_create(model, limits.max_tokens, limits.max_sequences, &out->workspace, err);
    if (status == ASC_OK)
        status = buffer_create(model->backend, ASC_I32, n_sequences, &out->sequences, err);
    asc_buffer **const tokens[] = {&out->source, &out->positions, &out->places};
    for (size_t i = 0; status == ASC_OK && i < sizeof tokens / sizeof *tokens; i++)
        status = buffer_create(model->backend, ASC_I32, limits.max_tokens, tokens[i], err);
    if (status != ASC_OK)
        value_worker_free(out);
    return status;
}

void value_worker_free(value_worker *worker)
{
    buffer_destroy(worker->places);
    buffer_destroy(worker->positions);
    buffer_destroy(worker->source);
    buffer_destroy(worker->sequences);
    forward_workspace_free(&worker->workspace);
    stream_destroy(worker->stream);
    free(worker->host_sequences);
    *worker = (value_worker){0};
}

size_t value_worker_bytes(const value_worker *worker, size_t real_bytes)
{
    const forward_workspace *w = &worker->workspace;
    asc_buffer *const integers[] = {worker->sequences, worker->source, worker->positions, worker->places};
    size_t bytes = forward_workspace_elements(w) * real_bytes;
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        bytes += buffer_count(integers[i]) * sizeof(int32_t);
    return bytes;
}

// The offsets of rows as they stand, counted from the first one's.
static void list_offsets(value_worker *worker, const step *s)
{
    const int32_t *table_offsets = s->batch->table_offsets + s->first;
    int32_t *offsets = worker->host_sequences + part_at(worker, OFFSETS);
    for (size_t q = 0; q <= s->n_sequences; q++)
        offsets[q] = table_offsets[q] - table_offsets[0];
}

// Tells the device which coalition of which row each sequence is, and each value; *n_values is 0 where the values are the sequences.
static asc_status upload_sequences(value_worker *worker, const step *s, size_t *n_values, asc_error *err)
{
    const size_t per_unit = schedule_unit_sequences(s->batch, s->kind), count = s->n_units * per_unit;
    int32_t *parts[N_PARTS];
    size_t n = 0;
    int32_t empty = 0; // the last empty coalition that is evaluated
    worker->part_size = count + 1;
    for (size_t part = 0; part < N_PARTS; part++)
        parts[part] = worker->host_sequences + part_at(worker, part);
    for (size_t v = 0; v < count; v++) {
        const size_t unit = s->first + v / per_unit, i = v % per_unit;
        const bool shared = i == 1 && schedule_shares_empty(s, unit);
        schedule_sequence(s->batch, s->kind, unit, i, &parts[VALUE_ROWS][v], &parts[VALUE_COALITIONS][v]);
        if (!shared) {
            parts[ROWS][n] = parts[VALUE_ROWS][v];
            parts[COALITIONS][n] = parts[VALUE_COALITIONS][v];
            empty = i == 1 ? (int32_t)n : empty;
        }
        parts[VALUE_SOURCE][v] = shared ? empty : (int32_t)n;
        n += !shared;
    }
    *n_values = n < count ? count : 0;
    if (s->kind == STEP_PLAIN)
        list_offsets(worker, s);
    const sequence_part end = s->kind == STEP_PLAIN ? N_PARTS : *n_values ? OFFSETS : VALUE_ROWS;
    return buffer_upload(worker->stream, view_at(worker->sequences, 0), worker->host_sequences, part_at(worker, end), err);
}

static asc_status pack(value_worker *worker, const step *s, asc_error *err)
{
    const batch *b = s->batch;
    const pack_args args = {
        .policy = b->request->policy,
        .position_rule = b->position_rule,
        .pad_id = b->model->config.pad_id,
        .n_rows = b->n_rows,
        .n_features = b->n_features,
        .n_coalitions = b->design->host->n_coalitions,
        .n_sequences = s->n_sequences,
        .n_tokens = s->n_tokens,
        .table = &b->table,
        .masks = view_at(b->masks, 0),
        .sequence_row = part_view(worker, ROWS),
        .sequence_coalition = part_view(worker, COALITIONS),
        .sequence_offsets = part_view(worker, OFFSETS),
        .source = view_at(worker->source, 0),
        .positions = view_at(worker->positions, 0),
        .places = view_at(worker->places, 0),
    };
    return op_pack(worker->stream, &args, err);
}

asc_status value_make_entries(const device_model *model, value_worker *worker, batch *b, asc_error *err)
{
    const size_t n_entries = batch_n_entries(b, model);
    if (n_entries == 0)
        return ASC_OK;
    return forward_entries_create(model, worker->stream, &worker->workspace, &b->table, n_entries, &b->entries, err);
}

// Rows as they stand: their slice of the table in its own order, offsets counted from the slice's start.
static asc_status run_plain(const device_model *model, value_worker *worker, const step *s, asc_error *err)
{
    const batch *b = s->batch;
    const int32_t first = b->table_offsets[s->first];
    token_table slice = b->table;
    slice.n_tokens = s->n_tokens;
    slice.features.first += (size_t)first;
    slice.ids.first += (size_t)first;
    slice.positions.first += (size_t)first;
    slice.types.first += (size_t)first;
    const forward_input input = {
        .n_sequences = s->n_sequences,
        .n_tokens = s->n_tokens,
        .max_length = b->max_length,
        .table = &slice,
        .sequence_offsets = part_view(worker, OFFSETS),
        .all_tokens = true, // against which v(all) is checked
    };
    return forward_run(model, worker->stream, &worker->workspace, &input, err);
}

static asc_status run_packed(const device_model *model, value_worker *worker, const step *s, asc_error *err)
{
    TRY(pack(worker, s, err));
    TRY(forward_end_stage(&worker->workspace, STAGE_PACK, err));
    const forward_input input = {
        .n_sequences = s->n_sequences,
        .n_tokens = s->n_tokens,
        .max_length = s->batch->max_length,
        .table = &s->batch->table,
        .source = view_at(worker->source, 0),
        .positions = view_at(worker->positions, 0),
        .places = view_at(worker->places, 0),
        .sequence_offsets = part_view(worker, OFFSETS),
        .entries = s->batch->entries.n_entries ? &s->batch->entries : NULL,
    };
    return forward_run(model, worker->stream, &worker->workspace, &input, err);
}

static asc_status record_full(value_worker *worker, const step *s, const step_logits *logits, asc_error *err)
{
    const batch *b = s->batch;
    const bool decides_targets = s->kind == STEP_ANCHORS && b->request->target_rule == TARGETS_PREDICTED;
    const record_full_args args = {
        .step = *logits,
        .full_logits = view_at(s->kind == STEP_PLAIN ? b->plain_logits : b->full_logits, 0),
        .targets = {decides_targets ? b->targets : NULL, 0},
    };
    return op_record_full(worker->stream, &args, err);
}

asc_status value_run_step(const device_model *model, value_worker *worker, const step *s, asc_error *err)
{
    const batch *b = s->batch;
    size_t n_values;
    TRY(forward_begin_stage(&worker->workspace, err));
    TRY(upload_sequences(worker, s, &n_values, err));
    const step_logits logits = {
        .n_rows = b->n_rows,
        .n_coalitions = b->design->host->n_coalitions,
        .n_sequences = n_values ? n_values : s->n_sequences,
        .n_classes = b->model->n_classes,
        .sequence_row = part_view(worker, n_values ? VALUE_ROWS : ROWS),
        .sequence_coalition = part_view(worker, n_values ? VALUE_COALITIONS : COALITIONS),
        .logits = {.data = view_at(worker->workspace.logits, 0),
                   .source = n_values ? part_view(worker, VALUE_SOURCE) : (asc_view){NULL, 0},
                   .n_rows = s->n_sequences},
    };
    if (s->kind == STEP_PLAIN) {
        TRY(run_plain(model, worker, s, err));
        return record_full(worker, s, &logits, err);
    }
    TRY(run_packed(model, worker, s, err));
    if (s->kind == STEP_ANCHORS)
        TRY(record_full(worker, s, &logits, err));
    const values_args args = {
        .step = logits,
        .output = b->request->output,
        .sigmoid = b->request->sigmoid,
        .n_targets = b->request->n_targets,
        .targets = view_at(b->targets, 0),
        .values = view_at(b->values, 0),
    };
    TRY(op_values(worker->stream, &args, err));
    return forward_end_stage(&worker->workspace, STAGE_VALUES, err);
}
