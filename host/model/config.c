// Reading config.json; see config.h. Fields as Hugging Face transformers documents them for PretrainedConfig and its families.
#include "model/config.h"

#include "base/file.h"

#include <ascribe/model.h>

#include <jansson.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_CONFIG_BYTES = 16 << 20,
    MAX_LAYERS = 1024,
    MAX_WIDTH = 1 << 16,
    MAX_VOCABULARY = 1 << 24,
    MAX_POSITIONS = 1 << 16,
    MAX_TYPES = 1 << 10,
    MAX_LABELS = 1 << 16,
};

// The object and where it came from, for messages.
typedef struct reader {
    const json_t *root;
    const char *path;
    asc_error *err;
} reader;

typedef struct activation_name {
    const char *name;
    asc_activation activation;
} activation_name;

// ACT2FN of transformers, the ones that are supported.
static const activation_name activations[] = {
    {"gelu", ASC_ACT_GELU_ERF},          {"gelu_python", ASC_ACT_GELU_ERF}, {"gelu_new", ASC_ACT_GELU_TANH},
    {"gelu_pytorch_tanh", ASC_ACT_GELU_TANH}, {"relu", ASC_ACT_RELU},       {"silu", ASC_ACT_SILU},
    {"swish", ASC_ACT_SILU},
};

asc_status config_path(const char *folder, const char *name, char **path, asc_error *err)
{
    const size_t bytes = strlen(folder) + strlen(name) + 2;
    *path = malloc(bytes);
    if (!*path)
        return fail_memory(err, "a path", bytes);
    snprintf(*path, bytes, "%s/%s", folder, name);
    return ASC_OK;
}

static asc_status read_count(const reader *in, const char *field, size_t limit, size_t *value)
{
    const json_t *entry = json_object_get(in->root, field);
    if (!entry)
        return fail(in->err, ASC_MALFORMED, "%s: field '%s' is missing, expected a whole number in 1..%zu", in->path, field, limit);
    if (!json_is_integer(entry))
        return fail(in->err, ASC_MALFORMED, "%s: field '%s' is not a whole number, expected 1..%zu", in->path, field, limit);
    const json_int_t number = json_integer_value(entry);
    if (number < 1 || (unsigned long long)number > limit)
        return fail(in->err, ASC_MALFORMED, "%s: field '%s' is %lld, expected 1..%zu", in->path, field, (long long)number, limit);
    *value = (size_t)number;
    return ASC_OK;
}

static asc_status read_text(const reader *in, const char *field, const char *fallback, const char **value)
{
    const json_t *entry = json_object_get(in->root, field);
    if (!entry || json_is_null(entry)) {
        *value = fallback;
        return ASC_OK;
    }
    if (!json_is_string(entry))
        return fail(in->err, ASC_MALFORMED, "%s: field '%s' is not a text", in->path, field);
    *value = json_string_value(entry);
    return ASC_OK;
}

static asc_status read_family(const reader *in, model_config *out)
{
    const json_t *list = json_object_get(in->root, "architectures");
    const json_t *first = json_array_get(list, 0);
    const char *model_type = NULL;
    TRY(read_text(in, "model_type", "", &model_type));
    if (!json_is_string(first)) {
        (void)fail(in->err, ASC_MALFORMED, "%s: field 'architectures' names no class, so the head is unknown", in->path);
        return fail_hint(in->err, ASC_MALFORMED, "save the model with its task head (save_pretrained of a ...ForSequenceClassification)");
    }
    const arch_name *name = NULL;
    out->arch = arch_find(json_string_value(first), model_type, &name);
    if (out->arch)
        out->architecture = name->architecture;
    if (!out->arch) {
        (void)fail(in->err, ASC_MALFORMED, "%s: architecture '%s' (model_type '%s') is not supported", in->path,
                   json_string_value(first), model_type);
        return fail_hint(in->err, ASC_MALFORMED, "supported: %s", arch_supported());
    }
    return ASC_OK;
}

static asc_status read_activation(const reader *in, model_config *out)
{
    const char *name = NULL;
    TRY(read_text(in, out->arch->field_activation, out->arch->default_activation, &name));
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(activations[i].name, name) == 0) {
            out->activation = activations[i].activation;
            snprintf(out->activation_name, sizeof out->activation_name, "%s", name);
            return ASC_OK;
        }
    (void)fail(in->err, ASC_MALFORMED, "%s: activation '%s' (field '%s') is not supported", in->path, name,
               out->arch->field_activation);
    return fail_hint(in->err, ASC_MALFORMED, "supported: gelu, gelu_python, gelu_new, gelu_pytorch_tanh, relu, silu, swish");
}

// Fields that would change the computation in ways that are not implemented.
static asc_status refuse_variants(const reader *in)
{
    const char *positions = NULL;
    TRY(read_text(in, "position_embedding_type", "absolute", &positions));
    if (strcmp(positions, "absolute") != 0)
        return fail(in->err, ASC_MALFORMED, "%s: position_embedding_type '%s' is not supported, only 'absolute'", in->path, positions);
    static const char *const switches[] = {"is_decoder", "add_cross_attention"};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (json_is_true(json_object_get(in->root, switches[i])))
            return fail(in->err, ASC_MALFORMED, "%s: '%s' is true; only encoders are supported", in->path, switches[i]);
    if (json_is_object(json_object_get(in->root, "quantization_config")))
        return fail(in->err, ASC_MALFORMED, "%s: the checkpoint is quantised; weights of type F32, F16 or BF16 are supported", in->path);
    return ASC_OK;
}

static asc_status read_epsilon(const reader *in, model_config *out)
{
    const json_t *entry = out->arch->field_epsilon ? json_object_get(in->root, out->arch->field_epsilon) : NULL;
    out->norm_epsilon = entry ? json_number_value(entry) : out->arch->default_epsilon;
    if ((entry && !json_is_number(entry)) || !(out->norm_epsilon >= 0) || out->norm_epsilon > 1)
        return fail(in->err, ASC_MALFORMED, "%s: field '%s' is not a number in 0..1", in->path, out->arch->field_epsilon);
    return ASC_OK;
}

static asc_status read_problem(const reader *in, model_config *out)
{
    const char *name = NULL;
    TRY(read_text(in, "problem_type", NULL, &name));
    out->problem = PROBLEM_UNSTATED;
    if (!name)
        return ASC_OK;
    if (strcmp(name, "single_label_classification") == 0)
        out->problem = PROBLEM_SINGLE_LABEL;
    else if (strcmp(name, "multi_label_classification") == 0)
        out->problem = PROBLEM_MULTI_LABEL;
    else if (strcmp(name, "regression") == 0)
        out->problem = PROBLEM_REGRESSION;
    else
        return fail(in->err, ASC_MALFORMED,
                    "%s: problem_type '%s' is unknown, expected single_label_classification, multi_label_classification or regression",
                    in->path, name);
    return ASC_OK;
}

static asc_status read_labels(const reader *in, model_config *out)
{
    const json_t *labels = json_object_get(in->root, "id2label");
    if (!labels || json_is_null(labels))
        return ASC_OK;
    if (!json_is_object(labels) || json_object_size(labels) == 0 || json_object_size(labels) > MAX_LABELS)
        return fail(in->err, ASC_MALFORMED, "%s: field 'id2label' is not an object with 1..%d entries", in->path, MAX_LABELS);
    out->n_labels = json_object_size(labels);
    out->label_names = calloc(out->n_labels, sizeof *out->label_names);
    if (!out->label_names)
        return fail_memory(in->err, "the class names", out->n_labels * sizeof *out->label_names);
    for (size_t i = 0; i < out->n_labels; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        const char *name = json_string_value(json_object_get(labels, key));
        if (!name)
            return fail(in->err, ASC_MALFORMED, "%s: id2label has %zu entries but none (or no text) for class %zu", in->path, out->n_labels, i);
        out->label_names[i] = strdup(name);
        if (!out->label_names[i])
            return fail_memory(in->err, "a class name", strlen(name) + 1);
    }
    return ASC_OK;
}

static asc_status read_numbers(const reader *in, model_config *out)
{
    const arch *a = out->arch;
    TRY(read_count(in, a->field_hidden, MAX_WIDTH, &out->n_hidden));
    TRY(read_count(in, a->field_layers, MAX_LAYERS, &out->n_layers));
    TRY(read_count(in, a->field_heads, MAX_WIDTH, &out->n_heads));
    TRY(read_count(in, a->field_ffn, MAX_WIDTH * 4, &out->n_ffn));
    TRY(read_count(in, "vocab_size", MAX_VOCABULARY, &out->n_vocabulary));
    TRY(read_count(in, a->field_positions, MAX_POSITIONS, &out->n_positions));
    if (a->field_types)
        TRY(read_count(in, a->field_types, MAX_TYPES, &out->n_types));
    out->n_embedding = out->n_hidden;
    if (a->field_embedding)
        TRY(read_count(in, a->field_embedding, MAX_WIDTH, &out->n_embedding));
    if (out->n_hidden % out->n_heads != 0)
        return fail(in->err, ASC_MALFORMED, "%s: %s %zu is not a multiple of %s %zu", in->path, a->field_hidden, out->n_hidden,
                    a->field_heads, out->n_heads);
    out->head_size = out->n_hidden / out->n_heads;
    out->attention_scale = 1 / sqrt((double)out->head_size);
    return ASC_OK;
}

// As read_count, with a value for a field that is not there.
static asc_status read_count_or(const reader *in, const char *field, size_t limit, size_t fallback, size_t *value)
{
    *value = fallback;
    return json_object_get(in->root, field) ? read_count(in, field, limit, value) : ASC_OK;
}

// Which blocks share weights.
static asc_status read_sharing(const reader *in, model_config *out)
{
    const arch *a = out->arch;
    out->n_groups = out->n_layers;
    out->n_inner = 1;
    if (!a->field_groups)
        return ASC_OK;
    TRY(read_count_or(in, a->field_groups, MAX_LAYERS, 1, &out->n_groups));
    TRY(read_count_or(in, a->field_inner, MAX_LAYERS, 1, &out->n_inner));
    if (out->n_groups > out->n_layers || out->n_layers * out->n_inner > MAX_LAYERS)
        return fail(in->err, ASC_MALFORMED, "%s: %zu groups of %zu blocks for %zu layers; expected at most as many groups as layers and %d blocks",
                    in->path, out->n_groups, out->n_inner, out->n_layers, MAX_LAYERS);
    out->n_layers *= out->n_inner;
    return ASC_OK;
}

// Where positions start, and what that leaves for the input; the buckets of the attention bias.
static asc_status read_positions(const reader *in, model_config *out)
{
    const arch *a = out->arch;
    out->pad_id = -1;
    out->n_max_tokens = out->n_positions;
    if (a->positions == POSITIONS_FROM_PAD) {
        const json_t *pad = a->field_pad ? json_object_get(in->root, a->field_pad) : NULL;
        const json_int_t id = pad ? json_integer_value(pad) : a->default_pad;
        if ((pad && !json_is_integer(pad)) || id < 0 || (size_t)id >= out->n_vocabulary || (size_t)id + 1 >= out->n_positions)
            return fail(in->err, ASC_MALFORMED, "%s: padding (field '%s') is no token id below %zu that leaves one of the %zu positions free",
                        in->path, a->field_pad ? a->field_pad : "pad_token_id", out->n_vocabulary, out->n_positions);
        out->pad_id = (int32_t)id;
        out->n_max_tokens = out->n_positions - (size_t)id - 1;
    }
    size_t n_buckets = a->n_buckets;
    if (a->field_buckets)
        TRY(read_count_or(in, a->field_buckets, MAX_WIDTH, n_buckets, &n_buckets));
    if (n_buckets != a->n_buckets)
        return fail(in->err, ASC_MALFORMED, "%s: field '%s' is %zu, only %zu is supported", in->path, a->field_buckets, n_buckets,
                    a->n_buckets);
    return ASC_OK;
}

static asc_status read_object(const reader *in, model_config *out)
{
    TRY(read_family(in, out));
    TRY(refuse_variants(in));
    TRY(read_numbers(in, out));
    TRY(read_sharing(in, out));
    TRY(read_positions(in, out));
    TRY(read_epsilon(in, out));
    TRY(read_activation(in, out));
    TRY(read_problem(in, out));
    return read_labels(in, out);
}

asc_status config_parse(const uint8_t *bytes, size_t size, const char *path, model_config *out, asc_error *err)
{
    json_error_t problem;
    asc_status status = ASC_OK;
    *out = (model_config){0};
    hash_bytes(bytes, size, out->hash);
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &problem);
    if (json_is_object(root))
        status = read_object(&(reader){root, path, err}, out);
    else
        status = fail(err, ASC_MALFORMED, "%s: not a JSON object (line %d: %s)", path, root ? 1 : problem.line,
                      root ? "another kind of value" : problem.text);
    json_decref(root);
    if (status != ASC_OK)
        config_free(out);
    return status;
}

// A name of the Hugging Face Hub, "NAME" or "OWNER/NAME", rather than a path to a folder that is there.
static bool is_hub_name(const char *name)
{
    const char *slash = strchr(name, '/');
    return access(name, F_OK) != 0 && isalnum((unsigned char)name[0]) && (!slash || (slash[1] != '\0' && !strchr(slash + 1, '/')));
}

static void hint_folder(const char *folder, asc_error *err)
{
    if (is_hub_name(folder))
        (void)fail_hint(err, ASC_NOT_FOUND, "--model takes a folder; a model of the Hugging Face Hub becomes one with "
                        "'pip install huggingface_hub && hf download %.120s --local-dir %.120s'", folder, folder);
    else
        (void)fail_hint(err, ASC_NOT_FOUND, "--model takes a folder as Hugging Face writes it: config.json and model.safetensors");
}

asc_status config_read(const char *folder, model_config *out, asc_error *err)
{
    *out = (model_config){0};
    char *path = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(config_path(folder, "config.json", &path, err));
    asc_status status = file_read(path, MAX_CONFIG_BYTES, &bytes, &size, err);
    if (status == ASC_NOT_FOUND)
        hint_folder(folder, err);
    if (status == ASC_OK)
        status = config_parse(bytes, size, path, out, err);
    free(bytes);
    free(path);
    return status;
}

asc_status asc_model_check(const char *path, asc_error *err)
{
    model_config config;
    TRY(config_read(path, &config, err));
    config_free(&config);
    return ASC_OK;
}

void config_free(model_config *config)
{
    for (size_t i = 0; config->label_names && i < config->n_labels; i++)
        free(config->label_names[i]);
    free(config->label_names);
    *config = (model_config){0};
}

size_t config_stored_block(const model_config *config, size_t block)
{
    const size_t layer = block / config->n_inner, n_layers = config->n_layers / config->n_inner;
    // The division that transformers makes, in the same type: int(i / (layers / groups)).
    const size_t group = (size_t)((double)layer / ((double)n_layers / (double)config->n_groups));
    return (group < config->n_groups ? group : config->n_groups - 1) * config->n_inner + block % config->n_inner;
}

void config_positions(const model_config *config, const int32_t *ids, size_t n_tokens, int32_t *positions)
{
    int32_t n_real = 0;
    for (size_t t = 0; t < n_tokens; t++) {
        positions[t] = (int32_t)t;
        if (config->arch->positions == POSITIONS_FROM_PAD)
            positions[t] = config->pad_id + (ids[t] == config->pad_id ? 0 : ++n_real);
    }
}
