// The engine on the cuda backend: attributions against the reference for every policy and method, exact savings on and off, all precisions,
// the same bits whatever the step size and the number of streams, little memory, and rows that overflow half precision. On the emulated
// runtime, or (label gpu) on a device.
#include "engine_fixture.h"

#include "../cuda_module.h"

#include <ascribe/result.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

enum { N_ROWS = 5 };
static const size_t sizes[N_ROWS] = {6, 4, 1, 11, 6};
static const fixture_run_config two_streams = {2, 64};

static double largest(const float *values, size_t count)
{
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs((double)values[i]));
    return scale;
}

// Every attribution within `tolerance` of the row's largest, every v(all) and base value of 1 or itself.
static void compare(const char *what, const explained *found, const explained *expected, double tolerance)
{
    const size_t n_targets = expected->n_targets;
    for (size_t row = 0; row < expected->n_rows; row++) {
        const part_row *f = &found->rows[row], *e = &expected->rows[row];
        const size_t count = e->n_features * n_targets;
        const double scale = largest(e->values, count);
        assert_int_equal(f->status, e->status);
        assert_true(scale > 0.001);
        for (size_t i = 0; i < count; i++)
            if (!(fabs((double)f->values[i] - (double)e->values[i]) <= tolerance * fmax(scale, 0.1)))
                fail_msg("%s: row %zu, value %zu: expected %.9g, found %.9g", what, row, i, (double)e->values[i], (double)f->values[i]);
        for (size_t k = 0; k < n_targets; k++) {
            const double largest_output = fmax(1, fabs((double)e->outputs[k]));
            if (!(fabs((double)f->outputs[k] - (double)e->outputs[k]) <= tolerance * largest_output) ||
                !(fabs((double)f->base_values[k] - (double)e->base_values[k]) <= tolerance * largest_output))
                fail_msg("%s: row %zu, target %zu: expected v(all) %.9g, found %.9g", what, row, k, (double)e->outputs[k],
                         (double)f->outputs[k]);
        }
    }
}

static explained *explain_on(const asc_model *model, const explain_request *like, asc_backend_kind kind, const asc_rows *rows)
{
    explain_request request = *like;
    request.backend = kind;
    request.savings = kind == ASC_BACKEND_CUDA ? like->savings : 0;
    request.precision = kind == ASC_BACKEND_CUDA ? like->precision : ASC_PRECISION_FULL;
    return fixture_explain(model, &request, rows, two_streams);
}

static void compare_with_ref(const char *what, const asc_model *model, const explain_request *request, const asc_rows *rows, double tolerance)
{
    explained *expected = explain_on(model, request, ASC_BACKEND_REF, rows);
    explained *found = explain_on(model, request, ASC_BACKEND_CUDA, rows);
    compare(what, found, expected, tolerance);
    explained_free(found);
    explained_free(expected);
}

static void policies_and_savings(void **state)
{
    (void)state;
    static const asc_policy policies[] = {ASC_POLICY_REMOVE, ASC_POLICY_DELETE, ASC_POLICY_REPLACE};
    static const unsigned savings[] = {0, ASC_SAVING_FIRST_LAYER, ASC_SAVING_LAST_LAYER, ASC_SAVING_FOLD, ASC_SAVINGS_ALL};
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    for (size_t p = 0; p < 3; p++) {
        explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
        request.policy = policies[p];
        request.mask_token_id = 4;
        request.budget.count = 24;
        explained *expected = explain_on(model, &request, ASC_BACKEND_REF, rows);
        for (size_t s = 0; s < sizeof savings / sizeof *savings; s++) {
            char what[64];
            snprintf(what, sizeof what, "policy %d, savings %#x", (int)policies[p], savings[s]);
            request.savings = savings[s];
            explained *found = explain_on(model, &request, ASC_BACKEND_CUDA, rows);
            compare(what, found, expected, 1e-4);
            explained_free(found);
        }
        explained_free(expected);
    }
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void methods_and_families(void **state)
{
    (void)state;
    static const char *const models[] = {"minilm-like", "distilbert", "roberta", "mpnet"};
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        asc_model *model = fixture_model(models[m]);
        explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
        request.estimator = ESTIMATOR_EXACT;
        request.exact_limit = 6;
        asc_rows *short_rows = fixture_pick(rows, (const size_t[]){0, 1, 4}, 3);
        compare_with_ref(models[m], model, &request, short_rows, 1e-4);
        request.method = &method_occlusion;
        request.estimator = ESTIMATOR_AUTO;
        compare_with_ref("occlusion", model, &request, rows, 1e-4);
        fixture_rows_free(short_rows);
        asc_model_close(model);
    }
    fixture_rows_free(rows);
}

static void outputs_and_predicted_targets(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
    request.budget.count = 32;
    request.output = ASC_OUTPUT_LOGODDS;
    compare_with_ref("log odds", model, &request, rows, 1e-4);
    request.output = ASC_OUTPUT_LOGIT;
    request.target_rule = TARGETS_PREDICTED;
    request.n_targets = 1;
    compare_with_ref("predicted target", model, &request, rows, 1e-4);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void precisions(void **state)
{
    (void)state;
    static const asc_precision all[] = {ASC_PRECISION_TF32, ASC_PRECISION_FP16, ASC_PRECISION_BF16};
    static const double tolerances[] = {2e-2, 2e-2, 1.5e-1}; // rounding to 11 and to 8 bits, through a model of two layers
    asc_model *model = fixture_model("minilm-like");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    for (size_t i = 0; i < 3; i++) {
        explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
        request.budget.count = 32;
        request.precision = all[i];
        compare_with_ref(request_precision_name(&request), model, &request, rows, tolerances[i]);
    }
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void same_bits(void **state)
{
    (void)state;
    static const fixture_run_config configs[] = {{1, 0}, {1, 48}, {3, 100}};
    asc_model *model = fixture_model("minilm-like");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    static const size_t backwards[N_ROWS] = {4, 3, 2, 1, 0};
    asc_rows *turned = fixture_pick(rows, backwards, N_ROWS);
    explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
    request.budget.count = 64;
    for (int half = 0; half < 2; half++) {
        request.precision = half ? ASC_PRECISION_FP16 : ASC_PRECISION_FULL;
        explained *expected = fixture_explain(model, &request, rows, configs[0]);
        for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
            explained *found = fixture_explain(model, &request, turned, configs[c]);
            for (size_t row = 0; row < N_ROWS; row++) {
                const part_row *f = &found->rows[N_ROWS - 1 - row], *e = &expected->rows[row];
                assert_memory_equal(f->values, e->values, e->n_features * expected->n_targets * sizeof(float));
                assert_memory_equal(f->std_errors, e->std_errors, e->n_features * expected->n_targets * sizeof(float));
            }
            explained_free(found);
        }
        explained_free(expected);
    }
    fixture_rows_free(turned);
    fixture_rows_free(rows);
    asc_model_close(model);
}

typedef struct noted {
    size_t n_messages;
    char last[256];
} noted;

static void note(void *user, asc_log_level level, const char *message)
{
    noted *n = user;
    (void)level;
    n->n_messages++;
    snprintf(n->last, sizeof n->last, "%s", message);
}

// Memory for ever fewer tokens: smaller steps, the same bits, at last ASC_OUT_OF_MEMORY; and nothing is left behind.
static void little_memory(void **state)
{
    (void)state;
    if (!cuda_module_is_emulated())
        return;
    const cuda_emulation emulated = cuda_emulation_of_module();
    asc_model *model = fixture_model("minilm-like");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
    request.budget.count = 64;
    explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){1, 64});
    size_t n_smaller = 0, n_refused = 0;
    for (size_t bytes = (size_t)256 << 20; bytes >= 4096; bytes /= 2) {
        noted log = {0};
        asc_error err = {.status = ASC_OK};
        engine *e = NULL;
        explained *found = NULL;
        const engine_config config = {.model = model, .request = &request, .n_workers = 1, .max_row_tokens = 32, .log = {note, &log}};
        emulated.machine(13000, 1, 9, bytes);
        asc_status status = engine_create(&config, &e, &err);
        if (status == ASC_OK)
            status = engine_explain(e, rows, &found, &err);
        if (status == ASC_OK && log.n_messages > 0) {
            n_smaller++;
            assert_non_null(strstr(log.last, "short of memory: steps of"));
        }
        if (status != ASC_OK) {
            n_refused++;
            assert_int_equal(status, ASC_OUT_OF_MEMORY);
            assert_non_null(strstr(err.message, "memory"));
        } else {
            for (size_t row = 0; row < N_ROWS; row++)
                assert_memory_equal(found->rows[row].values, expected->rows[row].values, sizes[row] * 2 * sizeof(float));
        }
        explained_free(found);
        engine_destroy(e);
        assert_int_equal(emulated.live_allocations(), 0);
    }
    emulated.machine(13000, 1, 9, (size_t)4 << 30);
    assert_true(n_smaller >= 2);
    assert_true(n_refused >= 2);
    explained_free(expected);
    fixture_rows_free(rows);
    asc_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_and_savings), cmocka_unit_test(methods_and_families), cmocka_unit_test(outputs_and_predicted_targets),
        cmocka_unit_test(precisions),           cmocka_unit_test(same_bits),            cmocka_unit_test(little_memory),
    };
    if (!cuda_module_is_usable())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
