// The forward pass: packed sequences in, logits out, the same for every architecture and backend.
#ifndef ASCRIBE_MODEL_FORWARD_H
#define ASCRIBE_MODEL_FORWARD_H

#include "backend.h"
#include "model/model.h"

// Where the time of a pass goes. STAGE_QKV and the others up to STAGE_FFN_OUT are those of blocks that run for all tokens.
typedef enum forward_stage {
    STAGE_EMBED,
    STAGE_QKV,
    STAGE_ATTENTION,
    STAGE_ATTENTION_OUT,
    STAGE_NORM,
    STAGE_FFN_IN, // with the activation
    STAGE_FFN_OUT,
    STAGE_LAST, // the last block, for first tokens alone
    STAGE_HEAD,
    STAGE_PACK, // this and the next two stand around the passes (value.h, batch.h)
    STAGE_VALUES,
    STAGE_SOLVE,
    N_FORWARD_STAGES,
} forward_stage;

extern const char *const forward_stage_names[N_FORWARD_STAGES];

typedef struct forward_profile {
    double seconds[N_FORWARD_STAGES]; // complete when the watch is finished
    asc_stopwatch *watch;             // of the stream
} forward_profile;

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
    asc_buffer *absorbed, *mixture; // REAL [max_sequences, H, D]: op_attention_first's u and result; NULL without ASC_SAVING_LAST_LAYER
    forward_profile *profile;       // NULL, or where the seconds of every stage are added
} forward_workspace;

// What is enqueued from now on belongs to the stage that ends next; and that end. Nothing without a profile.
asc_status forward_begin_stage(const forward_workspace *workspace, asc_error *err);
asc_status forward_end_stage(const forward_workspace *workspace, forward_stage stage, asc_error *err);

asc_status forward_workspace_create(const device_model *model, size_t max_tokens, size_t max_sequences, forward_workspace *out,
                                    asc_error *err);
void forward_workspace_free(forward_workspace *workspace);
size_t forward_workspace_elements(const forward_workspace *workspace); // REAL

// Sees hidden states [n_tokens, D] as they come: 0 = after the embeddings, l = after block l. For tests and probes; the pass then computes
// the last block for all tokens, and may not be given entries.
typedef struct forward_tap {
    asc_status (*hidden)(void *user, size_t depth, asc_view hidden, asc_error *err);
    void *user;
} forward_tap;

// What every entry of a token table becomes before tokens see each other: hidden states [n_entries, D] after the embeddings, and block
// 0's qkv [n_entries, 3, H, E]. Holds as long as position ids belong to the entries (ASC_POSITIONS_KEPT).
typedef struct forward_entries {
    size_t n_entries;
    asc_buffer *hidden, *qkv;
} forward_entries;

// Whether entries are of use to this model with its savings: a single block needs no more than its first tokens.
bool forward_takes_entries(const device_model *model);
// Computes all entries of a table; n_entries is its n_tokens, or twice that under ASC_POLICY_REPLACE.
asc_status forward_entries_create(const device_model *model, asc_stream *stream, forward_workspace *workspace, const token_table *table,
                                  size_t n_entries, forward_entries *out, asc_error *err);
void forward_entries_free(forward_entries *entries);

typedef struct forward_input {
    size_t n_sequences, n_tokens, max_length;
    const token_table *table;
    asc_view source;           // I32 [n_tokens]: which entries of the table; buffer NULL: the table in its own order
    asc_view positions;        // I32 [n_tokens]: position ids; buffer NULL: the table's
    asc_view places;           // I32 [n_tokens]: for the attention bias; buffer NULL: 0, 1, 2, ... in each sequence
    asc_view sequence_offsets; // I32 [n_sequences + 1]
    const forward_entries *entries; // of the table, with `source`; NULL: none
    bool all_tokens;                // runs the last block for all tokens even where the model could do without
    const forward_tap *tap;         // NULL: none
} forward_input;

// Leaves logits [n_sequences, C] in workspace->logits.
asc_status forward_run(const device_model *model, asc_stream *stream, forward_workspace *workspace, const forward_input *input,
                       asc_error *err);

#endif
