// Stored bytes pass from one dataset to another only where they mean the same: what counts as stored alike, copying, comparing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "io/h5file.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "temp_folder.h"

#include <stdlib.h>

enum { N = 1000, CHUNK = 64 };

static char folder[TEMP_PATH_SIZE], first_path[TEMP_PATH_SIZE], second_path[TEMP_PATH_SIZE];
static const h5set_plan usual = {{COLUMN_INT32, N, 0}, 0, CHUNK, true};

static void well(asc_status status, const asc_error *err)
{
    if (status != ASC_OK)
        fail_msg("%s", err->message);
}

static void number(int32_t values[N], int32_t step)
{
    for (int32_t i = 0; i < N; i++)
        values[i] = i * step;
}

// A file of one dataset 'a'.
static void write_numbers(const char *path, h5set_plan plan, int32_t step)
{
    asc_error err = {0};
    int32_t values[N];
    h5file *file = NULL;
    h5set set;
    number(values, step);
    well(h5file_create(path, &file, &err), &err);
    well(h5set_create(file, "a", plan, &set, &err), &err);
    well(h5set_append(&set, plan.shape.n_rows, values, &err), &err);
    well(h5set_finish(&set, &err), &err);
    well(h5file_finish(file, &err), &err);
}

typedef struct opened {
    h5file *file;
    h5set set;
} opened;

static opened open_numbers(const char *path)
{
    asc_error err = {0};
    opened o = {0};
    well(h5file_open(path, &o.file, &err), &err);
    well(h5set_open(o.file, "a", &o.set, &err), &err);
    return o;
}

static void close_numbers(opened *o)
{
    h5set_close(&o->set);
    h5file_close(o->file);
}

static bool is_alike(h5set_plan other)
{
    write_numbers(first_path, usual, 3);
    write_numbers(second_path, other, 3);
    opened a = open_numbers(first_path), b = open_numbers(second_path);
    const bool alike = h5set_stored_alike(&a.set, &b.set);
    close_numbers(&b);
    close_numbers(&a);
    return alike;
}

static void only_equals_are_stored_alike(void **state)
{
    (void)state;
    h5set_plan other = usual;
    assert_true(is_alike(other));
    other.shape.type = COLUMN_UINT32;
    assert_false(is_alike(other));
    other = usual, other.compress = false;
    assert_false(is_alike(other));
    other = usual, other.chunk = 2 * CHUNK;
    assert_false(is_alike(other));
    other = usual, other.shape.n_rows = N - 1;
    assert_false(is_alike(other));
    other = usual, other.shape.n_columns = 1;
    assert_false(is_alike(other));
}

static void a_copy_holds_the_same(void **state)
{
    (void)state;
    asc_error err = {0};
    int32_t expected[N], found[N];
    h5file *file = NULL;
    h5set copy;
    bool same = false;
    number(expected, 7);
    write_numbers(first_path, usual, 7);
    opened a = open_numbers(first_path);
    well(h5file_create(second_path, &file, &err), &err);
    well(h5set_create(file, "a", usual, &copy, &err), &err);
    assert_true(h5set_stored_alike(&a.set, &copy));
    well(h5set_copy_chunks(&a.set, &copy, &err), &err);
    well(h5set_finish(&copy, &err), &err);
    well(h5file_finish(file, &err), &err);
    opened b = open_numbers(second_path);
    well(h5set_read(&b.set, 0, N, found, &err), &err);
    assert_memory_equal(found, expected, sizeof found);
    well(h5set_compare_chunks(&a.set, &b.set, &same, &err), &err);
    assert_true(same);
    close_numbers(&b);
    close_numbers(&a);
}

// In the last chunk, which is not full, and in chunks of equal size: uncompressed.
static void another_number_is_found(void **state)
{
    (void)state;
    asc_error err = {0};
    h5set_plan plain = usual;
    plain.compress = false;
    bool same = true;
    write_numbers(first_path, plain, 7);
    write_numbers(second_path, plain, 7);
    const hid_t file = H5Fopen(second_path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "a", H5P_DEFAULT), space = H5Dget_space(set);
    const hsize_t place = N - 1, one = 1;
    const int32_t value = -1;
    const hid_t memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_elements(space, H5S_SELECT_SET, 1, &place);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT32, memory, space, H5P_DEFAULT, &value) >= 0);
    H5Sclose(memory), H5Sclose(space), H5Dclose(set), H5Fclose(file);
    opened a = open_numbers(first_path), b = open_numbers(second_path);
    assert_true(h5set_stored_alike(&a.set, &b.set));
    well(h5set_compare_chunks(&a.set, &b.set, &same, &err), &err);
    assert_false(same);
    close_numbers(&b);
    close_numbers(&a);
}

static int set_up(void **state)
{
    (void)state;
    temp_folder_make(folder);
    temp_folder_join(folder, "first.h5", first_path);
    temp_folder_join(folder, "second.h5", second_path);
    h5_silence_begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_equals_are_stored_alike),
        cmocka_unit_test(a_copy_holds_the_same),
        cmocka_unit_test(another_number_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
