// asc_explain as a whole on good input: the result stands alone and is verified, its bits depend on nothing
// but what they may depend on, and every choice among the options means what it says.
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

static void usual_row(size_t row, run_row *out)
{
    run_row_usual(row, usual_features(row), out);
    out->truncated = row % 10 == 8 ? 3 : 0;
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

// ---- A good run -------------------------------------------------------------------------------------------

static void a_run_leaves_a_verified_result(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_verify_report report;
    asc_error err = {0};
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = 16;
    run_well(&job, &summary);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
    assert_int_equal(asc_result_verify(place.out, &report, &err), ASC_OK);
    assert_true(report.digest_matches);
    assert_int_equal(report.n_rows, N_ROWS);
    assert_int_equal(report.n_rows_with_status, 24);

    assert_false(summary.already_complete);
    assert_int_equal(summary.n_rows, N_ROWS);
    assert_int_equal(summary.n_rows_with_status[0], 6); // no features
    assert_int_equal(summary.n_rows_with_status[1], 6); // one feature
    assert_int_equal(summary.n_rows_with_status[2], 6); // truncated
    assert_int_equal(summary.n_rows_with_status[7], 6); // 32 evaluations for 20 features
    assert_int_equal(summary.n_unexplained, 0);
    assert_int_equal(summary.n_labelled, 40);
    assert_true(summary.n_correct > 0 && summary.n_correct < 40);
    assert_true(summary.max_residual > 0 && summary.max_residual < 1e-5);
    assert_true(summary.elapsed_s > 0 && summary.tokens > 4 * summary.evaluations);
    assert_string_equal(summary.backend, "cpu");

    run_result r = run_result_open(place.out);
    uint64_t evaluations = 0;
    size_t n_correct = 0;
    for (size_t row = 0; row < N_ROWS; row++) {
        const float *scores = r.rows->scores + row * 3;
        const size_t predicted = scores[1] > scores[0]   ? scores[2] > scores[1] ? 2 : 1
                                 : scores[2] > scores[0] ? 2
                                                         : 0;
        const size_t n = usual_features(row);
        const int64_t expected = n < 2 ? 0 : n > 5 ? 32 : n == 4 ? 14 : n == 3 ? 6 : 2;
        evaluations += (uint64_t)r.rows->evaluations[row];
        assert_int_equal(r.rows->evaluations[row], expected);
        assert_int_equal(run_result_features(&r, row), n);
        n_correct += row % 3 == 1 ? predicted == 0 : row % 3 == 2 ? predicted == 2 : 0;
    }
    assert_int_equal(evaluations, summary.evaluations);
    assert_int_equal(n_correct, summary.n_correct);
    assert_string_equal(r.info->method, "shapley");
    assert_string_equal(r.info->granularity, "word");
    assert_non_null(strstr(r.info->run, "\"command\":\"test\""));
    assert_int_equal(r.info->n_targets, 3);
    assert_string_equal(r.info->class_names[1], "neutral");
    run_result_close(&r);
}

static void the_same_run_again_is_already_complete(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_error err = {0};
    struct stat before, after;
    asc_explain_job job = run_job(&place, RUN_BERT);
    run_well(&job, NULL);
    assert_int_equal(stat(place.out, &before), 0);
    job.options.n_workers = 1;
    job.options.rows_per_part = 5;
    assert_int_equal(asc_explain(&job, &summary, &err), ASC_OK);
    assert_true(summary.already_complete);
    assert_int_equal(summary.n_rows, 0);
    assert_int_equal(summary.evaluations, 0);
    assert_int_equal(stat(place.out, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(temp_folder_count(place.out_folder), 1);

    job.options.force = true;
    run_well(&job, &summary);
    assert_false(summary.already_complete);
    assert_int_equal(summary.n_rows, N_ROWS);
    assert_int_equal(stat(place.out, &after), 0);
    assert_int_not_equal(after.st_ino, before.st_ino);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
}

static void speed_settings_do_not_change_a_bit(void **state)
{
    (void)state;
    static const struct {
        int n_workers;
        size_t step_tokens, rows_per_part;
    } settings[] = {{1, 0, 7}, {3, 64, 1}, {2, 5000, 60}, {4, 333, 59}, {0, 0, 0}};
    static const char *const models[] = {RUN_MINILM, RUN_BERT};
    for (size_t m = 0; m < 2; m++) {
        asc_explain_job job = run_job(&place, models[m]);
        job.options.force = true;
        run_well(&job, NULL);
        job.out_path = run_path(place.folder, "other.h5");
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
            job.options.n_workers = settings[i].n_workers;
            job.options.step_tokens = settings[i].step_tokens;
            job.options.rows_per_part = settings[i].rows_per_part;
            run_well(&job, NULL);
            assert_same_result(place.out, job.out_path);
        }
    }
}

static void chosen_rows_have_the_bits_of_the_whole_run(void **state)
{
    (void)state;
    static const int64_t choices[][2] = {{0, 1}, {11, 17}, {59, 1}, {30, -1}, {50, 1000}};
    asc_explain_job job = run_job(&place, RUN_MINILM);
    run_well(&job, NULL);
    run_result whole = run_result_open(place.out);
    job.out_path = run_path(place.folder, "chosen.h5");
    job.options.force = true;
    job.options.rows_per_part = 4;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const int64_t first = choices[i][0], count = choices[i][1] < 0 || choices[i][1] > N_ROWS - first
                                                         ? N_ROWS - first
                                                         : choices[i][1];
        job.options.first_row = first;
        job.options.n_rows = choices[i][1];
        run_well(&job, NULL);
        run_result chosen = run_result_open(job.out_path);
        assert_int_equal(chosen.info->n_rows, count);
        assert_int_equal(chosen.rows->position[0], first);
        assert_same_rows(&chosen, &whole, (size_t)first);
        assert_string_equal(chosen.rows->keys[0], whole.rows->keys[first]);
        assert_int_equal(chosen.rows->labels[count - 1], whole.rows->labels[first + count - 1]);
        assert_string_not_equal(chosen.info->manifest_hash, whole.info->manifest_hash);
        run_result_close(&chosen);
    }
    run_result_close(&whole);
}

static void assert_copied(hid_t data, hid_t result, const char *name)
{
    char *expected = NULL, *found = NULL;
    const size_t size = run_read_set(data, name, &expected);
    assert_true(size > 0);
    assert_int_equal(run_read_set(result, name, &found), size);
    assert_memory_equal(found, expected, size);
    free(found);
    free(expected);
}

static void the_result_stands_alone(void **state)
{
    (void)state;
    static const char *const always[] = {"rows/id",       "rows/key",      "features/offsets",
                                         "spans/begin",   "spans/end",     "spans/feature",
                                         "spans/offsets", "labels/values", "labels/names"};
    static const char *const texts[] = {"text/bytes", "text/offsets", "meta/group", "meta/city"};
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = 16;
    for (int keep_text = 1; keep_text >= 0; keep_text--) {
        job.options.keep_text = keep_text;
        job.options.force = true;
        run_well(&job, NULL);
        const hid_t data = H5Fopen(place.data, H5F_ACC_RDONLY, H5P_DEFAULT);
        const hid_t result = H5Fopen(place.out, H5F_ACC_RDONLY, H5P_DEFAULT);
        for (size_t i = 0; i < sizeof always / sizeof *always; i++)
            assert_copied(data, result, always[i]);
        for (size_t i = 0; keep_text && i < sizeof texts / sizeof *texts; i++)
            assert_copied(data, result, texts[i]);
        assert_int_equal(H5Lexists(result, "text", H5P_DEFAULT), keep_text);
        assert_int_equal(H5Lexists(result, "meta", H5P_DEFAULT), keep_text);
        H5Fclose(result);
        H5Fclose(data);
        run_result r = run_result_open(place.out);
        assert_int_equal(r.info->has_text, keep_text);
        assert_true(r.info->has_keys && r.info->has_labels);
        assert_string_equal(r.info->label_names[1], "positive");
        run_result_close(&r);
    }
}

static void parts_stay_when_asked_to(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = 16;
    job.options.keep_parts = true;
    run_well(&job, NULL);
    assert_int_equal(run_count_parts(&place), 4);
    assert_true(run_exists(run_path(place.parts, "part-00000003.part")));
}

// ---- Progress and messages --------------------------------------------------------------------------------

typedef struct listener {
    size_t n_calls, n_merging, rows_done;
    uint64_t evaluations_done, n_evaluations;
    double elapsed_s;
    bool steady;
    char warnings[1024];
} listener;

static void listen(void *user, const asc_progress *now)
{
    listener *l = user;
    const bool merging = strcmp(now->phase, "merging") == 0;
    l->steady = l->steady && now->rows_done >= l->rows_done && now->evaluations_done >= l->evaluations_done &&
                now->elapsed_s >= l->elapsed_s && now->n_rows == N_ROWS &&
                now->n_evaluations >= now->evaluations_done &&
                (l->n_evaluations == 0 || now->n_evaluations == l->n_evaluations) &&
                (merging || strcmp(now->phase, "explaining") == 0) && (merging || l->n_merging == 0);
    l->rows_done = now->rows_done;
    l->evaluations_done = now->evaluations_done;
    l->n_evaluations = now->n_evaluations;
    l->elapsed_s = now->elapsed_s;
    l->n_calls++;
    l->n_merging += merging;
}

static void remember(void *user, asc_log_level level, const char *message)
{
    listener *l = user;
    if (level == ASC_LOG_WARNING)
        snprintf(l->warnings + strlen(l->warnings), sizeof l->warnings - strlen(l->warnings), "%s\n",
                 message);
}

static void progress_and_warnings_arrive(void **state)
{
    (void)state;
    listener heard = {.steady = true};
    asc_explain_summary summary;
    asc_explain_job job = run_job(&place, RUN_MINILM);
    job.options.rows_per_part = 10; // all alike, so that the first tells how many evaluations there will be
    job.progress = listen;
    job.progress_user = &heard;
    job.log = (asc_log){remember, &heard};
    run_well(&job, &summary);
    assert_true(heard.steady);
    assert_true(heard.n_calls >= 8 && heard.n_merging == 1);
    assert_int_equal(heard.rows_done, N_ROWS);
    assert_int_equal(heard.evaluations_done, summary.evaluations);
    assert_int_equal(heard.n_evaluations, summary.evaluations);
    assert_non_null(strstr(heard.warnings, "taken as class indexes"));
    assert_non_null(strstr(heard.warnings, "fewer than 4 per feature"));
    assert_null(strstr(strstr(heard.warnings, "per feature") + 1, "per feature")); // once
    assert_int_equal(summary.n_labelled, 40);
}

// ---- What the options mean --------------------------------------------------------------------------------

typedef void change_options(asc_explain_options *options);

static run_result run_with(const char *model, const char *name, change_options *change)
{
    asc_explain_job job = run_job(&place, model);
    job.out_path = run_path(place.folder, name);
    change(&job.options);
    run_well(&job, NULL);
    return run_result_open(job.out_path);
}

static void choose_nothing(asc_explain_options *o) { (void)o; }
static void choose_exact(asc_explain_options *o) { o->estimator = "exact"; }
static void choose_kernelshap(asc_explain_options *o)
{
    o->method = "kernelshap";
    o->budget = "16n";
}
static void choose_exact_to_four(asc_explain_options *o)
{
    o->estimator = "exact";
    o->exact_limit = 4;
}
static void choose_occlusion(asc_explain_options *o) { o->method = "occlusion"; }
static void choose_probability(asc_explain_options *o) { o->output = "probability"; }
static void choose_logodds(asc_explain_options *o) { o->output = "logodds"; }
static void choose_predicted(asc_explain_options *o) { o->target = "predicted"; }
static void choose_label(asc_explain_options *o) { o->target = "label"; }
static void choose_names(asc_explain_options *o) { o->target = "Positive,0"; }
static void choose_mask(asc_explain_options *o) { o->policy = "mask"; }
static void choose_seed(asc_explain_options *o) { o->seed = 8; }
static void choose_reference(asc_explain_options *o)
{
    o->backend = "ref";
    o->budget = "8";
}
static void choose_little(asc_explain_options *o) { o->budget = "8"; }

static void assert_close(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("expected %.9g, found %.9g", expected, found);
}

// With two features i and j: shapley_i = ((v(all) - occlusion_j) - v(empty) + occlusion_i) / 2.
static void occlusion_agrees_with_shapley(void **state)
{
    (void)state;
    run_result shapley = run_with(RUN_BERT, "shapley.h5", choose_nothing),
               occlusion = run_with(RUN_BERT, "occlusion.h5", choose_occlusion);
    assert_string_equal(occlusion.info->method, "occlusion");
    assert_non_null(strstr(occlusion.info->manifest, "\"budget\":null"));
    assert_non_null(strstr(shapley.info->manifest, "\"budget\":32"));
    for (size_t row = 0; row < N_ROWS; row++) {
        assert_int_equal(occlusion.rows->evaluations[row], usual_features(row));
        for (size_t k = 0; k < 3; k++) {
            const double all = (double)shapley.rows->outputs[row * 3 + k],
                         empty = (double)shapley.rows->base_values[row * 3 + k];
            assert_close((double)occlusion.rows->outputs[row * 3 + k], all, 0);
            if (usual_features(row) == 1)
                assert_close((double)run_result_value(&occlusion, row, 0, k), all - empty, 1e-5);
            for (size_t f = 0; usual_features(row) == 2 && f < 2; f++)
                assert_close((double)run_result_value(&shapley, row, f, k),
                             (all - (double)run_result_value(&occlusion, row, 1 - f, k) - empty +
                              (double)run_result_value(&occlusion, row, f, k)) /
                                 2,
                             1e-5);
        }
    }
    run_result_close(&occlusion);
    run_result_close(&shapley);
}

static void estimators_differ_as_they_should(void **state)
{
    (void)state;
    run_result automatic = run_with(RUN_BERT, "auto.h5", choose_nothing),
               wls = run_with(RUN_BERT, "wls.h5", choose_kernelshap);
    run_result four = run_with(RUN_BERT, "four.h5", choose_exact_to_four),
               exact = run_with(RUN_BERT, "exact.h5", choose_exact);
    assert_string_equal(wls.info->method, "shapley");
    assert_string_equal(wls.info->estimator, "wls");
    assert_string_equal(exact.info->estimator, "exact");
    for (size_t row = 0; row < N_ROWS; row++) {
        const size_t n = usual_features(row);
        assert_int_equal(four.rows->status[row] & ASC_ROW_TOO_MANY_FEATURES,
                         n > 4 ? ASC_ROW_TOO_MANY_FEATURES : 0);
        assert_int_equal(exact.rows->status[row] & ASC_ROW_TOO_MANY_FEATURES,
                         n > 16 ? ASC_ROW_TOO_MANY_FEATURES : 0);
        for (size_t f = 0; f < n && n <= 4; f++) {
            assert_close((double)run_result_value(&automatic, row, f, 0),
                         (double)run_result_value(&exact, row, f, 0), 0);
            assert_close((double)run_result_value(&wls, row, f, 0),
                         (double)run_result_value(&exact, row, f, 0), 1e-5);
        }
        for (size_t f = 0; f < n && n == 9; f++) // 32 of 510 coalitions: near, and not the same
            assert_true(run_result_value(&automatic, row, f, 0) != run_result_value(&exact, row, f, 0));
        assert_true(n <= 4 || isnan(run_result_value(&four, row, 0, 0)));
    }
    run_result_close(&exact);
    run_result_close(&four);
    run_result_close(&wls);
    run_result_close(&automatic);
}

static void outputs_are_what_they_are_called(void **state)
{
    (void)state;
    run_result logit = run_with(RUN_BERT, "logit.h5", choose_nothing);
    run_result probability = run_with(RUN_BERT, "probability.h5", choose_probability);
    run_result logodds = run_with(RUN_BERT, "logodds.h5", choose_logodds);
    assert_string_equal(probability.info->output, "probability");
    assert_string_equal(logodds.info->output, "logodds");
    for (size_t row = 0; row < N_ROWS; row++) {
        const float *logits = logit.rows->outputs + row * 3, *scores = logit.rows->scores + row * 3;
        const double sum = exp((double)logits[0]) + exp((double)logits[1]) + exp((double)logits[2]);
        for (size_t k = 0; k < 3; k++) {
            const double p = exp((double)logits[k]) / sum;
            assert_close((double)scores[k], p, 1e-6);
            assert_close((double)probability.rows->outputs[row * 3 + k], p, 1e-6);
            assert_close((double)logodds.rows->outputs[row * 3 + k], log(p / (1 - p)), 1e-4);
        }
    }
    run_result_close(&logodds);
    run_result_close(&probability);
    run_result_close(&logit);
}

// One target's column must be the column of its class in a run of all classes, to the bit.
static void assert_column(const run_result *one, const run_result *all, size_t row, size_t k)
{
    const size_t n_targets = one->info->n_targets;
    const int32_t target = one->rows->targets[row * n_targets + k];
    assert_in_range(target, 0, 2);
    assert_memory_equal(&one->rows->outputs[row * n_targets + k],
                        &all->rows->outputs[row * 3 + (size_t)target], sizeof(float));
    for (size_t f = 0; f < usual_features(row); f++) {
        const float found = run_result_value(one, row, f, k),
                    expected = run_result_value(all, row, f, (size_t)target);
        assert_memory_equal(&found, &expected, sizeof found);
    }
}

static void targets_are_columns_of_the_whole(void **state)
{
    (void)state;
    run_result all = run_with(RUN_BERT, "all.h5", choose_nothing),
               predicted = run_with(RUN_BERT, "predicted.h5", choose_predicted);
    run_result label = run_with(RUN_BERT, "label.h5", choose_label),
               named = run_with(RUN_BERT, "named.h5", choose_names);
    assert_int_equal(predicted.info->n_targets, 1);
    assert_int_equal(named.info->n_targets, 2);
    for (size_t row = 0; row < N_ROWS; row++) {
        const float *scores = all.rows->scores + row * 3;
        for (size_t k = 0; k < 3; k++)
            assert_true(scores[k] <= scores[predicted.rows->targets[row]]);
        assert_column(&predicted, &all, row, 0);
        assert_int_equal(named.rows->targets[2 * row], 2);
        assert_int_equal(named.rows->targets[2 * row + 1], 0);
        assert_column(&named, &all, row, 0);
        assert_column(&named, &all, row, 1);
        assert_int_equal(label.rows->targets[row], row % 3 == 0 ? -1 : row % 3 == 1 ? 0 : 2);
        if (row % 3 != 0)
            assert_column(&label, &all, row, 0);
        else
            assert_true(isnan(label.rows->outputs[row]) && (label.rows->status[row] & ASC_ROW_NO_LABEL));
    }
    run_result_close(&named);
    run_result_close(&label);
    run_result_close(&predicted);
    run_result_close(&all);
}

// Row 2r + 1 is row 2r with every feature's tokens replaced by the mask token, and nothing to attribute.
static void masked_row(size_t row, run_row *out)
{
    run_row_usual(row / 2, 1 + row / 2 % 12, out);
    out->id = row;
    if (row % 2 == 0)
        return;
    for (size_t t = 1; t + 1 < out->n_tokens; t++) {
        out->tokens[t] = RUN_MASK;
        out->token_features[t] = -1;
    }
    out->n_features = 0;
}

static void the_mask_policy_replaces_tokens(void **state)
{
    (void)state;
    run_dataset_write(place.data, &(run_plan){.n_rows = 2 * 24, .make_row = masked_row});
    run_result mask = run_with(RUN_BERT, "mask.h5", choose_mask),
               removed = run_with(RUN_BERT, "removed.h5", choose_nothing);
    assert_string_equal(mask.info->policy, "mask");
    assert_non_null(strstr(mask.info->manifest, "\"mask_token_id\":4"));
    for (size_t row = 0; row < 2 * 24; row += 2)
        for (size_t k = 0; k < 3; k++) {
            const double base = (double)mask.rows->base_values[row * 3 + k];
            assert_close(base, (double)mask.rows->outputs[(row + 1) * 3 + k], 1e-6);
            assert_true(fabs(base - (double)removed.rows->base_values[row * 3 + k]) > 1e-4);
            assert_close((double)mask.rows->outputs[row * 3 + k], (double)removed.rows->outputs[row * 3 + k],
                         1e-5);
        }
    run_result_close(&removed);
    run_result_close(&mask);
}

static void seeds_and_backends_make_other_runs(void **state)
{
    (void)state;
    run_result seven = run_with(RUN_BERT, "seven.h5", choose_nothing),
               eight = run_with(RUN_BERT, "eight.h5", choose_seed);
    run_result cpu = run_with(RUN_BERT, "cpu.h5", choose_little),
               ref = run_with(RUN_BERT, "ref.h5", choose_reference);
    assert_string_not_equal(seven.info->manifest_hash, eight.info->manifest_hash);
    assert_string_not_equal(cpu.info->manifest_hash, ref.info->manifest_hash);
    for (size_t row = 0; row < N_ROWS; row++) {
        const size_t n = usual_features(row);
        size_t n_equal = 0;
        for (size_t f = 0; f < n; f++)
            n_equal += run_result_value(&seven, row, f, 1) == run_result_value(&eight, row, f, 1);
        assert_true(n <= 4 ? n_equal == n : n_equal <= 2); // exact rows know no seed, sampled ones do
        for (size_t f = 0; f < n; f++)
            assert_close((double)run_result_value(&ref, row, f, 1), (double)run_result_value(&cpu, row, f, 1),
                         2e-5);
    }
    run_result_close(&ref);
    run_result_close(&cpu);
    run_result_close(&eight);
    run_result_close(&seven);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_leaves_a_verified_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_run_again_is_already_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(speed_settings_do_not_change_a_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chosen_rows_have_the_bits_of_the_whole_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_result_stands_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_stay_when_asked_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(progress_and_warnings_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(occlusion_agrees_with_shapley, set_up, tear_down),
        cmocka_unit_test_setup_teardown(estimators_differ_as_they_should, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outputs_are_what_they_are_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(targets_are_columns_of_the_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_mask_policy_replaces_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seeds_and_backends_make_other_runs, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
