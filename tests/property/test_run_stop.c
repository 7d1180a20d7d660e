// Runs that are asked to stop, at every kind of moment: they return ASC_STOPPED, leave nothing half-written, and the same job completes
// with the bits of an undisturbed run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <dirent.h>
#include <stdatomic.h>
#include <unistd.h>

enum { N_ROWS = 32, ROWS_PER_PART = 4 };

static run_place place;
static char expected[TEMP_PATH_SIZE]; // the result of an undisturbed run

// Says stop from its `at`-th question on, or once a phase was reported, or a file is there, or one in the folder of parts that begins so.
typedef struct asker {
    atomic_size_t n_questions;
    size_t at;
    const char *phase, *path, *beginning; // NULL: none
    atomic_bool in_phase;
} asker;

static bool part_folder_has(const char *beginning)
{
    bool found = false;
    DIR *folder = opendir(place.parts);
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder))
        found = found || strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    if (folder)
        closedir(folder);
    return found;
}

static int ask(void *user)
{
    asker *a = user;
    const size_t number = atomic_fetch_add(&a->n_questions, 1) + 1;
    if (a->path)
        return run_exists(a->path);
    if (a->beginning)
        return part_folder_has(a->beginning);
    return a->phase ? atomic_load(&a->in_phase) : number >= a->at;
}

static void watch(void *user, const asc_progress *now)
{
    asker *a = user;
    if (a->phase && strcmp(now->phase, a->phase) == 0)
        atomic_store(&a->in_phase, true);
}

static asc_explain_job job_with(asker *a)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = ROWS_PER_PART;
    job.should_stop = ask;
    job.stop_user = a;
    job.progress = watch;
    job.progress_user = a;
    return job;
}

static void usual_row(size_t row, run_row *out) { run_row_usual(row, 6 + row % 3, out); }

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    temp_folder_join(place.folder, "expected.h5", expected);
    asc_explain_job job = job_with(&(asker){.at = SIZE_MAX});
    job.out_path = expected;
    run_well(&job, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

static void assert_no_leftovers(const char *path)
{
    DIR *folder = opendir(path);
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder))
        if (strstr(entry->d_name, ".tmp"))
            fail_msg("%s was left behind", entry->d_name);
    if (folder)
        closedir(folder);
}

static void assert_stops(const asc_explain_job *job)
{
    asc_explain_summary summary;
    asc_error err = {0};
    const asc_status status = asc_explain(job, &summary, &err);
    assert_error(&err, status, ASC_STOPPED, (run_words){"stopped", NULL, "the same command"});
    assert_no_leftovers(place.parts);
    assert_no_leftovers(place.out_folder);
}

static void assert_completes(void)
{
    asker never = {.at = SIZE_MAX};
    const asc_explain_job job = job_with(&never);
    run_well(&job, NULL);
    assert_same_result(expected, place.out);
    assert_int_equal(unlink(place.out), 0);
}

// Every one of the first questions, then ever fewer. A busy machine asks more often than a quiet one, since children are waited for by time:
// the last half is left to the tests below.
static void any_question_may_stop_it(void **state)
{
    (void)state;
    asker counter = {.at = SIZE_MAX};
    const asc_explain_job whole = job_with(&counter);
    run_well(&whole, NULL);
    assert_int_equal(unlink(place.out), 0);
    const size_t n_questions = counter.n_questions;
    assert_true(n_questions > 200);
    for (size_t at = 1; at < n_questions / 2; at = at < 8 ? at + 1 : at + at / 3) {
        asker a = {.at = at};
        const asc_explain_job job = job_with(&a);
        assert_stops(&job);
        assert_false(run_exists(place.out));
        assert_true(a.n_questions < at + 64); // it is not asked on and on
        assert_completes();
    }
}

static void a_merge_is_stopped(void **state)
{
    (void)state;
    asker a = {.phase = "merging"};
    const asc_explain_job job = job_with(&a);
    assert_stops(&job);
    assert_false(run_exists(place.out));
    assert_completes();
}

static void a_merge_that_has_begun_to_write_is_stopped(void **state)
{
    (void)state;
    asker a = {.beginning = "result"};
    const asc_explain_job job = job_with(&a);
    assert_stops(&job);
    assert_false(run_exists(place.out));
    assert_completes();
}

// The part under way is dropped, those before it are taken over.
static void finished_parts_are_kept(void **state)
{
    (void)state;
    asker counter = {.at = SIZE_MAX};
    asc_explain_summary summary;
    const asc_explain_job whole = job_with(&counter);
    run_well(&whole, &summary);
    const uint64_t all = summary.evaluations;
    assert_int_equal(unlink(place.out), 0);
    asker late = {.at = counter.n_questions / 2}, never = {.at = SIZE_MAX};
    const asc_explain_job stopped = job_with(&late), job = job_with(&never);
    assert_stops(&stopped);
    run_well(&job, &summary);
    assert_in_range(summary.evaluations, 1, all - 1);
    assert_int_equal(unlink(place.out), 0);
}

static void an_estimate_is_stopped(void **state)
{
    (void)state;
    asker counter = {.at = SIZE_MAX};
    asc_explain_cost cost;
    asc_error err = {0};
    asc_explain_job job = job_with(&counter);
    assert_int_equal(asc_explain_estimate(&job, &cost, &err), ASC_OK);
    const size_t n_questions = counter.n_questions;
    for (size_t at = 1; at < n_questions; at = at < 4 ? at + 1 : 2 * at) {
        asker a = {.at = at};
        job.stop_user = &a;
        assert_int_equal(asc_explain_estimate(&job, &cost, &err), ASC_STOPPED);
    }
}

static void exported_masks_are_stopped(void **state)
{
    (void)state;
    char masks[TEMP_PATH_SIZE];
    temp_folder_join(place.out_folder, "masks.h5", masks);
    asker late = {.path = place.out}, never = {.at = SIZE_MAX};
    asc_explain_job job = job_with(&late);
    job.options.estimator = "permutation";
    job.options.export_masks = masks;
    assert_stops(&job);
    assert_true(run_exists(place.out)); // the result was finished before
    assert_false(run_exists(masks));
    job.stop_user = &never;
    run_well(&job, NULL);
    assert_true(run_exists(masks));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_question_may_stop_it),
        cmocka_unit_test(a_merge_is_stopped),
        cmocka_unit_test(a_merge_that_has_begun_to_write_is_stopped),
        cmocka_unit_test(finished_parts_are_kept),
        cmocka_unit_test(an_estimate_is_stopped),
        cmocka_unit_test(exported_masks_are_stopped),
    };
    return cmocka_run_group_tests_name("run_stop", tests, set_up, tear_down);
}
