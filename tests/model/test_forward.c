// The forward pass against Hugging Face transformers, layer by layer, on tiny models whose values scripts/make_golden.py recorded:
// |difference| <= 1e-5 max(1, largest |value| of the layer), on every backend, or with --backend cuda on that one.
#include "model/forward.h"
#include "model/savings.h"

#include "../cuda_module.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const models[] = {
    "bert-f32",  "bert-f16",   "bert-bf16", "minilm-like", "tinybert-like", "bert-relu",    "bert-gamma", "one-class", "distilbert",
    "roberta",   "xlm-roberta", "camembert", "electra-small", "electra-base", "albert", "albert-groups", "mpnet",
};
static const asc_backend_kind kinds[] = {ASC_BACKEND_REF, ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU, ASC_BACKEND_CUDA};
static bool only_cuda;

#define OK(call) check_ok((call), &err, #call)

static void check_ok(asc_status status, const asc_error *err, const char *call)
{
    if (status != ASC_OK)
        fail_msg("%s: %s", call, err->message);
}

// One input of golden.json on the device, and where its hidden states are compared.
typedef struct example {
    const json_t *json;
    asc_stream *stream;
    size_t n_tokens, n_hidden;
    size_t *kept; // input positions of the packed tokens
    double worst; // largest difference over its limit
} example;

static void compare(example *e, const json_t *expected, const double *found, const char *what)
{
    double scale = 1, difference = 0;
    for (size_t i = 0; i < json_array_size(expected); i++)
        scale = fmax(scale, fabs(json_number_value(json_array_get(expected, i))));
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const double d = fabs(json_number_value(json_array_get(expected, i)) - found[i]);
        difference = d > difference || isnan(d) ? d : difference;
    }
    if (!(difference <= 1e-5 * scale))
        fail_msg("%s: %s differs by %g of %g", json_string_value(json_object_get(e->json, "name")), what, difference, scale);
    e->worst = fmax(e->worst, difference / scale);
}

// Hidden states of the stored rows after the embeddings (depth 0) or block `depth`.
static asc_status compare_hidden(void *user, size_t depth, asc_view hidden, asc_error *err)
{
    example *e = user;
    const json_t *rows = json_object_get(e->json, "rows");
    const json_t *expected = depth == 0 ? json_object_get(e->json, "embeddings") : json_array_get(json_object_get(e->json, "layers"), depth - 1);
    double *found = malloc(e->n_tokens * e->n_hidden * sizeof *found);
    char what[32];
    snprintf(what, sizeof what, "layer %zu", depth);
    check_ok(buffer_download(e->stream, hidden, found, e->n_tokens * e->n_hidden, err), err, "download");
    assert_int_equal(json_array_size(expected), json_array_size(rows));
    for (size_t i = 0; i < json_array_size(rows); i++)
        for (size_t t = 0; t < e->n_tokens; t++)
            if (e->kept[t] == (size_t)json_integer_value(json_array_get(rows, i)))
                compare(e, json_array_get(expected, i), found + t * e->n_hidden, what);
    free(found);
    return ASC_OK;
}

// Packs the kept tokens of an input as one sequence and runs it.
static void run_example(const device_model *model, example *e, asc_backend *backend)
{
    asc_error err;
    const json_t *ids = json_object_get(e->json, "input_ids"), *types = json_object_get(e->json, "token_type_ids");
    const json_t *mask = json_object_get(e->json, "attention_mask");
    int32_t data[5 * 512], offsets[2] = {0}, all_ids[512], all_positions[512];
    size_t kept[512];
    e->kept = kept;
    e->n_tokens = 0;
    e->n_hidden = model->model->config.n_hidden;
    for (size_t t = 0; t < json_array_size(ids); t++)
        all_ids[t] = (int32_t)json_integer_value(json_array_get(ids, t));
    config_positions(&model->model->config, all_ids, json_array_size(ids), all_positions);
    for (size_t t = 0; t < json_array_size(ids); t++)
        if (!mask || json_integer_value(json_array_get(mask, t)))
            kept[e->n_tokens++] = t;
    for (size_t t = 0; t < e->n_tokens; t++) {
        data[t] = -1;
        data[512 + t] = all_ids[kept[t]];
        data[1024 + t] = all_positions[kept[t]];
        data[1536 + t] = types ? (int32_t)json_integer_value(json_array_get(types, kept[t])) : 0;
        data[2048 + t] = (int32_t)kept[t];
    }
    offsets[1] = (int32_t)e->n_tokens;
    asc_buffer *table_data, *offset_data;
    check_ok(buffer_create(backend, ASC_I32, 5 * 512, &table_data, &err), &err, "buffer");
    check_ok(buffer_create(backend, ASC_I32, 2, &offset_data, &err), &err, "buffer");
    for (size_t part = 0; part < 5; part++)
        check_ok(buffer_upload(e->stream, view_at(table_data, part * 512), data + part * 512, e->n_tokens, &err), &err, "upload");
    check_ok(buffer_upload(e->stream, view_at(offset_data, 0), offsets, 2, &err), &err, "upload");
    const token_table table = {.n_tokens = e->n_tokens, .offsets = view_at(offset_data, 0), .features = view_at(table_data, 0),
                               .ids = view_at(table_data, 512), .positions = view_at(table_data, 1024), .types = view_at(table_data, 1536)};
    const forward_tap tap = {.hidden = compare_hidden, .user = e};
    forward_input input = {.n_sequences = 1, .n_tokens = e->n_tokens, .max_length = e->n_tokens, .table = &table,
                                 .places = view_at(table_data, 2048), .sequence_offsets = view_at(offset_data, 0), .tap = &tap};
    forward_workspace workspace;
    double found[64];
    check_ok(forward_workspace_create(model, e->n_tokens, 1, &workspace, &err), &err, "workspace");
    check_ok(forward_run(model, e->stream, &workspace, &input, &err), &err, "forward");
    check_ok(buffer_download(e->stream, view_at(workspace.dense, 0), found, e->n_hidden, &err), &err, "download");
    compare(e, json_object_get(e->json, "pooled"), found, "pooled");
    check_ok(buffer_download(e->stream, view_at(workspace.logits, 0), found, model->model->n_classes, &err), &err, "download");
    compare(e, json_object_get(e->json, "logits"), found, "logits");
    input.tap = NULL; // the last block for the first token alone
    check_ok(forward_run(model, e->stream, &workspace, &input, &err), &err, "forward");
    check_ok(buffer_download(e->stream, view_at(workspace.logits, 0), found, model->model->n_classes, &err), &err, "download");
    compare(e, json_object_get(e->json, "logits"), found, "logits without taps");
    forward_workspace_free(&workspace);
    buffer_destroy(offset_data);
    buffer_destroy(table_data);
}

static void run_model(const char *name, asc_backend_kind kind, unsigned savings)
{
    asc_error err;
    char path[1024];
    asc_model *model;
    asc_backend *backend;
    device_model *device;
    double worst = 0;
    snprintf(path, sizeof path, "%s/golden/models/%s/golden.json", ASCRIBE_DATA_DIR, name);
    json_error_t problem;
    json_t *golden = json_load_file(path, 0, &problem);
    if (!golden)
        fail_msg("%s: %s", path, problem.text);
    *strrchr(path, '/') = '\0';
    OK(asc_model_open(path, NULL, &model, &err));
    OK(test_backend_open(kind, &backend, &err));
    OK(model_load(model, backend, savings, &device, &err));
    const json_t *inputs = json_object_get(golden, "inputs");
    assert_true(json_array_size(inputs) >= 7);
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        example e = {.json = json_array_get(inputs, i)};
        OK(stream_create(backend, &e.stream, &err));
        run_example(device, &e, backend);
        stream_destroy(e.stream);
        worst = fmax(worst, e.worst);
    }
    print_message("%-14s %-4s %s: largest difference %.1e of the scale\n", name, backend_name(backend), savings ? "savings" : "dense", worst);
    assert_true(worst > 0);
    model_unload(device);
    backend_close(backend);
    asc_model_close(model);
    json_decref(golden);
}

// An emulated device is slow: every fourth model there, and none under a sanitizer.
static bool is_wanted(size_t model, asc_backend_kind kind)
{
    if (kind != ASC_BACKEND_CUDA)
        return !only_cuda;
    return !cuda_module_is_emulated() || (model % 4 == 0 && !cuda_module_is_too_slow());
}

static void every_model_on_every_backend(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            for (size_t s = 0; s < 2 && is_wanted(m, kinds[k]); s++)
                run_model(models[m], kinds[k], s ? ASC_SAVINGS_ALL : 0);
}

int main(int argc, char **argv)
{
    only_cuda = only_cuda_is_wanted(argc, argv);
    if (!cuda_module_is_usable())
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_model_on_every_backend)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
