// What a forward pass costs in floating point operations, a multiplication and an addition counted as two.
//
// Blocks only: embeddings, norms, activations and the classification head are left out. A token costs 8 D^2 + 4 D F a block, and attention
// 4 s D a token in a sequence of s tokens. Without block 0's queries, keys and values a token costs 6 D^2 less; the entries of the token
// table pay for them once. The last block for first tokens alone costs one token's 8 D^2 + 4 D F a sequence, and 4 H D a token.
#ifndef ASCRIBE_MODEL_COST_H
#define ASCRIBE_MODEL_COST_H

#include "model/config.h"

#include <stdint.h>

// What goes through the model: sequences, their tokens, entries of token tables, the tokens that are looked up among them, and the sum of the
// squared lengths.
typedef struct forward_load {
    uint64_t sequences, tokens, entries, looked_up;
    double squares;
} forward_load;

void forward_load_add(forward_load *sum, const forward_load *term);

// With these savings (ASC_SAVING_*); ASC_SAVING_FIRST_LAYER is in the load.
double forward_flops(const model_config *config, unsigned savings, const forward_load *load);

#endif
