// Durable writes: a file gets its name complete or not at all, whichever system call fails, and no temporary
// file stays.
//
// write, fsync, close and rename are defined here and so replace the C library's for this program: they can
// be told to fail at the n-th call, or to write a few bytes at a time.
#include "base/durable.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "temp_folder.h"

enum call { NO_CALL, CALL_WRITE, CALL_FSYNC, CALL_CLOSE, CALL_RENAME };

static struct {
    enum call call;
    int when; // the call that fails: 1 = the next one
    int code;
    size_t largest_write; // 0 = no limit
    int n_fsyncs;
    bool fired;
} fault;

static bool fault_hits(enum call call)
{
    if (fault.call != call || --fault.when != 0)
        return false;
    fault.fired = true;
    errno = fault.code;
    return true;
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    if (fault_hits(CALL_WRITE))
        return -1;
    if (fault.largest_write > 0 && size > fault.largest_write)
        size = fault.largest_write;
    return syscall(SYS_write, descriptor, bytes, size);
}

int fsync(int descriptor)
{
    fault.n_fsyncs++;
    return fault_hits(CALL_FSYNC) ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int close(int descriptor)
{
    const bool hit = fault_hits(CALL_CLOSE);
    const int result = (int)syscall(SYS_close, descriptor);
    if (hit)
        errno = fault.code;
    return hit ? -1 : result;
}

int rename(const char *from, const char *to)
{
    return fault_hits(CALL_RENAME) ? -1 : (int)syscall(SYS_renameat2, -100, from, -100, to, 0);
}

static void arm(enum call call, int when, int code)
{
    memset(&fault, 0, sizeof fault);
    fault.call = call;
    fault.when = when;
    fault.code = code;
}

static void disarm(void)
{
    fault.call = NO_CALL;
    fault.largest_write = 0;
}

static char folder[TEMP_PATH_SIZE];
static char path[TEMP_PATH_SIZE];

static int make_folder(void **state)
{
    (void)state;
    arm(NO_CALL, 0, 0);
    temp_folder_make(folder);
    temp_folder_join(folder, "result.part", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    disarm();
    umount2(folder, MNT_DETACH);
    temp_folder_remove(folder);
    return 0;
}

static void expect_file(const char *name, const void *bytes, size_t size)
{
    size_t found = 0;
    uint8_t *contents = temp_file_read(name, &found);
    assert_int_equal(found, size);
    assert_memory_equal(contents, bytes, size);
    free(contents);
}

static void expect_words(const asc_error *err, const char *words)
{
    if (!strstr(err->message, words))
        fail_msg("expected '%s' in '%s'", words, err->message);
}

static void writes_and_replaces(void **state)
{
    (void)state;
    asc_error err;
    assert_int_equal(durable_write(path, "old", 3, &err), ASC_OK);
    expect_file(path, "old", 3);
    assert_int_equal(fault.n_fsyncs, 2);
    assert_int_equal(durable_write(path, "newer", 5, &err), ASC_OK);
    expect_file(path, "newer", 5);
    assert_int_equal(durable_write(path, NULL, 0, &err), ASC_OK);
    expect_file(path, "", 0);
    assert_int_equal(temp_folder_count(folder), 1);
}

static void relative_names(void **state)
{
    (void)state;
    asc_error err;
    char before[TEMP_PATH_SIZE];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    const asc_status plain = durable_write("plain", "1", 1, &err);
    const asc_status dotted = durable_write("./dotted", "2", 1, &err);
    const asc_status made = durable_make_folder("sub/", &err);
    const asc_status below = durable_write("sub//file", "3", 1, &err);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(plain, ASC_OK);
    assert_int_equal(dotted, ASC_OK);
    assert_int_equal(made, ASC_OK);
    assert_int_equal(below, ASC_OK);
    assert_int_equal(temp_folder_count(folder), 3);
}

static void interrupted_and_short_writes(void **state)
{
    (void)state;
    asc_error err;
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    arm(CALL_WRITE, 3, EINTR);
    fault.largest_write = 7;
    assert_int_equal(durable_write(path, bytes, sizeof bytes, &err), ASC_OK);
    assert_true(fault.fired);
    disarm();
    expect_file(path, bytes, sizeof bytes);
}

// Every call that can fail, at every place: an I/O error, the old file untouched, nothing left.
static void each_call_fails(void **state)
{
    (void)state;
    static const struct {
        enum call call;
        int when;
        int code;
        const char *words;
    } cases[] = {
        {CALL_WRITE, 1, EIO, "writing failed"},    {CALL_WRITE, 2, ENOSPC, "9 bytes needed"},
        {CALL_FSYNC, 1, EIO, "writing failed"},    {CALL_FSYNC, 1, EINTR, "writing failed"},
        {CALL_CLOSE, 1, EDQUOT, "9 bytes needed"}, {CALL_RENAME, 1, EIO, "cannot get this name"},
    };
    asc_error err;
    assert_int_equal(durable_write(path, "old", 3, &err), ASC_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        arm(cases[i].call, cases[i].when, cases[i].code);
        fault.largest_write = 4;
        assert_int_equal(durable_write(path, "different", 9, &err), ASC_IO_ERROR);
        assert_true(fault.fired);
        assert_true(fault.n_fsyncs <= 1);
        disarm();
        expect_words(&err, path);
        expect_words(&err, cases[i].words);
        expect_words(&err, strerror(cases[i].code));
        expect_file(path, "old", 3);
        assert_int_equal(temp_folder_count(folder), 1);
    }
}

static void the_folder_cannot_be_synced(void **state)
{
    (void)state;
    asc_error err;
    arm(CALL_FSYNC, 2, EIO);
    assert_int_equal(durable_write(path, "abc", 3, &err), ASC_IO_ERROR);
    assert_int_equal(fault.n_fsyncs, 2);
    expect_words(&err, "fsync of the folder failed");
    expect_words(&err, "not known to be durable");
    expect_file(path, "abc", 3); // whole, and the only one there may be
    assert_int_equal(temp_folder_count(folder), 1);
    unlink(path);
    arm(CALL_FSYNC, 2, EINVAL);
    assert_int_equal(durable_write(path, "abc", 3, &err), ASC_OK);
    assert_true(fault.fired);
    expect_file(path, "abc", 3);
}

static void no_such_folder(void **state)
{
    (void)state;
    asc_error err;
    char below[TEMP_PATH_SIZE];
    char *tmp_path = NULL;
    temp_file_write(path, "a file", 6);
    temp_folder_join(path, "result", below);
    assert_int_equal(durable_write(below, "abc", 3, &err), ASC_CANNOT_CREATE);
    expect_words(&err, path);
    expect_words(&err, "Not a directory");
    assert_int_equal(durable_temporary(below, &tmp_path, &err), ASC_CANNOT_CREATE);
    assert_null(tmp_path);
    assert_int_equal(durable_make_folder(below, &err), ASC_CANNOT_CREATE);
    temp_folder_join(folder, "missing/result", below);
    assert_int_equal(durable_write(below, "abc", 3, &err), ASC_CANNOT_CREATE);
    expect_words(&err, "missing");
    expect_words(&err, "No such file or directory");
    assert_int_equal(durable_temporary(below, &tmp_path, &err), ASC_CANNOT_CREATE);
    assert_int_equal(durable_write("/proc/ascribe-test", "abc", 3, &err), ASC_CANNOT_CREATE);
    expect_words(&err, "/proc");
    assert_int_equal(temp_folder_count(folder), 1);
}

static void an_unwritable_folder(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    asc_error write_err, temporary_err;
    char *tmp_path = NULL;
    const uid_t user = geteuid();
    assert_int_equal(chmod(folder, 0555), 0);
    if (user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    const asc_status written = durable_write(path, "abc", 3, &write_err);
    const asc_status named = durable_temporary(path, &tmp_path, &temporary_err);
    if (user == 0)
        assert_int_equal(seteuid(user), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(written, ASC_CANNOT_CREATE);
    expect_words(&write_err, folder);
    expect_words(&write_err, "Permission denied");
    assert_int_equal(named, ASC_CANNOT_CREATE);
    expect_words(&temporary_err, "cannot be written to");
    assert_null(tmp_path);
    assert_int_equal(temp_folder_count(folder), 0);
}

static void the_name_is_a_folder(void **state)
{
    (void)state;
    asc_error err;
    assert_int_equal(durable_make_folder(path, &err), ASC_OK);
    assert_int_equal(durable_write(path, "abc", 3, &err), ASC_CANNOT_CREATE);
    expect_words(&err, path);
    expect_words(&err, "Is a directory");
    assert_int_equal(temp_folder_count(folder), 1);
}

static void a_limit_on_file_sizes(void **state)
{
    (void)state;
    asc_error err;
    struct rlimit before, small;
    uint8_t bytes[10000] = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const asc_status status = durable_write(path, bytes, sizeof bytes, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, ASC_IO_ERROR);
    expect_words(&err, "File too large");
    expect_words(&err, "10000 bytes needed");
    assert_int_equal(temp_folder_count(folder), 0);
}

// A real full disk: a file system of 64 KiB. Needs the right to mount, and is skipped without it.
static void a_full_disk(void **state)
{
    (void)state;
    asc_error err;
    const size_t size = 100000;
    if (mount("ascribe-test", folder, "tmpfs", 0, "size=64k,mode=0755") != 0) {
        print_message("skipped: a small tmpfs cannot be mounted here\n");
        skip();
    }
    uint8_t *bytes = calloc(size, 1);
    assert_non_null(bytes);
    assert_int_equal(durable_write(path, bytes, size, &err), ASC_IO_ERROR);
    expect_words(&err, path);
    expect_words(&err, "No space left");
    expect_words(&err, "100000 bytes needed");
    expect_words(&err, "65536 bytes free");
    assert_non_null(strstr(err.hint, "make room"));
    assert_int_equal(temp_folder_count(folder), 0);
    assert_int_equal(durable_write(path, bytes, 50000, &err), ASC_OK);
    assert_int_equal(durable_write(path, bytes, 50001, &err), ASC_IO_ERROR);
    expect_words(&err, "50001 bytes needed");
    expect_file(path, bytes, 50000);
    assert_int_equal(temp_folder_count(folder), 1);
    free(bytes);
}

static void publishing_another_writers_file(void **state)
{
    (void)state;
    asc_error err;
    char *first = NULL, *second = NULL;
    assert_int_equal(durable_temporary(path, &first, &err), ASC_OK);
    assert_int_equal(durable_temporary(path, &second, &err), ASC_OK);
    assert_string_not_equal(first, second);
    assert_int_equal(strncmp(first, path, strlen(path)), 0);
    assert_string_equal(first + strlen(first) - 4, ".tmp");
    assert_int_equal(temp_folder_count(folder), 0);
    temp_file_write(first, "data", 4);
    assert_int_equal(durable_publish(first, path, &err), ASC_OK);
    expect_file(path, "data", 4);
    assert_int_equal(temp_folder_count(folder), 1);

    static const enum call calls[] = {CALL_FSYNC, CALL_CLOSE, CALL_RENAME};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        temp_file_write(second, "other", 5);
        arm(calls[i], 1, EIO);
        assert_int_equal(durable_publish(second, path, &err), ASC_IO_ERROR);
        assert_true(fault.fired);
        disarm();
        expect_file(path, "data", 4);
        assert_int_equal(temp_folder_count(folder), 1);
    }
    assert_int_equal(durable_publish(second, path, &err), ASC_IO_ERROR);
    expect_words(&err, "cannot be opened");
    free(first);
    free(second);
}

static void folders(void **state)
{
    (void)state;
    asc_error err;
    struct stat facts;
    assert_int_equal(durable_make_folder(path, &err), ASC_OK);
    assert_int_equal(stat(path, &facts), 0);
    assert_true(S_ISDIR(facts.st_mode));
    assert_int_equal(fault.n_fsyncs, 1);
    assert_int_equal(durable_make_folder(path, &err), ASC_OK);
    assert_int_equal(rmdir(path), 0);
    arm(CALL_FSYNC, 1, EIO);
    assert_int_equal(durable_make_folder(path, &err), ASC_IO_ERROR);
    assert_int_equal(temp_folder_count(folder), 0);
    temp_file_write(path, "a file", 6);
    assert_int_equal(durable_make_folder(path, &err), ASC_CANNOT_CREATE);
    expect_words(&err, "File exists");
}

// Never over another file; of several writers one wins.
static void a_name_that_must_be_free(void **state)
{
    (void)state;
    asc_error err;
    bool existed = true;
    assert_int_equal(durable_write_new(path, "first", 5, &existed, &err), ASC_OK);
    assert_false(existed);
    expect_file(path, "first", 5);
    assert_int_equal(durable_write_new(path, "second", 6, &existed, &err), ASC_OK);
    assert_true(existed);
    expect_file(path, "first", 5);
    assert_int_equal(temp_folder_count(folder), 1);
    static const enum call calls[] = {CALL_FSYNC, CALL_CLOSE};
    unlink(path);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        arm(calls[i], 1, EIO);
        assert_int_equal(durable_write_new(path, "third", 5, &existed, &err), ASC_IO_ERROR);
        assert_int_equal(temp_folder_count(folder), 0);
    }
    arm(CALL_FSYNC, 2, EIO); // of the folder: the file is there
    assert_int_equal(durable_write_new(path, "third", 5, &existed, &err), ASC_IO_ERROR);
    expect_file(path, "third", 5);
    unlink(path);
}

static void whose_an_unfinished_file_is(void **state)
{
    (void)state;
    asc_error err;
    char *name = NULL, host[DURABLE_HOST_SIZE];
    durable_owner owner;
    durable_host(host);
    assert_int_equal(durable_temporary(path, &name, &err), ASC_OK);
    assert_true(durable_parse_temporary(name, &owner));
    assert_int_equal(owner.name_length, strlen(path));
    assert_string_equal(owner.host, host);
    assert_int_equal(owner.pid, getpid());
    free(name);
    assert_true(durable_parse_temporary("a.b.node-7.12.0123456789abcdef.tmp", &owner));
    assert_int_equal(owner.name_length, 3);
    assert_string_equal(owner.host, "node-7");
    static const char *const others[] = {"", ".tmp", "a.tmp", "a.12.0123456789abcdef.tmp", "a.node.x.0123456789abcdef.tmp",
                                         ".node.12.0123456789abcdef.tmp", "a.node.12.0123456789abcdef.tmp2", "a.node.12.xyz.tmp", "a..12.0.tmp"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(durable_parse_temporary(others[i], &owner));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_and_replaces, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(relative_names, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(interrupted_and_short_writes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(each_call_fails, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_folder_cannot_be_synced, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(no_such_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_unwritable_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_name_is_a_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_limit_on_file_sizes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_full_disk, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(publishing_another_writers_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(folders, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_name_that_must_be_free, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(whose_an_unfinished_file_is, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
