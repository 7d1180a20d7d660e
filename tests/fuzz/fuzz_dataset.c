// Dataset files. Two kinds of damage: in the arrays of a sound HDF5 file (hostile offsets, features, spans), which our own
// code must stand in this very process; and anywhere, read as the commands read it, where libhdf5 may die in its child but
// this process may not.
#include "fuzz.h"
#include "mutate.h"

#include "io/dataset_read.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARRAYS = 64, ROWS_AT_ONCE = 7, ROUNDS_PER_FORK = 200 };

typedef struct array_place {
    size_t begin, size, width;
} array_place;

typedef struct seed_file {
    uint8_t *bytes;
    size_t size;
    array_place arrays[MOST_ARRAYS];
    size_t n_arrays;
} seed_file;

static seed_file seed_of_arrays; // the sound file whose arrays lie plain in it

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}
#endif
#endif

static herr_t note_array(hid_t group, const char *name, const H5O_info_t *info, void *data)
{
    seed_file *seed = data;
    if (info->type != H5O_TYPE_DATASET || seed->n_arrays == MOST_ARRAYS)
        return 0;
    const hid_t set = H5Dopen2(group, name, H5P_DEFAULT), type = H5Dget_type(set);
    const haddr_t at = H5Dget_offset(set);
    if (at != HADDR_UNDEF)
        seed->arrays[seed->n_arrays++] =
            (array_place){(size_t)at, (size_t)H5Dget_storage_size(set), H5Tget_size(type)};
    H5Tclose(type);
    H5Dclose(set);
    return 0;
}

// Whether the input is the sound file but for what its arrays hold.
static bool only_arrays_differ(const uint8_t *bytes, size_t size)
{
    const seed_file *seed = &seed_of_arrays;
    if (size != seed->size)
        return false;
    for (size_t at = 0; at < size; at++) {
        bool inside = bytes[at] == seed->bytes[at];
        for (size_t i = 0; i < seed->n_arrays && !inside; i++)
            inside = at >= seed->arrays[i].begin && at - seed->arrays[i].begin < seed->arrays[i].size;
        if (!inside)
            return false;
    }
    return true;
}

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
    seed_file *seed = &seed_of_arrays;
    static const char path[] = ASCRIBE_FUZZ_CORPUS "/dataset/contiguous.h5";
    (void)argc;
    (void)argv;
    FILE *file = fopen(path, "rb");
    FUZZ_REQUIRE(file && fseek(file, 0, SEEK_END) == 0);
    seed->size = (size_t)ftell(file);
    rewind(file);
    seed->bytes = malloc(seed->size);
    FUZZ_REQUIRE(seed->bytes && fread(seed->bytes, 1, seed->size, file) == seed->size);
    fclose(file);
    const hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    FUZZ_REQUIRE(id >= 0 && H5Ovisit(id, H5_INDEX_NAME, H5_ITER_INC, note_array, seed) >= 0);
    H5Fclose(id);
    FUZZ_REQUIRE(seed->n_arrays >= 10);
    asc_dataset *data = NULL; // what is not accepted whole is no place to plant damage in
    FUZZ_REQUIRE(dataset_open_here(path, &data, NULL) == ASC_OK && read_all(data, NULL) == ASC_OK);
    asc_dataset_close(data);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    asc_dataset *data = NULL;
    asc_error err = {0};
    const bool here = only_arrays_differ(bytes, size);
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

static void edit_array(uint8_t *bytes, dice *d)
{
    const array_place *array = &seed_of_arrays.arrays[dice_below(d, seed_of_arrays.n_arrays)];
    const size_t n = array->size / array->width, width = array->width > 8 ? 8 : array->width;
    uint8_t *at = bytes + array->begin + dice_below(d, n) * array->width;
    uint64_t number = 0;
    memcpy(&number, at, width);
    if (dice_one_in(d, 3))
        number = (uint64_t)dice_bad_number(d);
    else if (dice_one_in(d, 2))
        number += dice_below(d, 9) - 4;
    else
        memcpy(&number, bytes + array->begin + dice_below(d, n) * array->width, width);
    memcpy(at, &number, width);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    dice d = {seed};
    if (seed_of_arrays.size <= max_size && !dice_one_in(&d, ROUNDS_PER_FORK)) {
        if (!only_arrays_differ(bytes, size))
            memcpy(bytes, seed_of_arrays.bytes, seed_of_arrays.size);
        for (size_t n = 1 + dice_below(&d, 3); n > 0; n--)
            edit_array(bytes, &d);
        return seed_of_arrays.size;
    }
    if (dice_one_in(&d, 20) || size < 8)
        return LLVMFuzzerMutate(bytes, size, max_size);
    mutate_hdf5(&d, bytes, size);
    return size;
}
