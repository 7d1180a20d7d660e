// config.json of a Hugging Face model folder -> checked numbers. Every field is bounded before anything is allocated from it.
#ifndef ASCRIBE_MODEL_CONFIG_H
#define ASCRIBE_MODEL_CONFIG_H

#include "backend.h"
#include "base/fail.h"
#include "base/hash.h"
#include "model/arch.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum problem_type { PROBLEM_SINGLE_LABEL, PROBLEM_MULTI_LABEL, PROBLEM_REGRESSION, PROBLEM_UNSTATED } problem_type;

typedef struct model_config {
    const arch *arch;
    const char *architecture; // the one of arch->names that the file says
    size_t n_layers;          // blocks that run, one after the other
    size_t n_groups, n_inner; // weights of n_groups x n_inner blocks are stored; n_inner is 1 and n_groups n_layers without sharing
    size_t n_hidden, n_embedding, n_heads, head_size, n_ffn, n_vocabulary;
    size_t n_positions;  // rows of the position table
    size_t n_max_tokens; // longest input
    size_t n_types;      // 0: the family has no token types
    double attention_scale; // 1 / sqrt(head_size)
    int32_t pad_id;      // for POSITIONS_FROM_PAD, else -1
    double norm_epsilon;
    asc_activation activation;
    char activation_name[32];
    problem_type problem;
    size_t n_labels;    // entries of id2label; 0 when config.json has none
    char **label_names; // [n_labels]
    uint8_t hash[HASH_BYTES]; // of the file
} model_config;

// Reads FOLDER/config.json. ASC_NOT_FOUND; ASC_MALFORMED names the field, what was expected and found, and what is supported.
asc_status config_read(const char *folder, model_config *out, asc_error *err);
// The same from the file's bytes; `path` is for messages.
asc_status config_parse(const uint8_t *bytes, size_t size, const char *path, model_config *out, asc_error *err);
void config_free(model_config *config);

// Which of the stored blocks, in the order [group, inner], runs as block `block`.
size_t config_stored_block(const model_config *config, size_t block);

// The position ids of a row: positions[t] for ids[t], t < n_tokens, as Hugging Face computes them.
void config_positions(const model_config *config, const int32_t *ids, size_t n_tokens, int32_t *positions);

// FOLDER/NAME; the caller frees *path.
asc_status config_path(const char *folder, const char *name, char **path, asc_error *err);

#endif
