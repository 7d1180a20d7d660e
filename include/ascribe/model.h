// Opening a fine-tuned transformer as Hugging Face writes it: a folder with config.json and model.safetensors (or its shards).
#ifndef ASCRIBE_MODEL_H
#define ASCRIBE_MODEL_H

#include <ascribe/log.h>
#include <ascribe/status.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_model asc_model;

// Facts of a model; strings belong to the model and live until it is closed.
typedef struct asc_model_info {
    const char *path;
    const char *architecture; // "BertForSequenceClassification"
    const char *activation;   // as config.json spells it
    const char *problem_type; // "single_label_classification", "multi_label_classification", "regression"; "" = one output, no type stated
    const char *scores;       // how logits become scores, by the rule of transformers' pipeline: "softmax", "sigmoid", "raw"
    const char *weights_dtype; // of the first weight matrix: "F32", "F16", "BF16"
    const char *weights_sha256;   // of model.safetensors; of shards: what `sha256sum model-*.safetensors | sha256sum` prints
    const char *config_sha256;    // of config.json
    const char *tokenizer_sha256; // of tokenizer.json, "" when the folder has none
    size_t n_layers, n_hidden, n_heads, n_ffn, n_vocabulary, n_positions;
    size_t n_types;        // token types; 0: the model knows none, a dataset's are ignored
    size_t n_max_tokens;   // longest input; fewer than n_positions where positions start behind the padding's (RoBERTa, MPNet)
    size_t n_weight_files; // 1, or the number of shards
    size_t n_classes;
    const char *const *class_names; // [n_classes]; LABEL_0, ... when config.json names none
    size_t n_parameters;
} asc_model_info;

// Reads and validates configuration and weights into memory; the folder is not needed afterwards. `log` may be NULL.
// ASC_NOT_FOUND, ASC_MALFORMED (names the field or tensor, expected and found; what is supported when something is not), ASC_OUT_OF_MEMORY.
asc_status asc_model_open(const char *path, const asc_log *log, asc_model **out, asc_error *err) ASC_MUST_USE;
// Reads config.json alone: whether the folder is there and its model is one that asc_model_open supports. Statuses as there.
asc_status asc_model_check(const char *path, asc_error *err) ASC_MUST_USE;
void asc_model_close(asc_model *model); // accepts NULL
const asc_model_info *asc_model_describe(const asc_model *model);

#ifdef __cplusplus
}
#endif
#endif
