// asc_bench_run on a dataset: a pass is what asc_explain would execute, whatever the method, policy and backend; what cannot be measured is
// refused by name. Nothing here looks at how long anything took.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <ascribe/bench.h>

#include <math.h>

enum { N_ROWS = 30 };

static run_place place;

static void usual_row(size_t row, run_row *out)
{
    static const size_t sizes[] = {4, 0, 9, 1, 14, 6, 2, 20, 11, 3};
    run_row_usual(row, row == 5 ? 90 : sizes[row % 10], out); // row 5 is too long for the model
}

static void long_row(size_t row, run_row *out)
{
    run_row_usual(row, 90, out);
}

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

static asc_bench_job bench_job(void)
{
    asc_bench_job job = {.model_path = RUN_BERT, .dataset_path = place.data, .seconds = 0.01, .options = asc_explain_options_default()};
    job.options.budget = "32";
    job.options.n_workers = 2;
    job.options.n_rows = N_ROWS;
    return job;
}

static asc_bench_report measure(const asc_bench_job *job)
{
    asc_bench_report report;
    asc_error err = {0};
    const size_t n_entries = temp_folder_count(place.folder);
    if (asc_bench_run(job, &report, &err) != ASC_OK)
        fail_msg("%s (%s)", err.message, err.hint);
    assert_int_equal(temp_folder_count(place.folder), n_entries);
    return report;
}

static void a_pass_is_what_the_run_executes(void **state)
{
    static const struct {
        const char *method, *estimator, *policy, *target, *backend, *savings;
        int64_t first_row, n_rows;
    } cases[] = {
        {"shapley", "auto", "remove", "auto", "cpu", "auto", 0, N_ROWS}, {"shapley", "exact", "delete", "predicted", "cpu", "all", 2, 9},
        {"shapley", "shap", "remove", "auto", "cpu", "none", 0, 8},      {"shapley", "permutation", "mask", "label", "cpu", "auto", 0, 8},
        {"occlusion", "auto", "mask", "1", "ref", "auto", 3, 100},       {"lime", "auto", "remove", "auto", "cpu", "last_layer", 0, 8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        asc_bench_job job = bench_job();
        asc_explain_job run = run_job(&place, RUN_BERT);
        asc_explain_cost cost;
        asc_error err = {0};
        job.options.method = cases[i].method;
        job.options.estimator = cases[i].estimator;
        job.options.policy = cases[i].policy;
        job.options.target = cases[i].target;
        job.options.backend = cases[i].backend;
        job.options.savings = cases[i].savings;
        job.options.first_row = cases[i].first_row;
        job.options.n_rows = cases[i].n_rows;
        job.options.exact_limit = 9;
        run.options = job.options;
        run.options.rows_per_part = 1024; // the rows come in one piece
        const asc_bench_report report = measure(&job);
        const asc_bench_passes *passes = &report.passes;
        assert_int_equal(asc_explain_estimate(&run, &cost, &err), ASC_OK);
        assert_int_equal(report.n_rows, cost.n_rows);
        assert_int_equal(report.n_features, cost.n_features);
        assert_true(passes->work.coalitions == cost.evaluations && cost.evaluations > 0);
        assert_true(passes->work.tokens == cost.tokens);
        assert_true(fabs(passes->work.flops - cost.flops) <= 1e-12 * cost.flops);
        assert_true(report.dense_flops >= passes->work.flops * (1 - 1e-12));
        assert_string_equal(report.backend, cases[i].backend);
        assert_true(passes->count >= 1 && passes->count <= ASC_BENCH_MOST_PASSES);
        for (size_t pass = 0; pass < passes->count; pass++)
            assert_true(passes->seconds[pass] >= passes->best_s && passes->best_s > 0);
    }
}

static void rows_without_a_number_come_from_all_parts(void **state)
{
    asc_bench_job job = bench_job();
    (void)state;
    job.options.n_rows = -1;
    job.options.budget = "auto";
    job.seconds = 1e-6;
    assert_int_equal(measure(&job).n_rows, 1);
    job.options.first_row = N_ROWS - 1;
    assert_int_equal(measure(&job).n_rows, 1);
    job.options.first_row = 0;
    job.options.budget = "8";
    job.seconds = 0.2; // these rows take no time worth speaking of: all of them, or a good part
    const asc_bench_report report = measure(&job);
    assert_true(report.n_rows >= 1 && report.n_rows <= N_ROWS);
    assert_string_equal(report.budget, "8");
}

static void what_cannot_be_measured_is_refused(void **state)
{
    asc_bench_report report;
    asc_bench_job job = bench_job();
    asc_error err = {0};
    (void)state;
    job.seconds = NAN;
    assert_error(&err, asc_bench_run(&job, &report, &err), ASC_USAGE, (run_words){.first = "--seconds"});
    job = bench_job();
    job.options.first_row = N_ROWS;
    assert_error(&err, asc_bench_run(&job, &report, &err), ASC_USAGE, (run_words){.first = "begins at row 30"});
    job = bench_job();
    job.options.n_rows = 0;
    assert_error(&err, asc_bench_run(&job, &report, &err), ASC_USAGE, (run_words){.first = "no rows"});
    job = bench_job();
    job.dataset_path = NULL;
    assert_error(&err, asc_bench_run(&job, &report, &err), ASC_USAGE, (run_words){.first = "a model and a dataset, or a shape"});
    job = bench_job();
    job.options.method = NULL;
    assert_error(&err, asc_bench_run(&job, &report, &err), ASC_USAGE, (run_words){.first = "options.method is NULL"});
    job = bench_job();
    job.dataset_path = run_path(place.folder, "long.h5");
    run_dataset_write(job.dataset_path, &(run_plan){.n_rows = 2, .make_row = long_row});
    assert_error(&err, asc_bench_run(&job, &report, &err), ASC_USAGE, (run_words){.first = "none of the 2 rows"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_is_what_the_run_executes),
        cmocka_unit_test(rows_without_a_number_come_from_all_parts),
        cmocka_unit_test(what_cannot_be_measured_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
