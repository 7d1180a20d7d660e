// Memory on the cuda backend: what a planning engine says is what the emulated device is asked for, to the byte, with plenty of memory and with
// little; planning asks for none.
#include "engine_fixture.h"

#include "../cuda_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N_ROWS = 4 };
static const size_t sizes[N_ROWS] = {6, 5, 11, 6};

typedef struct job {
    asc_model *model;
    asc_rows *rows;
    explain_request request;
    size_t step_tokens;
} job;

static engine_memory explain(const job *j, bool planning)
{
    explain_request request = j->request;
    asc_error err = {.status = ASC_OK};
    engine *e = NULL;
    explained *found = NULL;
    request.planning = planning;
    const engine_config config = {.model = j->model, .request = &request, .n_workers = 1, .step_tokens = j->step_tokens, .max_row_tokens = 32,
                                  .wave_bytes = 1};
    if (engine_create(&config, &e, &err) != ASC_OK || engine_explain(e, j->rows, &found, &err) != ASC_OK)
        fail_msg("%s", err.message);
    const engine_memory memory = engine_memory_used(e);
    explained_free(found);
    engine_destroy(e);
    return memory;
}

static size_t check(const job *j, size_t bytes)
{
    const cuda_emulation emulated = cuda_emulation_of_module();
    emulated.machine(13000, 1, 9, bytes);
    (void)emulated.most_bytes(true);
    const engine_memory planned = explain(j, true);
    assert_int_equal(emulated.most_bytes(true), 0);
    const engine_memory taken = explain(j, false);
    assert_int_equal(emulated.most_bytes(true), planned.weights + planned.workers + planned.batches);
    assert_int_equal(planned.weights, taken.weights);
    assert_int_equal(planned.workers, taken.workers);
    assert_int_equal(planned.batches, taken.batches);
    assert_int_equal(planned.step_tokens, taken.step_tokens);
    assert_true(planned.weights > 0 && planned.workers > 0 && planned.batches > 0);
    assert_int_equal(planned.free, bytes);
    assert_int_equal(planned.total, bytes);
    emulated.machine(13000, 1, 9, (size_t)4 << 30);
    return planned.step_tokens;
}

static void planned_is_taken(void **state)
{
    (void)state;
    job j = {.model = fixture_model("minilm-like"), .rows = fixture_rows(sizes, N_ROWS), .step_tokens = 512};
    j.request = fixture_request(j.model, ASC_BACKEND_CUDA);
    j.request.budget.count = 12;
    j.request.precision = ASC_PRECISION_FP16;
    assert_int_equal(check(&j, (size_t)1 << 30), 512);
    j.step_tokens = 0; // which does not fit
    const size_t little = (size_t)48 << 20;
    assert_true(check(&j, little) < 1 << 16);
    j.request.method = &method_occlusion;
    j.request.precision = ASC_PRECISION_FULL;
    assert_true(check(&j, little) < 1 << 16);
    fixture_rows_free(j.rows);
    asc_model_close(j.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(planned_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
