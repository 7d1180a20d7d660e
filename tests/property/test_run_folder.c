// The folder OUT.parts: run.json, which says what the run is, locks, and what is swept. A run of another configuration is told by every
// field; two processes never work at one thing unseen.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "explain/manifest.h"
#include "explain/run_folder.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "run_fixture.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { N_ROWS = 12, ROWS_PER_PART = 4, N_PARTS = 3 };

static run_place place;

static void usual_row(size_t row, run_row *out) { run_row_usual(row, 3 + row % 3, out); }

static asc_explain_job usual_job(void)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = ROWS_PER_PART;
    job.options.keep_parts = true;
    return job;
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

// ---- run.json ----------------------------------------------------------------------------------------------------

static void another_seed(asc_explain_job *job) { job->options.seed = 8; }
static void another_budget(asc_explain_job *job) { job->options.budget = "16"; }
static void another_precision(asc_explain_job *job) { job->options.backend = "ref"; }
static void another_model(asc_explain_job *job) { job->model_path = RUN_MINILM; }
static void another_target(asc_explain_job *job) { job->options.target = "1"; }
static void another_policy(asc_explain_job *job) { job->options.policy = "mask"; }
static void another_output(asc_explain_job *job) { job->options.output = "probability"; }
static void another_method(asc_explain_job *job) { job->options.method = "occlusion"; }
static void other_rows(asc_explain_job *job) { job->options.n_rows = 8; }
static void another_limit(asc_explain_job *job) { job->options.exact_limit = 3; }
static void other_savings(asc_explain_job *job) { job->options.savings = "none"; }
static void mixed(asc_explain_job *job) { job->options.allow_mixed = true; }

// Every field by its name, with both values.
static void what_differs_is_named(void **state)
{
    (void)state;
    static const struct {
        void (*change)(asc_explain_job *job);
        const char *first, *second;
    } cases[] = {
        {another_seed, "another run: seed: the run has 7, this command asks for 8", NULL},
        {another_budget, "budget: the run has 32, this command asks for 16", NULL},
        {another_precision, "backend: the run has cpu, this command asks for ref", "precision: the run has fp32, this command asks for fp64"},
        {another_model, "model.weights_sha256: the run has ", "model.config_sha256: the run has "},
        {another_target, "target: the run has all, this command asks for [1]", NULL},
        {another_policy, "policy: the run has remove, this command asks for mask", "mask_token_id: the run has -1, this command asks for 4"},
        {another_output, "output: the run has logit, this command asks for probability", NULL},
        {another_method, "budget: the run has 32, this command asks for nothing; method: the run has shapley, this command asks for occlusion", NULL},
        {other_rows, "dataset.n_rows: the run has 12, this command asks for 8", NULL},
        {another_limit, "exact_limit: the run has 16, this command asks for 3", NULL},
        {other_savings, "savings: the run has ", "this command asks for none"},
        {mixed, "kernel_set: the run has ", "this command asks for mixed"},
    };
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job = usual_job();
        cases[i].change(&job);
        assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){cases[i].first, cases[i].second, "--force"});
        assert_int_equal(run_count_parts(&place), N_PARTS);
    }
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row, .mask_token_id = 9});
    job = usual_job();
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"another run: dataset.sha256: the run has ", "this command asks for ", "--force"});
}

// The result of another configuration that stands at OUT is told in the same words.
static void what_differs_from_a_result_is_named(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    another_budget(&job);
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"another configuration: budget: it has 32, this command asks for 16", place.out, "--force"});
}

// Fields that only one of both has, values of any kind, and lists that do not fit.
static void differences_in_words(void **state)
{
    (void)state;
    char text[200];
    const manifest_pair one_sided = {"the run", "{\"a\":1,\"b\":{\"c\":true,\"d\":2}}", "{\"a\":1,\"b\":{\"c\":true},\"e\":[1,2]}", false};
    assert_int_equal(manifest_differences(&one_sided, text, sizeof text), 2);
    assert_string_equal(text, "b.d: the run has 2, this command asks for nothing; e: the run has nothing, this command asks for [1,2]");
    const manifest_pair open = {"the plan", "{\"a\":1}", "{\"a\":1,\"backend\":\"cpu\",\"kernel_set\":\"x\",\"savings\":\"all\",\"precision\":\"fp32\"}", true};
    assert_int_equal(manifest_differences(&open, text, sizeof text), 0);
    assert_int_equal(manifest_differences(&one_sided, text, 80), 2);
    assert_string_equal(text, "b.d: the run has 2, this command asks for nothing; ...");
    const manifest_pair no_manifest = {"the run", "damaged", "{}", false};
    assert_int_equal(manifest_differences(&no_manifest, text, sizeof text), 1);
}

static void write_text(const char *name, const char *text) { temp_file_write(run_path(place.parts, name), text, strlen(text)); }

static void a_record_that_is_no_record(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    size_t size = 0;
    char *text = (char *)temp_file_read(run_path(place.parts, "run.json"), &size);
    text[size] = '\0';
    char *letter = strstr(text, "\"class_names\":[\"");
    assert_non_null(letter);
    letter[sizeof "\"class_names\":[\"" - 1] ^= 1;
    write_text("run.json", text);
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){"run.json", "the checksum does not agree", "--force"});
    write_text("run.json", "{\"run_version\":2}");
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){"newer version of ascribe", "version 1, found 2", "--force"});
    write_text("run.json", "{\"run_version\":1,\"run_version\":1}");
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){"run.json", "no JSON object", "--force"});
    write_text("run.json", "[]");
    assert_refused(&place, &job, ASC_MALFORMED, (run_words){"run.json", "no JSON object", "--force"});
    free(text);
    job.options.force = true;
    job.options.keep_parts = false;
    run_well(&job, NULL);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
}

// ---- Parts that are not what they should be ----------------------------------------------------------------------

static void keep_warning(void *user, asc_log_level level, const char *message)
{
    char *kept = user;
    if (level == ASC_LOG_WARNING && strstr(message, ".part"))
        snprintf(kept, 1400, "%s", message);
}

static void a_damaged_part_is_set_aside(void **state)
{
    (void)state;
    char warning[1400] = "";
    asc_explain_summary summary;
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    assert_int_equal(truncate(run_path(place.parts, "part-00000001.part"), 500), 0);
    job.log = (asc_log){keep_warning, warning};
    run_well(&job, &summary);
    assert_non_null(strstr(warning, "the file is truncated; it is computed again"));
    assert_true(run_exists(run_path(place.parts, "part-00000001.part.bad")));
    assert_true(summary.merged);
    assert_int_equal(unlink(place.out), 0);
    job.options.keep_parts = false;
    run_well(&job, &summary);
    assert_int_equal(summary.evaluations, 0);
    assert_int_equal(temp_folder_count(place.out_folder), 1); // .bad is gone too
}

static void a_part_in_anothers_place_is_refused(void **state)
{
    (void)state;
    size_t size = 0;
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    uint8_t *bytes = temp_file_read(run_path(place.parts, "part-00000001.part"), &size);
    temp_file_write(run_path(place.parts, "part-00000002.part"), bytes, size);
    free(bytes);
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"part-00000002.part: expected part 2, found part 1", NULL, "remove this one"});
    assert_int_equal(unlink(run_path(place.parts, "part-00000002.part")), 0);
    run_well(&job, NULL);
}

// ---- Names and locks ---------------------------------------------------------------------------------------------

// A process of this host that has ended for certain.
static long dead_pid(void)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return (long)child;
}

// What is no longer written goes, what may be and what is not ours stays.
static void other_files_among_the_parts_stay(void **state)
{
    (void)state;
    char host[64] = "", names[10][160];
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        *c = isalnum((unsigned char)*c) ? *c : '-';
    snprintf(names[0], sizeof names[0], "part-00000007.part.%s.%ld.0123456789abcdef.tmp", host, dead_pid());
    snprintf(names[1], sizeof names[1], "result.%s.%ld.0123456789abcdef.tmp", host, dead_pid());
    snprintf(names[2], sizeof names[2], "part-00000007.part.elsewhere.12.0123456789abcdef.tmp");
    snprintf(names[3], sizeof names[3], "part-00000007.part.%s.%ld.0123456789abcdef.tmp", host, (long)getppid());
    static const char *const others[] = {"part-notes.txt", "part-00000001.part.old", "part-1.part", "part-000000001.part", "result.tmp",
                                         "result.12.0123456789abcdef.tmp"};
    for (size_t i = 0; i < 6; i++)
        snprintf(names[4 + i], sizeof names[0], "%s", others[i]);
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.keep_parts = true;
    assert_int_equal(mkdir(place.parts, 0777), 0);
    for (size_t i = 0; i < 10; i++)
        temp_file_write(run_path(place.parts, names[i]), "x", 1);
    run_well(&job, NULL);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(run_exists(run_path(place.parts, names[i])), i >= 3);
}

// Parts without run.json were written by something else.
static void parts_without_a_record_are_not_touched(void **state)
{
    (void)state;
    asc_explain_job job = run_job(&place, RUN_BERT);
    assert_int_equal(mkdir(place.parts, 0777), 0);
    temp_file_write(run_path(place.parts, "part-00000000.part"), "x", 1);
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"part-00000000.part but no run.json", "older version", "--force"});
    assert_true(run_exists(run_path(place.parts, "part-00000000.part")));
    job.options.force = true;
    run_well(&job, NULL);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
}

// A run that was killed after its result had its name has left parts: the same command removes them, if OUT is sound.
static void what_a_late_kill_left_is_removed(void **state)
{
    (void)state;
    asc_explain_summary summary;
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    job.options.keep_parts = false;
    run_well(&job, &summary);
    assert_true(summary.already_complete);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
}

static void the_one_at_work_is_named(void **state)
{
    (void)state;
    char who[64], text[160];
    asc_explain_job job = usual_job();
    run_well(&job, NULL);
    assert_int_equal(unlink(place.out), 0);
    const int folder = open(place.parts, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(folder, LOCK_SH), 0);
    snprintf(text, sizeof text, "{\"host\":\"node7\",\"pid\":%ld,\"job_id\":\"17_3\"}", (long)getppid());
    write_text("task-0003.lock", text);
    const int held = open(run_path(place.parts, "task-0003.lock"), O_RDONLY);
    assert_int_equal(flock(held, LOCK_EX), 0);
    snprintf(who, sizeof who, "task 3, pid %ld on host node7 (job 17_3)", (long)getppid());
    assert_refused(&place, &job, ASC_CANNOT_CREATE, (run_words){"another run that writes the same --out", who, "wait for that run"});
    close(held);
    close(folder);
    run_well(&job, NULL);
}

// As on a file system where the lock of a folder says nothing to other machines: the lock files alone are held.
static void a_lock_file_is_enough(void **state)
{
    (void)state;
    static const char *const names[] = {"task-0003.lock", "merge.lock"};
    asc_error err = {0};
    run_folder folder;
    assert_int_equal(mkdir(place.parts, 0777), 0);
    for (size_t i = 0; i < 2; i++) {
        write_text(names[i], i ? "" : "{\"host\":\"node7\",\"pid\":12}");
        const int held = open(run_path(place.parts, names[i]), O_RDONLY);
        assert_int_equal(flock(held, LOCK_EX), 0);
        for (run_role role = RUN_ROLE_ALONE; role <= RUN_ROLE_MERGE; role++) {
            const run_claim claim = {.role = role, .task = 1};
            if (i == 1 && role == RUN_ROLE_MERGE)
                continue; // that very lock
            const bool goes_together = i == 0 && role == RUN_ROLE_TASK;
            assert_int_equal(run_folder_name(place.out, &folder, &err), ASC_OK);
            const asc_status status = run_folder_take(&folder, &claim, &err);
            if (goes_together)
                assert_int_equal(status, ASC_OK);
            else
                assert_error(&err, status, ASC_CANNOT_CREATE,
                             (run_words){"another run that writes the same --out", i ? "" : ": task 3, pid 12 on host node7", "wait for that run"});
            run_folder_free(&folder);
            assert_true(run_exists(run_path(place.parts, names[i])));
        }
        close(held);
        assert_int_equal(unlink(run_path(place.parts, names[i])), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_differs_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_differs_from_a_result_is_named, set_up, tear_down),
        cmocka_unit_test(differences_in_words),
        cmocka_unit_test_setup_teardown(a_record_that_is_no_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_part_is_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_part_in_anothers_place_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files_among_the_parts_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_without_a_record_are_not_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_late_kill_left_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_one_at_work_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_file_is_enough, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
