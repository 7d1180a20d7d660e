// The rules by which a dataset file is refused: for each a file, made here through the HDF5 library, that breaks this rule
// and no other. A sound dataset gets one more column, meta/hostile; the sound twin of that column is accepted.
//
// test_hostile_hdf5 --accepted prints the rules whose file gets past them, for scripts that take a rule away (tests/fuzz/run.py).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ascribe/dataset.h>

#include "dataset_fixture.h"
#include "temp_folder.h"

#include <zlib.h>

enum { N_ROWS = 50, MEBIBYTE = 1 << 20, ROWS_OF_ZEROS = 400, BYTES_OF_ZEROS = 65535 };

#ifdef __SANITIZE_ADDRESS__
// libhdf5 1.10 itself loses memory when it refuses some damaged files.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}
#endif

static char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];
static const int32_t numbers[N_ROWS * 4];

// How the column differs from one of N_ROWS 32-bit integers.
typedef struct column_plan {
    hid_t type, creation, space;
    const void *values; // NULL: not written
} column_plan;

static void write_column(hid_t file, const char *name, const column_plan *plan)
{
    const hid_t set = H5Dcreate2(file, name, plan->type, plan->space, H5P_DEFAULT, plan->creation, H5P_DEFAULT);
    fixture_check(set);
    if (plan->values)
        fixture_check(H5Dwrite(set, plan->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, plan->values));
    H5Dclose(set);
}

static column_plan sound_plan(void)
{
    const hsize_t n_rows = N_ROWS;
    return (column_plan){H5Tcopy(H5T_STD_I32LE), H5Pcreate(H5P_DATASET_CREATE), H5Screate_simple(1, &n_rows, NULL), numbers};
}

static void free_plan(const column_plan *plan)
{
    H5Sclose(plan->space);
    H5Pclose(plan->creation);
    H5Tclose(plan->type);
}

typedef void make_column(hid_t file, column_plan *plan);

static void finish(hid_t file, const column_plan *plan)
{
    write_column(file, "meta/hostile", plan);
}

static void sound(hid_t file, column_plan *plan)
{
    finish(file, plan);
}

static void vlen_strings(hid_t file, column_plan *plan)
{
    const char *texts[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++)
        texts[i] = "text";
    plan->type = H5Tcopy(H5T_C_S1);
    H5Tset_size(plan->type, H5T_VARIABLE);
    plan->values = texts;
    finish(file, plan);
}

static void vlen_list(hid_t file, column_plan *plan)
{
    hvl_t lists[N_ROWS];
    int32_t one = 1;
    for (size_t i = 0; i < N_ROWS; i++)
        lists[i] = (hvl_t){1, &one};
    plan->type = H5Tvlen_create(H5T_STD_I32LE);
    plan->values = lists;
    finish(file, plan);
}

static void compound(hid_t file, column_plan *plan)
{
    plan->type = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(plan->type, "a", 0, H5T_STD_I32LE);
    H5Tinsert(plan->type, "b", 4, H5T_STD_I32LE);
    finish(file, plan);
}

static void reference(hid_t file, column_plan *plan)
{
    hobj_ref_t references[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++)
        fixture_check(H5Rcreate(&references[i], file, "/rows/id", H5R_OBJECT, -1));
    plan->type = H5Tcopy(H5T_STD_REF_OBJ);
    plan->values = references;
    finish(file, plan);
}

static void enumeration(hid_t file, column_plan *plan)
{
    const int32_t zero = 0;
    plan->type = H5Tenum_create(H5T_STD_I32LE);
    H5Tenum_insert(plan->type, "zero", &zero);
    finish(file, plan);
}

static void odd_integer(hid_t file, column_plan *plan)
{
    H5Tset_precision(plan->type, 17);
    finish(file, plan);
}

static void committed_type(hid_t file, column_plan *plan)
{
    fixture_check(H5Tcommit2(file, "named", plan->type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    finish(file, plan);
}

static void long_strings(hid_t file, column_plan *plan)
{
    static char texts[N_ROWS * 65536];
    plan->type = fixture_text_type(65536);
    plan->values = texts;
    finish(file, plan);
}

static void three_dimensions(hid_t file, column_plan *plan)
{
    const hsize_t dims[3] = {N_ROWS, 1, 1};
    plan->space = H5Screate_simple(3, dims, NULL);
    finish(file, plan);
}

static void no_dimension(hid_t file, column_plan *plan)
{
    plan->space = H5Screate(H5S_SCALAR);
    finish(file, plan);
}

static void compact_storage(hid_t file, column_plan *plan)
{
    H5Pset_layout(plan->creation, H5D_COMPACT);
    finish(file, plan);
}

static void external_storage(hid_t file, column_plan *plan)
{
    H5Pset_external(plan->creation, "/etc/passwd", 0, N_ROWS * 4);
    plan->values = NULL;
    finish(file, plan);
}

static void virtual_storage(hid_t file, column_plan *plan)
{
    H5Pset_virtual(plan->creation, plan->space, "other.h5", "/x", plan->space);
    plan->values = NULL;
    finish(file, plan);
}

static void soft_link(hid_t file, column_plan *plan)
{
    write_column(file, "target", plan);
    fixture_check(H5Lcreate_soft("/target", file, "meta/hostile", H5P_DEFAULT, H5P_DEFAULT));
}

static void external_link(hid_t file, column_plan *plan)
{
    (void)plan;
    fixture_check(H5Lcreate_external("/etc/passwd", "/x", file, "meta/hostile", H5P_DEFAULT, H5P_DEFAULT));
}

static void in_one_chunk(column_plan *plan, hsize_t rows)
{
    H5Pset_chunk(plan->creation, 1, &rows);
}

static void other_filter(hid_t file, column_plan *plan)
{
    in_one_chunk(plan, N_ROWS);
    H5Pset_nbit(plan->creation);
    finish(file, plan);
}

static size_t pass_on(unsigned flags, size_t n_values, const unsigned values[], size_t n_bytes, size_t *size, void **buffer)
{
    (void)flags, (void)n_values, (void)values, (void)size, (void)buffer;
    return n_bytes;
}

// A filter that asks for a plugin: code that a file would have the reader load.
static void plugin_filter(hid_t file, column_plan *plan)
{
    const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 32000, 1, 1, "plugin", NULL, NULL, pass_on};
    fixture_check(H5Zregister(&filter));
    in_one_chunk(plan, N_ROWS);
    H5Pset_filter(plan->creation, 32000, 0, 0, NULL);
    finish(file, plan);
    H5Zunregister(32000);
}

static void large_chunk(hid_t file, column_plan *plan)
{
    const hsize_t n_rows = N_ROWS, most = H5S_UNLIMITED;
    plan->space = H5Screate_simple(1, &n_rows, &most);
    in_one_chunk(plan, 65 * MEBIBYTE);
    H5Pset_deflate(plan->creation, 1);
    finish(file, plan);
}

static void missing_chunk(hid_t file, column_plan *plan)
{
    const hsize_t half = N_ROWS / 2, none = 0;
    in_one_chunk(plan, N_ROWS / 2);
    const hid_t set =
        H5Dcreate2(file, "meta/hostile", plan->type, plan->space, H5P_DEFAULT, plan->creation, H5P_DEFAULT);
    H5Sselect_hyperslab(plan->space, H5S_SELECT_SET, &none, NULL, &half, NULL);
    const hid_t memory = H5Screate_simple(1, &half, NULL);
    fixture_check(H5Dwrite(set, plan->type, memory, plan->space, H5P_DEFAULT, numbers));
    H5Sclose(memory);
    H5Dclose(set);
}

static void never_written(hid_t file, column_plan *plan)
{
    plan->values = NULL;
    finish(file, plan);
}

// One stored chunk, written past the filters.
static void store_chunk(hid_t file, column_plan *plan, const void *bytes, size_t size)
{
    const hsize_t at = 0;
    plan->values = NULL;
    const hid_t set =
        H5Dcreate2(file, "meta/hostile", plan->type, plan->space, H5P_DEFAULT, plan->creation, H5P_DEFAULT);
    fixture_check(H5Dwrite_chunk(set, H5P_DEFAULT, 0, &at, size, bytes));
    H5Dclose(set);
}

static uint8_t *deflate_bytes(const uint8_t *bytes, size_t size, size_t *stored)
{
    uLongf room = compressBound(size);
    uint8_t *packed = malloc(room);
    if (!packed || compress2(packed, &room, bytes, size, 9) != Z_OK)
        abort();
    *stored = room;
    return packed;
}

static uint8_t *deflate_zeros(size_t size, size_t *stored)
{
    uint8_t *zeros = calloc(size, 1);
    uint8_t *packed = zeros ? deflate_bytes(zeros, size, stored) : NULL;
    free(zeros);
    return packed;
}

// A chunk whose stored bytes are more than any compressor makes of it: it inflates to far more than a chunk holds.
static void bomb_in_a_chunk(hid_t file, column_plan *plan)
{
    size_t stored = 0;
    uint8_t *packed = deflate_zeros(64 * MEBIBYTE, &stored);
    in_one_chunk(plan, N_ROWS);
    H5Pset_deflate(plan->creation, 1);
    store_chunk(file, plan, packed, stored);
    free(packed);
}

// Long strings of zeros: every chunk of the column is the same little piece of the file.
static void write_zeros(hid_t file, column_plan *plan, const void *packed, size_t stored)
{
    hsize_t n_rows = 0, rows = ROWS_OF_ZEROS;
    const hid_t ids = H5Dopen2(file, "rows/id", H5P_DEFAULT), extent = H5Dget_space(ids);
    H5Sget_simple_extent_dims(extent, &n_rows, NULL);
    H5Sclose(extent);
    H5Dclose(ids);
    H5Pset_chunk(plan->creation, 1, &rows);
    plan->type = fixture_text_type(BYTES_OF_ZEROS);
    plan->space = H5Screate_simple(1, &n_rows, NULL);
    const hid_t set =
        H5Dcreate2(file, "meta/hostile", plan->type, plan->space, H5P_DEFAULT, plan->creation, H5P_DEFAULT);
    for (hsize_t row = 0; row < n_rows; row += rows)
        fixture_check(H5Dwrite_chunk(set, H5P_DEFAULT, 0, &row, stored, packed));
    H5Dclose(set);
}

// 1.3 GB of zeros that deflate to a thousandth, in a file that is large enough for deflate's own limit.
static void bomb_of_zeros(hid_t file, column_plan *plan)
{
    size_t stored = 0;
    const hsize_t n_ballast = MEBIBYTE / 2;
    static const int32_t nothing[MEBIBYTE / 2];
    const column_plan ballast = {H5T_STD_I32LE, H5Pcreate(H5P_DATASET_CREATE), H5Screate_simple(1, &n_ballast, NULL), nothing};
    uint8_t *packed = deflate_zeros((size_t)ROWS_OF_ZEROS * BYTES_OF_ZEROS, &stored);
    H5Pset_deflate(plan->creation, 9);
    write_zeros(file, plan, packed, stored);
    write_column(file, "ballast", &ballast);
    H5Pclose(ballast.creation);
    H5Sclose(ballast.space);
    free(packed);
}

// 650 MB of zeros, deflated twice: more than a file of this size can hold by deflating once.
static void size_that_lies(hid_t file, column_plan *plan)
{
    size_t stored = 0, stored_again = 0;
    uint8_t *once = deflate_zeros((size_t)ROWS_OF_ZEROS * BYTES_OF_ZEROS, &stored);
    uint8_t *twice = deflate_bytes(once, stored, &stored_again);
    H5Pset_deflate(plan->creation, 9);
    H5Pset_deflate(plan->creation, 9);
    write_zeros(file, plan, twice, stored_again);
    free(twice);
    free(once);
}

static void group_for_a_column(hid_t file, column_plan *plan)
{
    (void)plan;
    H5Gclose(H5Gcreate2(file, "meta/hostile", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void vlen_attribute(hid_t file, column_plan *plan)
{
    const char *text = "ascribe";
    finish(file, plan);
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    const hid_t attribute = H5Acreate2(file, "source", type, space, H5P_DEFAULT, H5P_DEFAULT);
    fixture_check(H5Awrite(attribute, type, &text));
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static const struct {
    make_column *make;
    const char *name;
    const char *words;
    size_t n_rows; // of the dataset; 0: N_ROWS
} rules[] = {
    {vlen_strings, "vlen_strings", "'meta/hostile': expected a plain integer, float or fixed-length string, found a variable-length string", 0},
    {vlen_list, "vlen_list", "found a variable-length list", 0},
    {compound, "compound", "found a compound", 0},
    {reference, "reference", "found a reference", 0},
    {enumeration, "enumeration", "found an enumeration", 0},
    {odd_integer, "odd_integer", "found an integer of 4 bytes", 0},
    {committed_type, "committed_type", "committed types are not read", 0},
    {long_strings, "long_strings", "expected strings of 1 to 65535 bytes, found 65536", 0},
    {three_dimensions, "three_dimensions", "expected 1 or 2 dimensions, found 3", 0},
    {no_dimension, "no_dimension", "expected 1 or 2 dimensions, found 0", 0},
    {compact_storage, "compact_storage", "expected contiguous or chunked storage", 0},
    {external_storage, "external_storage", "its data lie in another file", 0},
    {virtual_storage, "virtual_storage", "expected contiguous or chunked storage", 0},
    {soft_link, "soft_link", "'meta/hostile' is a soft or external link", 0},
    {external_link, "external_link", "'meta/hostile' is a soft or external link", 0},
    {other_filter, "other_filter", "expected only the filters shuffle, gzip and fletcher32, found number 5", 0},
    {plugin_filter, "plugin_filter", "expected only the filters shuffle, gzip and fletcher32, found number 32000", 0},
    {large_chunk, "large_chunk", "expected chunks of at most", 0},
    {missing_chunk, "missing_chunk", "expected 2 chunks of data, found 1", 0},
    {never_written, "never_written", "has a size but was never written", 0},
    {bomb_in_a_chunk, "bomb_in_a_chunk", "more than a compressor makes of", 0},
    {bomb_of_zeros, "bomb_of_zeros", "would inflate to", 50 * ROWS_OF_ZEROS},
    {size_that_lies, "size_that_lies", "more than a file of", 25 * ROWS_OF_ZEROS},
    {group_for_a_column, "group_for_a_column", "expected a dataset", 0},
    {vlen_attribute, "vlen_attribute", "attribute 'source': expected one fixed-length string", 0},
};
enum { N_RULES = sizeof rules / sizeof *rules };

static void build(make_column *make, size_t n_rows)
{
    dataset_arrays a = fixture_build(path, n_rows ? n_rows : N_ROWS, DEFECT_NO_LABELS_KEYS_META);
    fixture_free(&a);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    fixture_check(file);
    H5Gclose(H5Gcreate2(file, "meta", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    column_plan plan = sound_plan();
    make(file, &plan);
    free_plan(&plan);
    fixture_check(H5Fclose(file));
}

// Opens and checks the whole file.
static asc_status check(asc_error *err)
{
    asc_dataset *data = NULL;
    asc_status status = asc_dataset_open(path, &data, err);
    if (status == ASC_OK)
        status = asc_dataset_check(data, 0, asc_dataset_describe(data)->n_rows, err);
    asc_dataset_close(data);
    return status;
}

static void the_sound_twin_is_accepted(void **state)
{
    asc_error err = {0};
    (void)state;
    build(sound, 0);
    if (check(&err) != ASC_OK)
        fail_msg("%s", err.message);
}

static void each_rule_refuses_its_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_RULES; i++) {
        asc_error err = {0};
        build(rules[i].make, rules[i].n_rows);
        const asc_status status = check(&err);
        if (status != ASC_MALFORMED || !strstr(err.message, rules[i].words))
            fail_msg("%s: expected '%s', found status %d: %s", rules[i].name, rules[i].words, (int)status, err.message);
    }
}

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

static int print_accepted(void)
{
    make_folder(NULL);
    for (size_t i = 0; i < N_RULES; i++) {
        asc_error err = {0};
        build(rules[i].make, rules[i].n_rows);
        if (check(&err) == ASC_OK)
            printf("%s\n", rules[i].name);
        else if (!strstr(err.message, rules[i].words)) // got past its rule; something else has noticed
            printf("%s: %s\n", rules[i].name, err.message);
    }
    remove_folder(NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sound_twin_is_accepted),
        cmocka_unit_test(each_rule_refuses_its_file),
    };
    if (argc > 1 && strcmp(argv[1], "--accepted") == 0)
        return print_accepted();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
