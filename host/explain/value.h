// The value function v(S): one step of coalitions through packing, forward pass and output transform, all on the device.
#ifndef ASCRIBE_EXPLAIN_VALUE_H
#define ASCRIBE_EXPLAIN_VALUE_H

#include "explain/schedule.h"
#include "model/forward.h"

// What one worker needs to run steps; belongs to the thread that made it.
typedef struct value_worker {
    asc_stream *stream;
    forward_workspace workspace;
    asc_buffer *sequences; // I32: rows, coalitions and offsets of a step's sequences, part_size elements apart
    asc_buffer *source, *positions, *places; // I32 [max_tokens]: what op_pack writes of each token
    int32_t *host_sequences;
    size_t part_size;
    step_limits limits;
    size_t max_values; // of a step: where rows share empty coalitions, up to two for each sequence
} value_worker;

asc_status value_worker_create(const device_model *model, step_limits limits, value_worker *out, asc_error *err);
void value_worker_free(value_worker *worker);

// Device memory of one worker; `real_bytes` is the size of the backend's REAL.
size_t value_worker_bytes(const value_worker *worker, size_t real_bytes);

// Computes the entries of a batch's token table where the model makes use of them; once, before its packed steps.
asc_status value_make_entries(const device_model *model, value_worker *worker, batch *b, asc_error *err);

// Runs one step: PLAIN fills the batch's plain_logits; ANCHORS its full_logits, predicted targets and values; REST its values.
asc_status value_run_step(const device_model *model, value_worker *worker, const step *s, asc_error *err);

#endif
