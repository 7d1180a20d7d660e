// asc_explain_estimate: what it counts is what the run then executes, whatever the method, the policy and the rows; it writes
// nothing, and it fails where the run would.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <math.h>

enum { N_ROWS = 60 };

static run_place place;

static size_t usual_features(size_t row)
{
    static const size_t sizes[] = {4, 0, 9, 1, 14, 6, 2, 20, 11, 3};
    return sizes[row % 10];
}

// Row 5 is longer than the models have positions, row 6 has an id that none of them knows.
static void usual_row(size_t row, run_row *out)
{
    run_row_usual(row, row == 5 ? 90 : usual_features(row), out);
    if (row == 6)
        out->tokens[1] = 1 << 20;
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

static asc_explain_cost estimate(const asc_explain_job *job)
{
    asc_explain_cost cost;
    asc_error err = {0};
    const size_t n_entries = temp_folder_count(place.out_folder);
    if (asc_explain_estimate(job, &cost, &err) != ASC_OK)
        fail_msg("%s (%s)", err.message, err.hint);
    assert_int_equal(temp_folder_count(place.out_folder), n_entries);
    return cost;
}

static uint64_t size_of(const char *path)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return (uint64_t)facts.st_size;
}

// ---- Counts ------------------------------------------------------------------------------------------------------

static void counts_are_what_the_run_executes(void **state)
{
    static const struct {
        const char *method, *estimator, *budget, *policy, *target, *backend;
        int64_t first_row, n_rows;
    } cases[] = {
        {"shapley", "auto", "32", "remove", "auto", "cpu", 0, -1},
        {"shapley", "auto", "4n", "mask", "all", "cpu", 0, -1},
        {"shapley", "exact", "auto", "remove", "predicted", "cpu", 0, 30},
        {"kernelshap", "wls", "33", "remove", "label", "cpu", 7, 20},
        {"occlusion", "auto", "auto", "remove", "auto", "cpu", 0, -1},
        {"occlusion", "auto", "auto", "mask", "1", "ref", 3, 9},
        {"shapley", "shap", "40", "remove", "auto", "cpu", 0, -1},
        {"shapley", "permutation", "3n", "mask", "auto", "cpu", 0, -1},
        {"lime", "auto", "60", "remove", "predicted", "cpu", 0, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        asc_explain_summary summary;
        asc_explain_job job = run_job(&place, RUN_BERT);
        job.options.method = cases[i].method;
        job.options.estimator = cases[i].estimator;
        job.options.budget = cases[i].budget;
        job.options.policy = cases[i].policy;
        job.options.target = cases[i].target;
        job.options.backend = cases[i].backend;
        job.options.first_row = cases[i].first_row;
        job.options.n_rows = cases[i].n_rows;
        job.options.exact_limit = 9;
        const asc_explain_cost cost = estimate(&job);
        run_well(&job, &summary);
        assert_int_equal(unlink(place.out), 0);
        assert_true(cost.evaluations > 0 && cost.evaluations == summary.evaluations);
        assert_true(cost.tokens == summary.tokens);
        assert_int_equal(cost.n_rows, summary.n_rows);
        assert_int_equal(cost.n_rows_done, 0);
        assert_false(cost.already_complete);
        assert_string_equal(cost.backend, cases[i].backend);
    }
}

static void single_row(size_t row, run_row *out)
{
    out->id = row;
    out->label = -1;
    out->n_features = 12;
    run_row_token(out, RUN_CLS, -1);
    for (int32_t feature = 0; feature < 12; feature++)
        run_row_token(out, RUN_FIRST_ID + feature, feature);
    run_row_token(out, RUN_SEP, -1);
}

// A block for all s tokens of a sequence, and what is left of the first and of the last one.
typedef struct block_cost {
    double whole, first, last;
} block_cost;

static block_cost cost_of_sequence(const asc_model_info *m, double s)
{
    const double width = (double)m->n_hidden, linear = 8 * width * width + 4 * width * (double)m->n_ffn;
    const double whole = s * linear + 4 * s * s * width;
    return (block_cost){whole, whole - 6 * width * width * s, linear + 4 * (double)m->n_heads * width * s};
}

static double saved_sequence(const asc_model_info *m, double s)
{
    const block_cost c = cost_of_sequence(m, s);
    return (double)(m->n_layers - 2) * c.whole + c.first + c.last;
}

// 12 features of one token each and two fixed ones under removal, so that every length is known: three equal rows, whose empty coalition
// is evaluated once.
static double expected_flops(const asc_model_info *m, bool leave_one_out)
{
    const double width = (double)m->n_hidden;
    double row = saved_sequence(m, 14) + (double)m->n_layers * cost_of_sequence(m, 14).whole + 14 * 6 * width * width;
    for (unsigned mask = 1; mask + 1 < 1u << 12; mask++)
        if (!leave_one_out || __builtin_popcount(mask) == 11)
            row += saved_sequence(m, 2 + __builtin_popcount(mask));
    return 3 * row + saved_sequence(m, 2);
}

static void operations_follow_the_formula(void **state)
{
    static const char *const methods[] = {"occlusion", "shapley"};
    (void)state;
    run_dataset_write(run_path(place.folder, "single.h5"), &(run_plan){.n_rows = 3, .make_row = single_row});
    for (size_t i = 0; i < 2; i++) {
        asc_model *model = NULL;
        asc_error err = {0};
        asc_explain_job job = run_job(&place, RUN_BERT);
        job.dataset_path = run_path(place.folder, "single.h5");
        job.options.method = methods[i];
        job.options.estimator = i == 0 ? "auto" : "exact";
        const asc_explain_cost cost = estimate(&job);
        assert_int_equal(asc_model_open(RUN_BERT, NULL, &model, &err), ASC_OK);
        const double expected = expected_flops(asc_model_describe(model), i == 0);
        assert_true(fabs(cost.flops - expected) <= 1e-12 * expected);
        job.options.savings = "none";
        assert_true(estimate(&job).flops > 1.2 * expected);
        asc_model_close(model);
    }
}

// Row 0 in RoBERTa's own positions; row 1, of another batch, has padding among its features, so that replacing it moves what follows and
// block 0 is computed for every token.
static void row_with_padding(size_t row, run_row *out)
{
    enum { ROBERTA_PAD = 1 };
    out->id = row;
    out->label = -1;
    out->n_features = 4 + row;
    run_row_token(out, RUN_CLS, -1);
    for (int32_t feature = 0; feature < (int32_t)out->n_features; feature++)
        run_row_token(out, row == 1 && feature == 2 ? ROBERTA_PAD : RUN_FIRST_ID + feature, feature);
    run_row_token(out, RUN_SEP, -1);
}

static void operations_of_rows_add_up(void **state)
{
    static const int64_t rows[3][2] = {{0, 1}, {1, 1}, {0, 2}};
    double flops[3];
    (void)state;
    run_dataset_write(run_path(place.folder, "padding.h5"), &(run_plan){.n_rows = 2, .make_row = row_with_padding});
    for (size_t i = 0; i < 3; i++) {
        asc_explain_job job = run_job(&place, ASCRIBE_DATA_DIR "/golden/models/roberta");
        job.dataset_path = run_path(place.folder, "padding.h5");
        job.options.policy = "id:4";
        job.options.first_row = rows[i][0];
        job.options.n_rows = rows[i][1];
        flops[i] = estimate(&job).flops;
    }
    assert_true(fabs(flops[0] + flops[1] - flops[2]) <= 1e-12 * flops[2]);
}

// ---- Sizes and time ----------------------------------------------------------------------------------------------

static void sizes_are_those_of_the_files(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = 16;
    job.options.keep_parts = true;
    const asc_explain_cost cost = estimate(&job);
    run_well(&job, NULL);
    uint64_t parts_bytes = 0;
    assert_int_equal(cost.n_parts, 4);
    assert_int_equal(cost.rows_per_part, 16);
    assert_int_equal(run_count_parts(&place), 4);
    for (size_t part = 0; part < 4; part++) {
        char name[32];
        snprintf(name, sizeof name, "part-%08zu.part", part);
        parts_bytes += size_of(run_path(place.parts, name));
    }
    assert_true(cost.parts_bytes == parts_bytes);
    temp_folder_remove(place.parts);
    assert_int_equal(unlink(place.out), 0);
}

static void wide_row(size_t row, run_row *out)
{
    run_row_usual(row, 40, out);
}

static void a_large_result_is_about_as_large_as_estimated(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    run_dataset_write(run_path(place.folder, "wide.h5"), &(run_plan){.n_rows = 3000, .make_row = wide_row});
    job.dataset_path = run_path(place.folder, "wide.h5");
    job.options.budget = "2";
    const asc_explain_cost cost = estimate(&job);
    run_well(&job, NULL);
    const double ratio = (double)size_of(place.out) / (double)cost.output_bytes;
    if (ratio < 0.5 || ratio > 1.05)
        fail_msg("the result is %.3f times the estimate", ratio);
    assert_int_equal(unlink(place.out), 0);
}

static void speed_and_memory_are_measured(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.n_workers = 3;
    const asc_explain_cost cost = estimate(&job);
    assert_int_equal(cost.n_workers, 3);
    assert_true(cost.weight_bytes > 0 && cost.worker_bytes > 0 && cost.batch_bytes > 0);
    assert_true(cost.calibration_s > 0 && cost.calibration_s < 3 * 10);
    assert_true(cost.flops_per_s > 0);
    assert_true(cost.elapsed_s >= cost.flops / cost.flops_per_s && cost.elapsed_s < 600);
    job.options.n_workers = 1;
    assert_true(3 * estimate(&job).worker_bytes == cost.worker_bytes);
}

// Where features are deleted no entries of the token table are made; where they are removed, 4 D reals a token are. In bf16 the maps take
// half, where this machine has it; the embeddings do not.
static void memory_is_that_of_what_is_made(void **state)
{
    (void)state;
    asc_model *model = NULL;
    asc_dataset *data = NULL;
    asc_error err = {0};
    asc_explain_job job = run_job(&place, RUN_BERT);
    const asc_explain_cost kept = estimate(&job);
    job.options.policy = "delete";
    const asc_explain_cost counted = estimate(&job);
    job.options.policy = "remove";
    assert_int_equal(asc_model_open(RUN_BERT, NULL, &model, &err), ASC_OK);
    const asc_model_info *info = asc_model_describe(model);
    const uint64_t token_bytes = 4 * info->n_hidden * sizeof(float);
    assert_int_equal(asc_dataset_open(job.dataset_path, &data, &err), ASC_OK);
    const uint64_t n_tokens = asc_dataset_describe(data)->n_tokens;
    const uint64_t entries = kept.batch_bytes - counted.batch_bytes;
    assert_true(entries > token_bytes && entries % token_bytes == 0 && entries <= n_tokens * token_bytes);
    assert_int_equal(kept.weight_bytes, info->n_parameters * 2 * sizeof(float));
    asc_explain_cost rounded;
    job.options.precision = "bf16";
    if (asc_explain_estimate(&job, &rounded, &err) == ASC_OK)
        assert_true(rounded.weight_bytes < kept.weight_bytes && rounded.weight_bytes > info->n_parameters * 3 * sizeof(uint16_t));
    asc_dataset_close(data);
    asc_model_close(model);
}

// ---- What is there already ---------------------------------------------------------------------------------------

static void finished_parts_are_left_out(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = 16;
    job.options.keep_parts = true;
    const asc_explain_cost whole = estimate(&job);
    run_well(&job, &summary);
    assert_true(estimate(&job).already_complete);
    assert_int_equal(unlink(place.out), 0);
    assert_int_equal(unlink(run_path(place.parts, "part-00000001.part")), 0);
    const asc_explain_cost rest = estimate(&job);
    assert_int_equal(rest.n_rows, N_ROWS);
    assert_int_equal(rest.n_rows_done, N_ROWS - 16);
    assert_true(rest.parts_bytes == whole.parts_bytes);
    assert_true(rest.evaluations < whole.evaluations && rest.flops < whole.flops);

    asc_explain_job afresh = job;
    afresh.options.force = true;
    assert_true(estimate(&afresh).evaluations == whole.evaluations);

    run_well(&job, &summary);
    assert_true(rest.evaluations == summary.evaluations && rest.tokens == summary.tokens);
    assert_int_equal(unlink(place.out), 0);

    asc_explain_cost cost;
    asc_error err = {0};
    job.options.seed = 8;
    assert_error(&err, asc_explain_estimate(&job, &cost, &err), ASC_DIFFERENT_RUN, (run_words){"part", NULL, "--force"});
    temp_folder_remove(place.parts);
}

static void it_fails_where_the_run_would(void **state)
{
    (void)state;
    asc_explain_cost cost;
    asc_error err = {0};
    asc_explain_job job = run_job(&place, RUN_BERT);
    FILE *file = fopen(place.out, "w");
    assert_non_null(file);
    fclose(file);
    assert_error(&err, asc_explain_estimate(&job, &cost, &err), ASC_CANNOT_CREATE, (run_words){"out.h5", NULL, "--force"});
    job.out_path = NULL;
    assert_true(estimate(&job).evaluations > 0);
    job.options.first_row = N_ROWS;
    assert_int_equal(asc_explain_estimate(&job, &cost, &err), ASC_USAGE);
    assert_int_equal(unlink(place.out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_what_the_run_executes),
        cmocka_unit_test(operations_follow_the_formula),
        cmocka_unit_test(operations_of_rows_add_up),
        cmocka_unit_test(sizes_are_those_of_the_files),
        cmocka_unit_test(a_large_result_is_about_as_large_as_estimated),
        cmocka_unit_test(speed_and_memory_are_measured),
        cmocka_unit_test(memory_is_that_of_what_is_made),
        cmocka_unit_test(finished_parts_are_left_out),
        cmocka_unit_test(it_fails_where_the_run_would),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
