// Attention flow: how much attention can move through all blocks from each input token to the first token, when every connection carries no
// more than its attention. Abnar & Zuidema, "Quantifying attention flow in transformers", ACL 2020.
#ifndef ASCRIBE_PROBE_ATTENTION_FLOW_H
#define ASCRIBE_PROBE_ATTENTION_FLOW_H

#include "base/stop.h"

#include <stddef.h>

typedef struct flow_source {
    const double *mean; // [n_blocks, n_tokens, n_tokens]: attention averaged over heads, by query and key
    size_t n_blocks, n_tokens;
    const stop_check *stop; // NULL: never
} flow_source;

// flow [n_blocks]: behind each block, the largest flow from the first token there to token `sink` of the embeddings; query i behind block l and
// key j before it are joined with the capacity (mean[l, i, j] + [i = j]) / 2, as rollout weighs them. Time grows with n_blocks^2 n_tokens^2,
// memory is n_blocks n_tokens^2 doubles.
// ASC_STOPPED, ASC_OUT_OF_MEMORY.
asc_status attention_flow_to(const flow_source *from, size_t sink, double *flow, asc_error *err);

#endif
