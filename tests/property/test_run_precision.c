// Whole runs in bf16: near those in float but not equal to them, of the same bits under another schedule, known by their manifest; and where
// bf16 is not to be had, an error that says what to do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <math.h>
#include <unistd.h>

enum { N_ROWS = 6 };

static run_place place;

static void make_row(size_t row, run_row *out)
{
    run_row_usual(row, 3 + row, out);
}

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = make_row});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

// False where this build or processor lacks bf16, which must be the reason.
static bool explained_in_bf16(asc_explain_job *job)
{
    asc_explain_summary summary;
    asc_error err = {0};
    job->options.precision = "bf16";
    const asc_status status = asc_explain(job, &summary, &err);
    if (status == ASC_OK)
        return true;
    assert_error(&err, status, ASC_NO_DEVICE, (run_words){"bf16", NULL, "fp32"});
    print_message("skipped: %s\n", err.message);
    return false;
}

// The largest difference of attributions in row r, in parts of the row's range.
static double relative_difference(const run_result *full, const run_result *rounded, size_t row)
{
    const size_t n_targets = full->info->n_targets;
    double range = 0, difference = 0;
    for (size_t k = 0; k < n_targets; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = (size_t)full->rows->feature_offsets[row]; i < (size_t)full->rows->feature_offsets[row + 1]; i++) {
            const double value = full->rows->values[i * n_targets + k];
            low = fmin(low, value);
            high = fmax(high, value);
            difference = fmax(difference, fabs(value - rounded->rows->values[i * n_targets + k]));
        }
        range = fmax(range, high - low);
    }
    return difference / range;
}

// A rounding changes a number by 2^-9; some thirty of them in a row of two layers, most of which cancel, are held under 6 %.
static void bf16_is_near_float(void **state)
{
    (void)state;
    const char *expected = run_path(place.folder, "full.h5");
    asc_explain_job job = run_job(&place, RUN_BERT);
    if (!explained_in_bf16(&job))
        skip();
    job.out_path = expected;
    job.options.precision = "fp32";
    run_well(&job, NULL);
    run_result full = run_result_open(expected), rounded = run_result_open(place.out);
    assert_string_not_equal(full.info->manifest_hash, rounded.info->manifest_hash);
    assert_null(strstr(full.info->manifest, "bf16\""));
    assert_non_null(strstr(rounded.info->manifest, "bf16\""));
    for (size_t row = 0; row < N_ROWS; row++) {
        const double difference = relative_difference(&full, &rounded, row);
        print_message("row %zu: %.4f of its range\n", row, difference);
        assert_true(difference > 1e-5 && difference < 0.06);
        assert_int_equal(rounded.rows->status[row], full.rows->status[row]);
    }
    run_result_close(&rounded);
    run_result_close(&full);
    assert_int_equal(unlink(expected), 0);
    assert_int_equal(unlink(place.out), 0);
}

static void another_schedule_gives_the_same_bits(void **state)
{
    (void)state;
    const char *expected = run_path(place.folder, "bf16.h5");
    asc_explain_job job = run_job(&place, RUN_BERT);
    if (!explained_in_bf16(&job))
        skip();
    assert_int_equal(rename(place.out, expected), 0);
    job.options.n_workers = 1;
    job.options.step_tokens = 77;
    job.options.rows_per_part = 2;
    run_well(&job, NULL);
    assert_same_result(expected, place.out);
    assert_int_equal(unlink(expected), 0);
    assert_int_equal(unlink(place.out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_is_near_float),
        cmocka_unit_test(another_schedule_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
