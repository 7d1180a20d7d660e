// same_result A B: are the two result files the same bit for bit? Every dataset and every attribute is compared by type, extent
// and bytes, but for the attribute `run`, which tells of times and commands. Exit status 0 same, 1 not (the first difference is named).
#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparison {
    hid_t other;
    size_t n_objects;
} comparison;

static herr_t differs(const char *what, const char *name)
{
    printf("%s '%s' differs\n", what, name);
    return -1;
}

static bool same_space(hid_t a, hid_t b)
{
    const bool same = H5Sextent_equal(a, b) > 0;
    H5Sclose(a);
    H5Sclose(b);
    return same;
}

// Bytes of a dataset or attribute in its own type; the caller frees them.
static char *bytes_of(hid_t object, hid_t type, hid_t space, bool is_attribute, size_t *size)
{
    *size = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    char *bytes = calloc(1, *size + 1);
    if (!bytes || (is_attribute ? H5Aread(object, type, bytes) : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes)) < 0)
        abort();
    return bytes;
}

static bool same_values(hid_t a, hid_t b, bool is_attribute)
{
    size_t a_size, b_size;
    const hid_t a_type = is_attribute ? H5Aget_type(a) : H5Dget_type(a), b_type = is_attribute ? H5Aget_type(b) : H5Dget_type(b);
    const hid_t a_space = is_attribute ? H5Aget_space(a) : H5Dget_space(a), b_space = is_attribute ? H5Aget_space(b) : H5Dget_space(b);
    bool same = H5Tequal(a_type, b_type) > 0;
    if (same) {
        char *a_bytes = bytes_of(a, a_type, a_space, is_attribute, &a_size), *b_bytes = bytes_of(b, b_type, b_space, is_attribute, &b_size);
        same = a_size == b_size && memcmp(a_bytes, b_bytes, a_size) == 0;
        free(b_bytes);
        free(a_bytes);
    }
    same = same_space(a_space, b_space) && same;
    H5Tclose(a_type);
    H5Tclose(b_type);
    return same;
}

static herr_t compare_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user)
{
    const comparison *with = user;
    (void)info;
    if (strcmp(name, "run") == 0)
        return 0;
    const hid_t a = H5Aopen(object, name, H5P_DEFAULT), b = H5Aopen(with->other, name, H5P_DEFAULT);
    const bool same = a >= 0 && b >= 0 && same_values(a, b, true);
    H5Aclose(a);
    if (b >= 0)
        H5Aclose(b);
    return same ? 0 : differs("attribute", name);
}

static herr_t compare_object(hid_t root, const char *name, const H5O_info_t *info, void *user)
{
    comparison *with = user;
    with->n_objects++;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    if (H5Lexists(with->other, name, H5P_DEFAULT) <= 0)
        return differs("dataset", name);
    const hid_t a = H5Dopen2(root, name, H5P_DEFAULT), b = H5Dopen2(with->other, name, H5P_DEFAULT);
    const bool same = a >= 0 && b >= 0 && same_values(a, b, false);
    H5Dclose(a);
    H5Dclose(b);
    return same ? 0 : differs("dataset", name);
}

static herr_t count_object(hid_t root, const char *name, const H5O_info_t *info, void *user)
{
    (void)root, (void)name, (void)info;
    ++*(size_t *)user;
    return 0;
}

int main(int argc, char **argv)
{
    size_t n_objects = 0;
    if (argc != 3)
        return 64;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t a = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT), b = H5Fopen(argv[2], H5F_ACC_RDONLY, H5P_DEFAULT);
    if (a < 0 || b < 0) {
        printf("%s cannot be opened\n", a < 0 ? argv[1] : argv[2]);
        return 1;
    }
    comparison with = {.other = b};
    hsize_t at = 0;
    bool same = H5Ovisit2(a, H5_INDEX_NAME, H5_ITER_INC, compare_object, &with, H5O_INFO_BASIC) >= 0;
    same = same && H5Aiterate2(a, H5_INDEX_NAME, H5_ITER_INC, &at, compare_attribute, &with) >= 0;
    same = same && H5Ovisit2(b, H5_INDEX_NAME, H5_ITER_INC, count_object, &n_objects, H5O_INFO_BASIC) >= 0;
    if (same && n_objects != with.n_objects) {
        puts("the number of datasets differs");
        same = false;
    }
    H5Fclose(b);
    H5Fclose(a);
    return same ? 0 : 1;
}
