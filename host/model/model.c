// Opening a model folder: configuration and weights must agree before anything is computed from them.
#include "model/model.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TENSOR_NAME_SIZE = 256 };

static const char *problem_name(problem_type problem, size_t n_classes)
{
    switch (problem) {
    case PROBLEM_MULTI_LABEL: return "multi_label_classification";
    case PROBLEM_REGRESSION: return "regression";
    default: return n_classes == 1 ? "" : "single_label_classification";
    }
}

static void shape_text(const size_t *shape, size_t n_dims, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < n_dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", i ? ", " : "", shape[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

// The tensor under this name, or a norm's under its old name.
static const tensor_info *find_tensor(const checkpoint *weights, const char *name)
{
    const tensor_info *found = checkpoint_find(weights, name);
    if (found)
        return found;
    static const char *const renamed[][2] = {{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}};
    for (size_t i = 0; i < 2; i++) {
        const size_t length = strlen(name), suffix = strlen(renamed[i][0]);
        if (length < suffix || strcmp(name + length - suffix, renamed[i][0]) != 0)
            continue;
        char old[TENSOR_NAME_SIZE];
        snprintf(old, sizeof old, "%.*s%s", (int)(length - suffix), name, renamed[i][1]);
        return checkpoint_find(weights, old);
    }
    return NULL;
}

asc_status model_tensor(const asc_model *model, const char *name, size_t n_dims, const size_t *shape, const tensor_info **out,
                        asc_error *err)
{
    const tensor_info *found = find_tensor(model->weights, name);
    char expected[160], actual[160];
    shape_text(shape, n_dims, expected, sizeof expected);
    if (!found) {
        (void)fail(err, ASC_MALFORMED, "%s: tensor '%s' %s is missing", checkpoint_path(model->weights), name, expected);
        return fail_hint(err, ASC_MALFORMED, "the file holds %zu tensors; is it a %s with its classification head?",
                         checkpoint_count(model->weights), model->config.architecture);
    }
    if (found->n_dims != n_dims || memcmp(found->shape, shape, n_dims * sizeof *shape) != 0) {
        shape_text(found->shape, found->n_dims, actual, sizeof actual);
        return fail(err, ASC_MALFORMED, "%s: tensor '%s' is %s, config.json asks for %s", checkpoint_path(model->weights), name, actual,
                    expected);
    }
    *out = found;
    return ASC_OK;
}

// The rows of the last weight decide how many classes there are; id2label must agree or be absent.
static asc_status count_classes(asc_model *model, asc_error *err)
{
    char name[TENSOR_NAME_SIZE];
    snprintf(name, sizeof name, "%s.weight", model->config.arch->classifier);
    const tensor_info *classifier = checkpoint_find(model->weights, name);
    if (!classifier || classifier->n_dims != 2 || classifier->shape[0] == 0) {
        (void)fail(err, ASC_MALFORMED, "%s: tensor '%s' [classes, %zu] is missing", checkpoint_path(model->weights), name,
                   model->config.n_hidden);
        return fail_hint(err, ASC_MALFORMED, "this looks like a model without a fine-tuned classification head");
    }
    model->n_classes = classifier->shape[0];
    if (model->config.n_labels != 0 && model->config.n_labels != model->n_classes)
        return fail(err, ASC_MALFORMED, "%s: config.json names %zu classes (id2label), tensor '%s' has %zu rows", model->path,
                    model->config.n_labels, name, model->n_classes);
    model->sigmoid = model->config.problem == PROBLEM_MULTI_LABEL || model->n_classes == 1;
    model->info.weights_dtype = classifier->dtype_name;
    return ASC_OK;
}

static asc_status name_classes(asc_model *model, asc_error *err)
{
    model->class_names = calloc(model->n_classes, sizeof *model->class_names);
    if (!model->class_names)
        return fail_memory(err, "the class names", model->n_classes * sizeof *model->class_names);
    for (size_t i = 0; i < model->n_classes; i++) {
        char fallback[32];
        snprintf(fallback, sizeof fallback, "LABEL_%zu", i);
        model->class_names[i] = strdup(model->config.n_labels ? model->config.label_names[i] : fallback);
        if (!model->class_names[i])
            return fail_memory(err, "a class name", sizeof fallback);
    }
    return ASC_OK;
}

static bool begins_with(const char *name, const char *beginning)
{
    return strncmp(name, beginning, strlen(beginning)) == 0;
}

// Whether a tensor belongs to one of the stored blocks.
static bool is_in_block(const model_config *config, const char *name)
{
    const arch *a = config->arch;
    const char *const maps[] = {a->query, a->key, a->value, a->attention_out, a->attention_norm, a->ffn_in, a->ffn_out, a->ffn_norm};
    for (size_t i = 0; i < config->n_groups * config->n_inner; i++)
        for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
            char base[TENSOR_NAME_SIZE];
            snprintf(base, sizeof base, maps[k], i / config->n_inner, i % config->n_inner);
            if (begins_with(name, base) && name[strlen(base)] == '.')
                return true;
        }
    return false;
}

// Whether a tensor is part of the model, or one of those that mean nothing here.
static bool is_known(const model_config *config, const char *name)
{
    const arch *a = config->arch;
    const char *const others[] = {a->word, a->position, a->type, a->embedding_norm, a->embedding_map, a->attention_bias, a->head_dense,
                                  a->classifier};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (others[k] && begins_with(name, others[k]))
            return true;
    for (size_t k = 0; a->ignored[k]; k++)
        if (strcmp(name, a->ignored[k]) == 0 || (a->ignored[k][strlen(a->ignored[k]) - 1] == '.' && begins_with(name, a->ignored[k])))
            return true;
    return is_in_block(config, name);
}

// Tensors nobody asked for: old buffers are silent, the rest is worth a word.
static void report_unused(const asc_model *model, const asc_log *log)
{
    for (size_t i = 0; log && log->write && i < checkpoint_count(model->weights); i++) {
        const char *name = checkpoint_at(model->weights, i)->name;
        char message[TENSOR_NAME_SIZE + 96];
        if (is_known(&model->config, name))
            continue;
        snprintf(message, sizeof message, "tensor '%.200s' is not part of the model and was left out", name);
        log->write(log->user, ASC_LOG_WARNING, message);
    }
}

// Of the files: their hashes, how many there are, and the number of parameters.
static asc_status describe_files(asc_model *model, asc_error *err)
{
    uint8_t digest[HASH_BYTES];
    TRY(checkpoint_hash(model->weights, digest, err));
    hash_hex(digest, model->weights_sha256);
    hash_hex(model->config.hash, model->config_sha256);
    char *tokenizer = NULL;
    TRY(config_path(model->path, "tokenizer.json", &tokenizer, err));
    asc_status status = ASC_OK;
    if (access(tokenizer, R_OK) == 0)
        status = hash_file_or_stop(tokenizer, &model->stop, digest, err);
    if (access(tokenizer, R_OK) == 0 && status == ASC_OK)
        hash_hex(digest, model->tokenizer_sha256);
    free(tokenizer);
    model->info.n_weight_files = checkpoint_shards(model->weights);
    for (size_t i = 0; i < checkpoint_count(model->weights); i++)
        if (checkpoint_at(model->weights, i)->dtype != TENSOR_OTHER)
            model->info.n_parameters += checkpoint_at(model->weights, i)->n_elements;
    return status;
}

// What the info does not hold already.
static void describe(asc_model *model)
{
    const model_config *config = &model->config;
    model->info = (asc_model_info){
        .path = model->path,
        .architecture = config->architecture,
        .activation = config->activation_name,
        .problem_type = problem_name(config->problem, model->n_classes),
        .weights_dtype = model->info.weights_dtype,
        .weights_sha256 = model->weights_sha256,
        .config_sha256 = model->config_sha256,
        .tokenizer_sha256 = model->tokenizer_sha256,
        .n_layers = config->n_layers, .n_hidden = config->n_hidden, .n_heads = config->n_heads, .n_ffn = config->n_ffn,
        .n_vocabulary = config->n_vocabulary, .n_positions = config->n_positions, .n_types = config->n_types,
        .n_max_tokens = config->n_max_tokens, .n_weight_files = model->info.n_weight_files,
        .scores = config->problem == PROBLEM_REGRESSION ? "raw" : model->sigmoid ? "sigmoid" : "softmax",
        .n_classes = model->n_classes,
        .class_names = (const char *const *)model->class_names,
        .n_parameters = model->info.n_parameters,
    };
}

static asc_status open_weights(asc_model *model, const asc_log *log, asc_error *err)
{
    char *path = NULL;
    const asc_status status = checkpoint_open(model->path, log, &model->stop, &model->weights, err);
    if (status != ASC_NOT_FOUND)
        return status;
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < 2; i++)
        if (config_path(model->path, pickles[i], &path, NULL) == ASC_OK) {
            if (access(path, F_OK) == 0)
                (void)fail_hint(err, status, "%s is not read (it can run code); `ascribe convert %s` makes model.safetensors from it",
                                pickles[i], model->path);
            free(path);
        }
    return status;
}

asc_status asc_model_open(const char *path, const asc_log *log, asc_model **out, asc_error *err)
{
    return model_open(path, log, NULL, out, err);
}

asc_status model_open(const char *path, const asc_log *log, const stop_check *stop, asc_model **out, asc_error *err)
{
    *out = NULL;
    asc_model *model = calloc(1, sizeof *model);
    if (!model)
        return fail_memory(err, "the model", sizeof *model);
    if (stop)
        model->stop = *stop;
    asc_status status = ASC_OK;
    if ((size_t)snprintf(model->path, sizeof model->path, "%s", path) >= sizeof model->path)
        status = fail(err, ASC_USAGE, "the model's path is longer than %zu bytes", sizeof model->path - 1);
    if (status == ASC_OK)
        status = config_read(path, &model->config, err);
    if (status == ASC_OK)
        status = open_weights(model, log, err);
    if (status == ASC_OK)
        status = count_classes(model, err);
    if (status == ASC_OK)
        status = name_classes(model, err);
    if (status == ASC_OK)
        status = describe_files(model, err);
    if (status == ASC_OK)
        status = model_check_tensors(model, err);
    if (status != ASC_OK) {
        asc_model_close(model);
        return status;
    }
    describe(model);
    report_unused(model, log);
    *out = model;
    return ASC_OK;
}

asc_status model_generate(const char *name, const char *config, uint64_t seed, asc_model **out, asc_error *err)
{
    *out = NULL;
    asc_model *model = calloc(1, sizeof *model);
    if (!model)
        return fail_memory(err, "the model", sizeof *model);
    snprintf(model->path, sizeof model->path, "%s", name);
    asc_status status = config_parse((const uint8_t *)config, strlen(config), name, &model->config, err);
    model->seed = seed;
    model->n_classes = model->config.n_labels;
    if (status == ASC_OK && model->n_classes == 0)
        status = fail(err, ASC_MALFORMED, "%s: field 'id2label' is missing, expected the classes", name);
    if (status == ASC_OK)
        status = name_classes(model, err);
    if (status != ASC_OK) {
        asc_model_close(model);
        return status;
    }
    model->sigmoid = model->config.problem == PROBLEM_MULTI_LABEL || model->n_classes == 1;
    model->info.weights_dtype = "F32";
    model->info.n_parameters = model_count_weights(model);
    describe(model);
    *out = model;
    return ASC_OK;
}

void asc_model_close(asc_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; model->class_names && i < model->n_classes; i++)
        free(model->class_names[i]);
    free(model->class_names);
    checkpoint_close(model->weights);
    config_free(&model->config);
    free(model);
}

const asc_model_info *asc_model_describe(const asc_model *model)
{
    return &model->info;
}
