// See value.h.
#include "explain/value.h"

#include <stdlib.h>

// Parts of `sequences`: rows, coalitions, then offsets (one more).
static size_t coalitions_at(const value_worker *worker)
{
    return worker->limits.max_sequences;
}

static size_t offsets_at(const value_worker *worker)
{
    return 2 * worker->limits.max_sequences;
}

asc_status value_worker_create(const device_model *model, step_limits limits, value_worker *out, asc_error *err)
{
    const size_t n_sequences = 3 * limits.max_sequences + 1;
    *out = (value_worker){.limits = limits};
    out->host_sequences = malloc(n_sequences * sizeof *out->host_sequences);
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

// Tells the device which coalition of which row each sequence is.
static asc_status upload_sequences(value_worker *worker, const step *s, asc_error *err)
{
    const size_t per_unit = schedule_unit_sequences(s->batch, s->kind);
    int32_t *rows = worker->host_sequences, *coalitions = rows + coalitions_at(worker);
    for (size_t q = 0; q < s->n_sequences; q++)
        schedule_sequence(s->batch, s->kind, s->first + q / per_unit, q % per_unit, &rows[q], &coalitions[q]);
    TRY(buffer_upload(worker->stream, view_at(worker->sequences, 0), rows, s->n_sequences, err));
    return buffer_upload(worker->stream, view_at(worker->sequences, coalitions_at(worker)), coalitions, s->n_sequences, err);
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
        .sequence_row = view_at(worker->sequences, 0),
        .sequence_coalition = view_at(worker->sequences, coalitions_at(worker)),
        .sequence_offsets = view_at(worker->sequences, offsets_at(worker)),
        .source = view_at(worker->source, 0),
        .positions = view_at(worker->positions, 0),
        .places = view_at(worker->places, 0),
    };
    return op_pack(worker->stream, &args, err);
}

asc_status value_make_entries(const device_model *model, value_worker *worker, batch *b, asc_error *err)
{
    if (!forward_takes_entries(model) || b->position_rule != ASC_POSITIONS_KEPT)
        return ASC_OK;
    const size_t n_entries = b->request->policy == ASC_POLICY_REPLACE ? 2 * b->n_tokens : b->n_tokens;
    return forward_entries_create(model, worker->stream, &worker->workspace, &b->table, n_entries, &b->entries, err);
}

// Rows as they stand: their slice of the table in its own order, offsets counted from the slice's start.
static asc_status run_plain(const device_model *model, value_worker *worker, const step *s, asc_error *err)
{
    const batch *b = s->batch;
    const int32_t first = b->table_offsets[s->first];
    int32_t *offsets = worker->host_sequences + offsets_at(worker);
    for (size_t q = 0; q <= s->n_sequences; q++)
        offsets[q] = b->table_offsets[s->first + q] - first;
    const asc_view device_offsets = view_at(worker->sequences, offsets_at(worker));
    TRY(buffer_upload(worker->stream, device_offsets, offsets, s->n_sequences + 1, err));
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
        .sequence_offsets = device_offsets,
        .all_tokens = true, // against which v(all) is checked
    };
    return forward_run(model, worker->stream, &worker->workspace, &input, err);
}

static asc_status run_packed(const device_model *model, value_worker *worker, const step *s, asc_error *err)
{
    TRY(pack(worker, s, err));
    const forward_input input = {
        .n_sequences = s->n_sequences,
        .n_tokens = s->n_tokens,
        .max_length = s->batch->max_length,
        .table = &s->batch->table,
        .source = view_at(worker->source, 0),
        .positions = view_at(worker->positions, 0),
        .places = view_at(worker->places, 0),
        .sequence_offsets = view_at(worker->sequences, offsets_at(worker)),
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
    const step_logits logits = {
        .n_rows = b->n_rows,
        .n_coalitions = b->design->host->n_coalitions,
        .n_sequences = s->n_sequences,
        .n_classes = b->model->n_classes,
        .sequence_row = view_at(worker->sequences, 0),
        .sequence_coalition = view_at(worker->sequences, coalitions_at(worker)),
        .logits = view_at(worker->workspace.logits, 0),
    };
    TRY(upload_sequences(worker, s, err));
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
    return op_values(worker->stream, &args, err);
}
