// What the engine promises of values: exact = brute force, wls at full budget = exact, occlusion, policies, outputs, targets, edge rows,
// and that the host never touches device memory (ref_guarded runs it all).
#include "engine_fixture.h"

#include <ascribe/result.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6 };
static const asc_backend_kind kinds[] = {ASC_BACKEND_REF, ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU};
static const fixture_run_config two_workers = {2, 0};

// Shapley values of one class by their definition over all orders' subsets: phi_i = sum over S without i of
// |S|! (n - |S| - 1)! / n! (v(S + i) - v(S)).
static void brute_force(const double *v, size_t n, double *phi)
{
    for (size_t i = 0; i < n; i++) {
        phi[i] = 0;
        for (uint64_t s = 0; s < (uint64_t)1 << n; s++) {
            if (s >> i & 1)
                continue;
            const int size = __builtin_popcountll(s);
            phi[i] += tgamma(size + 1) * tgamma((double)n - size) / tgamma((double)n + 1) * (v[s | (uint64_t)1 << i] - v[s]);
        }
    }
}

static double largest(const float *values, size_t count)
{
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs((double)values[i]));
    return scale;
}

// Every attribution of row 0 (three classes) against brute force on v(S) taken one sequence at a time.
static void check_row(const asc_model *model, const asc_rows *rows, asc_backend_kind kind, int32_t mask_id, const explained *found)
{
    double v[3][1 << N], phi[N], logits[3];
    for (uint64_t mask = 0; mask < 1 << N; mask++) {
        fixture_logits(model, kind, rows, (fixture_coalition){0, mask, mask_id}, logits);
        for (size_t c = 0; c < 3; c++)
            v[c][mask] = logits[c];
    }
    const double scale = largest(found->rows[0].values, N * 3);
    const double allowed = kind == ASC_BACKEND_CPU ? 5e-6 : 1e-6 * scale; // cpu: float, with all savings; logits are near 1
    assert_true(scale > 0.01);
    for (size_t c = 0; c < 3; c++) {
        brute_force(v[c], N, phi);
        for (size_t i = 0; i < N; i++)
            if (!(fabs(phi[i] - (double)found->rows[0].values[i * 3 + c]) <= allowed))
                fail_msg("class %zu feature %zu: brute force %.9g, found %.9g", c, i, phi[i], (double)found->rows[0].values[i * 3 + c]);
    }
}

static void exact_is_brute_force(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    const size_t sizes[] = {N, 4, N};
    asc_rows *rows = fixture_rows(sizes, 3);
    for (size_t k = 0; k < 3; k++) {
        explain_request request = fixture_request(model, kinds[k]);
        request.estimator = ESTIMATOR_EXACT;
        explained *found = fixture_explain(model, &request, rows, two_workers);
        check_row(model, rows, kinds[k], -1, found);
        assert_int_equal(found->rows[0].evaluations, (1 << N) - 2);
        assert_true(largest(found->rows[0].std_errors, N * 3) == 0);
        explained_free(found);
    }
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void mask_policy_replaces_tokens(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    const size_t sizes[] = {N};
    asc_rows *rows = fixture_rows(sizes, 1);
    for (size_t k = 0; k < 3; k++) {
        explain_request request = fixture_request(model, kinds[k]);
        request.policy = ASC_POLICY_REPLACE;
        request.mask_token_id = 4;
        explained *found = fixture_explain(model, &request, rows, two_workers);
        check_row(model, rows, kinds[k], 4, found);
        explained_free(found);
    }
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void wls_at_full_budget_is_exact(void **state)
{
    (void)state;
    asc_model *model = fixture_model("minilm-like");
    const size_t sizes[] = {2, 3, 8, 5, 8};
    asc_rows *rows = fixture_rows(sizes, 5);
    explain_request request = fixture_request(model, ASC_BACKEND_CPU);
    request.estimator = ESTIMATOR_EXACT;
    explained *exact = fixture_explain(model, &request, rows, two_workers);
    request.estimator = ESTIMATOR_WLS;
    request.budget.count = 100000;
    explained *wls = fixture_explain(model, &request, rows, two_workers);
    for (size_t row = 0; row < 5; row++) {
        const size_t count = sizes[row] * 2;
        const double scale = largest(exact->rows[row].values, count);
        for (size_t i = 0; i < count; i++)
            assert_true(fabs((double)exact->rows[row].values[i] - (double)wls->rows[row].values[i]) <= 1e-5 * scale);
        assert_int_equal(wls->rows[row].status, 0);
    }
    explained_free(wls);
    explained_free(exact);
    fixture_rows_free(rows);
    asc_model_close(model);
}

// Rows whose empty coalitions differ in a token, a type or a place, next to rows where they are the same: sharing changes no bit.
static void shared_empty_coalitions_change_nothing(void **state)
{
    (void)state;
    enum { N_ROWS = 6 };
    static const asc_policy policies[] = {ASC_POLICY_REMOVE, ASC_POLICY_DELETE, ASC_POLICY_REPLACE};
    asc_model *model = fixture_model("bert-f32");
    const size_t sizes[N_ROWS] = {3, 3, 3, 3, 3, 3};
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    for (size_t row = 0; row < N_ROWS; row++) {
        const size_t first = (size_t)rows->token_offsets[row], last = (size_t)rows->token_offsets[row + 1] - 1;
        rows->tokens[last] += row == 1;
        rows->token_types[last] = row == 2;
        if (row == 4) { // one more fixed token, elsewhere
            rows->token_features[first + 1] = -1;
            rows->token_features[first + 2] = 0;
        }
    }
    for (size_t p = 0; p < 3; p++) {
        explain_request request = fixture_request(model, ASC_BACKEND_REF);
        request.policy = policies[p];
        request.mask_token_id = 4;
        explained *apart = fixture_explain(model, &request, rows, two_workers);
        request.savings = ASC_SAVING_DUPLICATES;
        explained *shared = fixture_explain(model, &request, rows, two_workers);
        for (size_t row = 0; row < N_ROWS; row++) {
            assert_int_equal(apart->rows[row].status, 0);
            assert_memory_equal(apart->rows[row].base_values, shared->rows[row].base_values, 3 * sizeof(float));
            assert_memory_equal(apart->rows[row].values, shared->rows[row].values, 3 * 3 * sizeof(float));
        }
        assert_true(apart->rows[0].base_values[0] != apart->rows[1].base_values[0]);
        assert_true(apart->rows[0].base_values[0] != apart->rows[2].base_values[0]);
        assert_true(apart->rows[0].base_values[0] != apart->rows[4].base_values[0]);
        assert_true(apart->rows[0].base_values[0] == apart->rows[3].base_values[0]);
        explained_free(shared);
        explained_free(apart);
    }
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void occlusion_is_leave_one_out(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    const size_t sizes[] = {N, 9};
    asc_rows *rows = fixture_rows(sizes, 2);
    explain_request request = fixture_request(model, ASC_BACKEND_CPU);
    request.method = &method_occlusion;
    explained *found = fixture_explain(model, &request, rows, two_workers);
    double full[3], without[3];
    fixture_logits(model, ASC_BACKEND_CPU, rows, (fixture_coalition){0, (1 << N) - 1, -1}, full);
    for (size_t i = 0; i < N; i++) {
        fixture_logits(model, ASC_BACKEND_CPU, rows, (fixture_coalition){0, ((1 << N) - 1) ^ (uint64_t)1 << i, -1}, without);
        for (size_t c = 0; c < 3; c++)
            assert_true(fabs(full[c] - without[c] - (double)found->rows[0].values[i * 3 + c]) <= 5e-6 * fmax(1, fabs(full[c])));
    }
    assert_int_equal(found->rows[0].evaluations, N);
    assert_int_equal(found->rows[1].evaluations, 9);
    explained_free(found);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void outputs_and_targets(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    const size_t sizes[] = {N, N};
    asc_rows *rows = fixture_rows(sizes, 2);
    double logits[3], odds[3], sum = 0;
    fixture_logits(model, ASC_BACKEND_REF, rows, (fixture_coalition){1, (1 << N) - 1, -1}, logits);
    for (size_t c = 0; c < 3; c++)
        sum += exp(logits[c]);
    for (size_t c = 0; c < 3; c++)
        odds[c] = log(exp(logits[c]) / (sum - exp(logits[c])));
    explain_request request = fixture_request(model, ASC_BACKEND_REF);
    request.output = ASC_OUTPUT_PROBABILITY;
    explained *found = fixture_explain(model, &request, rows, two_workers);
    for (size_t c = 0; c < 3; c++) {
        assert_true(fabs((double)found->rows[1].outputs[c] - exp(logits[c]) / sum) < 1e-6);
        assert_true(fabs((double)found->rows[1].scores[c] - exp(logits[c]) / sum) < 1e-6);
    }
    explained_free(found);
    request.output = ASC_OUTPUT_LOGODDS;
    found = fixture_explain(model, &request, rows, two_workers);
    for (size_t c = 0; c < 3; c++)
        assert_true(fabs((double)found->rows[1].outputs[c] - odds[c]) < 1e-5 * fmax(1, fabs(odds[c])));
    explained_free(found);

    size_t best = 0;
    for (size_t c = 1; c < 3; c++)
        best = logits[c] > logits[best] ? c : best;
    request = fixture_request(model, ASC_BACKEND_REF);
    request.target_rule = TARGETS_PREDICTED;
    request.n_targets = 1;
    found = fixture_explain(model, &request, rows, two_workers);
    assert_int_equal(found->rows[1].targets[0], best);
    assert_true(fabs((double)found->rows[1].outputs[0] - logits[best]) < 1e-5);
    explained_free(found);

    int32_t classes[] = {2, 0};
    request.target_rule = TARGETS_LABEL;
    request.label_class = classes;
    request.n_label_names = 2;
    rows->labels[0] = -1;
    found = fixture_explain(model, &request, rows, two_workers);
    assert_int_equal(found->rows[0].targets[0], -1);
    assert_true(isnan(found->rows[0].values[0]));
    assert_int_equal(found->rows[0].status, ASC_ROW_NO_LABEL);
    assert_int_equal(found->rows[1].targets[0], 0);
    assert_true(fabs((double)found->rows[1].outputs[0] - logits[0]) < 1e-5);
    explained_free(found);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void edge_rows_have_their_status(void **state)
{
    (void)state;
    asc_model *model = fixture_model("minilm-like"); // 64 positions
    const size_t sizes[] = {0, 1, 2, 60, 5, 20, 3};
    asc_rows *rows = fixture_rows(sizes, 7);
    rows->tokens[rows->token_offsets[4] + 2] = 61; // the vocabulary holds 0..60
    rows->truncated[2] = 3;
    rows->token_features[rows->token_offsets[6]] = 0;
    for (size_t k = 0; k < 3; k++) {
        explain_request request = fixture_request(model, kinds[k]);
        request.estimator = ESTIMATOR_EXACT;
        request.exact_limit = 10;
        explained *found = fixture_explain(model, &request, rows, two_workers);
        const part_row *r = found->rows;
        assert_int_equal(r[0].status, ASC_ROW_NO_FEATURES);
        assert_true(r[0].base_values[0] == r[0].outputs[0] && r[0].efficiency_residual[0] == 0);
        assert_int_equal(r[1].status, ASC_ROW_ONE_FEATURE);
        assert_true(fabs((double)(r[1].outputs[0] - r[1].base_values[0] - r[1].values[0])) < 1e-6);
        assert_int_equal(r[2].status, ASC_ROW_TRUNCATED);
        assert_int_equal(r[3].status, ASC_ROW_TOO_LONG);
        assert_true(isnan(r[3].values[0]) && isnan(r[3].scores[0]));
        assert_int_equal(r[4].status, ASC_ROW_BAD_TOKEN_ID);
        assert_true(isnan(r[4].values[0]));
        assert_int_equal(r[5].status, ASC_ROW_TOO_MANY_FEATURES);
        assert_true(isnan(r[5].values[0]) && isnan(r[5].std_errors[19]) && r[5].evaluations == 0);
        assert_int_equal(r[5].targets[1], 1);
        assert_true(fabs((double)(r[5].scores[0] + r[5].scores[1]) - 1) < 1e-6);
        assert_true(isfinite(r[5].outputs[0]) && isfinite(r[5].base_values[0]) && r[5].outputs[0] != r[5].base_values[0]);
        assert_int_equal(r[6].status, ASC_ROW_NO_FIXED_TOKEN);
        assert_true(isnan(r[6].values[0]) && isnan(r[6].scores[0]));
        explained_free(found);
    }
    explain_request request = fixture_request(model, ASC_BACKEND_CPU);
    request.estimator = ESTIMATOR_WLS;
    request.budget.per_feature = 1;
    explained *found = fixture_explain(model, &request, rows, two_workers);
    assert_int_equal(found->rows[5].status, ASC_ROW_UNDER_DETERMINED);
    assert_true(isnan(found->rows[5].std_errors[0]) && !isnan(found->rows[5].values[0]));
    explained_free(found);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void backends_agree(void **state)
{
    (void)state;
    asc_model *model = fixture_model("minilm-like");
    const size_t sizes[] = {12, 20, 33, 12};
    asc_rows *rows = fixture_rows(sizes, 4);
    explain_request request = fixture_request(model, ASC_BACKEND_REF);
    request.budget.count = 128;
    explained *ref = fixture_explain(model, &request, rows, two_workers);
    request.backend = ASC_BACKEND_CPU;
    explained *cpu = fixture_explain(model, &request, rows, two_workers);
    for (size_t row = 0; row < 4; row++) {
        const size_t count = sizes[row] * 2;
        const double scale = largest(ref->rows[row].values, count);
        assert_true(scale > 0.01);
        assert_true(largest(ref->rows[row].std_errors, count) > 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(fabs((double)(ref->rows[row].values[i] - cpu->rows[row].values[i])) <= 1e-4 * scale);
            assert_true(fabs((double)(ref->rows[row].std_errors[i] - cpu->rows[row].std_errors[i])) <= 1e-3 * scale);
        }
        assert_true((double)cpu->rows[row].efficiency_residual[0] <= 1e-4 * fmax(1, fabs((double)cpu->rows[row].outputs[0])));
    }
    explained_free(cpu);
    explained_free(ref);
    fixture_rows_free(rows);
    asc_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_is_brute_force),
        cmocka_unit_test(mask_policy_replaces_tokens),
        cmocka_unit_test(wls_at_full_budget_is_exact),
        cmocka_unit_test(shared_empty_coalitions_change_nothing),
        cmocka_unit_test(occlusion_is_leave_one_out),
        cmocka_unit_test(outputs_and_targets),
        cmocka_unit_test(edge_rows_have_their_status),
        cmocka_unit_test(backends_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
