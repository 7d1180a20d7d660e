// From parts to a result file and back: what merge_run writes, asc_result_* reads and asc_result_verify
// checks.
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

static asc_result *open_result(void)
{
    asc_error err = {0};
    asc_result *result = NULL;
    if (asc_result_open(out, &result, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return result;
}

static void assert_numbers(const asc_result_rows *rows, size_t i)
{
    made_row made;
    make_row(&made, FIRST + rows->first + i);
    const size_t begin = (size_t)rows->feature_offsets[i], n_values = made.row.n_features * K;
    assert_int_equal(rows->feature_offsets[i + 1] - rows->feature_offsets[i], made.row.n_features);
    assert_int_equal(rows->id[i], made.row.id);
    assert_int_equal(rows->position[i], made.row.position);
    assert_int_equal(rows->evaluations[i], made.row.evaluations);
    assert_int_equal(rows->status[i], made.row.status);
    assert_memory_equal(rows->values + begin * K, made.values, n_values * sizeof(float));
    assert_memory_equal(rows->std_errors + begin * K, made.std_errors, n_values * sizeof(float));
    assert_memory_equal(rows->base_values + i * K, made.base_values, K * sizeof(float));
    assert_memory_equal(rows->outputs + i * K, made.outputs, K * sizeof(float));
    assert_memory_equal(rows->efficiency_residual + i * K, made.residuals, K * sizeof(float));
    assert_memory_equal(rows->targets + i * K, made.targets, K * sizeof(int32_t));
    assert_memory_equal(rows->scores + i * C, made.scores, C * sizeof(float));
}

static void assert_copies(const asc_result_rows *rows, size_t i, bool with_text)
{
    const size_t position = FIRST + rows->first + i;
    const size_t span = (size_t)data.span_offsets[position];
    const size_t n_spans = (size_t)data.span_offsets[position + 1] - span;
    const size_t at = (size_t)rows->span_offsets[i];
    assert_int_equal(rows->span_offsets[i + 1] - rows->span_offsets[i], n_spans);
    assert_memory_equal(rows->span_begin + at, data.span_begin + span, n_spans * sizeof(uint32_t));
    assert_memory_equal(rows->span_end + at, data.span_end + span, n_spans * sizeof(uint32_t));
    assert_memory_equal(rows->span_feature + at, data.span_feature + span, n_spans * sizeof(int32_t));
    assert_int_equal(rows->labels[i], data.labels[position]);
    assert_string_equal(rows->keys[i], data.keys[position]);
    if (!with_text)
        return;
    const size_t byte = (size_t)data.text_offsets[position];
    const size_t n_bytes = (size_t)data.text_offsets[position + 1] - byte;
    assert_int_equal(rows->text_offsets[i + 1] - rows->text_offsets[i], n_bytes);
    assert_memory_equal(rows->text + rows->text_offsets[i], data.text + byte, n_bytes);
}

static void assert_result(bool with_text)
{
    asc_result *result = open_result();
    asc_error err = {0};
    for (size_t first = 0; first < N_CHOSEN; first += 37) {
        asc_result_rows *rows = NULL;
        const size_t count = N_CHOSEN - first < 37 ? N_CHOSEN - first : 37;
        if (asc_result_read(result, first, count, &rows, &err) != ASC_OK)
            fail_msg("%s", err.message);
        assert_int_equal(rows->n_rows, count);
        assert_int_equal(rows->text_offsets != NULL, with_text);
        for (size_t i = 0; i < count; i++) {
            assert_numbers(rows, i);
            assert_copies(rows, i, with_text);
        }
        asc_result_rows_free(rows);
    }
    asc_result_close(result);
}

static void a_result_holds_what_the_parts_hold(void **state)
{
    (void)state;
    const merge_job job = make_job();
    merge_well(&job);
    assert_result(true);
    asc_result *result = open_result();
    const asc_result_info *info = asc_result_describe(result);
    assert_int_equal(info->n_rows, N_CHOSEN);
    assert_int_equal(info->n_values, data.feature_offsets[FIRST + N_CHOSEN] - data.feature_offsets[FIRST]);
    assert_int_equal(info->n_classes, C);
    assert_int_equal(info->n_targets, K);
    for (size_t c = 0; c < C; c++)
        assert_string_equal(info->class_names[c], class_names[c]);
    assert_string_equal(info->method, "shapley");
    assert_string_equal(info->estimator, "wls");
    assert_string_equal(info->output, "logit");
    assert_string_equal(info->policy, "remove");
    assert_string_equal(info->granularity, "word");
    assert_string_equal(info->manifest, job.manifest);
    assert_string_equal(info->run, job.run);
    assert_memory_equal(info->manifest_hash, "abababababab", 12);
    assert_int_equal(info->n_label_names, 2);
    assert_string_equal(info->label_names[1], "yes");
    assert_true(info->has_labels && info->has_text && info->has_keys);
    asc_result_close(result);
}

static void read_column(const char *name, hid_t type, void *values)
{
    const hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Fclose(file);
}

static void meta_columns_are_copied(void **state)
{
    (void)state;
    const merge_job job = make_job();
    double scores[N_CHOSEN];
    int64_t groups[N_CHOSEN];
    char cities[N_CHOSEN][sizeof data.cities[0]];
    const hid_t text = fixture_text_type(sizeof cities[0]);
    H5Tset_cset(text, H5T_CSET_UTF8);
    merge_well(&job);
    read_column("meta/score", H5T_NATIVE_DOUBLE, scores);
    read_column("meta/group", H5T_NATIVE_INT64, groups);
    read_column("meta/city", text, cities);
    assert_memory_equal(scores, data.scores + FIRST, sizeof scores);
    assert_memory_equal(groups, data.groups + FIRST, sizeof groups);
    assert_memory_equal(cities, data.cities + FIRST, sizeof cities);
    H5Tclose(text);
}

static void text_can_be_left_out(void **state)
{
    (void)state;
    merge_job job = make_job();
    job.keep_text = false;
    merge_well(&job);
    assert_result(false);
    const hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_int_equal(H5Lexists(file, "text", H5P_DEFAULT), 0);
    assert_int_equal(H5Lexists(file, "meta", H5P_DEFAULT), 0);
    H5Fclose(file);
}

static void the_same_content_gives_the_same_bytes(void **state)
{
    (void)state;
    size_t size = 0, again_size = 0;
    const merge_job job = make_job();
    merge_well(&job);
    uint8_t *bytes = temp_file_read(out, &size);
    sleep(1); // HDF5 time stamps count seconds
    merge_well(&job);
    uint8_t *again = temp_file_read(out, &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(bytes, again, size);
    free(again);
    free(bytes);
}

static void a_good_file_verifies(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_verify_report report;
    const merge_job job = make_job();
    merge_well(&job);
    if (asc_result_verify(out, &report, &err) != ASC_OK)
        fail_msg("%s", err.message);
    size_t n_with_status = 0, n_unexplained = 0;
    for (size_t position = FIRST; position < FIRST + N_CHOSEN; position++) {
        n_with_status += position % 11 == 0 || position % 13 == 0;
        n_unexplained += position % 11 == 0;
    }
    assert_int_equal(report.n_rows, N_CHOSEN);
    assert_int_equal(report.n_values, data.feature_offsets[FIRST + N_CHOSEN] - data.feature_offsets[FIRST]);
    assert_int_equal(report.n_rows_with_status, n_with_status);
    assert_int_equal(report.n_unexplained, n_unexplained);
    assert_int_equal(report.n_residual_over_limit, 0);
    assert_int_equal(report.n_unexpected_nan, 0);
    assert_true(report.max_residual < 1e-4);
    assert_true(report.digest_matches);
}

// Changes one float of the finished file.
static void change_float(const char *name, hsize_t line, float change)
{
    float value = 0;
    const hsize_t start[2] = {line, 0}, one[2] = {1, 1};
    const hid_t file = H5Fopen(out, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(set), memory = H5Screate_simple(2, one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, one, NULL);
    assert_true(H5Dread(set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, &value) >= 0);
    value += change;
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, &value) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
}

static void a_changed_float_is_found(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_verify_report report;
    const merge_job job = make_job();
    const char *const names[] = {"values",  "std_errors",          "base_values",
                                 "outputs", "efficiency_residual", "scores"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        merge_well(&job);
        change_float(names[i], 5, 1e-4f);
        assert_int_equal(asc_result_verify(out, &report, &err), ASC_FAILED_CHECK);
        assert_false(report.digest_matches);
        assert_int_equal(report.n_unexpected_nan, 0);
    }
}

static void spoil_sum(made_row *made)
{
    if (made->row.position == FIRST + 1)
        made->values[0] += 1;
}

static void spoil_number(made_row *made)
{
    if (made->row.position == FIRST + 1)
        made->scores[1] = NAN;
}

static void spoil_error(made_row *made)
{
    if (made->row.position == FIRST + 1)
        made->std_errors[1] = NAN;
}

static void residuals_and_missing_numbers_are_reported(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_verify_report report;
    merge_job job = make_job();
    write_parts(spoil_sum);
    merge_well(&job);
    assert_int_equal(asc_result_verify(out, &report, &err), ASC_FAILED_CHECK);
    assert_true(report.digest_matches);
    assert_int_equal(report.n_residual_over_limit, 1);
    assert_true(fabs(report.max_residual - 1) < 1e-5);
    assert_non_null(strstr(err.message, "position 21 (id 1147)"));

    job.method = "banzhaf"; // promises no sum
    merge_well(&job);
    assert_int_equal(asc_result_verify(out, &report, &err), ASC_OK);
    job.method = "shapley";

    change_row *const spoilers[] = {spoil_number, spoil_error};
    for (size_t i = 0; i < 2; i++) {
        write_parts(spoilers[i]);
        merge_well(&job);
        assert_int_equal(asc_result_verify(out, &report, &err), ASC_FAILED_CHECK);
        assert_int_equal(report.n_unexpected_nan, 1);
        assert_int_equal(report.n_residual_over_limit, 0);
        assert_true(report.digest_matches);
    }
    write_parts(NULL);
}

static void other_files_are_no_results(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_verify_report report;
    assert_int_equal(asc_result_verify(data_path, &report, &err), ASC_MALFORMED);
    assert_non_null(strstr(err.message, "expected format 'ascribe-result', found 'ascribe-dataset'"));
    assert_int_equal(asc_result_verify(out, &report, &err), ASC_NOT_FOUND);
    const merge_job job = make_job();
    merge_well(&job);
    const hid_t file = H5Fopen(out, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Adelete(file, "complete");
    H5Fclose(file);
    assert_int_equal(asc_result_verify(out, &report, &err), ASC_MALFORMED);
    assert_non_null(strstr(err.message, "not complete"));
}

static int remove_result(void **state)
{
    (void)state;
    unlink(out);
    return 0;
}

#define RESULT_TEST(name) cmocka_unit_test_teardown(name, remove_result)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESULT_TEST(a_result_holds_what_the_parts_hold),
        RESULT_TEST(meta_columns_are_copied),
        RESULT_TEST(text_can_be_left_out),
        RESULT_TEST(the_same_content_gives_the_same_bytes),
        RESULT_TEST(a_good_file_verifies),
        RESULT_TEST(a_changed_float_is_found),
        RESULT_TEST(residuals_and_missing_numbers_are_reported),
        RESULT_TEST(other_files_are_no_results),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
