// What tells one model family from another: names of fields and tensors, and the block's specification. No computation.
//
// A family is one constant in one arch_<family>.c; forward.c runs every family over the same backend operations. Names of layer
// tensors hold one %zu for the layer. Linear maps have .weight [out, in] and .bias; norms .weight and .bias (or, in old files,
// .gamma and .beta).
#ifndef ASCRIBE_MODEL_ARCH_H
#define ASCRIBE_MODEL_ARCH_H

#include "backend.h"

#include <stddef.h>

typedef struct arch {
    const char *architecture; // config.json architectures[0]
    const char *model_type;   // config.json model_type

    // Fields of config.json.
    const char *field_hidden, *field_layers, *field_heads, *field_ffn, *field_positions, *field_types, *field_activation,
        *field_epsilon;
    double default_epsilon;

    // Embeddings: word + position + type, then norm.
    const char *word, *position, *type, *embedding_norm;

    // One block, normalised after each residual sum: h = norm(x + attention(x)); y = norm(h + ffn(h)).
    const char *query, *key, *value, *attention_out, *attention_norm, *ffn_in, *ffn_out, *ffn_norm;

    // Head on the first token: classifier(activation(dense(x))).
    const char *head_dense, *classifier;
    asc_activation head_activation;

    // Tensors that a file may hold without meaning anything here; NULL ends the list.
    const char *const *ignored;
} arch;

extern const arch arch_bert;

// The family of a config.json by its architecture and model type, or NULL.
const arch *arch_find(const char *architecture, const char *model_type);

// All supported architectures in one line of text, for messages.
const char *arch_supported(void);

#endif
