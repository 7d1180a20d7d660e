// See hdf5_arrays.h.
#include "hdf5_arrays.h"

#include "fuzz.h"
#include "mutate.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARRAYS = 64, ROUNDS_PER_FORK = 200 };

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

bool hdf5_only_arrays_differ(const uint8_t *bytes, size_t size)
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

void hdf5_arrays_load(const char *path, size_t least_arrays)
{
    seed_file *seed = &seed_of_arrays;
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
    FUZZ_REQUIRE(seed->n_arrays >= least_arrays);
}

static void edit_array(uint8_t *bytes, dice *d)
{
    const array_place *array = &seed_of_arrays.arrays[dice_below(d, seed_of_arrays.n_arrays)];
    const size_t n = array->size / array->width, width = array->width > 8 ? 8 : array->width;
    uint8_t *at = bytes + array->begin + dice_below(d, n) * array->width;
    uint64_t number = 0;
    memcpy(&number, at, width);
    if (dice_one_in(d, 4))
        number ^= (uint64_t)1 << dice_below(d, 8 * width); // a sign, too
    else if (dice_one_in(d, 3))
        number = (uint64_t)dice_bad_number(d);
    else if (dice_one_in(d, 2))
        number += dice_below(d, 9) - 4;
    else
        memcpy(&number, bytes + array->begin + dice_below(d, n) * array->width, width);
    memcpy(at, &number, width);
}

size_t hdf5_arrays_mutate(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    dice d = {seed};
    if (seed_of_arrays.size <= max_size && !dice_one_in(&d, ROUNDS_PER_FORK)) {
        if (!hdf5_only_arrays_differ(bytes, size))
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
