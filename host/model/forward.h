// The forward pass: packed sequences in, logits out, the same for every architecture and backend.
#ifndef ASCRIBE_MODEL_FORWARD_H
#define ASCRIBE_MODEL_FORWARD_H

#include "backend.h"
#include "model/model.h"

// Device memory for one forward pass at a time; belongs to one stream.
typedef struct forward_workspace {
    size_t max_tokens, max_sequences;
    asc_buffer *hidden; // REAL [max_tokens, D]
    asc_buffer *wide;   // REAL [max_tokens, max(3 D, F, E)]: the embeddings before their map; qkv; the FFN's inner layer
    asc_buffer *mixed;  // REAL [max_tokens, D]: attention's result
    asc_buffer *update; // REAL [max_tokens, D]: what is added to the residual
    asc_buffer *pooled; // REAL [max_sequences, D]
    asc_buffer *dense;  // REAL [max_sequences, D]
    asc_buffer *logits; // REAL [max_sequences, C]: the result
} forward_workspace;

asc_status forward_workspace_create(const device_model *model, size_t max_tokens, size_t max_sequences, forward_workspace *out,
                                    asc_error *err);
void forward_workspace_free(forward_workspace *workspace);

// Sees hidden states [n_tokens, D] as they come: 0 = after the embeddings, l = after block l. For tests and probes.
typedef struct forward_tap {
    asc_status (*hidden)(void *user, size_t depth, asc_view hidden, asc_error *err);
    void *user;
} forward_tap;

typedef struct forward_input {
    size_t n_sequences, n_tokens, max_length;
    const token_table *table;
    asc_view source;           // I32 [n_tokens]: which entries of the table; buffer NULL: the table in its own order
    asc_view positions;        // I32 [n_tokens]: position ids; buffer NULL: the table's
    asc_view places;           // I32 [n_tokens]: for the attention bias; buffer NULL: 0, 1, 2, ... in each sequence
    asc_view sequence_offsets; // I32 [n_sequences + 1]
    const forward_tap *tap;    // NULL: none
} forward_input;

// Leaves logits [n_sequences, C] in workspace->logits.
asc_status forward_run(const device_model *model, asc_stream *stream, forward_workspace *workspace, const forward_input *input,
                       asc_error *err);

#endif
