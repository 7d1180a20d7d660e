// A model in memory (asc_model) and on a backend (device_model): configuration, checked weights, the order of layers.
#ifndef ASCRIBE_MODEL_MODEL_H
#define ASCRIBE_MODEL_MODEL_H

#include <ascribe/model.h>

#include "backend.h"
#include "io/checkpoint.h"
#include "model/config.h"

struct asc_model {
    model_config config;
    checkpoint *weights; // NULL: generated from `seed`
    uint64_t seed;
    stop_check stop; // asked while weights are read and loaded
    size_t n_classes;
    char **class_names; // [n_classes]
    bool sigmoid;       // scores by sigmoid instead of softmax (multi-label, or one class)
    asc_model_info info;
    char path[1024];
    char weights_sha256[HASH_HEX_SIZE], config_sha256[HASH_HEX_SIZE], tokenizer_sha256[HASH_HEX_SIZE];
};

// One block on the device. qkv: the query, key and value maps one below the other, [3 D, D].
typedef struct device_layer {
    asc_linear *qkv, *attention_out, *ffn_in, *ffn_out;
    norm_weights attention_norm, ffn_norm;
} device_layer;

// The block that runs last, for the first token of each sequence alone (op_attention_first). NULL without ASC_SAVING_LAST_LAYER.
typedef struct device_last {
    asc_linear *query;  // [D, D], with the scale of attention
    asc_linear *keys;   // [H, D, E]: each head's key map, transposed
    asc_linear *values; // [H, E, D]
} device_last;

// Weights on one backend, read-only and shared by its streams.
typedef struct device_model {
    const asc_model *model;
    asc_backend *backend;
    asc_buffer *word, *position, *type; // REAL [V, E], [n_positions, E], [n_types, E], E = n_embedding; type NULL without types
    asc_buffer *norms;                  // REAL: gamma and beta of every norm, back to back
    norm_weights embedding_norm;
    asc_linear *embedding_map;  // [D, E]; NULL: the embeddings are the hidden states
    asc_buffer *attention_bias; // REAL [H, 2 ARCH_BIAS_REACH + 1], NULL: none
    device_layer *layers;       // [n_groups, n_inner]
    device_last last;
    unsigned savings; // ASC_SAVING_*: what was folded into the weights, and what they allow
    asc_linear *head_dense, *classifier;
} device_model;

// As asc_model_open; `stop` (may be NULL) is asked between pieces of files now and between tensors in model_load: ASC_STOPPED.
asc_status model_open(const char *path, const asc_log *log, const stop_check *stop, asc_model **out, asc_error *err);

// The tensor of this name and shape (norms also under their old names). ASC_MALFORMED names it, expected and found.
asc_status model_tensor(const asc_model *model, const char *name, size_t n_dims, const size_t *shape, const tensor_info **out,
                        asc_error *err);

// Checks that every tensor of the architecture is there in the shape that config.json implies.
asc_status model_check_tensors(const asc_model *model, asc_error *err);

// Elements of all tensors of the architecture.
size_t model_count_weights(const asc_model *model);

// A model that comes from no files: `config` is the text of a config.json, which must name the classes (id2label); weights are drawn as
// generate.h says. `name` stands for its path. ASC_MALFORMED as config_parse.
asc_status model_generate(const char *name, const char *config, uint64_t seed, asc_model **out, asc_error *err);

// Converts and uploads all weights, prepared for these savings (ASC_SAVING_*). ASC_MALFORMED for a tensor with NaN or infinite
// values (names it).
asc_status model_load(const asc_model *model, asc_backend *backend, unsigned savings, device_model **out, asc_error *err);
void model_unload(device_model *device); // accepts NULL

#endif
