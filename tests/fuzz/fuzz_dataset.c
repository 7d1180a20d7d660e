// Dataset files, damaged in their arrays or anywhere (hdf5_arrays.h).
#include "fuzz.h"
#include "hdf5_arrays.h"

#include "io/dataset_read.h"

enum { ROWS_AT_ONCE = 7 };

// What whoever gets a slice relies on.
static void check_rows(const asc_rows *rows, const asc_dataset_info *info)
{
    for (size_t row = 0; row < rows->n_rows; row++) {
        const int64_t n_features = rows->feature_offsets[row + 1] - rows->feature_offsets[row];
        const int64_t n_bytes = rows->text_offsets[row + 1] - rows->text_offsets[row];
        FUZZ_REQUIRE(n_features >= 0 && n_bytes >= 0 && rows->token_offsets[row + 1] > rows->token_offsets[row]);
        FUZZ_REQUIRE((size_t)(rows->token_offsets[row + 1] - rows->token_offsets[row]) <= info->max_row_tokens);
        for (int64_t t = rows->token_offsets[row]; t < rows->token_offsets[row + 1]; t++)
            FUZZ_REQUIRE(rows->tokens[t] >= 0 && rows->token_features[t] >= -1 && rows->token_features[t] < n_features);
        for (int64_t s = rows->span_offsets[row]; s < rows->span_offsets[row + 1]; s++)
            FUZZ_REQUIRE(rows->span_begin[s] <= rows->span_end[s] && rows->span_end[s] <= n_bytes &&
                         rows->span_feature[s] >= 0 && rows->span_feature[s] < n_features);
        if (rows->labels)
            FUZZ_REQUIRE(rows->labels[row] >= -1 &&
                         (info->n_label_names == 0 || rows->labels[row] < (int32_t)info->n_label_names));
    }
}

static asc_status read_all(asc_dataset *data, asc_error *err)
{
    const asc_dataset_info *info = asc_dataset_describe(data);
    asc_status status = ASC_OK;
    for (size_t first = 0; first < info->n_rows && status == ASC_OK; first += ROWS_AT_ONCE) {
        const size_t left = info->n_rows - first;
        asc_rows *rows = NULL;
        status = asc_dataset_read(data, first, left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE, &rows, err);
        if (status == ASC_OK)
            check_rows(rows, info);
        asc_rows_free(rows);
    }
    return status;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char path[] = ASCRIBE_FUZZ_CORPUS "/dataset/contiguous.h5";
    (void)argc;
    (void)argv;
    hdf5_arrays_load(path, 10);
    asc_dataset *data = NULL; // what is not accepted whole is no place to plant damage in
    FUZZ_REQUIRE(dataset_open_here(path, &data, NULL) == ASC_OK && read_all(data, NULL) == ASC_OK);
    asc_dataset_close(data);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    asc_dataset *data = NULL;
    asc_error err = {0};
    const bool here = hdf5_only_arrays_differ(bytes, size);
    const char *path = fuzz_named_file(bytes, size);
    asc_status status = here ? dataset_open_here(path, &data, &err) : asc_dataset_open(path, &data, &err);
    if (status == ASC_OK && !here)
        status = asc_dataset_check(data, 0, asc_dataset_describe(data)->n_rows, &err);
    if (status == ASC_OK)
        status = read_all(data, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY);
    asc_dataset_close(data);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_arrays_mutate(bytes, size, max_size, seed);
}
