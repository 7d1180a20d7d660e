// A row's bits depend on the row alone: not on workers, steps, order, the slice it comes in, or its neighbours (broken ones included).
#include "engine_fixture.h"

#include <ascribe/result.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../unit/temp_folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROWS = 14, POISON_ID = 60 };
static const size_t sizes[N_ROWS] = {5, 12, 3, 30, 12, 0, 1, 17, 12, 40, 9, 30, 2, 12};

// Fails unless row `a` of `left` and row `b` of `right` are the same to the bit.
static void assert_same(const explained *left, size_t a, const explained *right, size_t b)
{
    const part_row *l = &left->rows[a], *r = &right->rows[b];
    const size_t n_values = l->n_features * left->n_targets;
    assert_int_equal(l->id, r->id);
    assert_int_equal(l->status, r->status);
    assert_int_equal(l->n_features, r->n_features);
    assert_memory_equal(l->values, r->values, n_values * sizeof(float));
    assert_memory_equal(l->std_errors, r->std_errors, n_values * sizeof(float));
    assert_memory_equal(l->outputs, r->outputs, left->n_targets * sizeof(float));
    assert_memory_equal(l->base_values, r->base_values, left->n_targets * sizeof(float));
    assert_memory_equal(l->scores, r->scores, left->n_classes * sizeof(float));
    assert_int_equal(left->n_fit, right->n_fit);
    assert_memory_equal(l->fit, r->fit, left->n_fit * left->n_targets * sizeof(float));
}

typedef struct setting {
    asc_backend_kind backend;
    asc_policy policy;
    const method *method;
    estimator estimator;
    asc_selection selection;
} setting;

static const setting settings[] = {
    {ASC_BACKEND_CPU, ASC_POLICY_REMOVE, &method_shapley, ESTIMATOR_AUTO, ASC_SELECT_ALL},
    {ASC_BACKEND_CPU, ASC_POLICY_REPLACE, &method_shapley, ESTIMATOR_AUTO, ASC_SELECT_ALL},
    {ASC_BACKEND_CPU, ASC_POLICY_DELETE, &method_shapley, ESTIMATOR_AUTO, ASC_SELECT_ALL},
    {ASC_BACKEND_CPU, ASC_POLICY_REMOVE, &method_occlusion, ESTIMATOR_AUTO, ASC_SELECT_ALL},
    {ASC_BACKEND_REF, ASC_POLICY_REMOVE, &method_shapley, ESTIMATOR_AUTO, ASC_SELECT_ALL},
    {ASC_BACKEND_CPU, ASC_POLICY_REMOVE, &method_shapley, ESTIMATOR_SHAP, ASC_SELECT_ALL},
    {ASC_BACKEND_CPU, ASC_POLICY_REPLACE, &method_shapley, ESTIMATOR_SHAP, ASC_SELECT_LARS},
    {ASC_BACKEND_CPU, ASC_POLICY_REMOVE, &method_shapley, ESTIMATOR_PERMUTATION, ASC_SELECT_ALL},
    {ASC_BACKEND_REF, ASC_POLICY_REMOVE, &method_shapley, ESTIMATOR_PERMUTATION, ASC_SELECT_ALL},
    {ASC_BACKEND_CPU, ASC_POLICY_REMOVE, &method_lime, ESTIMATOR_AUTO, ASC_SELECT_HIGHEST},
    {ASC_BACKEND_CPU, ASC_POLICY_REPLACE, &method_lime, ESTIMATOR_AUTO, ASC_SELECT_FORWARD},
    {ASC_BACKEND_REF, ASC_POLICY_REMOVE, &method_lime, ESTIMATOR_AUTO, ASC_SELECT_LASSO},
};

// Of these, on the fast backend: leave one out, and every way to solve rows with designs of their own.
static const size_t own[] = {3, 5, 6, 7, 9, 10};
enum { N_OWN = sizeof own / sizeof *own };

static explain_request request_for(const asc_model *model, const setting *s)
{
    explain_request request = fixture_request(model, s->backend);
    request.policy = s->policy;
    request.mask_token_id = 4;
    request.method = s->method;
    request.estimator = s->estimator;
    request.selection = s->selection;
    request.n_selected = 4;
    request.sampler = s->method->sampler ? s->method->sampler(s->estimator) : NULL;
    request.budget.count = s->backend == ASC_BACKEND_CPU ? 100 : 40;
    return request;
}

static void workers_and_steps(void **state)
{
    (void)state;
    asc_model *model = fixture_model("minilm-like");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    static const fixture_run_config configs[] = {{1, 64}, {2, 0}, {4, 300}, {4, 1023}, {2, 5000}};
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        const explain_request request = request_for(model, &settings[s]);
        explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){1, 0});
        assert_true(!isnan(expected->rows[3].values[0]));
        for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
            explained *found = fixture_explain(model, &request, rows, configs[c]);
            for (size_t row = 0; row < N_ROWS; row++)
                assert_same(expected, row, found, row);
            explained_free(found);
        }
        explained_free(expected);
    }
    fixture_rows_free(rows);
    asc_model_close(model);
}

// Every family under every policy, replacing by padding where that moves positions: other steps, another order, half of the rows.
static void families_and_policies(void **state)
{
    (void)state;
    static const char *const models[] = {"distilbert",    "roberta",       "camembert",
                                         "electra-small", "albert-groups", "mpnet"};
    static const asc_policy policies[] = {ASC_POLICY_REMOVE, ASC_POLICY_REPLACE, ASC_POLICY_DELETE};
    enum { N_PICKED = 7 };
    const size_t picked[N_PICKED] = {11, 8, 5, 3, 1, 7, 6};
    asc_rows *rows = fixture_rows(sizes, N_ROWS), *some = fixture_pick(rows, picked, N_PICKED);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (size_t p = 0; p < 3; p++) {
            asc_model *model = fixture_model(models[m]);
            explain_request request = request_for(model, &(setting){ASC_BACKEND_CPU, policies[p], &method_shapley, ESTIMATOR_AUTO, ASC_SELECT_ALL});
            request.mask_token_id = model->config.pad_id >= 0 ? model->config.pad_id : 4;
            explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){1, 0});
            explained *found = fixture_explain(model, &request, some, (fixture_run_config){2, 300});
            for (size_t i = 0; i < N_PICKED; i++) {
                assert_int_equal(expected->rows[picked[i]].status &
                                     (uint32_t) ~(ASC_ROW_NO_FEATURES | ASC_ROW_ONE_FEATURE),
                                 0);
                assert_same(expected, picked[i], found, i);
            }
            explained_free(found);
            explained_free(expected);
            asc_model_close(model);
        }
    fixture_rows_free(some);
    fixture_rows_free(rows);
}

// Every method whose rows draw designs of their own, and leave one out, in every family under every policy.
static void methods_families_and_policies(void **state)
{
    (void)state;
    static const char *const models[] = {"bert-f32",      "distilbert",    "roberta", "xlm-roberta", "camembert",
                                         "electra-small", "albert-groups", "mpnet"};
    static const asc_policy policies[] = {ASC_POLICY_REMOVE, ASC_POLICY_REPLACE, ASC_POLICY_DELETE};
    static const size_t few[] = {5, 1, 12, 3, 7, 3}, picked[] = {4, 1, 5};
    enum { N_FEW = sizeof few / sizeof *few, N_PICKED = sizeof picked / sizeof *picked };
    asc_rows *rows = fixture_rows(few, N_FEW), *some = fixture_pick(rows, picked, N_PICKED);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        asc_model *model = fixture_model(models[m]);
        for (size_t p = 0; p < 3 * N_OWN; p++) {
            setting s = settings[own[p / 3]];
            s.policy = policies[p % 3];
            explain_request request = request_for(model, &s);
            request.budget.count = 30;
            explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){1, 0});
            explained *found = fixture_explain(model, &request, some, (fixture_run_config){2, 300});
            assert_true(!isnan(expected->rows[2].values[0]));
            for (size_t i = 0; i < N_PICKED; i++)
                assert_same(expected, picked[i], found, i);
            explained_free(found);
            explained_free(expected);
        }
        asc_model_close(model);
    }
    fixture_rows_free(some);
    fixture_rows_free(rows);
}

static void order_and_slices(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    size_t shuffled[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++)
        shuffled[i] = (i * 5 + 3) % N_ROWS;
    asc_rows *other = fixture_pick(rows, shuffled, N_ROWS);
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        const explain_request request = request_for(model, &settings[s]);
        explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){2, 0});
        explained *found = fixture_explain(model, &request, other, (fixture_run_config){2, 500});
        for (size_t i = 0; i < N_ROWS; i++)
            assert_same(expected, shuffled[i], found, i);
        explained_free(found);
        for (size_t row = 0; row < N_ROWS; row++) {
            asc_rows *alone = fixture_pick(rows, &row, 1);
            found = fixture_explain(model, &request, alone, (fixture_run_config){2, 0});
            assert_same(expected, row, found, 0);
            explained_free(found);
            fixture_rows_free(alone);
        }
        explained_free(expected);
    }
    fixture_rows_free(other);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void neighbours_of(const setting *s)
{
    static const fixture_poisoned poison = {POISON_ID, -1e38f, 3e38f};
    char folder[TEMP_PATH_SIZE];
    temp_folder_make(folder);
    fixture_poison(folder, "bert-f32", &poison, 1); // overflows float in the first norm
    asc_model *model = fixture_model(folder);
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    explain_request request = request_for(model, s);
    explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){2, 0});
    rows->tokens[rows->token_offsets[4] + 3] = POISON_ID; // same number of features as rows 1, 8 and 13
    rows->tokens[rows->token_offsets[3] + 1] = 1000;      // outside the vocabulary
    explained *found = fixture_explain(model, &request, rows, (fixture_run_config){2, 0});
    assert_int_equal(found->rows[4].status, ASC_ROW_NON_FINITE);
    assert_true(isnan(found->rows[4].values[0]));
    assert_int_equal(found->rows[3].status, ASC_ROW_BAD_TOKEN_ID);
    for (size_t row = 0; row < N_ROWS; row++)
        if (row != 3 && row != 4)
            assert_same(expected, row, found, row);
    explained_free(found);
    explained_free(expected);
    fixture_rows_free(rows);
    asc_model_close(model);
    temp_folder_remove(folder);
}

// Settings that solve each in its own way: shared designs, regressions under a constraint, walks, ridge.
static const size_t solvers[] = {0, 5, 7, 9};
enum { N_SOLVERS = sizeof solvers / sizeof *solvers };

static void broken_neighbours(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SOLVERS; i++)
        neighbours_of(&settings[solvers[i]]);
}

static void seeds_of(const setting *s)
{
    asc_model *model = fixture_model("bert-f32");
    const size_t one[] = {20};
    asc_rows *rows = fixture_rows(one, 1);
    explain_request request = request_for(model, s);
    explained *expected = fixture_explain(model, &request, rows, (fixture_run_config){1, 0});
    request.seed++;
    explained *other_seed = fixture_explain(model, &request, rows, (fixture_run_config){1, 0});
    request.seed--;
    rows->id[0]++;
    explained *other_id = fixture_explain(model, &request, rows, (fixture_run_config){1, 0});
    assert_memory_not_equal(expected->rows[0].values, other_seed->rows[0].values, 20 * sizeof(float));
    assert_memory_not_equal(expected->rows[0].values, other_id->rows[0].values, 20 * sizeof(float));
    explained_free(other_id);
    explained_free(other_seed);
    explained_free(expected);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void seeds_and_ids_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SOLVERS; i++)
        seeds_of(&settings[solvers[i]]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_and_steps),    cmocka_unit_test(families_and_policies),
        cmocka_unit_test(methods_families_and_policies),
        cmocka_unit_test(order_and_slices),     cmocka_unit_test(broken_neighbours),
        cmocka_unit_test(seeds_and_ids_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
