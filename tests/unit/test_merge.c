// What must leave no result behind: bad parts, another dataset, a killed child, failing writes, full disks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "io/merge.h"
#include "io/merge_private.h"
#include "io/part.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "result_fixture.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

// Flips the lowest bit of the first element of a dataset in the finished file, or puts it back.
static void flip_bit(const char *name)
{
    const hid_t file = H5Fopen(out, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    uint8_t *bytes = fixture_memory((size_t)H5Sget_simple_extent_npoints(space), H5Tget_size(type));
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    bytes[0] ^= 1;
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    free(bytes);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    H5Fclose(file);
}

static void replace_attribute(const char *name, const char *value)
{
    const hid_t file = H5Fopen(out, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Adelete(file, name) >= 0);
    fixture_attribute(file, name, value);
    H5Fclose(file);
}

static void assert_flip_is_found(const merge_job *job, const char *name, const char *words)
{
    asc_error err = {0};
    flip_bit(name);
    if (result_compare(job, out, &err) != ASC_IO_ERROR || !strstr(err.message, words))
        fail_msg("a changed '%s' was not found: %s", name, err.message);
    flip_bit(name);
    assert_int_equal(result_compare(job, out, &err), ASC_OK);
}

static void a_file_that_differs_in_one_bit_is_found(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "rows/id",    "rows/position", "evaluations",  "status",       "features/offsets",
        "values",     "std_errors",    "base_values",  "outputs",      "efficiency_residual",
        "targets",    "scores",        "text/offsets", "labels/names", "meta/city",
        "meta/group", "meta/score",
    };
    static const char *const others[] = {"class_names",   "spans/begin", "spans/end",     "spans/offsets",
                                         "spans/feature", "text/bytes",  "labels/values", "rows/key"};
    static const char *const attributes[] = {"manifest_hash", "manifest", "run",    "digest",
                                             "method",        "output",   "policy", "granularity"};
    asc_error err = {0};
    const merge_job job = make_job();
    merge_well(&job);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_flip_is_found(&job, numbers[i], numbers[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_flip_is_found(&job, others[i], ""); // some break a rule of the format before they are compared
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        merge_well(&job);
        replace_attribute(attributes[i], "something else");
        if (result_compare(&job, out, &err) != ASC_IO_ERROR)
            fail_msg("a changed '%s' was not found", attributes[i]);
    }
}

static void bad_parts_are_refused(void **state)
{
    (void)state;
    asc_error err = {0};
    char *path = NULL;
    size_t size = 0;
    merge_job job = make_job();
    assert_int_equal(merge_part_path(parts, 2, &path, &err), ASC_OK);

    unlink(path);
    assert_merge_fails(&job, ASC_NOT_FOUND, "part-00000002.part");

    write_part(2, 0xcd, NULL);
    assert_merge_fails(&job, ASC_DIFFERENT_RUN, "part-00000002.part");

    write_part(2, 0xab, NULL);
    uint8_t *bytes = temp_file_read(path, &size);
    bytes[size / 2] ^= 1;
    temp_file_write(path, bytes, size);
    assert_merge_fails(&job, ASC_MALFORMED, "part-00000002.part");
    free(bytes);
    free(path);
    write_part(2, 0xab, NULL);

    job.n_parts = N_PARTS - 1;
    assert_merge_fails(&job, ASC_MALFORMED, "expected parts of 101 rows in all, found 90");
    job = make_job();
    job.first_position++;
    assert_merge_fails(&job, ASC_MALFORMED, "expected rows from 21 on");
    job = make_job();
    job.n_targets++;
    assert_merge_fails(&job, ASC_MALFORMED, "expected 3 targets");
}

static void name_no_class(made_row *made)
{
    if (made->row.position == FIRST + 40)
        made->targets[1] = C;
}

// Whole by its checksums, and yet a result that no reader would take.
static void a_row_without_sense_is_refused(void **state)
{
    (void)state;
    const merge_job job = make_job();
    write_part(1, 0xab, name_no_class);
    assert_merge_fails(&job, ASC_MALFORMED, "position 60: expected evaluations of at least 0, targets from -1 to 2");
    write_part(1, 0xab, NULL);
    merge_well(&job);
}

static void shift_id(made_row *made)
{
    made->row.id += made->row.position == FIRST + 40;
}

static void change_text(const char *path)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "text/bytes", H5P_DEFAULT);
    const hid_t space = H5Dget_space(set);
    uint8_t *bytes = fixture_memory((size_t)H5Sget_simple_extent_npoints(space), 1);
    assert_true(H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    memset(bytes, 'x', (size_t)H5Sget_simple_extent_npoints(space));
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    free(bytes);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
}

static void a_changed_dataset_is_refused(void **state)
{
    (void)state;
    merge_job job = make_job();
    write_parts(shift_id);
    assert_merge_fails(&job, ASC_DIFFERENT_RUN, "the dataset has changed");
    write_parts(NULL);
    dataset_arrays shorter = fixture_build(data_path, 100, DEFECT_NONE);
    assert_merge_fails(&job, ASC_DIFFERENT_RUN, "found a dataset that has fewer");
    fixture_free(&shorter);
    dataset_arrays other = fixture_build(data_path, N_ROWS, DEFECT_NONE);
    fixture_free(&other);
    change_text(data_path); // ids and numbers of features are the same still
    assert_merge_fails(&job, ASC_DIFFERENT_RUN, "has changed since the run began");
    merge_job unaware = job;
    assert_int_equal(hash_file(data_path, unaware.dataset_sha256, NULL), ASC_OK);
    merge_well(&unaware);
    asc_error err = {0};
    assert_int_equal(result_compare(&job, out, &err), ASC_DIFFERENT_RUN); // changed between the two processes
    unlink(out);
    unlink(data_path);
    assert_merge_fails(&job, ASC_NOT_FOUND, data_path);
    dataset_arrays again = fixture_build(data_path, N_ROWS, DEFECT_NONE);
    fixture_free(&again);
    merge_well(&job);
}

static void what_appears_meanwhile_is_kept(void **state)
{
    (void)state;
    asc_error err = {0};
    merge_job job = make_job();
    job.keep_existing = true;
    temp_file_write(out, "precious", 8);
    assert_int_equal(merge_run(&job, &err), ASC_CANNOT_CREATE);
    assert_non_null(strstr(err.message, "appeared while the run was under way"));
    assert_int_equal(temp_folder_count(out_folder), 1);
    size_t size = 0;
    free(temp_file_read(out, &size));
    assert_int_equal(size, 8);
    unlink(out);
    merge_well(&job);
}

static void a_missing_folder_is_named(void **state)
{
    (void)state;
    merge_job job = make_job();
    job.out_path = "/no/such/folder/result.h5";
    assert_merge_fails(&job, ASC_CANNOT_CREATE, "/no/such/folder");
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

// The kernel kills a process that writes beyond its limit: the merge's child, never the run.
static void a_killed_child_is_an_error(void **state)
{
    (void)state;
    char words[64];
    const merge_job job = make_job();
    snprintf(words, sizeof words, "the process that writes the result died (signal %d: ", SIGXFSZ);
    for (rlim_t bytes = 64; bytes < 20000; bytes = bytes * 5 / 2) {
        limit_file_size(bytes);
        assert_merge_fails(&job, ASC_IO_ERROR, words);
    }
    limit_file_size(RLIM_INFINITY);
    merge_well(&job);
}

// The same limit as an error of write(): what a disk does that fails in the middle.
static void a_failed_write_is_an_error(void **state)
{
    (void)state;
    const merge_job job = make_job();
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 64; bytes < 20000; bytes = bytes * 5 / 2) {
        limit_file_size(bytes);
        assert_merge_fails(&job, ASC_IO_ERROR, "File too large");
    }
    limit_file_size(RLIM_INFINITY);
    signal(SIGXFSZ, SIG_DFL);
    merge_well(&job);
}

// A column whose bytes lie in the chosen rows alone: the estimate of the space needed, made by rows, falls
// short.
static void add_lopsided_column(void)
{
    enum { TEXT_BYTES = 4096 };
    uint32_t noise = 1;
    char *texts = fixture_memory(N_ROWS, TEXT_BYTES);
    for (size_t i = FIRST * TEXT_BYTES; i < (FIRST + N_CHOSEN) * (size_t)TEXT_BYTES; i++) {
        noise = noise * 1664525u + 1013904223u;
        texts[i] = (char)(33 + (noise >> 24) % 90);
    }
    const hid_t file = H5Fopen(data_path, H5F_ACC_RDWR, H5P_DEFAULT);
    fixture_write_texts(file, "meta/note", TEXT_BYTES, N_ROWS, texts);
    H5Fclose(file);
    free(texts);
}

// Small disks of every size up to one that is large enough: the file is whole or not there, and nothing else
// is left.
static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    size_t n_refused = 0, n_filled = 0;
    asc_verify_report report;
    add_lopsided_column();
    const merge_job job = make_job();
    for (int kib = 40;; kib += 24) {
        char options[32];
        asc_error err = {0};
        snprintf(options, sizeof options, "size=%dk", kib);
        if (mount("tmpfs", out_folder, "tmpfs", 0, options) != 0) {
            print_message("skipped: a small tmpfs cannot be mounted here\n");
            skip();
        }
        const asc_status status = merge_run(&job, &err);
        const bool whole = status == ASC_OK && asc_result_verify(out, &report, &err) == ASC_OK;
        const size_t n_left = temp_folder_count(out_folder);
        assert_int_equal(umount(out_folder), 0);
        if (whole)
            break;
        if (status != ASC_IO_ERROR || n_left != 0 || !strstr(err.message, "bytes are needed"))
            fail_msg("%d KiB: status %d, %zu files left: %s", kib, (int)status, n_left, err.message);
        n_refused += strstr(err.message, "not enough room on the disk") != NULL;
        n_filled += strstr(err.message, "the disk is full") != NULL;
        assert_true(kib < 4096);
    }
    assert_true(n_refused > 0 && n_filled > 0);
}

static int remove_result(void **state)
{
    (void)state;
    limit_file_size(RLIM_INFINITY); // a test that failed may have left its own
    signal(SIGXFSZ, SIG_DFL);
    unlink(out);
    return 0;
}

#define RESULT_TEST(name) cmocka_unit_test_teardown(name, remove_result)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESULT_TEST(a_file_that_differs_in_one_bit_is_found),
        RESULT_TEST(bad_parts_are_refused),
        RESULT_TEST(a_row_without_sense_is_refused),
        RESULT_TEST(a_changed_dataset_is_refused),
        RESULT_TEST(what_appears_meanwhile_is_kept),
        RESULT_TEST(a_missing_folder_is_named),
        RESULT_TEST(a_killed_child_is_an_error),
        RESULT_TEST(a_failed_write_is_an_error),
        RESULT_TEST(a_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
