// The run loop on the cuda backend: the host waits for no step, the device does not run dry between waves, and work that runs as late as CUDA
// allows gives the same bits. On the emulated runtime, which counts waits.
#include "engine_fixture.h"

#include "../cuda_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "philox.h"

enum { N_ROWS = 3 };
static const size_t sizes[N_ROWS] = {6, 5, 6};

typedef struct setting {
    size_t n_workers, step_tokens, wave_bytes, budget;
    bool profiled;
} setting;

static void check(asc_status status, const asc_error *err)
{
    if (status != ASC_OK)
        fail_msg("%s (status %d)", err->message, (int)status);
}

// What the host waited for, from the second slice on; the first one makes what is kept: slots, scratch, designs.
typedef struct counts {
    cuda_waits waits;
    unsigned frees;
    explained *found;
    forward_profile profile;
} counts;

static counts count_waits(const asc_model *model, const asc_rows *rows, setting s)
{
    const cuda_emulation emulated = cuda_emulation_of_module();
    explain_request request = fixture_request(model, ASC_BACKEND_CUDA);
    asc_error err = {.status = ASC_OK};
    engine *e = NULL;
    explained *first = NULL;
    counts c = {.found = NULL};
    request.budget.count = s.budget;
    const engine_config config = {.model = model, .request = &request, .n_workers = s.n_workers, .step_tokens = s.step_tokens,
                                  .max_row_tokens = 16, .wave_bytes = s.wave_bytes};
    check(engine_create(&config, &e, &err), &err);
    check(engine_explain(e, rows, &first, &err), &err);
    if (s.profiled)
        check(engine_profile_start(e, &err), &err);
    (void)emulated.waits(true);
    c.frees = emulated.frees();
    check(engine_explain(e, rows, &c.found, &err), &err);
    c.waits = emulated.waits(true);
    c.frees = emulated.frees() - c.frees;
    check(engine_profile(e, &c.profile, &err), &err);
    explained_free(first);
    engine_destroy(e);
    return c;
}

static void assert_same(const explained *a, const explained *b)
{
    for (size_t row = 0; row < N_ROWS; row++)
        assert_memory_equal(a->rows[row].values, b->rows[row].values, sizes[row] * a->n_targets * sizeof(float));
}

// The same waves with more steps in them.
static void no_step_waits(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    const counts few = count_waits(model, rows, (setting){1, 32, 0, 16, false}), many = count_waits(model, rows, (setting){1, 32, 0, 64, false});
    printf("waits for slots and results: %u, %u; with nothing behind them: %u, %u\n", few.waits.n_event_waits, many.waits.n_event_waits,
           few.waits.n_dry_waits, many.waits.n_dry_waits);
    assert_int_equal(few.waits.n_stream_waits, 0);
    assert_int_equal(many.waits.n_stream_waits, 0);
    assert_int_equal(few.frees, 0);
    assert_int_equal(many.frees, 0);
    assert_true(many.waits.n_event_waits > few.waits.n_event_waits); // for slots of the ring, and then steps stand behind what is waited for:
    assert_int_equal(many.waits.n_dry_waits, few.waits.n_dry_waits); // but for the results at the end
    assert_int_equal(many.waits.n_dry_waits, 1);
    explained_free(few.found);
    explained_free(many.found);
    fixture_rows_free(rows);
    asc_model_close(model);
}

// Uploads that operations take up, one after the other through one buffer: the host is N_AHEAD of them ahead, and what was uploaded last stands
// there in the end.
static void uploads_run_ahead(void **state)
{
    (void)state;
    enum { N_AHEAD = 8, N_UPLOADS = 30, N_IDS = 40, N_FEATURES = 5 };
    const cuda_emulation emulated = cuda_emulation_of_module();
    const cuda_choice choice = cuda_module_choice(ASC_PRECISION_FP16);
    asc_backend *backend = NULL;
    asc_stream *stream = NULL;
    asc_buffer *ids = NULL, *permutations = NULL;
    asc_error err = {.status = ASC_OK};
    uint64_t sent[N_IDS], found[N_IDS];
    check(backend_open_cuda(&choice, &backend, &err), &err);
    check(stream_create(backend, &stream, &err), &err);
    check(buffer_create(backend, ASC_U64, N_IDS, &ids, &err), &err);
    check(buffer_create(backend, ASC_I32, (size_t)N_UPLOADS * N_IDS * N_FEATURES, &permutations, &err), &err);
    (void)emulated.waits(true);
    for (size_t i = 0; i < N_UPLOADS; i++) {
        for (size_t k = 0; k < N_IDS; k++)
            sent[k] = 1000 * i + k;
        check(buffer_upload(stream, view_at(ids, 0), sent, N_IDS, &err), &err);
        const relabel_args args = {.n_rows = N_IDS, .n_features = N_FEATURES, .seed = 3, .row_ids = view_at(ids, 0),
                                   .permutations = view_at(permutations, i * N_IDS * N_FEATURES)};
        check(op_relabel(stream, &args, &err), &err);
    }
    const cuda_waits waits = emulated.waits(true);
    assert_int_equal(waits.n_stream_waits, 0);
    assert_int_equal(waits.n_event_waits, N_UPLOADS - N_AHEAD);
    assert_int_equal(waits.n_dry_waits, 0);
    int32_t own[N_IDS * N_FEATURES], expected[N_FEATURES];
    for (size_t i = 0; i < N_UPLOADS; i++) {
        check(buffer_download(stream, view_at(permutations, i * N_IDS * N_FEATURES), own, N_IDS * N_FEATURES, &err), &err);
        for (size_t k = 0; k < N_IDS; k++) {
            philox_relabel(3, 1000 * i + k, N_FEATURES, expected);
            assert_memory_equal(own + k * N_FEATURES, expected, sizeof expected);
        }
    }
    check(buffer_download(stream, view_at(ids, 0), found, N_IDS, &err), &err);
    assert_memory_equal(found, sent, sizeof sent);
    buffer_destroy(permutations);
    buffer_destroy(ids);
    stream_destroy(stream);
    backend_close(backend);
}

// Times of the stages, by events: nobody waits for them.
static void stages_are_timed(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    const double start_s = clock_seconds();
    const counts timed = count_waits(model, rows, (setting){1, 0, 0, 16, true});
    const double elapsed_s = clock_seconds() - start_s;
    double sum_s = 0;
    for (size_t stage = 0; stage < N_FORWARD_STAGES; stage++) {
        assert_true(timed.profile.seconds[stage] > 0);
        sum_s += timed.profile.seconds[stage];
    }
    assert_true(sum_s < elapsed_s);
    assert_int_equal(timed.waits.n_stream_waits, 0);
    explained_free(timed.found);
    fixture_rows_free(rows);
    asc_model_close(model);
}

static void waves_overlap(void **state)
{
    (void)state;
    asc_model *model = fixture_model("bert-f32");
    asc_rows *rows = fixture_rows(sizes, N_ROWS);
    const counts whole = count_waits(model, rows, (setting){1, 0, 0, 16, false});
    for (size_t n_workers = 1; n_workers <= 3; n_workers += 2) {
        const counts parts = count_waits(model, rows, (setting){n_workers, 64, 1, 16, false}); // every row a wave
        assert_same(whole.found, parts.found);
        if (n_workers == 1) { // with several a stream can get its largest batch, and room for it, in the second slice only
            assert_int_equal(parts.waits.n_stream_waits, 0);
            assert_int_equal(parts.waits.n_dry_waits, 1); // for the last wave
        }
        explained_free(parts.found);
    }
    explained_free(whole.found);
    fixture_rows_free(rows);
    asc_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uploads_run_ahead), cmocka_unit_test(no_step_waits),
                                       cmocka_unit_test(stages_are_timed), cmocka_unit_test(waves_overlap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
