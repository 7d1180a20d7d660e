// Plans: whatever the number of tasks and their order, the merged result is that of a plain run, bit for bit; and nothing that is missing,
// damaged or foreign is ever merged.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/durable.h"
#include "io/part.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "run_fixture.h"

#include <ascribe/plan.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { N_ROWS = 48 };

static run_place place;
static char expected[TEMP_PATH_SIZE], plan_path[TEMP_PATH_SIZE];

// Rows from 2 to 12 features: what they cost differs by far.
static void uneven_row(size_t row, run_row *out) { run_row_usual(row, 2 + (row * row) % 11, out); }

static asc_explain_job usual_job(void) { return run_job(&place, RUN_BERT); }

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = uneven_row});
    temp_folder_join(place.folder, "expected.h5", expected);
    temp_folder_join(place.folder, "plan.json", plan_path);
    asc_explain_job job = usual_job();
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

static asc_plan *make_plan(const asc_explain_job *job, size_t n_tasks)
{
    asc_error err = {0};
    asc_plan *plan = NULL;
    unlink(plan_path);
    if (asc_plan_make(job, n_tasks, plan_path, &err) != ASC_OK || asc_plan_open(plan_path, &plan, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return plan;
}

static asc_explain_job task_job(const asc_plan *plan, size_t task)
{
    asc_error err = {0};
    asc_explain_job job;
    assert_int_equal(asc_plan_job(plan, task, &job, &err), ASC_OK);
    job.options.n_workers = 1;
    return job;
}

static asc_explain_summary run_task(const asc_plan *plan, size_t task)
{
    asc_error err = {0};
    asc_explain_summary summary;
    const asc_explain_job job = task_job(plan, task);
    if (asc_explain(&job, &summary, &err) != ASC_OK)
        fail_msg("task %zu: %s", task, err.message);
    assert_false(summary.merged);
    return summary;
}

static void merge_well(asc_merge_job job, bool was_complete)
{
    asc_error err = {0};
    asc_merge_summary summary;
    if (asc_merge(&job, &summary, &err) != ASC_OK)
        fail_msg("%s (%s)", err.message, err.hint);
    assert_int_equal(summary.already_complete, was_complete);
    if (!was_complete) {
        assert_int_equal(summary.n_rows, N_ROWS);
        assert_true(summary.n_parts > 0 && summary.n_values > 0 && summary.bytes_read > 0 && summary.bytes_written > 0);
    }
    assert_same_result(expected, job.out_path ? job.out_path : place.out);
}

static void assert_merge_refused(asc_status status, run_words words)
{
    asc_error err = {0};
    asc_merge_summary summary;
    const asc_merge_job job = {.run_path = plan_path};
    assert_error(&err, asc_merge(&job, &summary, &err), status, words);
    assert_false(run_exists(place.out));
}

// ---- The same bits -----------------------------------------------------------------------------------------------

static void any_number_of_tasks_in_any_order(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 3, 7}, steps[] = {1, 2, 3};
    for (size_t i = 0; i < 3; i++) {
        const asc_explain_job job = usual_job();
        asc_plan *plan = make_plan(&job, counts[i]);
        const asc_plan_info *info = asc_plan_describe(plan);
        size_t n_rows = 0;
        assert_int_equal(info->n_tasks, counts[i]);
        assert_int_equal(info->n_rows, N_ROWS);
        assert_true(counts[i] == 1 || info->n_parts >= 4 * counts[i] - counts[i]);
        for (size_t n = 0; n < counts[i]; n++)
            n_rows += run_task(plan, (n * steps[i] + 1) % counts[i]).n_rows;
        assert_int_equal(n_rows, N_ROWS);
        merge_well((asc_merge_job){.run_path = plan_path}, false);
        assert_int_equal(temp_folder_count(place.out_folder), 1);
        merge_well((asc_merge_job){.run_path = plan_path}, true); // OUT alone says that it is done
        asc_plan_close(plan);
        assert_int_equal(unlink(place.out), 0);
    }
}

// Every task has about as much to do: no task's work exceeds its share by more than a part, which is a quarter of one, and the largest row.
static void tasks_are_even(void **state)
{
    (void)state;
    uint64_t sum = 0, most = 0;
    asc_explain_job job = usual_job();
    job.options.savings = "none";
    asc_plan *plan = make_plan(&job, 4);
    for (size_t task = 0; task < 4; task++) {
        const asc_explain_summary done = run_task(plan, task);
        sum += done.tokens;
        most = done.tokens > most ? done.tokens : most;
    }
    assert_true(most < sum / 4 + sum / 8);
    asc_plan_close(plan);
}

static void a_task_goes_on_where_it_ended(void **state)
{
    (void)state;
    const asc_explain_job job = usual_job();
    asc_plan *plan = make_plan(&job, 2);
    const asc_explain_summary first = run_task(plan, 1), again = run_task(plan, 1);
    assert_true(first.evaluations > 0 && again.evaluations == 0);
    assert_int_equal(again.n_rows, first.n_rows);
    // A plain run of the same job takes the rest, and knows the plan's division.
    asc_explain_summary rest;
    run_well(&job, &rest);
    assert_same_result(expected, place.out);
    assert_int_equal(rest.n_rows, N_ROWS);
    assert_int_equal(run_task(plan, 0).n_rows, 0); // complete already
    asc_plan_close(plan);
}

static void more_tasks_than_rows(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    job.options.n_rows = 3;
    asc_plan *plan = make_plan(&job, 10);
    assert_int_equal(asc_plan_describe(plan)->n_tasks, 3);
    asc_plan_close(plan);
}

// What stands at OUT is replaced by force alone; it does not stop the tasks.
static void an_out_that_is_something_else(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_merge_summary summary;
    const asc_explain_job job = usual_job();
    asc_plan *plan = make_plan(&job, 2);
    asc_merge_job merge = {.run_path = plan_path};
    temp_file_write(place.out, "precious", 8);
    for (size_t task = 0; task < 2; task++)
        (void)run_task(plan, task);
    assert_error(&err, asc_merge(&merge, &summary, &err), ASC_CANNOT_CREATE, (run_words){place.out, "not a result", "--force"});
    merge.force = true;
    merge_well(merge, false);
    assert_error(&err, asc_plan_make(&job, 2, run_path(place.folder, "other.json"), &err), ASC_CANNOT_CREATE,
                 (run_words){place.out, "exists", "another --out"});
    asc_plan_close(plan);
}

// Copies elsewhere are as good, by their hashes; the merge too may be told where things are.
static void things_may_lie_elsewhere(void **state)
{
    (void)state;
    char copy[TEMP_PATH_SIZE], elsewhere[TEMP_PATH_SIZE];
    const asc_explain_job whole = usual_job();
    asc_plan *plan = make_plan(&whole, 2);
    asc_error err = {0};
    asc_explain_summary summary;
    temp_folder_join(place.folder, "copy.h5", copy);
    temp_folder_join(place.folder, "elsewhere.h5", elsewhere);
    assert_int_equal(rename(place.data, copy), 0);
    for (size_t task = 0; task < 2; task++) {
        asc_explain_job job = task_job(plan, task);
        job.dataset_path = copy;
        assert_int_equal(asc_explain(&job, &summary, &err), ASC_OK);
    }
    asc_merge_job merge = {.run_path = place.parts, .out_path = elsewhere, .dataset_path = copy, .keep_parts = true};
    merge_well(merge, false);
    merge_well(merge, true);
    assert_true(run_exists(place.parts));
    merge.out_path = NULL;
    merge_well(merge, false);
    merge.keep_parts = false;
    merge_well(merge, true);
    assert_false(run_exists(place.parts));
    asc_plan_close(plan);
}

// ---- What is refused ---------------------------------------------------------------------------------------------

static void plans_that_cannot_be(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_explain_job job = usual_job();
    asc_plan *plan = make_plan(&job, 2);
    assert_error(&err, asc_plan_make(&job, 2, plan_path, &err), ASC_CANNOT_CREATE, (run_words){plan_path, "exists", "--force"});
    assert_error(&err, asc_plan_job(plan, 2, &job, &err), ASC_USAGE, (run_words){"--task 2", "tasks 0 to 1", NULL});
    job = usual_job();
    assert_error(&err, asc_plan_make(&job, 0, place.out, &err), ASC_USAGE, (run_words){"--tasks is 0", "1 to 65536", NULL});
    job.options.backend = "tpu";
    assert_error(&err, asc_plan_make(&job, 2, place.out, &err), ASC_USAGE, (run_words){"--backend 'tpu'", NULL, NULL});
    job.options.backend = "cuda"; // whether there is one, the first task finds out
    job.options.precision = "fp16";
    job.options.force = true;
    assert_int_equal(asc_plan_make(&job, 2, plan_path, &err), ASC_OK);
    asc_plan *open_plan = NULL;
    assert_int_equal(asc_plan_open(place.data, &open_plan, &err), ASC_MALFORMED);
    assert_int_equal(asc_plan_open("nowhere", &open_plan, &err), ASC_NOT_FOUND);
    size_t size = 0;
    uint8_t *bytes = temp_file_read(plan_path, &size);
    for (size_t at = 0; at < size; at++) {
        const uint8_t before = bytes[at];
        bytes[at] = before == '1' ? '2' : '1';
        temp_file_write(plan_path, bytes, size);
        assert_int_equal(asc_plan_open(plan_path, &open_plan, &err), ASC_MALFORMED);
        bytes[at] = before;
    }
    free(bytes);
    asc_plan_close(plan);
}

static void tasks_that_are_not_the_plans(void **state)
{
    (void)state;
    asc_explain_job whole = usual_job();
    whole.options.backend = "cpu";
    asc_plan *plan = make_plan(&whole, 2);
    asc_explain_job job = task_job(plan, 0);
    job.options.backend = "ref";
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"backend: the plan has cpu, this command asks for ref", NULL, NULL});
    job = task_job(plan, 0);
    job.options.seed = 8;
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"seed: the plan has 7, this command asks for 8", NULL, "a new plan"});
    job = task_job(plan, 0);
    job.options.allow_mixed = true;
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"--allow-mixed", "without it", NULL});
    job = task_job(plan, 0);
    job.task = 2;
    assert_refused(&place, &job, ASC_USAGE, (run_words){"tasks 0 to 1", NULL, NULL});
    job = task_job(plan, 0);
    job.options.force = true;
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--force", "task of a plan", NULL});
    job = task_job(plan, 0);
    job.model_path = RUN_MINILM;
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"model.weights_sha256: the plan has", NULL, "a new plan"});
    // Another division of the same rows.
    (void)run_task(plan, 0);
    asc_plan_close(plan);
    whole.options.force = true;
    plan = make_plan(&whole, 3);
    job = task_job(plan, 1);
    assert_refused(&place, &job, ASC_DIFFERENT_RUN, (run_words){"is divided into", "the plan into", "the command that began it"});
    asc_plan_close(plan);
}

static void one_process_for_a_task(void **state)
{
    (void)state;
    asc_error err = {0};
    const asc_explain_job whole = usual_job();
    asc_plan *plan = make_plan(&whole, 2);
    (void)run_task(plan, 0);
    const char *const text = "{\"host\":\"node7\",\"pid\":123,\"job_id\":\"17_3\"}";
    temp_file_write(run_path(place.parts, "task-0001.lock"), text, strlen(text));
    const int folder = open(place.parts, O_RDONLY | O_DIRECTORY), held = open(run_path(place.parts, "task-0001.lock"), O_RDONLY);
    assert_int_equal(flock(folder, LOCK_SH), 0);
    assert_int_equal(flock(held, LOCK_EX), 0);
    const asc_explain_job job = task_job(plan, 1);
    assert_refused(&place, &job, ASC_CANNOT_CREATE,
                   (run_words){"task 1 is being worked on by pid 123 on host node7 (job 17_3)", NULL, "wait until it ends"});
    assert_merge_refused(ASC_CANNOT_CREATE, (run_words){"in use", "task 1, pid 123 on host node7 (job 17_3)", "wait for that run"});
    assert_int_equal(run_task(plan, 0).evaluations, 0); // the other task is free
    close(held);
    close(folder);
    (void)run_task(plan, 1);
    merge_well((asc_merge_job){.run_path = plan_path}, false);
    assert_int_equal(asc_merge(&(asc_merge_job){0}, &(asc_merge_summary){0}, &err), ASC_USAGE);
    asc_plan_close(plan);
}

// ---- Parts -------------------------------------------------------------------------------------------------------

typedef struct finding_list {
    char text[2000];
} finding_list;

static void keep_finding(void *user, asc_part_state state, const char *path, const char *why)
{
    finding_list *list = user;
    const size_t used = strlen(list->text);
    snprintf(list->text + used, sizeof list->text - used, "%s %s: %s\n", asc_part_state_name(state), strrchr(path, '/') + 1, why);
}

static asc_status check_parts(finding_list *list, asc_parts_report *report)
{
    asc_error err = {0};
    *list = (finding_list){""};
    return asc_parts_check(plan_path, keep_finding, list, report, &err);
}

static const char *part(size_t index)
{
    char name[64];
    snprintf(name, sizeof name, "part-%08zu.part", index);
    return run_path(place.parts, name);
}

static void copy_part(size_t from, size_t to)
{
    size_t size = 0;
    uint8_t *bytes = temp_file_read(part(from), &size);
    temp_file_write(part(to), bytes, size);
    free(bytes);
}

static void nothing_wrong_is_merged(void **state)
{
    (void)state;
    finding_list list;
    asc_parts_report report;
    const asc_explain_job whole = usual_job();
    asc_plan *plan = make_plan(&whole, 3);
    const size_t last = asc_plan_describe(plan)->n_parts - 1;
    assert_merge_refused(ASC_FAILED_CHECK, (run_words){"no task has begun", NULL, NULL});
    (void)run_task(plan, 0);
    assert_merge_refused(ASC_FAILED_CHECK, (run_words){"parts are missing or wrong", "(missing)", "run tasks 1,2 again"});
    (void)run_task(plan, 1);
    (void)run_task(plan, 2);
    assert_int_equal(check_parts(&list, &report), ASC_OK);
    assert_int_equal(report.n_with_state[ASC_PART_PRESENT], last + 1);
    assert_int_equal(report.n_rows_present, N_ROWS);
    assert_true(report.max_residual >= 0 && report.max_residual < 1e-4);
    assert_string_equal(report.backend, "cpu");
    assert_string_equal(list.text, "");

    copy_part(0, last); // a part twice, the last one not at all; and one too many
    copy_part(0, last + 1);
    assert_merge_refused(ASC_FAILED_CHECK, (run_words){"2 of", "(foreign)", "run task 2 again"});
    assert_int_equal(check_parts(&list, &report), ASC_FAILED_CHECK);
    assert_int_equal(report.n_with_state[ASC_PART_FOREIGN], 2);
    assert_non_null(strstr(list.text, "found part 0: the file was renamed or copied"));
    assert_non_null(strstr(list.text, "the run has no part of this number"));
    assert_int_equal(unlink(part(last + 1)), 0);
    assert_int_equal(unlink(part(last)), 0);
    (void)run_task(plan, 2);

    // A flipped bit far inside is found when the part is read, a cut by its length; all are named, not the first alone.
    size_t size = 0;
    uint8_t *bytes = temp_file_read(part(1), &size);
    bytes[size - 60] ^= 4;
    temp_file_write(part(1), bytes, size);
    free(bytes);
    bytes = temp_file_read(part(last), &size);
    bytes[size - 60] ^= 4;
    temp_file_write(part(last), bytes, size);
    free(bytes);
    assert_merge_refused(ASC_FAILED_CHECK, (run_words){"2 of", "part-00000001.part (damaged), part-", "run tasks 0,2 again"});
    assert_int_equal(truncate(part(last), 100), 0);
    temp_file_write(run_path(place.parts, "part-00000000.part.elsewhere.12.0123456789abcdef.tmp"), "x", 1);
    assert_int_equal(check_parts(&list, &report), ASC_FAILED_CHECK);
    assert_int_equal(report.n_with_state[ASC_PART_DAMAGED], 2);
    assert_int_equal(report.n_with_state[ASC_PART_UNFINISHED], 1);
    (void)run_task(plan, 0);
    (void)run_task(plan, 2);
    assert_int_equal(check_parts(&list, &report), ASC_OK);
    assert_int_equal(report.n_with_state[ASC_PART_SET_ASIDE], 2);
    merge_well((asc_merge_job){.run_path = plan_path}, false);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
    asc_plan_close(plan);
}

// The part again, said to be computed by another kernel set.
static void rewrite_part(size_t index, const char *kernel_set)
{
    asc_error err = {0};
    part_reader *reader = NULL;
    part_writer *writer = NULL;
    assert_int_equal(part_open(part(index), NULL, &reader, &err), ASC_OK);
    part_header header = *part_reader_header(reader);
    snprintf(header.kernel_set, sizeof header.kernel_set, "%s", kernel_set);
    assert_int_equal(part_create(&header, &writer, &err), ASC_OK);
    for (size_t row = 0; row < (size_t)header.n_rows; row++) {
        const part_row found = part_read(reader, row);
        assert_int_equal(part_append(writer, &found, &err), ASC_OK);
    }
    assert_int_equal(part_commit(writer, part(index), &err), ASC_OK);
    part_close(reader);
}

static void kernel_sets_are_mixed_only_where_allowed(void **state)
{
    (void)state;
    finding_list list;
    asc_parts_report report;
    for (int allowed = 0; allowed <= 1; allowed++) {
        asc_explain_job whole = usual_job();
        whole.options.allow_mixed = allowed;
        asc_plan *plan = make_plan(&whole, 1);
        (void)run_task(plan, 0);
        rewrite_part(0, "loops of another machine");
        assert_int_equal(check_parts(&list, &report), allowed ? ASC_OK : ASC_FAILED_CHECK);
        assert_int_equal(strstr(report.kernel_sets, "loops of another machine") != NULL, allowed);
        if (!allowed) {
            assert_non_null(strstr(list.text, "found one by 'loops of another machine'"));
            assert_merge_refused(ASC_FAILED_CHECK, (run_words){"part-00000000.part (foreign)", NULL, "again"});
            temp_folder_remove(place.parts);
        }
        asc_plan_close(plan);
    }
    asc_error err = {0};
    asc_merge_summary summary;
    const asc_merge_job job = {.run_path = plan_path};
    assert_int_equal(asc_merge(&job, &summary, &err), ASC_OK);
    run_result r = run_result_open(place.out);
    assert_non_null(strstr(r.info->manifest, "\"kernel_set\":\"mixed\""));
    assert_non_null(strstr(r.info->run, "loops of another machine"));
    run_result_close(&r);
}

// ---- Where a run stands ------------------------------------------------------------------------------------------

static asc_run_status status_of(const char *path)
{
    asc_error err = {0};
    asc_run_status status;
    if (asc_run_status_read(path, &status, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return status;
}

// Task 2 as a process of this machine tells of it: at work while its lock is held, no longer.
static void killed_here(void)
{
    char host[DURABLE_HOST_SIZE], text[300];
    durable_host(host);
    const int length = snprintf(text, sizeof text, "{\"state\":\"working\",\"host\":\"%s\",\"pid\":5,\"rows_per_s\":4.0}", host);
    temp_file_write(run_path(place.parts, "progress-0002.json"), text, (size_t)length);
    const char *lock_path = run_path(place.parts, "task-0002.lock");
    temp_file_write(lock_path, "", 0);
    const int lock = open(lock_path, O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    asc_run_status status = status_of(plan_path);
    assert_int_equal(status.tasks[2].state, ASC_TASK_RUNNING);
    asc_run_status_free(&status);
    close(lock);
    status = status_of(plan_path);
    assert_int_equal(status.tasks[2].state, ASC_TASK_STOPPED);
    asc_run_status_free(&status);
    unlink(run_path(place.parts, "task-0002.lock"));
}

static void where_a_run_stands(void **state)
{
    (void)state;
    asc_error err = {0};
    const asc_explain_job whole = usual_job();
    asc_plan *plan = make_plan(&whole, 3);
    asc_run_status status = status_of(plan_path);
    assert_int_equal(status.n_tasks_with_state[ASC_TASK_WAITING], 3);
    assert_int_equal(status.n_rows, N_ROWS);
    asc_run_status_free(&status);
    assert_int_equal(asc_run_status_read(place.parts, &status, &err), ASC_NOT_FOUND);

    const size_t n_rows = run_task(plan, 1).n_rows;
    static const char working[] = "{\"progress_version\":1,\"state\":\"working\",\"host\":\"node7\",\"pid\":5,\"job_id\":\"17_2\","
                                  "\"rows_per_s\":4.0,\"remaining_s\":9.0}";
    temp_file_write(run_path(place.parts, "progress-0002.json"), working, sizeof working - 1);
    status = status_of(plan_path);
    assert_int_equal(status.tasks[0].state, ASC_TASK_WAITING);
    assert_int_equal(status.tasks[1].state, ASC_TASK_DONE);
    assert_int_equal(status.tasks[1].n_rows_done, n_rows);
    assert_int_equal(status.tasks[1].pid, getpid());
    assert_int_equal(status.tasks[2].state, ASC_TASK_RUNNING);
    assert_string_equal(status.tasks[2].job_id, "17_2");
    assert_true(status.rows_per_s == 4 && status.remaining_s == (double)(N_ROWS - n_rows) / 4);
    assert_int_equal(status.n_rows_done, n_rows);
    assert_false(status.merged);
    asc_run_status_free(&status);

    killed_here();

    static const char failed[] = "{\"state\":\"failed\",\"message\":\"no room\"}";
    temp_file_write(run_path(place.parts, "progress-0002.json"), failed, sizeof failed - 1);
    status = status_of(place.parts);
    assert_int_equal(status.tasks[2].state, ASC_TASK_STOPPED);
    assert_string_equal(status.tasks[2].message, "no room");
    assert_true(status.remaining_s < 0);
    asc_run_status_free(&status);

    (void)run_task(plan, 0);
    (void)run_task(plan, 2);
    merge_well((asc_merge_job){.run_path = plan_path}, false);
    status = status_of(plan_path);
    assert_true(status.merged);
    assert_int_equal(status.n_tasks_with_state[ASC_TASK_DONE], 3);
    assert_int_equal(status.n_rows_done, N_ROWS);
    asc_run_status_free(&status);
    asc_plan_close(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_number_of_tasks_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_are_even, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_goes_on_where_it_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_tasks_than_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_out_that_is_something_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(things_may_lie_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plans_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_that_are_not_the_plans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_process_for_a_task, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_wrong_is_merged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kernel_sets_are_mixed_only_where_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_a_run_stands, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
