// v(S) under every masking policy against Hugging Face transformers: all coalitions of one row of every family, whose logits
// scripts/make_golden.py recorded from forward passes on the masked ids. |difference| <= 1e-5 max(1, largest |logit|), through packing,
// on every backend, or with --backend cuda on that one. The same with every exact saving alone and with all of them, which moreover agree with none of them to 1e-12 on
// ref and 1e-5 on cpu and cuda. And the scores of the whole row against the pipeline's.
#include "../cuda_module.h"
#include "../property/engine_fixture.h"

#include "explain/value.h"
#include "shapes.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FEATURES = 5, N_COALITIONS = 1 << N_FEATURES, MOST_TOKENS = 32, MOST_CLASSES = 8, N_ROWS = 2, N_POLICIES = 6 };
enum { MOST_VALUES = N_ROWS * N_COALITIONS * MOST_CLASSES };

static const char *const models[] = {"bert-f32",    "one-class",     "distilbert",    "roberta",
                                     "xlm-roberta", "camembert",     "electra-small", "electra-base",
                                     "albert",      "albert-groups", "mpnet"};
static const asc_backend_kind kinds[] = {ASC_BACKEND_REF, ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU, ASC_BACKEND_CUDA};
static bool only_cuda;

static void must(asc_status status, const asc_error *err, const char *call)
{
    if (status != ASC_OK)
        fail_msg("%s: %s", call, err->message);
}

#define OK(call) must((call), &err, #call)

// The recorded row, N_ROWS times; arrays of the struct itself.
typedef struct row_data {
    asc_rows rows;
    uint64_t id[N_ROWS];
    uint32_t truncated[N_ROWS];
    int64_t token_offsets[N_ROWS + 1], feature_offsets[N_ROWS + 1];
    int32_t tokens[N_ROWS * MOST_TOKENS], features[N_ROWS * MOST_TOKENS], labels[N_ROWS];
    uint8_t types[N_ROWS * MOST_TOKENS];
} row_data;

static int32_t whole(const json_t *list, size_t index)
{
    return (int32_t)json_integer_value(json_array_get(list, index));
}

static void fill_rows(const json_t *policies, row_data *d)
{
    const json_t *ids = json_object_get(policies, "input_ids"),
                 *types = json_object_get(policies, "token_type_ids");
    const size_t length = json_array_size(ids);
    assert_in_range(length, 1, MOST_TOKENS);
    *d = (row_data){0};
    for (size_t row = 0; row < N_ROWS; row++) {
        d->id[row] = 11 + row;
        d->token_offsets[row + 1] = (int64_t)((row + 1) * length);
        d->feature_offsets[row + 1] = (int64_t)(row + 1) * N_FEATURES;
        for (size_t t = 0; t < length; t++) {
            d->tokens[row * length + t] = whole(ids, t);
            d->features[row * length + t] = whole(json_object_get(policies, "features"), t);
            d->types[row * length + t] = types ? (uint8_t)whole(types, t) : 0;
        }
    }
    d->rows = (asc_rows){.n_rows = N_ROWS,
                         .id = d->id,
                         .truncated = d->truncated,
                         .token_offsets = d->token_offsets,
                         .tokens = d->tokens,
                         .token_features = d->features,
                         .token_types = d->types,
                         .feature_offsets = d->feature_offsets,
                         .labels = d->labels};
}

static double number(const json_t *list, size_t index)
{
    return json_number_value(json_array_get(list, index));
}

// Fails unless found [n_classes] is the recorded list to 1e-5 of its scale.
static void compare(const char *what, const json_t *expected, const double *found, size_t n_classes)
{
    double scale = 1;
    assert_int_equal(json_array_size(expected), n_classes);
    for (size_t c = 0; c < n_classes; c++)
        scale = fmax(scale, fabs(number(expected, c)));
    for (size_t c = 0; c < n_classes; c++)
        if (!(fabs(number(expected, c) - found[c]) <= 1e-5 * scale))
            fail_msg("%s, class %zu: expected %.9g, found %.9g", what, c, number(expected, c), found[c]);
}

// One model on one backend with one row's designs.
typedef struct stage {
    double (*unsaved)[MOST_VALUES]; // [N_POLICIES], kept by the run without savings
    unsigned savings;
    const char *name;
    const asc_model *model;
    asc_backend *backend;
    device_model *device;
    value_worker worker;
    thread_pool *pool;
} stage;

static explain_request request_of(const stage *s, const json_t *value)
{
    const char *policy = json_string_value(json_object_get(value, "policy"));
    explain_request request = fixture_request(s->model, ASC_BACKEND_REF);
    request.savings = s->savings;
    request.estimator = ESTIMATOR_EXACT;
    request.policy = strcmp(policy, "remove") == 0   ? ASC_POLICY_REMOVE
                     : strcmp(policy, "delete") == 0 ? ASC_POLICY_DELETE
                                                     : ASC_POLICY_REPLACE;
    request.mask_token_id = (int32_t)json_integer_value(json_object_get(value, "replacement"));
    return request;
}

static void compare_unsaved(const stage *s, const double *unsaved, const double *found, size_t count)
{
    char text[SAVINGS_TEXT_SIZE];
    double scale = 1, tolerance = strcmp(backend_name(s->backend), "ref") == 0 ? 1e-12 : 1e-5;
    savings_text(s->savings, text);
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(unsaved[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(unsaved[i] - found[i]) <= tolerance * scale))
            fail_msg("%s on %s, savings %s: value %zu is %.15g, without savings %.15g", s->name, backend_name(s->backend), text, i,
                     found[i], unsaved[i]);
}

// All coalitions of a batch against the record.
static void compare_batch(const stage *s, const batch *b, const json_t *value, double *unsaved)
{
    asc_error err;
    const json_t *expected = json_object_get(value, "logits");
    const size_t n_classes = s->model->n_classes, n = N_ROWS * N_COALITIONS;
    double values[MOST_VALUES];
    uint64_t masks[N_ROWS * N_COALITIONS];
    assert_int_equal(b->design->host->n_coalitions, N_COALITIONS);
    assert_int_equal(json_array_size(expected), N_COALITIONS);
    OK(buffer_download(s->worker.stream, view_at(b->values, 0), values, n * n_classes, &err));
    OK(buffer_download(s->worker.stream, view_at(b->masks, 0), masks, n, &err));
    for (size_t i = 0; i < n; i++) {
        char what[160];
        snprintf(what, sizeof what, "%s on %s, policy %s, coalition %02llx", s->name,
                 backend_name(s->backend), json_string_value(json_object_get(value, "policy")),
                 (unsigned long long)masks[i]);
        compare(what, json_array_get(expected, masks[i]), values + i * n_classes, n_classes);
    }
    if (s->savings == 0)
        memcpy(unsaved, values, n * n_classes * sizeof *values);
    else
        compare_unsaved(s, unsaved, values, n * n_classes);
    OK(buffer_download(s->worker.stream, view_at(b->plain_logits, 0), values, N_ROWS * n_classes, &err));
    for (size_t row = 0; row < N_ROWS; row++)
        compare("the plain pass", json_array_get(expected, N_COALITIONS - 1), values + row * n_classes,
                n_classes);
}

static void check_policy(stage *s, const asc_rows *rows, const json_t *value, double *unsaved)
{
    asc_error err;
    const explain_request request = request_of(s, value);
    const size_t index[N_ROWS] = {0, 1}, n_features = N_FEATURES;
    static const step_kind order[] = {STEP_PLAIN, STEP_ANCHORS, STEP_REST};
    design_cache *designs;
    batch *b;
    step_list steps = {0};
    OK(design_cache_create(&request, s->backend, N_FEATURES, &designs, &err));
    OK(design_cache_prepare(designs, s->pool, &s->worker.stream, &n_features, 1, &err));
    const batch_inputs inputs = {rows,     index,    N_ROWS, design_cache_get(designs, N_FEATURES),
                                 &request, s->device, NULL};
    OK(batch_create(&inputs, &b, &err));
    OK(batch_upload(b, s->worker.stream, &err));
    OK(value_make_entries(s->device, &s->worker, b, &err));
    for (size_t k = 0; k < 3; k++)
        OK(schedule_steps(&steps, b, order[k], s->worker.limits, SIZE_MAX, &err));
    for (size_t i = 0; i < steps.count; i++)
        OK(value_run_step(s->device, &s->worker, &steps.steps[i], &err));
    compare_batch(s, b, value, unsaved);
    schedule_free(&steps);
    batch_free(b);
    design_cache_destroy(designs);
}

static void check_backend(stage s, asc_backend_kind kind, const asc_rows *rows, const json_t *policies)
{
    asc_error err;
    const json_t *values = json_object_get(policies, "values");
    OK(test_backend_open(kind, &s.backend, &err));
    OK(model_load(s.model, s.backend, s.savings, &s.device, &err));
    OK(value_worker_create(s.device, (step_limits){100, 52}, &s.worker, &err));
    OK(pool_create(1, &s.pool, &err));
    assert_int_equal(json_array_size(values), N_POLICIES);
    for (size_t i = 0; i < N_POLICIES; i++)
        check_policy(&s, rows, json_array_get(values, i), s.unsaved[i]);
    pool_destroy(s.pool);
    value_worker_free(&s.worker);
    model_unload(s.device);
    backend_close(s.backend);
}

// The engine's scores and base values: what a result says.
static void check_result(const stage *s, const asc_rows *rows, const json_t *policies, const json_t *value)
{
    const size_t n_classes = s->model->n_classes;
    double scores[MOST_CLASSES], base[MOST_CLASSES];
    explain_request request = request_of(s, value);
    request.backend = ASC_BACKEND_CPU;
    explained *found = fixture_explain(s->model, &request, rows, (fixture_run_config){2, 0});
    for (size_t row = 0; row < N_ROWS; row++) {
        for (size_t c = 0; c < n_classes; c++) {
            scores[c] = (double)found->rows[row].scores[c];
            base[c] = (double)found->rows[row].base_values[c];
        }
        assert_int_equal(found->rows[row].status, 0);
        compare("scores", json_object_get(policies, "scores"), scores, n_classes);
        compare("base value", json_array_get(json_object_get(value, "logits"), 0), base, n_classes);
    }
    explained_free(found);
}

// An emulated device is slow: there each saving alone is left to test_cuda_engine, and other families too. Guarded memory
// shows what the host touches, for which all savings at once are enough.
static bool is_wanted(asc_backend_kind kind, unsigned savings, bool also_emulated)
{
    const bool is_extreme = savings == 0 || savings == ASC_SAVINGS_ALL;
    if (kind != ASC_BACKEND_CUDA)
        return !only_cuda && (kind != ASC_BACKEND_REF_GUARDED || is_extreme);
    return !cuda_module_is_emulated() || (also_emulated && is_extreme && !cuda_module_is_too_slow());
}

static void check_model(const char *name, bool also_emulated)
{
    char path[1024];
    json_error_t problem;
    snprintf(path, sizeof path, "%s/golden/models/%s/golden.json", ASCRIBE_DATA_DIR, name);
    json_t *golden = json_load_file(path, 0, &problem);
    if (!golden)
        fail_msg("%s: %s", path, problem.text);
    const json_t *policies = json_object_get(golden, "policies");
    asc_model *model = fixture_model(name);
    row_data data;
    fill_rows(policies, &data);
    static const unsigned savings[] = {0,
                                       ASC_SAVING_FIRST_LAYER,
                                       ASC_SAVING_LAST_LAYER,
                                       ASC_SAVING_FOLD,
                                       ASC_SAVING_DUPLICATES,
                                       ASC_SAVINGS_ALL};
    double unsaved[N_POLICIES][MOST_VALUES];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof savings / sizeof *savings; i++)
            if (is_wanted(kinds[k], savings[i], also_emulated))
                check_backend((stage){.name = name, .model = model, .unsaved = unsaved, .savings = savings[i]}, kinds[k], &data.rows,
                          policies);
    for (size_t i = 0; i < N_POLICIES; i++)
        check_result(&(stage){.name = name, .model = model}, &data.rows, policies,
                     json_array_get(json_object_get(policies, "values"), i));
    asc_model_close(model);
    json_decref(golden);
}

static void every_policy_of_every_family(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        check_model(models[m], m == 0);
}

int main(int argc, char **argv)
{
    only_cuda = only_cuda_is_wanted(argc, argv);
    if (!cuda_module_is_usable())
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_policy_of_every_family)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
