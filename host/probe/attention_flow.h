// Attention flow: how much attention can move through all blocks from each input token to the first token, when every connection carries no
// more than its attention. Abnar & Zuidema, "Quantifying attention flow in transformers", ACL 2020.
#ifndef ASCRIBE_PROBE_ATTENTION_FLOW_H
#define ASCRIBE_PROBE_ATTENTION_FLOW_H

#include "base/fail.h"

#include <stddef.h>

// mean [n_blocks, n_tokens, n_tokens]: attention averaged over heads, by query and key. flow [n_blocks]: behind each block, the largest flow
// from the first token there to token `sink` of the embeddings; query i behind block l and key j before it are joined with the capacity
// (mean[l, i, j] + [i = j]) / 2, as rollout weighs them. Time grows with n_blocks^2 n_tokens^2, memory is n_blocks n_tokens^2 doubles.
asc_status attention_flow_to(const double *mean, size_t n_blocks, size_t n_tokens, size_t sink, double *flow, asc_error *err);

#endif
