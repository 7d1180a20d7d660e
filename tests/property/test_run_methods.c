// What holds for every method whose rows draw designs of their own, as whole runs: the estimate is what is executed, bits depend neither on
// workers, steps and parts nor on an interruption, masks go out and come back to the same values. And what a run warns of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <signal.h>
#include <unistd.h>

enum { N_ROWS = 12, ROWS_PER_PART = 3 };

static run_place place;
static const size_t sizes[N_ROWS] = {4, 0, 9, 1, 7, 6, 2, 12, 5, 8, 3, 9};

static void usual_row(size_t row, run_row *out)
{
    run_row_usual(row, sizes[row], out);
}

static void rows_of_four(size_t row, run_row *out)
{
    run_row_usual(row, 4, out);
}

static void rows_of_eight(size_t row, run_row *out)
{
    run_row_usual(row, 8, out);
}

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    run_dataset_write(run_path(place.folder, "four.h5"), &(run_plan){.n_rows = 2, .make_row = rows_of_four});
    run_dataset_write(run_path(place.folder, "eight.h5"), &(run_plan){.n_rows = 2, .make_row = rows_of_eight});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

// ---- The properties of a run -------------------------------------------------------------------------------------

typedef struct setting {
    const char *method, *estimator, *l1_reg, *lime_selection;
    int lime_features;
    const char *policy, *output;
    bool replays; // takes masks from a file
} setting;

static const setting settings[] = {
    {"shapley", "shap", "off", "auto", 10, "remove", "logit", true},
    {"shapley", "shap", "num_features:3", "auto", 10, "mask", "logit", true},
    {"shapley", "permutation", "off", "auto", 10, "delete", "probability", false},
    {"lime", "auto", "off", "auto", 10, "delete", "probability", true},
    {"lime", "auto", "off", "lasso_path", 3, "remove", "logodds", true},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static asc_explain_job job_of(const setting *s)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.method = s->method;
    job.options.estimator = s->estimator;
    job.options.l1_reg = s->l1_reg;
    job.options.lime_selection = s->lime_selection;
    job.options.lime_features = s->lime_features;
    job.options.policy = s->policy;
    job.options.output = s->output;
    return job;
}

static void the_estimate_is_what_is_executed(const asc_explain_job *job, asc_explain_summary *summary)
{
    asc_explain_cost cost;
    asc_error err = {0};
    if (asc_explain_estimate(job, &cost, &err) != ASC_OK)
        fail_msg("%s (%s)", err.message, err.hint);
    run_well(job, summary);
    assert_true(cost.evaluations > 0 && cost.evaluations == summary->evaluations);
    assert_true(cost.tokens > 0 && cost.tokens == summary->tokens);
    assert_int_equal(summary->n_unexplained, 0);
    assert_int_equal(summary->n_rows, N_ROWS);
}

static void another_schedule_gives_the_same_bits(asc_explain_job job, const char *expected)
{
    static const struct {
        int n_workers;
        size_t step_tokens, rows_per_part;
    } schedules[] = {{1, 200, 5}, {3, 1500, 1}};
    job.out_path = place.out;
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
        job.options.n_workers = schedules[i].n_workers;
        job.options.step_tokens = schedules[i].step_tokens;
        job.options.rows_per_part = schedules[i].rows_per_part;
        run_well(&job, NULL);
        assert_same_result(expected, place.out);
        assert_int_equal(unlink(place.out), 0);
    }
}

static void die_after_two_parts(void *user, const asc_progress *now)
{
    (void)user;
    if (now->rows_done >= 2 * ROWS_PER_PART)
        raise(SIGKILL);
}

static void kill_later(asc_explain_job *job)
{
    job->progress = die_after_two_parts;
}

// The masks of the whole run are exported by the run that completes it.
static void an_interrupted_run_is_completed(asc_explain_job job, const char *expected, const char *masks, uint64_t evaluations)
{
    asc_explain_summary rest;
    job.out_path = place.out;
    job.options.rows_per_part = ROWS_PER_PART;
    job.options.export_masks = masks;
    const run_outcome found = run_in_child(&job, kill_later);
    assert_true(WIFSIGNALED(found.exit_facts) && WTERMSIG(found.exit_facts) == SIGKILL);
    assert_false(run_exists(place.out));
    assert_int_equal(run_count_parts(&place), 2);
    run_well(&job, &rest);
    assert_same_result(expected, place.out);
    assert_true(rest.evaluations > 0 && rest.evaluations < evaluations);
    assert_int_equal(unlink(place.out), 0);
}

static void exported_masks_give_the_same_values(asc_explain_job job, const char *expected, const char *masks)
{
    job.out_path = place.out;
    job.options.masks = masks;
    job.options.budget = "auto";
    job.options.seed = 4321; // draws nothing
    asc_explain_summary summary;
    the_estimate_is_what_is_executed(&job, &summary);
    run_result drawn = run_result_open(expected), replayed = run_result_open(place.out);
    assert_same_rows(&drawn, &replayed, 0);
    assert_int_equal(drawn.info->has_lime, strcmp(job.options.method, "lime") == 0);
    assert_int_equal(drawn.info->has_lime, replayed.info->has_lime);
    if (drawn.info->has_lime)
        assert_memory_equal(drawn.rows->lime, replayed.rows->lime, N_ROWS * 3 * drawn.info->n_targets * sizeof(float));
    run_result_close(&replayed);
    run_result_close(&drawn);
    assert_int_equal(unlink(place.out), 0);
}

static void runs_keep_their_promises(void **state)
{
    (void)state;
    char expected[TEMP_PATH_SIZE], masks[TEMP_PATH_SIZE];
    temp_folder_join(place.folder, "expected.h5", expected);
    temp_folder_join(place.folder, "masks.h5", masks);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        asc_explain_summary whole;
        asc_explain_job job = job_of(&settings[s]);
        job.out_path = expected;
        the_estimate_is_what_is_executed(&job, &whole);
        another_schedule_gives_the_same_bits(job, expected);
        an_interrupted_run_is_completed(job, expected, masks, whole.evaluations);
        if (settings[s].replays)
            exported_masks_give_the_same_values(job, expected, masks);
        assert_int_equal(unlink(masks), 0);
        assert_int_equal(unlink(expected), 0);
    }
}

// ---- Warnings ----------------------------------------------------------------------------------------------------

typedef struct warnings {
    size_t count;
    char text[2048]; // a line each
} warnings;

static void keep_warning(void *user, asc_log_level level, const char *message)
{
    warnings *w = user;
    if (level != ASC_LOG_WARNING)
        return;
    const size_t used = strlen(w->text);
    snprintf(w->text + used, sizeof w->text - used, "%s\n", message);
    w->count++;
}

typedef struct warned {
    const char *data, *method, *estimator, *budget;
    const char *words[2]; // of a warning each; NULL: no more
} warned;

static void assert_warns(asc_explain_job *job, const warned *expected)
{
    warnings found = {0};
    size_t n_expected = 0;
    job->log = (asc_log){keep_warning, &found};
    run_well(job, NULL);
    for (; n_expected < 2 && expected->words[n_expected]; n_expected++)
        if (!strstr(found.text, expected->words[n_expected]))
            fail_msg("%s, %s, %s: '%s' is missing in: %s", expected->method, expected->estimator, expected->budget,
                     expected->words[n_expected], found.text);
    if (found.count != n_expected)
        fail_msg("%s, %s, %s: expected %zu warnings, found: %s", expected->method, expected->estimator, expected->budget, n_expected,
                 found.text);
    assert_int_equal(unlink(job->out_path), 0);
}

static void budgets_are_warned_of_by_name(void **state)
{
    static const warned cases[] = {
        {"eight.h5", "shapley", "wls", "20", {"20 evaluations for 8 features are fewer than 4 per feature"}},
        {"eight.h5", "shapley", "wls", "32", {NULL}},
        {"four.h5", "shapley", "wls", "10", {"10 evaluations for 4 features"}},
        {"four.h5", "shapley", "wls", "14", {NULL}}, // all there are
        {"four.h5", "shapley", "wls", "100", {NULL}},
        {"four.h5", "shapley", "shap", "14", {NULL}},
        {"eight.h5", "shapley", "shap", "20", {"20 evaluations for 8 features"}},
        {"eight.h5", "lime", "auto", "10", {NULL}},
        {"eight.h5", "occlusion", "auto", "auto", {NULL}},
        {"eight.h5", "shapley", "permutation", "14", {"14 evaluations for 8 features"}},
        {"eight.h5", "shapley", "permutation", "13",
         {"--budget: 13 is less than one walk of permutation through 8 features: such rows spend the 14 ", "14 evaluations for 8 features"}},
        {"data.h5", "shapley", "permutation", "1n", {"--budget: 3 is less than one walk", " evaluations for "}},
        {"eight.h5", "shapley", "permutation", "auto", {NULL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        asc_explain_job job = run_job(&place, RUN_BERT);
        job.dataset_path = run_path(place.folder, cases[i].data);
        job.options.method = cases[i].method;
        job.options.estimator = cases[i].estimator;
        job.options.budget = cases[i].budget;
        assert_warns(&job, &cases[i]);
    }
}

static void few_imported_masks_are_warned_of(void **state)
{
    (void)state;
    const char *masks = run_path(place.folder, "few.h5");
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.dataset_path = run_path(place.folder, "eight.h5");
    job.options.estimator = "shap";
    job.options.budget = "20";
    job.options.export_masks = masks;
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    job.options.export_masks = NULL;
    job.options.masks = masks;
    job.options.budget = "auto";
    assert_warns(&job, &(warned){"eight.h5", "shapley", "shap", "masks", {"--masks: at most "}});
    job.options.method = "lime";
    job.options.estimator = "auto";
    assert_warns(&job, &(warned){"eight.h5", "lime", "auto", "masks", {NULL}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_keep_their_promises),
        cmocka_unit_test(budgets_are_warned_of_by_name),
        cmocka_unit_test(few_imported_masks_are_warned_of),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
