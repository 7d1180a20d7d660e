// Mask files, damaged in their arrays or anywhere (hdf5_arrays.h). The rows that the sound file has are asked for, and whatever stands
// for them must be masks.
#include "fuzz.h"
#include "hdf5_arrays.h"

#include "io/mask_file.h"
#include "mask_fixture.h"

#include <math.h>

static void check_row(const mask_row *row, size_t n_features)
{
    const size_t n_words = n_features == 0 ? 1 : (n_features + 63) / 64, n_last = n_features % 64;
    const uint64_t beyond = n_last || n_features == 0 ? ~(((uint64_t)1 << n_last) - 1) : 0;
    double sum = 0;
    FUZZ_REQUIRE(row->count >= 1 && row->n_draws >= 1 && row->n_draws <= INT32_MAX / 2);
    for (size_t c = 0; c < row->count; c++) {
        FUZZ_REQUIRE((row->masks[(c + 1) * n_words - 1] & beyond) == 0);
        FUZZ_REQUIRE(row->weights[c] >= 0 && isfinite(row->weights[c]));
        sum += row->weights[c];
    }
    FUZZ_REQUIRE(sum > 0 && isfinite(sum));
}

static asc_status read_all(const mask_file *file, asc_error *err)
{
    for (size_t row = 0; row < MASK_FIXTURE_ROWS; row++) {
        const size_t n_features = mask_fixture_features[row];
        mask_row found;
        const asc_status known = mask_file_check_row(file, MASK_FIXTURE_FIRST_ID + row, n_features, NULL);
        const asc_status status = mask_file_read(file, MASK_FIXTURE_FIRST_ID + row, n_features, &found, err);
        FUZZ_REQUIRE(known == ASC_OK || status == known);
        FUZZ_REQUIRE(known != ASC_OK || mask_file_has(file, MASK_FIXTURE_FIRST_ID + row));
        if (status != ASC_OK)
            return status;
        FUZZ_REQUIRE(found.count <= mask_file_most(file, n_features));
        check_row(&found, n_features);
        mask_row_free(&found);
    }
    return ASC_OK;
}

// The arrays of the sound file hold masks of MASK_FIXTURE_WORDS words: no row may have more features than that.
static void check_most(const mask_file *file)
{
    for (size_t n = 64 * MASK_FIXTURE_WORDS + 1; n < 4096; n++)
        FUZZ_REQUIRE(mask_file_most(file, n) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char path[] = ASCRIBE_FUZZ_CORPUS "/masks/contiguous.h5";
    mask_file *file = NULL; // what is not accepted whole is no place to plant damage in
    (void)argc;
    (void)argv;
    hdf5_arrays_load(path, 6);
    FUZZ_REQUIRE(mask_file_open_here(path, &file, NULL) == ASC_OK && read_all(file, NULL) == ASC_OK);
    mask_file_close(file);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mask_file *file = NULL;
    asc_error err = {0};
    const bool here = hdf5_only_arrays_differ(bytes, size);
    const char *path = fuzz_named_file(bytes, size);
    asc_status status = here ? mask_file_open_here(path, &file, &err) : mask_file_open(path, NULL, &file, &err);
    FUZZ_REQUIRE((status == ASC_OK) == (file != NULL));
    if (status == ASC_OK && here)
        check_most(file);
    if (status == ASC_OK)
        status = read_all(file, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY);
    mask_file_close(file);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_arrays_mutate(bytes, size, max_size, seed);
}
