// What tells one model family from another: names of fields and tensors, and the block's specification. No computation.
//
// A family is one constant in one arch_<family>.c; forward.c runs every family over the same backend operations. Linear maps have
// .weight [out, in] and .bias; norms .weight and .bias (or, in old files, .gamma and .beta). Names of layer tensors hold one %zu for
// the layer, or two where layers share weights: for the group and for the layer in it. NULL: the family has no such thing.
#ifndef ASCRIBE_MODEL_ARCH_H
#define ASCRIBE_MODEL_ARCH_H

#include "backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where position ids of a row start. Hugging Face computes the second kind from the ids: padding has pad_token_id, and the others
// count from pad_token_id + 1 (create_position_ids_from_input_ids).
typedef enum position_kind { POSITIONS_FROM_ZERO, POSITIONS_FROM_PAD } position_kind;

typedef struct arch_name {
    const char *architecture; // config.json architectures[0]
    const char *model_type;   // config.json model_type
} arch_name;

typedef struct arch {
    const arch_name *names; // the classes of this family; one without names ends the list

    // Fields of config.json.
    const char *field_hidden, *field_layers, *field_heads, *field_ffn, *field_positions, *field_activation;
    const char *field_types;     // NULL: no token types, a dataset's are ignored
    const char *field_epsilon;   // NULL: always default_epsilon
    const char *field_embedding; // width of the embeddings; NULL: as wide as the rest
    const char *field_pad;       // for POSITIONS_FROM_PAD; NULL: always default_pad
    const char *field_groups, *field_inner; // layers that share weights; NULL: every layer has its own
    const char *field_buckets;              // of the attention bias; only the value `n_buckets` is supported
    const char *default_activation;
    double default_epsilon;
    size_t n_buckets;
    int32_t default_pad;
    position_kind positions;

    // Embeddings: word + position + type, then norm, then (where it is there) a linear map to the hidden width.
    const char *word, *position, *type, *embedding_norm, *embedding_map;
    bool always_mapped; // also where both widths are the same

    // One block, normalised after each residual sum: h = norm(x + attention(x)); y = norm(h + ffn(h)).
    const char *query, *key, *value, *attention_out, *attention_norm, *ffn_in, *ffn_out, *ffn_norm;
    const char *attention_bias; // [n_buckets, heads], by the distance of the tokens; one for all blocks

    // Head on the first token: classifier(activation(dense(x))).
    const char *head_dense, *classifier;
    asc_activation head_activation;

    // Tensors that a file may hold without meaning anything here: names, or beginnings of names that end in '.'; NULL ends the list.
    const char *const *ignored;
} arch;

extern const arch arch_albert, arch_bert, arch_distilbert, arch_electra, arch_mpnet, arch_roberta;

// The family of a config.json by its architecture and model type, and the name that fits, or NULL.
const arch *arch_find(const char *architecture, const char *model_type, const arch_name **name);

// All supported architectures in one line of text, for messages.
const char *arch_supported(void);

// The bucket of MPNet's and T5's bidirectional attention bias (32 buckets, largest distance 128) for a key `distance` places after
// its query. Raffel et al., JMLR 2020: half of the buckets for keys that follow, half of those exact, the others logarithmic.
size_t arch_bias_bucket(int64_t distance);
enum { ARCH_BIAS_REACH = 128 }; // distances beyond it have the bucket of this one

#endif
