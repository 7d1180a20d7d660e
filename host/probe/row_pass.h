// One row through the model with every step watched: what is told of it, and what switching heads off does to its logits.
#ifndef ASCRIBE_PROBE_ROW_PASS_H
#define ASCRIBE_PROBE_ROW_PASS_H

#include "model/forward.h"

// L blocks, H heads, F neurons, C classes. What a head's attention does in one row, means over its queries.
typedef enum attention_number { ATTENTION_ENTROPY, ATTENTION_FIRST, ATTENTION_LAST, ATTENTION_SELF, ATTENTION_PREVIOUS, ATTENTION_NEXT, N_ATTENTION_NUMBERS } attention_number;

typedef struct row_numbers {
    uint64_t id;
    const int32_t *tokens; // [n_tokens], as in row_input
    size_t n_tokens;
    bool usable, ablated;
    int32_t label_class; // of the row's label, -1 = none
    double label_number; // NaN: none
    double *attention;   // [L, H, N_ATTENTION_NUMBERS]; previous and next are 0 in a row of one token
    double *norms, *squares, *before; // [L + 1] sums over tokens: norm, its square, cosine to the depth before (0 at depth 0)
    double *pairs;                    // [L + 1] mean cosine over pairs of tokens; 0 in a row of one token
    double *neuron_max, *neuron_sum;  // [L, F]
    int32_t *neuron_position;         // [L, F] of the maximum, the first one
    double *logits, *ablated_logits;  // [C], [L, H, C]
    double *memory;
} row_numbers;

// What is kept of a row that is kept whole.
typedef struct row_whole {
    float *attention; // [L, H, T, T]
    float *norms;     // [T, L + 1]
    double *mean;     // [L, T, T] over heads
    float *rollout;   // [T]
    double *flow;     // [T, L] not filled by the pass: attention_flow_to
} row_whole;

asc_status row_numbers_create(const device_model *model, bool ablated, row_numbers *out, asc_error *err);
void row_numbers_free(row_numbers *numbers);
asc_status row_whole_create(const model_config *config, size_t n_tokens, row_whole *out, asc_error *err);
void row_whole_free(row_whole *whole);

typedef struct row_pass row_pass; // belongs to one thread
asc_status row_pass_create(const device_model *model, size_t max_tokens, row_pass **out, asc_error *err);
void row_pass_free(row_pass *pass); // accepts NULL

typedef struct row_input {
    size_t n_tokens; // at least 1
    const int32_t *tokens;
    const uint8_t *types;
} row_input;

// Fills what belongs to the row's activations; `whole` may be NULL. The row has been checked against the model.
asc_status row_pass_run(row_pass *pass, const row_input *row, row_numbers *out, row_whole *whole, asc_error *err);

// The logits with each head's result set to 0 in turn, of the row that row_pass_run saw last.
asc_status row_pass_ablate(row_pass *pass, row_numbers *out, asc_error *err);

#endif
