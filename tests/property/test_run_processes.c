// Runs that several processes work on: the same bits whatever their number, and whichever of them dies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <ascribe/plan.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { N_ROWS = 48, ROWS_PER_PART = 4, N_PARTS = 12, MOST_WORKERS = 3, BAD_PART = 5 };

static run_place place;
static char expected[TEMP_PATH_SIZE]; // the result of a run in one process
static uint64_t all_evaluations;

// ---- A worker that dies of one part ------------------------------------------------------------------------------

static bool part_is_deadly; // taken over by workers when they are forked

// Stands before the C library's: parts get their names by it.
int rename(const char *from, const char *to)
{
    char name[64];
    snprintf(name, sizeof name, "part-%08d.part", BAD_PART);
    if (part_is_deadly && strstr(to, name))
        raise(SIGSEGV);
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

// ---- Watching ----------------------------------------------------------------------------------------------------

// What the supervisor's calls back see and do.
typedef struct watcher {
    size_t rows_done, n_warnings;
    uint64_t evaluations_done;
    char last_warning[1024];
    size_t kill_at, stop_at; // rows; 0: never
    pid_t killed;
} watcher;

static size_t list_children(pid_t children[MOST_WORKERS])
{
    char path[64];
    size_t n = 0;
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    while (file && n < MOST_WORKERS && fscanf(file, "%d", &pid) == 1)
        children[n++] = pid;
    if (file)
        fclose(file);
    return n;
}

static void watch(void *user, const asc_progress *now)
{
    watcher *w = user;
    pid_t children[MOST_WORKERS];
    w->rows_done = now->rows_done;
    w->evaluations_done = now->evaluations_done;
    if (w->kill_at && !w->killed && now->rows_done >= w->kill_at && list_children(children) > 0) {
        w->killed = children[0];
        kill(children[0], SIGKILL);
    }
}

static void note(void *user, asc_log_level level, const char *message)
{
    watcher *w = user;
    if (level != ASC_LOG_WARNING)
        return;
    w->n_warnings++;
    snprintf(w->last_warning, sizeof w->last_warning, "%s", message);
}

static int ask(void *user)
{
    const watcher *w = user;
    return w->stop_at && w->rows_done >= w->stop_at;
}

static asc_explain_job job_with(int n_processes, watcher *w)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = ROWS_PER_PART;
    job.options.n_processes = n_processes;
    job.options.n_workers = 1;
    job.log = (asc_log){note, w};
    job.progress = watch;
    job.progress_user = w;
    job.should_stop = ask;
    job.stop_user = w;
    return job;
}

static void assert_no_children(void)
{
    pid_t children[MOST_WORKERS];
    assert_int_equal(list_children(children), 0);
}

static void assert_whole_result(void)
{
    assert_no_children();
    assert_same_result(expected, place.out);
    assert_int_equal(unlink(place.out), 0);
    assert_false(run_exists(place.parts));
}

static void assert_nothing_half_written(void)
{
    DIR *folder = opendir(place.parts);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        assert_null(strstr(entry->d_name, ".tmp"));
    closedir(folder);
}

static void usual_row(size_t row, run_row *out) { run_row_usual(row, 6 + row % 3, out); }

static int set_up(void **state)
{
    (void)state;
    watcher w = {0};
    asc_explain_summary summary;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    temp_folder_join(place.folder, "expected.h5", expected);
    asc_explain_job job = job_with(0, &w);
    job.out_path = expected;
    run_well(&job, &summary);
    all_evaluations = summary.evaluations;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

// ---- Tests -------------------------------------------------------------------------------------------------------

static void the_number_of_processes_changes_nothing(void **state)
{
    (void)state;
    for (int n_processes = 1; n_processes <= MOST_WORKERS; n_processes++) {
        watcher w = {0};
        asc_explain_summary summary;
        const asc_explain_job job = job_with(n_processes, &w);
        run_well(&job, &summary);
        assert_int_equal(summary.n_rows, N_ROWS);
        assert_int_equal(summary.evaluations, all_evaluations);
        assert_true(summary.merged && !summary.already_complete);
        assert_true(summary.max_residual >= 0 && summary.max_residual < 1e-5);
        assert_string_equal(summary.backend, "cpu");
        assert_int_equal(w.n_warnings, 0);
        assert_int_equal(w.rows_done, N_ROWS);
        if (n_processes == MOST_WORKERS) {
            run_well(&job, &summary);
            assert_true(summary.already_complete);
        }
        assert_whole_result();
    }
}

static void a_killed_worker_costs_one_part(void **state)
{
    (void)state;
    for (int n_processes = 2; n_processes <= MOST_WORKERS; n_processes++) {
        watcher w = {.kill_at = 3 * ROWS_PER_PART};
        asc_explain_summary summary;
        const asc_explain_job job = job_with(n_processes, &w);
        run_well(&job, &summary);
        assert_true(w.killed > 0);
        assert_true(w.n_warnings <= 1); // none when it was between two parts
        if (w.n_warnings)
            assert_non_null(strstr(w.last_warning, "signal 9: Killed; it is tried again"));
        assert_int_equal(summary.n_rows, N_ROWS);
        assert_in_range(summary.evaluations, all_evaluations - 32 * ROWS_PER_PART, all_evaluations);
        assert_whole_result();
    }
}

// The others are done, and the run says which rows are not; without what kills it is completed.
static void a_deadly_part_is_left_out(void **state)
{
    (void)state;
    for (int n_processes = 2; n_processes <= MOST_WORKERS; n_processes++) {
        watcher w = {0};
        asc_explain_summary summary;
        asc_error err = {0};
        asc_explain_job job = job_with(n_processes, &w);
        part_is_deadly = true;
        const asc_status status = asc_explain(&job, &summary, &err);
        part_is_deadly = false;
        assert_error(&err, status, ASC_STOPPED, (run_words){"44 of 48 rows", "part 5 (rows 20 to 23) ended three worker processes", "the same command"});
        assert_non_null(strstr(err.message, "signal 11"));
        assert_int_equal(w.n_warnings, 3);
        assert_int_equal(w.rows_done, N_ROWS - ROWS_PER_PART);
        assert_false(run_exists(place.out));
        assert_nothing_half_written();
        assert_no_children();
        job = job_with(n_processes, &w);
        run_well(&job, &summary);
        assert_in_range(summary.evaluations, 1, 32 * ROWS_PER_PART);
        assert_whole_result();
    }
}

static void a_stop_reaches_the_workers(void **state)
{
    (void)state;
    for (size_t rows = 1; rows < N_ROWS; rows += 2 * ROWS_PER_PART) {
        watcher w = {.stop_at = rows}, after = {0};
        asc_explain_summary summary;
        asc_error err = {0};
        asc_explain_job job = job_with(2, &w);
        assert_int_equal(asc_explain(&job, &summary, &err), ASC_STOPPED);
        assert_non_null(strstr(err.hint, "the same command"));
        assert_no_children();
        assert_nothing_half_written();
        assert_false(run_exists(place.out));
        job = job_with(3, &after);
        run_well(&job, NULL);
        assert_whole_result();
    }
}

static int stop_under_way(void *user)
{
    const watcher *w = user;
    return w->evaluations_done > 0;
}

// Not even one part is finished: nobody waits for parts that are under way.
static void a_stop_drops_the_parts_under_way(void **state)
{
    (void)state;
    watcher w = {0};
    asc_explain_summary summary;
    asc_error err = {0};
    asc_explain_job job = job_with(2, &w);
    job.options.rows_per_part = N_ROWS / 2;
    job.options.estimator = "permutation";
    job.options.budget = "4000";
    job.should_stop = stop_under_way;
    assert_int_equal(asc_explain(&job, &summary, &err), ASC_STOPPED);
    assert_int_equal(summary.n_rows, 0);
    assert_nothing_half_written();
    job = job_with(2, &w);
    job.options.force = true;
    run_well(&job, NULL);
    assert_whole_result();
}

static int stop_at_once(void *user)
{
    (void)user;
    return 1;
}

static void what_cannot_be_opened_ends_the_run(void **state)
{
    (void)state;
    watcher w = {0};
    asc_explain_job job = job_with(2, &w);
    job.model_path = "nowhere";
    assert_refused(&place, &job, ASC_NOT_FOUND, (run_words){"nowhere", NULL, "--model"});
    job = job_with(2, &w);
    job.options.estimator = "permutation";
    job.options.export_masks = "masks.h5";
    assert_refused(&place, &job, ASC_USAGE, (run_words){"--export-masks", "one process", NULL});
    job = job_with(2, &w);
    job.should_stop = stop_at_once;
    assert_refused(&place, &job, ASC_STOPPED, (run_words){"stopped", NULL, "the same command"});
    assert_no_children();
}

// The workers' numbers, for whoever outlives their supervisor.
static pid_t *shared_children;

static void die_with_workers(void *user, const asc_progress *now)
{
    (void)user;
    if (now->rows_done < 3 * ROWS_PER_PART)
        return;
    if (list_children(shared_children) == 2)
        raise(SIGKILL);
}

static void killed_in_the_middle(asc_explain_job *job) { job->progress = die_with_workers; }

// Gone, or waiting for init to take notice.
static bool is_dead(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    fclose(file);
    return state == 'Z' || state == 'X';
}

static void workers_end_with_their_supervisor(void **state)
{
    (void)state;
    watcher w = {0};
    shared_children = mmap(NULL, MOST_WORKERS * sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared_children != MAP_FAILED);
    asc_explain_job job = job_with(2, &w);
    const run_outcome found = run_in_child(&job, killed_in_the_middle);
    assert_true(WIFSIGNALED(found.exit_facts) && WTERMSIG(found.exit_facts) == SIGKILL);
    for (size_t i = 0; i < 2; i++)
        for (size_t waits = 0; !is_dead(shared_children[i]); waits++) {
            assert_true(waits < 3000);
            usleep(10000);
        }
    run_well(&job, NULL);
    assert_whole_result();
    munmap(shared_children, MOST_WORKERS * sizeof(pid_t));
}

static void tasks_have_processes_too(void **state)
{
    (void)state;
    char path[TEMP_PATH_SIZE];
    watcher w = {0};
    asc_plan *plan = NULL;
    asc_error err = {0};
    asc_merge_summary merged;
    asc_explain_summary summary;
    temp_folder_join(place.folder, "PLAN.json", path);
    const asc_explain_job whole = job_with(0, &w);
    assert_int_equal(asc_plan_make(&whole, 2, path, &err), ASC_OK);
    assert_int_equal(asc_plan_open(path, &plan, &err), ASC_OK);
    for (size_t task = 0; task < 2; task++) {
        asc_explain_job job;
        assert_int_equal(asc_plan_job(plan, task, &job, &err), ASC_OK);
        job.options.n_processes = 2;
        if (asc_explain(&job, &summary, &err) != ASC_OK)
            fail_msg("%s", err.message);
        assert_false(summary.merged);
        assert_true(summary.elapsed_s > 0);
    }
    const asc_merge_job merge = {.run_path = path};
    if (asc_merge(&merge, &merged, &err) != ASC_OK)
        fail_msg("%s", err.message);
    asc_plan_close(plan);
    assert_whole_result();
}

// Counted in a child, and nothing is left of it.
static void an_estimate_counts_the_same(void **state)
{
    (void)state;
    watcher w = {0};
    asc_explain_cost cost, of_one;
    asc_error err = {0};
    const asc_explain_job job = job_with(2, &w), one = job_with(0, &w);
    assert_int_equal(asc_explain_estimate(&job, &cost, &err), ASC_OK);
    assert_int_equal(asc_explain_estimate(&one, &of_one, &err), ASC_OK);
    assert_int_equal(cost.evaluations, all_evaluations);
    assert_int_equal(cost.n_parts, of_one.n_parts);
    assert_true(cost.flops == of_one.flops && cost.flops_per_s > 0 && cost.elapsed_s > 0);
    assert_string_equal(cost.backend, "cpu");
    assert_no_children();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_of_processes_changes_nothing),
        cmocka_unit_test(a_killed_worker_costs_one_part),
        cmocka_unit_test(a_deadly_part_is_left_out),
        cmocka_unit_test(a_stop_reaches_the_workers),
        cmocka_unit_test(a_stop_drops_the_parts_under_way),
        cmocka_unit_test(what_cannot_be_opened_ends_the_run),
        cmocka_unit_test(workers_end_with_their_supervisor),
        cmocka_unit_test(tasks_have_processes_too),
        cmocka_unit_test(an_estimate_counts_the_same),
    };
    return cmocka_run_group_tests_name("run_processes", tests, set_up, tear_down);
}
