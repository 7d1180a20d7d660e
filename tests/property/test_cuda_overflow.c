// Rows that overflow half precision on the cuda backend: recomputed whole in bfloat16, marked, the same bits as bfloat16 gives them alone and
// whatever their neighbours, steps and workers; what bfloat16 cannot hold either is non-finite. On the emulated runtime, or a device.
#include "engine_fixture.h"

#include "../cuda_module.h"

#include <ascribe/result.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/temp_folder.h"

#include <math.h>

enum { N_ROWS = 6, LARGE = 60, BROKEN = 61, OVERFLOWS = 1, OVERFLOWS_TOO = 4, IS_BROKEN = 3 };
static const size_t sizes[N_ROWS] = {6, 4, 4, 5, 11, 1};
static const fixture_poisoned poisons[] = {{LARGE, 1e5f, -3e5f}, {BROKEN, -1e38f, 3e38f}}; // beyond half's 65504; beyond float's squares

static void assert_same_row(const explained *a, size_t row_a, const explained *b, size_t row_b)
{
    const size_t count = a->rows[row_a].n_features * a->n_targets;
    assert_memory_equal(a->rows[row_a].values, b->rows[row_b].values, count * sizeof(float));
    assert_memory_equal(a->rows[row_a].std_errors, b->rows[row_b].std_errors, count * sizeof(float));
    assert_memory_equal(a->rows[row_a].outputs, b->rows[row_b].outputs, a->n_targets * sizeof(float));
    assert_memory_equal(a->rows[row_a].base_values, b->rows[row_b].base_values, a->n_targets * sizeof(float));
    assert_memory_equal(a->rows[row_a].scores, b->rows[row_b].scores, a->n_classes * sizeof(float));
    assert_int_equal(a->rows[row_a].evaluations, b->rows[row_b].evaluations);
}

static asc_rows *poisoned_rows(void)
{
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    rows->tokens[rows->token_offsets[OVERFLOWS] + 2] = LARGE;
    rows->tokens[rows->token_offsets[OVERFLOWS_TOO] + 4] = LARGE;
    rows->tokens[rows->token_offsets[IS_BROKEN] + 1] = BROKEN;
    return rows;
}

static void check(const explained *found, const explained *wide, const explained *clean)
{
    for (size_t row = 0; row < N_ROWS; row++)
        switch (row) {
        case OVERFLOWS:
        case OVERFLOWS_TOO:
            assert_int_equal(found->rows[row].status, ASC_ROW_RECOMPUTED_BF16);
            assert_true(isfinite(found->rows[row].values[0]));
            assert_same_row(found, row, wide, row);
            break;
        case IS_BROKEN:
            assert_int_equal(found->rows[row].status, ASC_ROW_NON_FINITE);
            assert_true(isnan(found->rows[row].values[0]));
            break;
        default:
            assert_int_equal(found->rows[row].status, clean->rows[row].status);
            assert_same_row(found, row, clean, row);
        }
}

static void overflow_is_recomputed(void **state)
{
    (void)state;
    static const fixture_run_config configs[] = {{1, 0}, {2, 48}};
    char folder[TEMP_PATH_SIZE];
    temp_folder_make(folder);
    fixture_poison(folder, "bert-f32", poisons, 2);
    asc_model *model = fixture_model(folder);
    asc_rows *rows = poisoned_rows(), *clean_rows = fixture_rows(sizes, N_ROWS);
    explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
    request.budget.count = 24;
    request.precision = ASC_PRECISION_BF16;
    explained *wide = fixture_explain(model, &request, rows, configs[0]);
    assert_int_equal(wide->rows[OVERFLOWS].status, 0);
    request.precision = ASC_PRECISION_FP16;
    explained *clean = fixture_explain(model, &request, clean_rows, configs[0]);
    for (size_t c = 0; c < 2; c++) {
        explained *found = fixture_explain(model, &request, rows, configs[c]);
        check(found, wide, clean);
        explained_free(found);
    }
    asc_rows *alone = fixture_pick(rows, (const size_t[]){OVERFLOWS}, 1);
    explained *found = fixture_explain(model, &request, alone, configs[0]);
    assert_int_equal(found->rows[0].status, ASC_ROW_RECOMPUTED_BF16);
    assert_same_row(found, 0, wide, OVERFLOWS);
    explained_free(found);
    explained_free(clean);
    explained_free(wide);
    fixture_rows_free(alone);
    fixture_rows_free(clean_rows);
    fixture_rows_free(rows);
    asc_model_close(model);
    temp_folder_remove(folder);
}

static explained *explain_like(const asc_model *model, const explain_request *request, const asc_rows *rows, const char *algorithms)
{
    asc_error err = {.status = ASC_OK};
    engine *e = NULL;
    explained *found = NULL;
    const engine_config config = {.model = model, .request = request, .n_workers = 1, .max_row_tokens = 32, .algorithms = algorithms};
    if (engine_create(&config, &e, &err) != ASC_OK || engine_explain(e, rows, &found, &err) != ASC_OK)
        fail_msg("%s", err.message);
    engine_destroy(e);
    return found;
}

// The engine in bf16, which is made when a row overflows, has the algorithms that the first one has settled, not what would be its own.
static void overflow_obeys_the_algorithms(void **state)
{
    (void)state;
    if (!cuda_module_is_emulated())
        return;
    const cuda_emulation emulated = cuda_emulation_of_module();
    char folder[TEMP_PATH_SIZE];
    temp_folder_make(folder);
    fixture_poison(folder, "bert-f32", poisons, 2);
    asc_model *model = fixture_model(folder);
    asc_rows *all = poisoned_rows(), *rows = fixture_pick(all, (const size_t[]){OVERFLOWS}, 1);
    explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
    asc_error err = {.status = ASC_OK};
    engine *e = NULL;
    explained *found = NULL;
    request.precision = ASC_PRECISION_FP16;
    const engine_config config = {.model = model, .request = &request, .n_workers = 1, .max_row_tokens = 32};
    emulated.products(CUDA_SUMS_DESCENDING, 0);
    if (engine_create(&config, &e, &err) != ASC_OK || engine_propose(e, &err) != ASC_OK || engine_explain(e, rows, &found, &err) != ASC_OK)
        fail_msg("%s", err.message);
    emulated.products(CUDA_SUMS_ASCENDING, 0);
    explain_request wide_request = request;
    wide_request.precision = ASC_PRECISION_BF16;
    explained *wide = explain_like(model, &wide_request, rows, engine_algorithms(e)), *own = explain_like(model, &wide_request, rows, NULL);
    assert_int_equal(found->rows[0].status, ASC_ROW_RECOMPUTED_BF16);
    assert_same_row(found, 0, wide, 0);
    assert_memory_not_equal(own->rows[0].values, wide->rows[0].values, own->rows[0].n_features * own->n_targets * sizeof(float));
    explained_free(own);
    explained_free(wide);
    explained_free(found);
    engine_destroy(e);
    fixture_rows_free(rows);
    fixture_rows_free(all);
    asc_model_close(model);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(overflow_is_recomputed), cmocka_unit_test(overflow_obeys_the_algorithms)};
    if (!cuda_module_is_usable())
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
