// Files of arrays in memory: what is written is read back, nothing is replaced unasked, and a stop leaves nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "io/column_file.h"
#include "io/h5file.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_LINES = 10000 }; // more than are written at once
typedef struct line {
    uint64_t id;
    float pair[2];
} line;

static char folder[] = "/tmp/ascribe-column-file-XXXXXX";
static char path[64];
static line lines[N_LINES];

static asc_status write_lines(bool force, stop_check stop, asc_error *err)
{
    static const char names[2][4] = {"one", "of"};
    static const file_text texts[] = {{"format", "ascribe-test"}, {"format_version", "1.0"}};
    static const file_number numbers[] = {{"n", 7}};
    const file_column columns[] = {{"rows/id", COLUMN_UINT64, N_LINES, 0, &lines[0].id, sizeof *lines, 0},
                                   {"pairs", COLUMN_FLOAT32, N_LINES, 2, lines[0].pair, sizeof *lines, 0},
                                   {"none", COLUMN_FLOAT32, 0, 0, lines, sizeof *lines, 0},
                                   {"names", COLUMN_TEXT, 2, 0, names, 4, 3}};
    const column_file file = {path, "the test's file", texts, 2, numbers, 1, columns, 4, force, stop};
    return column_file_write(&file, err);
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *entries = opendir(folder);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void check_file(void)
{
    asc_error err;
    h5file *file = NULL;
    h5set set = {0};
    int64_t complete = 0;
    uint64_t *ids = NULL;
    float *pairs = NULL;
    char *names = NULL;
    const h5_silence silence = h5_silence_begin();
    assert_int_equal(h5file_open(path, &file, &err), ASC_OK);
    assert_int_equal(h5file_check_format(file, "ascribe-test", 1, &err), ASC_OK);
    assert_int_equal(h5file_read_int(file, "complete", 0, &complete, &err), ASC_OK);
    assert_int_equal(complete, 1);
    assert_int_equal(h5set_open(file, "rows/id", &set, &err), ASC_OK);
    assert_int_equal(h5set_read_new(&set, 0, N_LINES, &ids, &err), ASC_OK);
    h5set_close(&set);
    assert_int_equal(h5set_open(file, "pairs", &set, &err), ASC_OK);
    assert_int_equal(h5set_read_new(&set, 0, N_LINES, &pairs, &err), ASC_OK);
    h5set_close(&set);
    assert_int_equal(h5set_open(file, "names", &set, &err), ASC_OK);
    assert_int_equal(h5set_read_new(&set, 0, 2, &names, &err), ASC_OK);
    assert_string_equal(names + set.element_size, "of");
    h5set_close(&set);
    for (size_t i = 0; i < N_LINES; i++) {
        assert_int_equal(ids[i], lines[i].id);
        assert_memory_equal(pairs + 2 * i, lines[i].pair, sizeof lines[i].pair);
    }
    h5file_close(file);
    h5_silence_end(silence);
    free(names);
    free(pairs);
    free(ids);
}

static void written_and_read_back(void **state)
{
    (void)state;
    asc_error err;
    for (size_t i = 0; i < N_LINES; i++)
        lines[i] = (line){i * i, {(float)i, -(float)i / 3}};
    if (write_lines(false, (stop_check){0}, &err) != ASC_OK)
        fail_msg("%s", err.message);
    check_file();
    assert_int_equal(count_files(), 1);
}

static void replaced_only_when_asked(void **state)
{
    (void)state;
    asc_error err;
    lines[3].id = 5;
    assert_int_equal(write_lines(false, (stop_check){0}, &err), ASC_CANNOT_CREATE);
    lines[3].id = 9;
    check_file();
    lines[3].id = 5;
    assert_int_equal(write_lines(true, (stop_check){0}, &err), ASC_OK);
    check_file();
    assert_int_equal(count_files(), 1);
}

static int always(void *user)
{
    (void)user;
    return 1;
}

static void a_stop_leaves_nothing(void **state)
{
    (void)state;
    asc_error err;
    lines[4].id = 6;
    assert_int_equal(write_lines(true, (stop_check){always, NULL}, &err), ASC_STOPPED);
    lines[4].id = 16;
    check_file();
    assert_int_equal(count_files(), 1);
}

static int begin(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/file.h5", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(replaced_only_when_asked),
        cmocka_unit_test(a_stop_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
