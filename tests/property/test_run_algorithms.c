// The algorithms of matrix products in whole runs, on the emulated cuda backend, where they differ in the last bit: proposed by timing when run.json
// is written, and obeyed from then on by every process, resume and task, whatever is the fastest there; refused by name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "../cuda_module.h"
#include "explain/request.h"

#include <cmocka.h>

#include "run_fixture.h"

#include <ascribe/plan.h>

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { N_ROWS = 6, ROWS_PER_PART = 2, N_PARTS = 3, UP = CUDA_SUMS_ASCENDING, DOWN = CUDA_SUMS_DESCENDING };

static run_place place;
static char expected_up[TEMP_PATH_SIZE], expected_down[TEMP_PATH_SIZE]; // results of undisturbed runs
static cuda_emulation emulated;
static atomic_uint *n_alternating; // shared with workers; not 0: every engine finds another algorithm the fastest

// Every request is for the emulated GPU, in half precision.
asc_status __real_request_resolve(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                                  explain_request *out, asc_error *err);
asc_status __wrap_request_resolve(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                                  explain_request *out, asc_error *err);
asc_status __wrap_request_resolve(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                                  explain_request *out, asc_error *err)
{
    const asc_status status = __real_request_resolve(options, model, data, log, out, err);
    out->backend = ASC_BACKEND_CUDA;
    out->precision = ASC_PRECISION_FP16;
    out->cuda_module = cuda_module_path();
    if (*n_alternating > 0)
        emulated.products(atomic_fetch_add(n_alternating, 1) % 2 ? UP : DOWN, 0);
    return status;
}

static void usual_row(size_t row, run_row *out) { run_row_usual(row, 2 + row % 2, out); }

static asc_explain_job usual_job(void)
{
    asc_explain_job job = run_job(&place, RUN_MINILM);
    job.options.rows_per_part = ROWS_PER_PART;
    job.options.backend = "cpu"; // so that nobody looks for a GPU
    job.options.savings = "all";
    return job;
}

// An undisturbed run where this algorithm is the fastest.
static void run_whole(char path[TEMP_PATH_SIZE], const char *name, int fastest)
{
    asc_explain_job job = usual_job();
    temp_folder_join(place.folder, name, path);
    job.out_path = path;
    emulated.products(fastest, 0);
    run_well(&job, NULL);
}

static int set_up(void **state)
{
    (void)state;
    emulated = cuda_emulation_of_module();
    n_alternating = mmap(NULL, sizeof *n_alternating, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true((void *)n_alternating != MAP_FAILED);
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    run_whole(expected_up, "up.h5", UP);
    run_whole(expected_down, "down.h5", DOWN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    munmap(n_alternating, sizeof *n_alternating);
    return 0;
}

static int start_over(void **state)
{
    (void)state;
    temp_folder_remove(place.out_folder);
    assert_int_equal(mkdir(place.out_folder, 0777), 0);
    emulated.products(UP, 0);
    *n_alternating = 0;
    return 0;
}

static bool is_in_manifest(const char *path, const char *words)
{
    run_result r = run_result_open(path);
    const bool found = strstr(r.info->manifest, words) != NULL;
    run_result_close(&r);
    return found;
}

static void die_after_one_part(void *user, const asc_progress *now)
{
    (void)user;
    if (now->rows_done >= ROWS_PER_PART)
        raise(SIGKILL);
}

static void kill_later(asc_explain_job *job) { job->progress = die_after_one_part; }

static void interrupt(int fastest)
{
    const asc_explain_job job = usual_job();
    emulated.products(fastest, 0);
    const run_outcome found = run_in_child(&job, kill_later);
    assert_true(WIFSIGNALED(found.exit_facts) && WTERMSIG(found.exit_facts) == SIGKILL);
    assert_int_equal(run_count_parts(&place), 1);
}

// ---- Tests -------------------------------------------------------------------------------------------------------

static bool values_differ(const char *a, const char *b)
{
    char digests[2][8192];
    const char *const paths[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        const hid_t file = H5Fopen(paths[i], H5F_ACC_RDONLY, H5P_DEFAULT);
        fixture_check(file);
        run_read_attribute(file, "digest", digests[i], sizeof digests[i]);
        H5Fclose(file);
    }
    return strcmp(digests[0], digests[1]) != 0;
}

// The digests first: a comparison that fails inside HDF5 leaves its lock taken, and what is forked afterwards hangs.
static void assert_same_as(const char *expected)
{
    assert_false(values_differ(expected, place.out));
    assert_same_result(expected, place.out);
}

// With the bf16 that rows which overflow are explained in.
static void the_fastest_is_in_the_manifest(void **state)
{
    (void)state;
    assert_true(is_in_manifest(expected_up, "\"gemm_algorithms\":\"fp16:1x"));
    assert_true(is_in_manifest(expected_up, "=21.18.5.0.0.0.0 bf16:1x") && !is_in_manifest(expected_up, "=22."));
    assert_true(is_in_manifest(expected_down, "=22.21.4.1.3.2.7 bf16:1x") && !is_in_manifest(expected_down, "=21."));
    assert_true(values_differ(expected_up, expected_down));
}

static void a_resumed_run_obeys(void **state)
{
    (void)state;
    const asc_explain_job job = usual_job();
    interrupt(DOWN);
    emulated.products(UP, 0);
    run_well(&job, NULL);
    assert_same_as(expected_down);
    asc_explain_summary summary;
    run_well(&job, &summary); // which is complete, whatever is the fastest now
    assert_true(summary.already_complete);
}

static void a_refused_algorithm_stops_the_run(void **state)
{
    (void)state;
    const asc_explain_job job = usual_job();
    asc_explain_summary summary;
    asc_error err = {0};
    interrupt(DOWN);
    emulated.products(UP, DOWN);
    assert_error(&err, asc_explain(&job, &summary, &err), ASC_DIFFERENT_RUN,
                 (run_words){"belongs to another run: gemm_algorithms: cuBLASLt 0 does not take fp16:1x", "=22.21.4.1.3.2.7 on this device (emulated)", "--force"});
    assert_int_equal(run_count_parts(&place), 1);
    emulated.products(UP, 0);
    run_well(&job, NULL);
    assert_same_as(expected_down);
}

// Whoever writes run.json first decides; the other one, which proposed another, obeys.
static void worker_processes_agree(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    job.options.n_processes = 2;
    job.options.n_workers = 1;
    *n_alternating = 1;
    run_well(&job, NULL);
    assert_same_as(is_in_manifest(place.out, "=22.") ? expected_down : expected_up);
}

static void tasks_of_a_plan_agree(void **state)
{
    (void)state;
    char path[TEMP_PATH_SIZE];
    asc_error err = {0};
    asc_plan *plan = NULL;
    asc_merge_summary merged;
    asc_explain_job whole = usual_job();
    temp_folder_join(place.out_folder, "plan.json", path);
    if (asc_plan_make(&whole, 2, path, &err) != ASC_OK || asc_plan_open(path, &plan, &err) != ASC_OK)
        fail_msg("%s", err.message);
    for (size_t task = 0; task < 2; task++) {
        asc_explain_summary summary;
        asc_explain_job job;
        assert_int_equal(asc_plan_job(plan, task, &job, &err), ASC_OK);
        emulated.products(task == 0 ? DOWN : UP, 0);
        if (asc_explain(&job, &summary, &err) != ASC_OK)
            fail_msg("%s", err.message);
    }
    asc_plan_close(plan);
    const asc_merge_job merge = {.run_path = path};
    if (asc_merge(&merge, &merged, &err) != ASC_OK)
        fail_msg("%s", err.message);
    assert_false(values_differ(expected_down, place.out));
    assert_true(is_in_manifest(place.out, "=22.") && !is_in_manifest(place.out, "=21."));
}

// Parts of several kernel sets have no algorithms in common: each has the library's own, and a digest tells which.
static void mixed_runs_take_the_librarys_own(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    job.options.allow_mixed = true;
    emulated.products(DOWN, 0);
    run_well(&job, NULL);
    assert_false(is_in_manifest(place.out, "gemm_algorithms"));
    assert_false(values_differ(expected_up, place.out));
    run_result r = run_result_open(place.out);
    assert_non_null(strstr(r.info->run, "own kernels 1; algorithms "));
    run_result_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_is_in_the_manifest),
        cmocka_unit_test_setup(a_resumed_run_obeys, start_over),
        cmocka_unit_test_setup(a_refused_algorithm_stops_the_run, start_over),
        cmocka_unit_test_setup(worker_processes_agree, start_over),
        cmocka_unit_test_setup(tasks_of_a_plan_agree, start_over),
        cmocka_unit_test_setup(mixed_runs_take_the_librarys_own, start_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
