// Text pairs, labels of several classes and labels that are numbers: read from datasets, carried into results, refused when
// they break a rule of the format.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "io/merge.h"
#include "io/part.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include "result_fixture.h"

#include <math.h>

enum { N_NAMES = 2 };

static uint32_t splits[N_ROWS];
static uint8_t matrix[N_ROWS][N_NAMES];
static double numbers[N_ROWS];

// The second text begins with feature n / 2.
static uint32_t split_of(size_t row)
{
    const size_t span = (size_t)data.span_offsets[row], n = fixture_features(row);
    const size_t n_bytes = (size_t)(data.text_offsets[row + 1] - data.text_offsets[row]);
    return n == 0 ? (uint32_t)n_bytes : data.span_begin[span + n / 2];
}

static int make(void **state)
{
    set_up(state);
    for (size_t row = 0; row < N_ROWS; row++) {
        splits[row] = split_of(row);
        numbers[row] = row % 4 ? 0.5 * (double)row : NAN;
        for (size_t name = 0; name < N_NAMES; name++)
            matrix[row][name] = row % 5 == 0 ? ASC_NOT_LABELLED : (row >> name) & 1;
    }
    return 0;
}

static hid_t open_data(void)
{
    const hid_t file = H5Fopen(data_path, H5F_ACC_RDWR, H5P_DEFAULT);
    fixture_check(file);
    return file;
}

static void write_splits(void)
{
    const hid_t file = open_data();
    fixture_write(file, "text/split", H5T_NATIVE_UINT32, N_ROWS, splits);
    H5Fclose(file);
}

static void drop(const char *name)
{
    const hid_t file = open_data();
    fixture_check(H5Ldelete(file, name, H5P_DEFAULT));
    H5Fclose(file);
}

static void write_numbers(void)
{
    const hid_t file = open_data();
    fixture_write(file, "labels/numbers", H5T_NATIVE_DOUBLE, N_ROWS, numbers);
    H5Fclose(file);
}

static void write_matrix(size_t n_columns)
{
    const hid_t file = open_data();
    const hsize_t extent[2] = {N_ROWS, n_columns};
    const hid_t space = H5Screate_simple(2, extent, NULL);
    uint8_t *values = fixture_memory(N_ROWS, n_columns);
    for (size_t i = 0; i < N_ROWS * n_columns; i++)
        values[i] = matrix[i / n_columns][i % n_columns % N_NAMES];
    const hid_t set =
        H5Dcreate2(file, "labels/matrix", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    fixture_check(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    free(values);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
}

static asc_status read_data(asc_rows **rows, asc_dataset_info *info, asc_error *err)
{
    asc_dataset *dataset = NULL;
    asc_status status = asc_dataset_open(data_path, &dataset, err);
    if (status == ASC_OK) {
        *info = *asc_dataset_describe(dataset);
        status = asc_dataset_read(dataset, FIRST, N_CHOSEN, rows, err);
    }
    asc_dataset_close(dataset);
    return status;
}

static void assert_refused(const char *words)
{
    asc_rows *rows = NULL;
    asc_dataset_info info;
    asc_error err = {0};
    const asc_status status = read_data(&rows, &info, &err);
    if (status != ASC_MALFORMED || !strstr(err.message, words))
        fail_msg("expected '%s', found status %d: %s", words, (int)status, err.message);
}

static asc_rows *read_well(asc_dataset_info *info)
{
    asc_rows *rows = NULL;
    asc_error err = {0};
    if (read_data(&rows, info, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return rows;
}

static asc_result_rows *merge_and_read(const merge_job *job, asc_result **result)
{
    asc_result_rows *rows = NULL;
    asc_error err = {0};
    merge_job current = *job; // the dataset has got its groups since the job was made
    assert_int_equal(hash_file(data_path, current.dataset_sha256, NULL), ASC_OK);
    merge_well(&current);
    if (asc_result_open(out, result, &err) != ASC_OK ||
        asc_result_read(*result, 0, N_CHOSEN, &rows, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return rows;
}

static void plain_files_have_none_of_them(void **state)
{
    (void)state;
    asc_dataset_info info;
    asc_rows *rows = read_well(&info);
    assert_false(info.has_pairs || info.has_label_matrix || info.has_label_numbers);
    assert_null(rows->text_split);
    assert_null(rows->label_matrix);
    assert_null(rows->label_numbers);
    asc_rows_free(rows);
}

static void pairs_are_split_in_dataset_and_result(void **state)
{
    (void)state;
    asc_dataset_info info;
    asc_result *result = NULL;
    merge_job job = make_job();
    write_splits();
    asc_rows *rows = read_well(&info);
    assert_true(info.has_pairs);
    assert_memory_equal(rows->text_split, splits + FIRST, N_CHOSEN * sizeof *splits);
    asc_rows_free(rows);
    asc_result_rows *copied = merge_and_read(&job, &result);
    assert_true(asc_result_describe(result)->has_pairs);
    assert_memory_equal(copied->text_split, splits + FIRST, N_CHOSEN * sizeof *splits);
    asc_result_rows_free(copied);
    asc_result_close(result);
}

static void without_text_there_is_no_split(void **state)
{
    (void)state;
    asc_result *result = NULL;
    merge_job job = make_job();
    job.keep_text = false;
    write_splits();
    asc_result_rows *copied = merge_and_read(&job, &result);
    assert_false(asc_result_describe(result)->has_pairs || asc_result_describe(result)->has_text);
    assert_null(copied->text_split);
    asc_result_rows_free(copied);
    asc_result_close(result);
}

static void several_labels_are_carried(void **state)
{
    (void)state;
    asc_dataset_info info;
    asc_result *result = NULL;
    const merge_job job = make_job();
    drop("labels/values");
    write_matrix(N_NAMES);
    asc_rows *rows = read_well(&info);
    assert_true(info.has_label_matrix && !info.has_labels);
    assert_int_equal(info.n_label_names, N_NAMES);
    assert_null(rows->labels);
    assert_memory_equal(rows->label_matrix, matrix[FIRST], N_CHOSEN * N_NAMES);
    asc_rows_free(rows);
    asc_result_rows *copied = merge_and_read(&job, &result);
    assert_true(asc_result_describe(result)->has_label_matrix);
    assert_memory_equal(copied->label_matrix, matrix[FIRST], N_CHOSEN * N_NAMES);
    asc_result_rows_free(copied);
    asc_result_close(result);
}

static void numbers_are_carried(void **state)
{
    (void)state;
    asc_dataset_info info;
    asc_result *result = NULL;
    const merge_job job = make_job();
    drop("labels/values");
    drop("labels/names");
    write_numbers();
    asc_rows *rows = read_well(&info);
    assert_true(info.has_label_numbers && !info.has_labels && info.n_label_names == 0);
    assert_memory_equal(rows->label_numbers, numbers + FIRST, N_CHOSEN * sizeof *numbers);
    asc_rows_free(rows);
    asc_result_rows *copied = merge_and_read(&job, &result);
    assert_true(asc_result_describe(result)->has_label_numbers);
    assert_memory_equal(copied->label_numbers, numbers + FIRST, N_CHOSEN * sizeof *numbers);
    asc_result_rows_free(copied);
    asc_result_close(result);
}

// Row 24 has four features, each "w<f>-24" and a space.
static void pairs_that_break_a_rule_are_refused(void **state)
{
    (void)state;
    const size_t span = (size_t)data.span_offsets[24];
    const uint32_t n_bytes = (uint32_t)(data.text_offsets[25] - data.text_offsets[24]);
    splits[24] = n_bytes + 1;
    write_splits();
    assert_refused("row 24: expected a second text from byte 0 to 24 on, found 25");
    drop("text/split");
    splits[24] = data.span_begin[span + 1] + 1;
    write_splits();
    assert_refused("row 24: expected spans within one text of the pair, found bytes 6 to 11 across 7");
    drop("text/split");
    splits[24] = data.span_begin[span + 2];
    data.span_feature[span + 2] = 1;
    data.span_feature[span + 1] = 2;
    drop("spans/feature");
    const hid_t file = open_data();
    fixture_write(file, "spans/feature", H5T_NATIVE_INT32, data.n_spans, data.span_feature);
    H5Fclose(file);
    write_splits();
    assert_refused("row 24: expected features of the second text after 2, found feature 1");
}

static void labels_that_break_a_rule_are_refused(void **state)
{
    (void)state;
    write_matrix(N_NAMES);
    assert_refused("group 'labels': expected one of 'values', 'matrix' and 'numbers', found several");
    drop("labels/matrix");
    drop("labels/values");
    write_matrix(N_NAMES + 1);
    assert_refused("'labels/matrix': expected 2 columns, found 3");
    drop("labels/matrix");
    matrix[30][1] = 0;
    write_matrix(N_NAMES);
    assert_refused("row 30: expected a label matrix of 0 and 1, or 255 in the whole row, found 0");
    drop("labels/matrix");
    matrix[30][1] = ASC_NOT_LABELLED;
    matrix[29][0] = 2;
    write_matrix(N_NAMES);
    assert_refused("row 29: expected a label matrix of 0 and 1, or 255 in the whole row, found 2");
    drop("labels/names");
    assert_refused("'labels/matrix': expected names of its columns, found none");
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_files_have_none_of_them, make, tear_down),
        cmocka_unit_test_setup_teardown(pairs_are_split_in_dataset_and_result, make, tear_down),
        cmocka_unit_test_setup_teardown(without_text_there_is_no_split, make, tear_down),
        cmocka_unit_test_setup_teardown(several_labels_are_carried, make, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_carried, make, tear_down),
        cmocka_unit_test_setup_teardown(pairs_that_break_a_rule_are_refused, make, tear_down),
        cmocka_unit_test_setup_teardown(labels_that_break_a_rule_are_refused, make, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
