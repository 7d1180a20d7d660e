// Runs that end before their time: killed, stopped by a limit on file sizes, by a full disk while explaining
// and while merging. Nothing wrong is ever left at OUT, finished parts are kept, and the same command
// completes with the bits of an undisturbed run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

// Ten parts of 16 rows; a part takes two pages of 4 KiB. Every row is worth 32 evaluations.
enum { N_ROWS = 160, ROWS_PER_PART = 16, N_PARTS = 10, ROW_EVALUATIONS = 32 };

static run_place place;
static char expected[TEMP_PATH_SIZE]; // the result of an undisturbed run
static asc_explain_summary whole;

static void usual_row(size_t row, run_row *out) { run_row_usual(row, 6 + row % 3, out); }

static asc_explain_job usual_job(void)
{
    asc_explain_job job = run_job(&place, RUN_BERT);
    job.options.rows_per_part = ROWS_PER_PART;
    return job;
}

static int set_up(void **state)
{
    (void)state;
    run_place_make(&place);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = usual_row});
    temp_folder_join(place.folder, "expected.h5", expected);
    asc_explain_job job = usual_job();
    job.out_path = expected;
    run_well(&job, &whole);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(place.folder);
    return 0;
}

// ---- Interruptions ----------------------------------------------------------------------------------------

static void die_after_four_parts(void *user, const asc_progress *now)
{
    (void)user;
    if (now->rows_done >= 4 * ROWS_PER_PART)
        raise(SIGKILL);
}

static void kill_later(asc_explain_job *job) { job->progress = die_after_four_parts; }

// Leaves four parts.
static void interrupt(const asc_explain_job *job)
{
    const run_outcome found = run_in_child(job, kill_later);
    assert_true(WIFSIGNALED(found.exit_facts) && WTERMSIG(found.exit_facts) == SIGKILL);
    assert_false(run_exists(place.out));
    assert_int_equal(run_count_parts(&place), 4);
}

static const char *part_path(size_t index)
{
    char name[64];
    snprintf(name, sizeof name, "part-%08zu.part", index);
    return run_path(place.parts, name);
}

static ino_t part_inode(size_t index)
{
    struct stat facts;
    assert_int_equal(stat(part_path(index), &facts), 0);
    return facts.st_ino;
}

// Completes with the expected bits, spending `n_rows` rows of work; only OUT is left.
static void complete(const asc_explain_job *job, size_t n_rows)
{
    asc_explain_summary summary;
    run_well(job, &summary);
    assert_same_result(expected, place.out);
    assert_int_equal(summary.evaluations, n_rows * ROW_EVALUATIONS);
    assert_int_equal(summary.n_rows, N_ROWS);
    assert_int_equal(summary.n_labelled, whole.n_labelled);
    assert_int_equal(summary.n_correct, whole.n_correct);
    assert_true(summary.max_residual == whole.max_residual);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
}

static void a_killed_run_is_continued(void **state)
{
    (void)state;
    ino_t inodes[4];
    asc_explain_job job = usual_job();
    interrupt(&job);
    for (size_t i = 0; i < 4; i++)
        inodes[i] = part_inode(i);
    temp_file_write(run_path(place.parts, "part-00000004.part.elsewhere.99.0123456789abcdef.tmp"), "half", 4);

    job.options.n_workers = 1;
    job.options.keep_parts = true;
    asc_explain_summary summary;
    run_well(&job, &summary);
    assert_same_result(expected, place.out);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(part_inode(i), inodes[i]);

    unlink(place.out);
    job.options.keep_parts = false;
    complete(&job, 0); // every part was there
}

static bool merge_is_at_work(void)
{
    bool found = false;
    DIR *folder = opendir(place.parts);
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder))
        found = found || strncmp(entry->d_name, "result.", 7) == 0;
    if (folder)
        closedir(folder);
    return found;
}

// Watched from outside: the merge's child is found at work by its unfinished file, and the run is killed then.
static void a_run_killed_in_the_merge_leaves_nothing_beside_out(void **state)
{
    (void)state;
    char unfinished[] = "result.elsewhere.99.0123456789abcdef.tmp";
    asc_explain_job job = usual_job();
    job.options.keep_parts = true;
    size_t n_seen = 0;
    for (int attempt = 0; attempt < 20 && n_seen == 0; attempt++) {
        unlink(place.out);
        const pid_t child = fork();
        asc_explain_summary summary;
        asc_error err;
        if (child == 0)
            _exit(asc_explain(&job, &summary, &err) == ASC_OK ? 0 : 1);
        while (waitpid(child, NULL, WNOHANG) == 0) {
            const size_t n_beside = temp_folder_count(place.out_folder);
            if (run_exists(part_path(N_PARTS - 1)) && merge_is_at_work() && !run_exists(place.out)) {
                kill(child, SIGKILL);
                assert_int_equal(waitpid(child, NULL, 0), child);
                assert_true(n_beside <= 2); // the parts, and OUT if the kill came late
                n_seen++;
                break;
            }
        }
    }
    assert_true(n_seen > 0);
    unlink(place.out);
    temp_file_write(run_path(place.parts, unfinished), "half", 4);
    job.options.keep_parts = false;
    complete(&job, 0);
}

static void only_what_is_missing_is_computed(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    interrupt(&job);
    complete(&job, N_ROWS - 4 * ROWS_PER_PART);
}

// The record says how rows are divided, whatever is asked for.
static void another_division_into_parts_changes_nothing(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    interrupt(&job);
    job.options.rows_per_part = 10;
    complete(&job, N_ROWS - 4 * ROWS_PER_PART);
}

static void parts_of_another_run_are_not_touched(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    interrupt(&job);
    const ino_t inode = part_inode(0);
    job.options.seed++;
    assert_refused(&place, &job, ASC_DIFFERENT_RUN,
                   (run_words){"another run: seed: the run has 7, this command asks for 8", place.parts, "--force"});
    assert_int_equal(run_count_parts(&place), 4);
    assert_int_equal(part_inode(0), inode);
    job.options.seed--;
    complete(&job, N_ROWS - 4 * ROWS_PER_PART);

    // Forced, a run starts over: whose parts they are does not matter.
    asc_explain_summary summary;
    for (int own = 0; own <= 1; own++) {
        unlink(place.out);
        job.options.force = false;
        interrupt(&job);
        job.options.seed += own ? 0 : 1;
        job.options.force = true;
        run_well(&job, &summary);
        assert_int_equal(summary.evaluations, whole.evaluations);
        assert_int_equal(temp_folder_count(place.out_folder), 1);
    }
}

static void damaged_parts_are_computed_again(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    interrupt(&job);
    size_t size;
    uint8_t *bytes = temp_file_read(part_path(1), &size);
    bytes[size / 2] ^= 1;
    temp_file_write(part_path(1), bytes, size);
    free(bytes);
    bytes = temp_file_read(part_path(3), &size);
    temp_file_write(part_path(3), bytes, size - 100);
    free(bytes);
    complete(&job, N_ROWS - 2 * ROWS_PER_PART);
}

// ---- Limits and full disks --------------------------------------------------------------------------------

static void limit_file_sizes(rlim_t bytes)
{
    const struct rlimit small = {bytes, bytes};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
}

static void limit_to_4_kib(asc_explain_job *job)
{
    (void)job;
    limit_file_sizes(4096);
}

static void limit_to_16_kib(asc_explain_job *job)
{
    (void)job;
    limit_file_sizes(16384);
}

// The parts that are finished stay, and nothing else.
static void assert_stopped(const asc_explain_job *job, run_words words)
{
    asc_explain_summary summary;
    asc_error err = {0};
    assert_error(&err, asc_explain(job, &summary, &err), ASC_IO_ERROR, words);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
    assert_true(run_exists(place.parts));
}

static void longer_at_the_end(size_t row, run_row *out) { run_row_usual(row, row < N_ROWS / 2 ? 2 : 7, out); }

static void a_limit_on_file_sizes_keeps_whole_parts(void **state)
{
    (void)state;
    asc_explain_job job = usual_job();
    unlink(expected);
    run_dataset_write(place.data, &(run_plan){.n_rows = N_ROWS, .make_row = longer_at_the_end});
    job.out_path = expected;
    run_well(&job, &whole);
    job.out_path = place.out;
    const run_outcome found = run_in_child(&job, limit_to_4_kib);
    assert_error(&found.err, found.status, ASC_IO_ERROR,
                 (run_words){"part-00000005.part", "bytes needed", NULL});
    assert_false(run_exists(place.out));
    assert_int_equal(run_count_parts(&place), 5);
    asc_explain_summary summary;
    run_well(&job, &summary);
    assert_same_result(expected, place.out);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
    assert_int_equal(summary.evaluations,
                     whole.evaluations - (N_ROWS / 2) * 2); // rows of two features take two
}

static void a_merge_that_cannot_finish_keeps_all_parts(void **state)
{
    (void)state;
    const asc_explain_job job = usual_job();
    const run_outcome found = run_in_child(&job, limit_to_16_kib);
    assert_int_equal(found.status, ASC_IO_ERROR);
    assert_true(strlen(found.err.message) > 0);
    assert_int_equal(temp_folder_count(place.out_folder), 1);
    assert_int_equal(run_count_parts(&place), N_PARTS);
    complete(&job, 0);
}

// Results go to a small file system of their own; false where that takes rights that we lack.
static bool mount_small(const char *options)
{
    const char *disk = run_path(place.folder, "disk");
    assert_int_equal(mkdir(disk, 0777), 0);
    if (mount("ascribe-test", disk, "tmpfs", 0, options) != 0) {
        assert_true(errno == EPERM || errno == EACCES);
        print_message("skipped: no right to mount a small file system\n");
        return false;
    }
    run_place_in(&place, disk);
    return true;
}

static void make_room(void)
{
    assert_int_equal(mount("ascribe-test", place.out_folder, "tmpfs", MS_REMOUNT, "size=16m"), 0);
}

static int unmount(void **state)
{
    if (strstr(place.out_folder, "/disk"))
        umount2(place.out_folder, MNT_DETACH);
    return tear_down(state);
}

static void a_disk_that_fills_while_explaining(void **state)
{
    (void)state;
    if (!mount_small("size=40k,mode=0755"))
        skip();
    const asc_explain_job job = usual_job();
    assert_stopped(&job, (run_words){"bytes needed", "bytes free", "make room"});
    const size_t n_parts = run_count_parts(&place);
    assert_true(n_parts >= 3 && n_parts < N_PARTS);
    assert_stopped(&job, (run_words){"bytes needed", "bytes free", "make room"}); // no better the second time
    assert_int_equal(run_count_parts(&place), n_parts);
    make_room();
    complete(&job, N_ROWS - n_parts * ROWS_PER_PART);
}

static void a_disk_too_small_for_a_single_part(void **state)
{
    (void)state;
    if (!mount_small("size=4k,mode=0755")) // which the lock takes
        skip();
    const asc_explain_job job = usual_job();
    assert_refused(&place, &job, ASC_IO_ERROR, (run_words){"run.json", "bytes needed", "make room"});
    assert_int_equal(mount("ascribe-test", place.out_folder, "tmpfs", MS_REMOUNT, "size=12k"), 0);
    assert_stopped(&job, (run_words){"part-00000000.part", "bytes needed", "make room"});
    assert_int_equal(run_count_parts(&place), 0);
    make_room();
    complete(&job, N_ROWS);
}

static void a_disk_too_small_for_the_result(void **state)
{
    (void)state;
    if (!mount_small("size=160k,mode=0755"))
        skip();
    const asc_explain_job job = usual_job();
    assert_stopped(&job, (run_words){"not enough room on the disk: about", "bytes are needed", "make room"});
    assert_int_equal(run_count_parts(&place), N_PARTS);
    make_room();
    complete(&job, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_run_is_continued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_killed_in_the_merge_leaves_nothing_beside_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_is_missing_is_computed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_division_into_parts_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_of_another_run_are_not_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_parts_are_computed_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_on_file_sizes_keeps_whole_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_merge_that_cannot_finish_keeps_all_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fills_while_explaining, set_up, unmount),
        cmocka_unit_test_setup_teardown(a_disk_too_small_for_a_single_part, set_up, unmount),
        cmocka_unit_test_setup_teardown(a_disk_too_small_for_the_result, set_up, unmount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
