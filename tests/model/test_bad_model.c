// Models that must be refused, one defect each: the right status, and a message that names the thing, what was expected and what was
// found. Copies of data/golden/models/bert-f32 with one change.
#include "model/model.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../unit/temp_folder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct fixture {
    char folder[TEMP_PATH_SIZE];
    asc_error err;
} fixture;

static void path_in(const char *folder, const char *name, char path[1024])
{
    snprintf(path, 1024, "%s/%s", folder, name);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (int c = fgetc(in); c != EOF; c = fgetc(in))
        fputc(c, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

// Puts a golden model into the fixture's folder.
static void copy_model(const fixture *f, const char *name)
{
    static const char *const files[] = {"config.json", "model.safetensors"};
    char from[1024], to[1024], folder[512];
    snprintf(folder, sizeof folder, "%s/golden/models/%s", ASCRIBE_DATA_DIR, name);
    for (size_t i = 0; i < 2; i++) {
        path_in(folder, files[i], from);
        path_in(f->folder, files[i], to);
        copy_file(from, to);
    }
}

static int set_up(void **state)
{
    static fixture f;
    temp_folder_make(f.folder);
    copy_model(&f, "bert-f32");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    temp_folder_remove(((fixture *)*state)->folder);
    return 0;
}

// Sets one field of config.json to a JSON text; NULL removes it.
static void set_field(const fixture *f, const char *field, const char *text)
{
    char path[1024];
    path_in(f->folder, "config.json", path);
    json_t *config = json_load_file(path, 0, NULL);
    assert_non_null(config);
    if (text)
        assert_int_equal(json_object_set_new(config, field, json_loads(text, JSON_DECODE_ANY, NULL)), 0);
    else
        assert_int_equal(json_object_del(config, field), 0);
    assert_int_equal(json_dump_file(config, path, 0), 0);
    json_decref(config);
}

static void write_text(const fixture *f, const char *name, const char *text)
{
    char path[1024];
    path_in(f->folder, name, path);
    FILE *out = fopen(path, "wb");
    fputs(text, out);
    fclose(out);
}

// Opening must fail with `status` and a message (or hint) that holds all words of the NULL-ended list.
static void assert_refused(fixture *f, asc_status status, const char *const *words)
{
    asc_model *model = NULL;
    const asc_status found = asc_model_open(f->folder, NULL, &model, &f->err);
    if (found != status)
        fail_msg("status %d instead of %d: %s", (int)found, (int)status, found ? f->err.message : "accepted");
    assert_null(model);
    for (; *words; words++)
        if (!strstr(f->err.message, *words) && !strstr(f->err.hint, *words))
            fail_msg("'%s' is missing in: %s / %s", *words, f->err.message, f->err.hint);
}

#define REFUSED(f, status, ...) assert_refused(f, status, (const char *const[]){__VA_ARGS__, NULL})

static void the_copy_itself_is_fine(void **state)
{
    fixture *f = *state;
    asc_model *model = NULL;
    assert_int_equal(asc_model_open(f->folder, NULL, &model, &f->err), ASC_OK);
    const asc_model_info *info = asc_model_describe(model);
    assert_int_equal(info->n_classes, 3);
    assert_string_equal(info->class_names[2], "positive");
    assert_string_equal(info->architecture, "BertForSequenceClassification");
    asc_model_close(model);
}

static void missing_files(void **state)
{
    fixture *f = *state;
    char path[1024];
    path_in(f->folder, "model.safetensors", path);
    remove(path);
    write_text(f, "pytorch_model.bin", "x");
    REFUSED(f, ASC_NOT_FOUND, "model.safetensors", "pytorch_model.bin", "ascribe convert");
    path_in(f->folder, "config.json", path);
    remove(path);
    REFUSED(f, ASC_NOT_FOUND, "config.json", "--model");
}

static void unknown_architecture(void **state)
{
    fixture *f = *state;
    set_field(f, "architectures", "[\"DebertaV2ForSequenceClassification\"]");
    REFUSED(f, ASC_MALFORMED, "DebertaV2ForSequenceClassification", "not supported", "BertForSequenceClassification");
    REFUSED(f, ASC_MALFORMED, "DistilBert", "Roberta", "XLMRoberta", "Camembert", "Electra", "Albert", "MPNet");
    set_field(f, "architectures", "[]");
    REFUSED(f, ASC_MALFORMED, "architectures");
    set_field(f, "architectures", NULL);
    REFUSED(f, ASC_MALFORMED, "architectures");
    set_field(f, "architectures", "[\"BertForSequenceClassification\"]");
    set_field(f, "model_type", "\"roberta\"");
    REFUSED(f, ASC_MALFORMED, "roberta");
}

static void unsupported_variants(void **state)
{
    fixture *f = *state;
    set_field(f, "hidden_act", "\"quick_gelu\"");
    REFUSED(f, ASC_MALFORMED, "quick_gelu", "hidden_act", "gelu_new");
    set_field(f, "hidden_act", "\"gelu\"");
    set_field(f, "position_embedding_type", "\"relative_key\"");
    REFUSED(f, ASC_MALFORMED, "relative_key", "absolute");
    set_field(f, "position_embedding_type", "\"absolute\"");
    set_field(f, "is_decoder", "true");
    REFUSED(f, ASC_MALFORMED, "is_decoder");
    set_field(f, "is_decoder", "false");
    set_field(f, "problem_type", "\"ranking\"");
    REFUSED(f, ASC_MALFORMED, "ranking", "regression");
}

static void wild_numbers(void **state)
{
    static const char *const fields[] = {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                                         "max_position_embeddings", "type_vocab_size"};
    static const char *const values[] = {"0", "-1", "9223372036854775807", "1e3", "\"32\"", "null", "[1]", "4294967296"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char path[1024], saved[1024];
        path_in(f->folder, "config.json", path);
        path_in(f->folder, "saved.json", saved);
        copy_file(path, saved);
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            set_field(f, fields[i], values[k]);
            REFUSED(f, ASC_MALFORMED, fields[i], "config.json");
        }
        set_field(f, fields[i], NULL);
        REFUSED(f, ASC_MALFORMED, fields[i], "missing");
        copy_file(saved, path);
    }
    set_field(f, "num_attention_heads", "5");
    REFUSED(f, ASC_MALFORMED, "num_attention_heads", "multiple");
    set_field(f, "num_attention_heads", "2");
    set_field(f, "layer_norm_eps", "-1");
    REFUSED(f, ASC_MALFORMED, "layer_norm_eps");
    set_field(f, "layer_norm_eps", "1e-12");
    set_field(f, "num_hidden_layers", "3");
    REFUSED(f, ASC_MALFORMED, "bert.encoder.layer.2", "missing");
    set_field(f, "num_hidden_layers", "2");
    set_field(f, "hidden_size", "64");
    REFUSED(f, ASC_MALFORMED, "word_embeddings", "[101, 32]", "[101, 64]");
}

static void fields_of_the_families(void **state)
{
    fixture *f = *state;
    copy_model(f, "roberta");
    set_field(f, "pad_token_id", "-1");
    REFUSED(f, ASC_MALFORMED, "pad_token_id", "101");
    set_field(f, "pad_token_id", "101");
    REFUSED(f, ASC_MALFORMED, "pad_token_id", "101");
    set_field(f, "pad_token_id", "65"); // as many positions as padding takes
    REFUSED(f, ASC_MALFORMED, "pad_token_id", "66 positions");
    set_field(f, "pad_token_id", "null");
    REFUSED(f, ASC_MALFORMED, "pad_token_id");
    copy_model(f, "electra-small");
    set_field(f, "embedding_size", "32");
    REFUSED(f, ASC_MALFORMED, "word_embeddings", "[101, 16]", "[101, 32]");
    set_field(f, "embedding_size", NULL);
    REFUSED(f, ASC_MALFORMED, "embedding_size", "missing");
    copy_model(f, "albert-groups");
    set_field(f, "num_hidden_groups", "4"); // three layers
    REFUSED(f, ASC_MALFORMED, "4 groups", "3 layers");
    set_field(f, "num_hidden_groups", "3");
    REFUSED(f, ASC_MALFORMED, "albert_layer_groups.2", "missing");
    set_field(f, "num_hidden_groups", "2");
    set_field(f, "inner_group_num", "1024");
    REFUSED(f, ASC_MALFORMED, "1024 blocks", "3 layers");
    copy_model(f, "mpnet");
    set_field(f, "relative_attention_num_buckets", "16");
    REFUSED(f, ASC_MALFORMED, "relative_attention_num_buckets", "16", "32");
}

// What a family does not need may be missing, and where positions start decides how long inputs may be.
static void facts_of_the_families(void **state)
{
    fixture *f = *state;
    asc_model *model = NULL;
    copy_model(f, "roberta");
    set_field(f, "pad_token_id", NULL);
    assert_int_equal(asc_model_open(f->folder, NULL, &model, &f->err), ASC_OK);
    assert_int_equal(asc_model_describe(model)->n_positions, 66);
    assert_int_equal(asc_model_describe(model)->n_max_tokens, 64);
    asc_model_close(model);
    copy_model(f, "distilbert");
    assert_int_equal(asc_model_open(f->folder, NULL, &model, &f->err), ASC_OK);
    assert_string_equal(asc_model_describe(model)->scores, "sigmoid");
    assert_int_equal(asc_model_describe(model)->n_types, 0);
    assert_int_equal(asc_model_describe(model)->n_max_tokens, 64);
    asc_model_close(model);
    copy_model(f, "one-class");
    assert_int_equal(asc_model_open(f->folder, NULL, &model, &f->err), ASC_OK);
    assert_string_equal(asc_model_describe(model)->scores, "raw");
    asc_model_close(model);
    copy_model(f, "xlm-roberta");
    assert_int_equal(asc_model_open(f->folder, NULL, &model, &f->err), ASC_OK);
    assert_string_equal(asc_model_describe(model)->scores, "sigmoid");
    assert_string_equal(asc_model_describe(model)->problem_type, "");
    assert_string_equal(asc_model_describe(model)->architecture, "XLMRobertaForSequenceClassification");
    asc_model_close(model);
}

static void count_warnings(void *user, asc_log_level level, const char *message)
{
    if (level == ASC_LOG_WARNING)
        (*(size_t *)user)++;
    assert_non_null(message);
}

// No tensor of a golden model is unknown, old buffers included.
static void nothing_is_left_over(void **state)
{
    static const char *const names[] = {"bert-f32",  "bert-gamma",    "distilbert",   "roberta", "xlm-roberta",
                                        "camembert", "electra-small", "electra-base", "albert",  "albert-groups", "mpnet"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n_warnings = 0;
        asc_model *model = NULL;
        char path[1024];
        snprintf(path, sizeof path, "%s/golden/models/%s", ASCRIBE_DATA_DIR, names[i]);
        assert_int_equal(asc_model_open(path, &(asc_log){count_warnings, &n_warnings}, &model, &f->err), ASC_OK);
        if (n_warnings != 0)
            fail_msg("%s: %zu warnings", names[i], n_warnings);
        asc_model_close(model);
    }
    size_t n_warnings = 0;
    asc_model *model = NULL;
    set_field(f, "num_hidden_layers", "1"); // the second layer's 16 tensors
    assert_int_equal(asc_model_open(f->folder, &(asc_log){count_warnings, &n_warnings}, &model, &f->err), ASC_OK);
    assert_int_equal(n_warnings, 16);
    asc_model_close(model);
}

static void broken_labels(void **state)
{
    fixture *f = *state;
    set_field(f, "id2label", "{\"0\": \"a\", \"1\": \"b\"}");
    REFUSED(f, ASC_MALFORMED, "id2label", "2 classes", "3 rows");
    set_field(f, "id2label", "{\"0\": \"a\", \"1\": \"b\", \"3\": \"c\"}");
    REFUSED(f, ASC_MALFORMED, "id2label", "class 2");
    set_field(f, "id2label", "{\"0\": \"a\", \"1\": 5, \"2\": \"c\"}");
    REFUSED(f, ASC_MALFORMED, "id2label", "class 1");
    set_field(f, "id2label", "[]");
    REFUSED(f, ASC_MALFORMED, "id2label");
}

static void not_json(void **state)
{
    fixture *f = *state;
    write_text(f, "config.json", "{\"architectures\": [");
    REFUSED(f, ASC_MALFORMED, "config.json", "JSON");
    write_text(f, "config.json", "[]");
    REFUSED(f, ASC_MALFORMED, "config.json", "JSON object");
    write_text(f, "config.json", "");
    REFUSED(f, ASC_MALFORMED, "config.json");
    write_text(f, "config.json", "{\"a\": 1, \"a\": 2}");
    REFUSED(f, ASC_MALFORMED, "config.json", "duplicate");
    char deep[5001];
    memset(deep, '[', 5000);
    deep[5000] = '\0';
    write_text(f, "config.json", deep);
    REFUSED(f, ASC_MALFORMED, "config.json");
}

// Overwrites element `index` of a tensor of the copied file.
static void poison(const fixture *f, const char *tensor, size_t index, float value)
{
    char path[1024];
    asc_error err;
    safetensors *weights = NULL;
    path_in(f->folder, "model.safetensors", path);
    assert_int_equal(safetensors_open(path, NULL, &weights, &err), ASC_OK);
    const tensor_info *found = safetensors_find(weights, tensor);
    assert_non_null(found);
    FILE *file = fopen(path, "r+b");
    uint64_t header = 0;
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    fseek(file, (long)(8 + header + found->begin + index * sizeof value), SEEK_SET);
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
    fclose(file);
    safetensors_close(weights);
}

static void weights_that_are_not_finite(void **state)
{
    static const char *const tensors[] = {"bert.encoder.layer.1.output.dense.weight", "bert.embeddings.LayerNorm.bias", "classifier.bias",
                                          "bert.encoder.layer.0.attention.self.key.weight"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        asc_model *model = NULL;
        asc_backend *backend = NULL;
        device_model *device = NULL;
        poison(f, tensors[i], 1, i % 2 ? INFINITY : NAN);
        assert_int_equal(asc_model_open(f->folder, NULL, &model, &f->err), ASC_OK);
        assert_int_equal(backend_open(ASC_BACKEND_CPU, ASC_PRECISION_FULL, &backend, &f->err), ASC_OK);
        assert_int_equal(model_load(model, backend, 0, &device, &f->err), ASC_MALFORMED);
        assert_non_null(strstr(f->err.message, tensors[i]));
        assert_non_null(strstr(f->err.message, "not finite"));
        poison(f, tensors[i], 1, 0.5f);
        backend_close(backend);
        asc_model_close(model);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_copy_itself_is_fine), TEST(missing_files), TEST(unknown_architecture), TEST(unsupported_variants), TEST(wild_numbers),
        TEST(fields_of_the_families), TEST(facts_of_the_families), TEST(nothing_is_left_over),
        TEST(broken_labels),           TEST(not_json),      TEST(weights_that_are_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
