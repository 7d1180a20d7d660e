// Every call of CUDA's runtime and of cuBLASLt fails in turn, once and for ever, while a small dataset is explained on the emulated
// runtime: no crash, nothing left on the device, and either an error that says what failed or the right result (memory that was short
// once). An error that costs the context is the last call that CUDA sees of us. test_cuda_faults [long]: every call; else all of the first and a sample of the rest.
#include "engine_fixture.h"

#include "../cuda_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N_ROWS = 2, EVERY_CALL_UP_TO = 100, N_SAMPLES = 60 };
static const size_t sizes[N_ROWS] = {5, 3};
static bool all_calls;

typedef struct job {
    cuda_emulation emulated;
    asc_model *model;
    asc_rows *rows;
    explain_request request;
    explained *expected;
    unsigned n_failed, n_survived, n_lost;
} job;

static asc_status explain(const job *j, explained **found, asc_error *err)
{
    engine *e = NULL;
    const engine_config config = {.model = j->model, .request = &j->request, .n_workers = 1, .step_tokens = 256, .max_row_tokens = 16};
    asc_status status = engine_create(&config, &e, err);
    if (status == ASC_OK)
        status = engine_explain(e, j->rows, found, err);
    engine_destroy(e);
    return status;
}

static void run_with_fault(job *j, unsigned call, bool forever)
{
    explained *found = NULL;
    asc_error err = {.status = ASC_OK};
    (j->emulated.fail)(call, forever);
    const asc_status status = explain(j, &found, &err);
    (j->emulated.fail)(0, false);
    if (j->emulated.calls_after_loss() != 0)
        fail_msg("call %u failed %s: %u calls after the context was lost", call, forever ? "for ever" : "once",
                 j->emulated.calls_after_loss());
    if (j->emulated.is_lost() && status != ASC_NO_DEVICE && status != ASC_OK) // a failure while all is closed is nobody's
        fail_msg("call %u failed %s: status %d, '%s'", call, forever ? "for ever" : "once", (int)status, err.message);
    if (j->emulated.is_lost() || status == ASC_NO_DEVICE) { // the context is given up, and what it held goes with it
        (j->emulated.new_context)();
        j->n_lost++;
    }
    if (j->emulated.live_allocations() != 0)
        fail_msg("call %u failed %s: %zu allocations are left on the device", call, forever ? "for ever" : "once",
                 j->emulated.live_allocations());
    if (status == ASC_OK) {
        for (size_t row = 0; row < N_ROWS; row++)
            assert_memory_equal(found->rows[row].values, j->expected->rows[row].values,
                                sizes[row] * j->request.n_targets * sizeof(float));
        j->n_survived++;
    } else {
        if (status != ASC_NO_DEVICE && status != ASC_OUT_OF_MEMORY)
            fail_msg("call %u failed %s: status %d, '%s'", call, forever ? "for ever" : "once", (int)status, err.message);
        if (!strstr(err.message, "GPU") && !strstr(err.message, "cuBLASLt"))
            fail_msg("call %u failed %s: '%s'", call, forever ? "for ever" : "once", err.message);
        j->n_failed++;
    }
    explained_free(found);
}

static void every_call_fails_in_turn(void **state)
{
    (void)state;
    job j = {.emulated = cuda_emulation_of_module(), .model = fixture_model("minilm-like"), .rows = fixture_rows(sizes, N_ROWS)};
    asc_error err = {.status = ASC_OK};
    j.request = fixture_request(j.model, ASC_BACKEND_CUDA);
    j.request.precision = ASC_PRECISION_FP16;
    (j.emulated.fail)(0, false);
    if (explain(&j, &j.expected, &err) != ASC_OK)
        fail_msg("%s", err.message);
    const unsigned n_calls = j.emulated.calls(), stride = all_calls ? 1 : n_calls / N_SAMPLES + 1;
    assert_true(n_calls > EVERY_CALL_UP_TO);
    for (unsigned call = 1; call <= n_calls; call += call < EVERY_CALL_UP_TO ? 1 : stride) {
        run_with_fault(&j, call, false);
        run_with_fault(&j, call, true);
    }
    printf("%u calls; %u runs failed as they should, %u of them with the context, %u came through\n", n_calls, j.n_failed, j.n_lost,
           j.n_survived);
    assert_true(j.n_failed > EVERY_CALL_UP_TO && j.n_lost > EVERY_CALL_UP_TO);
    explained_free(j.expected);
    fixture_rows_free(j.rows);
    asc_model_close(j.model);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_fails_in_turn)};
    all_calls = argc == 2 && strcmp(argv[1], "long") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
