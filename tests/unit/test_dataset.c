// asc_dataset_*: a good file comes back whole however it is sliced; each defect is refused and named.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ascribe/dataset.h>

#include "dataset_fixture.h"
#include "temp_folder.h"

#include <sys/stat.h>
#include <unistd.h>

enum { N_ROWS = 150 };

#ifdef __SANITIZE_ADDRESS__
// libhdf5 1.10 itself loses memory when it refuses some damaged files.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}
#endif

static char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];

static int make_folder(void **state)
{
    (void)state;
    temp_folder_make(folder);
    temp_folder_join(folder, "data.h5", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_remove(folder);
    return 0;
}

static asc_dataset *open_good(void)
{
    asc_error err = {0};
    asc_dataset *data = NULL;
    if (asc_dataset_open(path, &data, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return data;
}

static asc_rows *read_good(asc_dataset *data, size_t first, size_t count)
{
    asc_error err = {0};
    asc_rows *rows = NULL;
    if (asc_dataset_read(data, first, count, &rows, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return rows;
}

static void assert_offsets(const int64_t *found, const int64_t *expected, size_t first, size_t count)
{
    for (size_t i = 0; i <= count; i++)
        assert_int_equal(found[i], expected[first + i] - expected[first]);
}

static void assert_slice(const asc_rows *rows, const dataset_arrays *a, size_t first, size_t count)
{
    const size_t token = (size_t)a->token_offsets[first],
                 n_tokens = (size_t)a->token_offsets[first + count] - token;
    const size_t span = (size_t)a->span_offsets[first],
                 n_spans = (size_t)a->span_offsets[first + count] - span;
    const size_t byte = (size_t)a->text_offsets[first],
                 n_bytes = (size_t)a->text_offsets[first + count] - byte;
    assert_int_equal(rows->n_rows, count);
    assert_int_equal(rows->first, first);
    assert_memory_equal(rows->id, a->id + first, count * sizeof *a->id);
    assert_memory_equal(rows->truncated, a->truncated + first, count * sizeof *a->truncated);
    assert_offsets(rows->token_offsets, a->token_offsets, first, count);
    assert_offsets(rows->feature_offsets, a->feature_offsets, first, count);
    assert_offsets(rows->span_offsets, a->span_offsets, first, count);
    assert_offsets(rows->text_offsets, a->text_offsets, first, count);
    assert_memory_equal(rows->tokens, a->tokens + token, n_tokens * sizeof *a->tokens);
    assert_memory_equal(rows->token_features, a->token_features + token,
                        n_tokens * sizeof *a->token_features);
    assert_memory_equal(rows->token_types, a->token_types + token, n_tokens);
    assert_memory_equal(rows->span_begin, a->span_begin + span, n_spans * sizeof *a->span_begin);
    assert_memory_equal(rows->span_end, a->span_end + span, n_spans * sizeof *a->span_end);
    assert_memory_equal(rows->span_feature, a->span_feature + span, n_spans * sizeof *a->span_feature);
    assert_memory_equal(rows->text, a->text + byte, n_bytes);
    assert_memory_equal(rows->labels, a->labels + first, count * sizeof *a->labels);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(rows->keys[i], a->keys[first + i]);
}

static void slices_equal_the_whole(void **state)
{
    (void)state;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_NONE);
    asc_dataset *data = open_good();
    const size_t counts[] = {1, 7, 64, N_ROWS};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t first = 0; first < N_ROWS; first += counts[i]) {
            const size_t count = N_ROWS - first < counts[i] ? N_ROWS - first : counts[i];
            asc_rows *rows = read_good(data, first, count);
            assert_slice(rows, &a, first, count);
            asc_rows_free(rows);
        }
    }
    asc_rows *none = read_good(data, N_ROWS, 0);
    assert_int_equal(none->n_rows, 0);
    asc_rows_free(none);
    asc_dataset_close(data);
    fixture_free(&a);
}

static void facts_are_told(void **state)
{
    (void)state;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_NONE);
    asc_dataset *data = open_good();
    const asc_dataset_info *info = asc_dataset_describe(data);
    assert_int_equal(info->n_rows, N_ROWS);
    assert_int_equal(info->n_tokens, a.n_tokens);
    assert_int_equal(info->n_features, a.n_features);
    assert_int_equal(info->max_row_tokens, 8);
    assert_string_equal(info->created_by, "fixture");
    assert_string_equal(info->tokenizer, "tokenizer.json");
    assert_string_equal(info->tokenizer_sha256, "");
    assert_string_equal(info->granularity, "word");
    assert_int_equal(info->vocab_size, 30522);
    assert_int_equal(info->max_length, 512);
    assert_int_equal(info->n_truncated, 1);
    assert_int_equal(info->mask_token_id, 103);
    assert_int_equal(info->pad_token_id, 0);
    assert_int_equal(info->unk_token_id, -1);
    assert_true(info->has_labels && info->has_keys);
    assert_int_equal(info->n_label_names, 2);
    assert_string_equal(info->label_names[0], "no");
    assert_string_equal(info->label_names[1], "yes");
    asc_dataset_close(data);
    fixture_free(&a);
}

static void optional_groups_may_be_missing(void **state)
{
    (void)state;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_NO_LABELS_KEYS_META);
    asc_dataset *data = open_good();
    asc_rows *rows = read_good(data, 3, 4);
    assert_false(asc_dataset_describe(data)->has_labels || asc_dataset_describe(data)->has_keys);
    assert_int_equal(asc_dataset_describe(data)->n_label_names, 0);
    assert_null(rows->labels);
    assert_null(rows->keys);
    asc_rows_free(rows);
    asc_dataset_close(data);
    fixture_free(&a);
}

static void reading_outside_is_refused(void **state)
{
    (void)state;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_NONE);
    asc_dataset *data = open_good();
    asc_rows *rows = NULL;
    asc_error err = {0};
    assert_int_equal(asc_dataset_read(data, N_ROWS, 1, &rows, &err), ASC_USAGE);
    assert_int_equal(asc_dataset_read(data, 1, SIZE_MAX, &rows, &err), ASC_USAGE);
    assert_int_equal(asc_dataset_read(data, SIZE_MAX, 1, &rows, &err), ASC_USAGE);
    assert_null(rows);
    asc_dataset_close(data);
    fixture_free(&a);
}

// Opens and reads everything in slices of 10 rows; the first failure.
static asc_status read_all(asc_error *err)
{
    asc_dataset *data = NULL;
    asc_status status = asc_dataset_open(path, &data, err);
    if (status != ASC_OK)
        return status;
    const size_t n_rows = asc_dataset_describe(data)->n_rows;
    for (size_t first = 0; first < n_rows && status == ASC_OK; first += 10) {
        asc_rows *rows = NULL;
        status = asc_dataset_read(data, first, n_rows - first < 10 ? n_rows - first : 10, &rows, err);
        asc_rows_free(rows);
    }
    asc_dataset_close(data);
    return status;
}

static void assert_refused(const char *words)
{
    asc_error err = {0};
    const asc_status status = read_all(&err);
    if (status != ASC_MALFORMED || !strstr(err.message, words) || !strstr(err.message, path))
        fail_msg("expected '%s', found status %d: %s", words, (int)status, err.message);
}

static void each_defect_is_named(void **state)
{
    (void)state;
    static const struct {
        dataset_defect defect;
        const char *words;
    } cases[] = {
        {DEFECT_MISSING_DATASET, "'rows/truncated' is missing"},
        {DEFECT_FLOAT_IDS, "'tokens/ids': expected int32, found float32"},
        {DEFECT_VLEN_KEYS, "found a variable-length string"},
        {DEFECT_SHORT_TRUNCATED, "'rows/truncated': expected 150 entries, found 149"},
        {DEFECT_OFFSETS_FALL, "'tokens/offsets': entry 5: expected at least"},
        {DEFECT_OFFSETS_START, "'spans/offsets': expected 0 as the first offset, found 1"},
        {DEFECT_OFFSETS_END, "'tokens/ids': expected"},
        {DEFECT_FEATURE_TOO_LARGE, "row 4, token 1: expected a feature from -1 to 3, found 4"},
        {DEFECT_FEATURE_TOO_SMALL, "row 4, token 1: expected a feature from -1 to 3, found -2"},
        {DEFECT_FEATURE_WITHOUT_TOKEN, "row 4: expected a token for each of 4 features, found 3 with one"},
        {DEFECT_NEGATIVE_ID, "row 4, token 1: expected an id of at least 0, found -3"},
        {DEFECT_SPAN_OUTSIDE, "row 4: expected spans inside the row's text"},
        {DEFECT_SPAN_BACKWARDS, "row 4: expected spans inside the row's text"},
        {DEFECT_SPAN_FEATURE, "row 4: expected spans of features 0 to 3, found feature 4"},
        {DEFECT_LABEL_WITHOUT_NAME, "row 4: expected a label from -1 to 1, found 2"},
        {DEFECT_META_LENGTH, "'meta/group': expected one dimension of 150 entries, found 149"},
        {DEFECT_META_COMPOUND,
         "'meta/pair': expected a plain integer, float or fixed-length string, found a compound"},
        {DEFECT_SOFT_LINK, "'rows/truncated' is a soft or external link"},
        {DEFECT_EXTERNAL_LINK, "'rows/truncated' is a soft or external link"},
        {DEFECT_EXTERNAL_STORAGE, "its data lie in another file"},
        {DEFECT_VIRTUAL, "expected contiguous or chunked storage"},
        {DEFECT_NEVER_WRITTEN, "has a size but was never written"},
        {DEFECT_MISSING_CHUNK, "'rows/truncated': expected 3 chunks of data, found 1"},
        {DEFECT_HUGE, "more than a file of"},
        {DEFECT_OTHER_FILTER, "expected only the filters shuffle, gzip and fletcher32, found number 5"},
        {DEFECT_NEWER_VERSION, "newer version"},
        {DEFECT_NO_FORMAT, "expected attribute format = 'ascribe-dataset', found none"},
        {DEFECT_RESULT_FORMAT, "expected format 'ascribe-dataset', found 'ascribe-result'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dataset_arrays a = fixture_build(path, N_ROWS, cases[i].defect);
        assert_refused(cases[i].words);
        fixture_free(&a);
    }
}

static void an_empty_dataset_is_refused(void **state)
{
    (void)state;
    dataset_arrays a = fixture_build(path, 0, DEFECT_NONE);
    assert_refused("the dataset is empty");
    fixture_free(&a);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    asc_error err = {0};
    asc_dataset *data = NULL;
    FILE *file = fopen(path, "w");
    fputs("these are not the bytes of an HDF5 file\n", file);
    fclose(file);
    assert_refused("expected an HDF5 file");
    unlink(path);
    assert_int_equal(asc_dataset_open(path, &data, &err), ASC_NOT_FOUND);
    assert_int_equal(asc_dataset_open(folder, &data, &err), ASC_NOT_FOUND);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    struct stat facts;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_NONE);
    fixture_free(&a);
    assert_int_equal(stat(path, &facts), 0);
    for (off_t size = facts.st_size - 1; size > 8; size = size * 7 / 8) {
        asc_error err = {0};
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(read_all(&err), ASC_MALFORMED);
    }
}

// One byte changed anywhere: refused or harmless (a byte that nobody reads), never a crash; data under
// checksums never differ.
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    struct stat facts;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_NONE);
    fixture_free(&a);
    assert_int_equal(stat(path, &facts), 0);
    size_t n_refused = 0;
    for (off_t at = 0; at < facts.st_size; at += 211) {
        asc_error err = {0};
        FILE *file = fopen(path, "r+b");
        fseek(file, at, SEEK_SET);
        const int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 0x41, file);
        fclose(file);
        const asc_status status = read_all(&err);
        assert_true(status == ASC_OK || status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY);
        n_refused += status != ASC_OK;
        file = fopen(path, "r+b");
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fclose(file);
    }
    assert_true(n_refused > 10);
    assert_int_equal(read_all(NULL), ASC_OK);
}

static void printing_of_the_caller_is_kept(void **state)
{
    (void)state;
    H5E_auto2_t before = NULL, after = NULL;
    void *before_data = NULL, *after_data = NULL;
    dataset_arrays a = fixture_build(path, N_ROWS, DEFECT_MISSING_DATASET);
    H5Eget_auto2(H5E_DEFAULT, &before, &before_data);
    assert_non_null(before);
    assert_refused("missing");
    H5Eget_auto2(H5E_DEFAULT, &after, &after_data);
    assert_ptr_equal(before, after);
    assert_ptr_equal(before_data, after_data);
    fixture_free(&a);
}

static void handles_do_not_leak(void **state)
{
    (void)state;
    dataset_arrays good = fixture_build(path, N_ROWS, DEFECT_NONE);
    assert_int_equal(read_all(NULL), ASC_OK);
    fixture_free(&good);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    for (dataset_defect defect = DEFECT_MISSING_DATASET; defect <= DEFECT_RESULT_FORMAT; defect++) {
        dataset_arrays a = fixture_build(path, N_ROWS, defect);
        assert_int_equal(read_all(NULL), ASC_MALFORMED);
        fixture_free(&a);
        assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_equal_the_whole),
        cmocka_unit_test(facts_are_told),
        cmocka_unit_test(optional_groups_may_be_missing),
        cmocka_unit_test(reading_outside_is_refused),
        cmocka_unit_test(each_defect_is_named),
        cmocka_unit_test(an_empty_dataset_is_refused),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(printing_of_the_caller_is_kept),
        cmocka_unit_test(handles_do_not_leak),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
