// Values of coalitions that the caller gives: equal to passes of single sequences, whatever the backend, the policy, the batch and the workers.
#include "engine_fixture.h"

#include "explain/given.h"
#include "shapes.h"

#include <ascribe/result.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROWS = 6, MOST = 12, N_CLASSES = 3 };
static const size_t sizes[N_ROWS] = {6, 1, 9, 6, 0, 9};

// Row r: r coalitions, of its own masks, the full one among them where there is room for it.
typedef struct asked {
    uint64_t masks[N_ROWS][MOST];
    double values[N_ROWS][MOST];
    size_t counts[N_ROWS]; // that came back
} asked;

static int32_t class_of(void *context, size_t row)
{
    (void)context;
    return (int32_t)(row % N_CLASSES);
}

static asc_status fill(void *context, size_t row, row_design *out, asc_error *err)
{
    asked *a = context;
    (void)err;
    assert_int_equal(out->n_features, sizes[row]);
    assert_int_equal(out->capacity, MOST);
    for (size_t i = 0; i < row; i++) {
        const uint64_t mask = (row * 77 + i * 29 + 3) & ((UINT64_C(1) << sizes[row]) - 1);
        row_design_append(out, &mask, 0);
    }
    memcpy(a->masks[row], out->masks, out->count * sizeof(uint64_t));
    return ASC_OK;
}

static void take(void *context, size_t row, const double *values, size_t count)
{
    asked *a = context;
    a->counts[row] = count;
    memcpy(a->values[row], values, count * sizeof *values);
}

static void evaluate(const asc_model *model, explain_request request, const asc_rows *rows, fixture_run_config how, asked *out)
{
    asc_error err;
    engine *e = NULL;
    const given_coalitions given = {out, fill, class_of, take};
    memset(out, 0, sizeof *out);
    request.output = ASC_OUTPUT_PROBABILITY;
    request_give(&request, MOST - 2);
    const engine_config config = {
        .model = model, .request = &request, .n_workers = how.n_workers, .step_tokens = how.step_tokens, .max_row_tokens = 40};
    if (engine_create(&config, &e, &err) != ASC_OK || engine_evaluate(e, rows, &given, &err) != ASC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(engine_work_done(e).evaluations, 0 + 1 + 2 + 3 + 5);
    engine_destroy(e);
}

static double probability(const double *logits, size_t class_index)
{
    double sum = 0;
    for (size_t c = 0; c < N_CLASSES; c++)
        sum += exp(logits[c] - logits[class_index]);
    return 1 / sum;
}

static void check_row(const asc_model *model, const explain_request *request, const asc_rows *rows, size_t row, const asked *found)
{
    double logits[N_CLASSES];
    const int32_t mask_id = request->policy == ASC_POLICY_REPLACE ? request->mask_token_id : -1;
    const double allowed = request->backend == ASC_BACKEND_CPU || request->backend == ASC_BACKEND_CUDA ? 2e-6 : 1e-12;
    assert_int_equal(found->counts[row], sizes[row] == 0 ? 0 : 2 + row);
    for (size_t i = 0; i < found->counts[row]; i++) {
        fixture_logits(model, request->backend, rows, (fixture_coalition){row, found->masks[row][i], mask_id}, logits);
        const double expected = probability(logits, row % N_CLASSES);
        if (!(fabs(expected - found->values[row][i]) <= allowed))
            fail_msg("row %zu coalition %zu: alone %.12g, found %.12g", row, i, expected, found->values[row][i]);
    }
}

static void values_are_those_of_single_passes(void **state)
{
    (void)state;
    static const asc_backend_kind kinds[] = {ASC_BACKEND_REF, ASC_BACKEND_REF_GUARDED, ASC_BACKEND_CPU, ASC_BACKEND_CUDA};
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t replace = 0; replace < 2; replace++) {
            explain_request request = fixture_request(model, kinds[k]);
            asked found;
            request.policy = replace ? ASC_POLICY_REPLACE : ASC_POLICY_REMOVE;
            request.mask_token_id = 4;
            evaluate(model, request, rows, (fixture_run_config){2, 0}, &found);
            for (size_t row = 0; row < N_ROWS; row++)
                check_row(model, &request, rows, row, &found);
        }
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void workers_and_steps_change_no_bit(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    const explain_request request = fixture_request(model, ASC_BACKEND_CPU);
    asked one, other;
    evaluate(model, request, rows, (fixture_run_config){1, 0}, &one);
    evaluate(model, request, rows, (fixture_run_config){3, 90}, &other);
    assert_memory_equal(&one, &other, sizeof one);
    fixture_rows_free(rows);
    asc_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_single_passes),
        cmocka_unit_test(workers_and_steps_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
