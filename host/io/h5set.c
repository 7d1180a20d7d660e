// The dataset side of h5file.h: the strict policy at opening, and reading and appending rows.
#include "io/h5file.h"

#include "base/checked.h"
#include "io/h5file_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TEXT_BYTES = 65535, // of one fixed-length string
    MAX_CHUNK_BYTES = 256 << 20, // HDF5 holds a whole chunk in memory
    MAX_DEFLATE_RATIO = 1040, // zlib's limit is 1032 : 1
    MAX_LARGE_RATIO = 200, // of what inflates to more than LARGE_BYTES, against the whole file; real data reach 20
    LARGE_BYTES = 1 << 30,
    MAX_CHUNK_OVERHEAD = 64, // bytes, beside a thousandth: zlib's bound for what does not compress, and a checksum
    CHUNK_CACHE_BYTES = 2 << 20, // holds two chunks of the largest element
    CHUNK_CACHE_SLOTS = 521,
    GZIP_LEVEL = 1,
};

const char *column_type_name(column_type type)
{
    switch (type) {
    case COLUMN_UINT8: return "uint8";
    case COLUMN_INT32: return "int32";
    case COLUMN_UINT32: return "uint32";
    case COLUMN_INT64: return "int64";
    case COLUMN_UINT64: return "uint64";
    case COLUMN_FLOAT32: return "float32";
    case COLUMN_FLOAT64: return "float64";
    case COLUMN_TEXT: return "fixed-length string";
    }
    return "unknown";
}

typedef struct number_type {
    hid_t little, big, native;
    size_t size;
} number_type;

static number_type number_type_of(column_type type)
{
    switch (type) {
    case COLUMN_UINT8: return (number_type){H5T_STD_U8LE, H5T_STD_U8BE, H5T_NATIVE_UINT8, 1};
    case COLUMN_INT32: return (number_type){H5T_STD_I32LE, H5T_STD_I32BE, H5T_NATIVE_INT32, 4};
    case COLUMN_UINT32: return (number_type){H5T_STD_U32LE, H5T_STD_U32BE, H5T_NATIVE_UINT32, 4};
    case COLUMN_INT64: return (number_type){H5T_STD_I64LE, H5T_STD_I64BE, H5T_NATIVE_INT64, 8};
    case COLUMN_UINT64: return (number_type){H5T_STD_U64LE, H5T_STD_U64BE, H5T_NATIVE_UINT64, 8};
    case COLUMN_FLOAT32: return (number_type){H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, 4};
    case COLUMN_FLOAT64: return (number_type){H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, 8};
    case COLUMN_TEXT: break;
    }
    assert(type != COLUMN_TEXT);
    return (number_type){0};
}

static const char *class_name(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER: return "an integer";
    case H5T_FLOAT: return "a float";
    case H5T_STRING: return H5Tis_variable_str(type) > 0 ? "a variable-length string" : "a string";
    case H5T_COMPOUND: return "a compound";
    case H5T_VLEN: return "a variable-length list";
    case H5T_ENUM: return "an enumeration";
    case H5T_REFERENCE: return "a reference";
    default: return "another type";
    }
}

static asc_status set_text_type(h5set *set, hid_t file_type, asc_error *err)
{
    const size_t size = H5Tget_size(file_type);
    if (size == 0 || size > MAX_TEXT_BYTES)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected strings of 1 to %d bytes, found %zu",
                    set->file->path, set->name, MAX_TEXT_BYTES, size);
    set->type = COLUMN_TEXT;
    set->element_size = size + 1;
    set->memory_type = h5_text_type(size + 1, H5T_STR_NULLTERM, H5Tget_cset(file_type));
    if (set->memory_type < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': its type cannot be read", set->file->path,
                       set->name);
    return ASC_OK;
}

static asc_status set_type(h5set *set, hid_t file_type, asc_error *err)
{
    if (H5Tcommitted(file_type) != 0)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': committed types are not read", set->file->path,
                    set->name);
    if (H5Tget_class(file_type) == H5T_STRING && H5Tis_variable_str(file_type) == 0)
        return set_text_type(set, file_type, err);
    for (column_type type = COLUMN_UINT8; type < COLUMN_TEXT; type++) {
        const number_type number = number_type_of(type);
        if (H5Tequal(file_type, number.little) <= 0 && H5Tequal(file_type, number.big) <= 0)
            continue;
        set->type = type;
        set->element_size = number.size;
        set->memory_type = number.native;
        return ASC_OK;
    }
    return fail(
        err, ASC_MALFORMED,
        "%s: dataset '%s': expected a plain integer, float or fixed-length string, found %s of %zu bytes",
        set->file->path, set->name, class_name(file_type), H5Tget_size(file_type));
}

// Only filters of the HDF5 library itself; `*deflated` tells whether the data may be larger than the file.
static asc_status check_filters(const h5set *set, hid_t creation, bool *deflated, asc_error *err)
{
    const int n_filters = H5Pget_nfilters(creation);
    *deflated = false;
    for (int i = 0; i < n_filters; i++) {
        unsigned flags = 0, settings = 0;
        size_t n_settings = 0;
        const H5Z_filter_t filter =
            H5Pget_filter2(creation, (unsigned)i, &flags, &n_settings, NULL, 0, NULL, &settings);
        *deflated |= filter == H5Z_FILTER_DEFLATE;
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            return fail(
                err, ASC_MALFORMED,
                "%s: dataset '%s': expected only the filters shuffle, gzip and fletcher32, found number %d",
                set->file->path, set->name, (int)filter);
    }
    return ASC_OK;
}

// Number of chunks that a complete dataset has; 0 when a chunk is too large to be held.
static hsize_t chunks_of(h5set *set, hid_t creation)
{
    hsize_t chunk[2] = {1, 1};
    const int rank = H5Pget_chunk(creation, 2, chunk);
    if (rank < 1 || rank > 2 || chunk[0] == 0 || chunk[1] == 0 || chunk[0] > MAX_CHUNK_BYTES ||
        chunk[1] > MAX_CHUNK_BYTES || chunk[0] * chunk[1] > MAX_CHUNK_BYTES / set->element_size)
        return 0;
    set->chunk_rows = (size_t)chunk[0];
    set->chunk_columns = (size_t)chunk[1];
    const hsize_t columns = set->n_columns ? set->n_columns : 1;
    return (set->n_rows / chunk[0] + (set->n_rows % chunk[0] != 0)) *
           (columns / chunk[1] + (columns % chunk[1] != 0));
}

static asc_status check_chunks(h5set *set, hid_t creation, hid_t space, asc_error *err)
{
    hsize_t present = 0;
    const hsize_t expected = chunks_of(set, creation);
    if (expected == 0 && set->n_rows > 0)
        return fail(err, ASC_MALFORMED,
                    "%s: dataset '%s': expected chunks of at most %d bytes, found larger ones",
                    set->file->path, set->name, MAX_CHUNK_BYTES);
    if (set->n_rows > 0 && H5Dget_num_chunks(set->id, space, &present) < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': its chunks cannot be counted", set->file->path,
                       set->name);
    if (present != expected)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected %llu chunks of data, found %llu",
                    set->file->path, set->name, (unsigned long long)expected, (unsigned long long)present);
    return ASC_OK;
}

static asc_status check_storage(h5set *set, hid_t creation, hid_t space, asc_error *err)
{
    bool deflated = false;
    size_t elements = 0, bytes = 0, limit = set->file->size;
    const H5D_layout_t layout = H5Pget_layout(creation);
    if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
        return fail(err, ASC_MALFORMED,
                    "%s: dataset '%s': expected contiguous or chunked storage, found another",
                    set->file->path, set->name);
    if (H5Pget_external_count(creation) != 0)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': its data lie in another file; that is not read",
                    set->file->path, set->name);
    TRY(check_filters(set, creation, &deflated, err));
    if (deflated && !checked_multiply(limit, MAX_DEFLATE_RATIO, &limit))
        limit = SIZE_MAX;
    if (!checked_multiply(set->n_rows, set->n_columns ? set->n_columns : 1, &elements) ||
        !checked_multiply(elements, set->element_size, &bytes) ||
        bytes - elements * (set->type == COLUMN_TEXT) > limit)
        return fail(err, ASC_MALFORMED,
                    "%s: dataset '%s': claims %zu x %zu elements, more than a file of %zu bytes can hold",
                    set->file->path, set->name, set->n_rows, set->n_columns ? set->n_columns : 1,
                    set->file->size);
    if (deflated && bytes > LARGE_BYTES && bytes / MAX_LARGE_RATIO > set->file->size)
        return fail(err, ASC_MALFORMED,
                    "%s: dataset '%s': would inflate to %zu bytes, more than %d times the size of its file",
                    set->file->path, set->name, bytes, MAX_LARGE_RATIO);
    if (layout == H5D_CHUNKED)
        TRY(check_chunks(set, creation, space, err));
    set->stored_bytes = (size_t)H5Dget_storage_size(set->id);
    if (set->stored_bytes == 0 && elements > 0)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': has a size but was never written", set->file->path,
                    set->name);
    return ASC_OK;
}

static asc_status check_extent(h5set *set, hid_t space, asc_error *err)
{
    hsize_t dims[2] = {0, 0};
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 1 || rank > 2)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected 1 or 2 dimensions, found %d",
                    set->file->path, set->name, rank);
    if (H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': its size cannot be read", set->file->path,
                       set->name);
    if (rank == 2 && dims[1] == 0)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected at least one column, found none",
                    set->file->path, set->name);
    set->n_rows = (size_t)dims[0];
    set->n_columns = rank == 2 ? (size_t)dims[1] : 0;
    return ASC_OK;
}

static asc_status check_opened(h5set *set, asc_error *err)
{
    const hid_t file_type = H5Dget_type(set->id);
    const hid_t space = H5Dget_space(set->id);
    const hid_t creation = H5Dget_create_plist(set->id);
    asc_status status = ASC_OK;
    if (file_type < 0 || space < 0 || creation < 0)
        status =
            h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': cannot be described", set->file->path, set->name);
    if (status == ASC_OK)
        status = set_type(set, file_type, err);
    if (status == ASC_OK)
        status = check_extent(set, space, err);
    if (status == ASC_OK)
        status = check_storage(set, creation, space, err);
    if (creation >= 0)
        H5Pclose(creation);
    if (space >= 0)
        H5Sclose(space);
    if (file_type >= 0)
        H5Tclose(file_type);
    return status;
}

static hid_t dataset_access(void)
{
    const hid_t list = H5Pcreate(H5P_DATASET_ACCESS);
    if (list >= 0 &&
        H5Pset_chunk_cache(list, CHUNK_CACHE_SLOTS, CHUNK_CACHE_BYTES, H5D_CHUNK_CACHE_W0_DEFAULT) < 0) {
        H5Pclose(list);
        return -1;
    }
    return list;
}

asc_status h5set_open(const h5file *file, const char *name, h5set *set, asc_error *err)
{
    bool has = false;
    *set = (h5set){.file = file};
    snprintf(set->name, sizeof set->name, "%s", name);
    TRY(h5file_has(file, name, &has, err));
    if (!has)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s' is missing", file->path, name);
    const hid_t access_list = dataset_access();
    const hid_t id = access_list < 0 ? -1 : H5Dopen2(file->id, name, access_list);
    asc_status status = ASC_OK;
    if (id < 0)
        status = h5_fail(err, ASC_MALFORMED, "%s: '%s': expected a dataset, cannot be opened as one",
                         file->path, name);
    if (access_list >= 0)
        H5Pclose(access_list);
    if (status != ASC_OK)
        return status;
    set->id = id;
    status = check_opened(set, err);
    if (status != ASC_OK)
        h5set_close(set);
    return status;
}

static asc_status check_shape(const h5set *set, h5set_shape shape, asc_error *err)
{
    const char *path = set->file->path;
    if (set->type != shape.type)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected %s, found %s", path, set->name,
                    column_type_name(shape.type), column_type_name(set->type));
    if ((set->n_columns == 0) != (shape.n_columns == 0))
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected %d dimensions, found %d", path, set->name,
                    shape.n_columns ? 2 : 1, set->n_columns ? 2 : 1);
    if (set->n_columns != shape.n_columns)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected %zu columns, found %zu", path, set->name,
                    shape.n_columns, set->n_columns);
    if (shape.n_rows != H5SET_ANY_ROWS && set->n_rows != shape.n_rows)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected %zu entries, found %zu", path, set->name,
                    shape.n_rows, set->n_rows);
    return ASC_OK;
}

asc_status h5set_open_as(const h5file *file, const char *name, h5set_shape shape, h5set *set, asc_error *err)
{
    TRY(h5set_open(file, name, set, err));
    const asc_status status = check_shape(set, shape, err);
    if (status != ASC_OK)
        h5set_close(set);
    return status;
}

asc_status h5set_open_optional(const h5file *file, const char *name, h5set_shape shape, h5set *set,
                               asc_error *err)
{
    bool has = false;
    *set = (h5set){0};
    TRY(h5file_has(file, name, &has, err));
    return has ? h5set_open_as(file, name, shape, set, err) : ASC_OK;
}

void h5set_close(h5set *set)
{
    if (set->type == COLUMN_TEXT && set->memory_type > 0)
        H5Tclose(set->memory_type);
    if (set->id > 0)
        H5Dclose(set->id);
    set->memory_type = 0;
    set->id = 0;
}

// File and memory selections of rows [first, first + count); negative ids on failure.
static void select_rows(const h5set *set, size_t first, size_t count, hid_t *file_space, hid_t *memory_space)
{
    const int rank = set->n_columns ? 2 : 1;
    const hsize_t start[2] = {first, 0};
    const hsize_t extent[2] = {count, set->n_columns};
    *memory_space = -1;
    *file_space = H5Dget_space(set->id);
    if (*file_space < 0 || H5Sselect_hyperslab(*file_space, H5S_SELECT_SET, start, NULL, extent, NULL) < 0)
        return;
    *memory_space = H5Screate_simple(rank, extent, NULL);
}

static void close_selection(hid_t file_space, hid_t memory_space)
{
    if (memory_space >= 0)
        H5Sclose(memory_space);
    if (file_space >= 0)
        H5Sclose(file_space);
}

asc_status h5set_check_chunk(const h5set *set, const hsize_t place[2], size_t *stored, asc_error *err)
{
    unsigned skipped = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    const size_t bytes = set->chunk_rows * set->chunk_columns * set->element_size;
    if (H5Dget_chunk_info_by_coord(set->id, place, &skipped, &address, &size) < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': its chunks cannot be read", set->file->path,
                       set->name);
    if (skipped != 0)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': expected the same filters for all chunks, found others",
                    set->file->path, set->name);
    if (address == HADDR_UNDEF || size == 0)
        return fail(err, ASC_MALFORMED, "%s: dataset '%s': a chunk was never written", set->file->path, set->name);
    if (size > bytes + bytes / 1024 + MAX_CHUNK_OVERHEAD)
        return fail(err, ASC_MALFORMED,
                    "%s: dataset '%s': a chunk of %zu bytes takes %llu in the file, more than a compressor makes of it",
                    set->file->path, set->name, bytes, (unsigned long long)size);
    *stored = (size_t)size;
    return ASC_OK;
}

static asc_status check_chunks_of_rows(const h5set *set, size_t first, size_t count, asc_error *err)
{
    const size_t n_columns = set->n_columns ? set->n_columns : 1;
    for (size_t row = first / set->chunk_rows; row <= (first + count - 1) / set->chunk_rows; row++)
        for (size_t column = 0; column < n_columns; column += set->chunk_columns) {
            const hsize_t place[2] = {row * set->chunk_rows, column};
            size_t stored = 0;
            TRY(h5set_check_chunk(set, place, &stored, err));
        }
    return ASC_OK;
}

asc_status h5set_read(const h5set *set, size_t first, size_t count, void *buffer, asc_error *err)
{
    assert(set->id > 0 && first <= set->n_rows && count <= set->n_rows - first);
    hid_t file_space, memory_space;
    asc_status status = ASC_OK;
    if (count == 0)
        return ASC_OK;
    if (set->chunk_rows)
        TRY(check_chunks_of_rows(set, first, count, err));
    select_rows(set, first, count, &file_space, &memory_space);
    if (memory_space < 0 ||
        H5Dread(set->id, set->memory_type, memory_space, file_space, H5P_DEFAULT, buffer) < 0)
        status = h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': entries %zu to %zu cannot be read",
                         set->file->path, set->name, first, first + count);
    close_selection(file_space, memory_space);
    return status;
}

asc_status h5set_read_new(const h5set *set, size_t first, size_t count, void *pointer, asc_error *err)
{
    size_t elements = 0, bytes = 0;
    if (!checked_multiply(count, set->n_columns ? set->n_columns : 1, &elements) ||
        !checked_multiply(elements, set->element_size, &bytes))
        return fail_memory(err, set->name, SIZE_MAX);
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        return fail_memory(err, set->name, bytes);
    const asc_status status = h5set_read(set, first, count, memory, err);
    if (status == ASC_OK)
        memcpy(pointer, &memory, sizeof memory); // by bytes: the caller's pointer has a type of its own
    else
        free(memory);
    return status;
}

// Rows in a chunk: as planned, not more than there are, and a chunk of long strings stays within the cache.
static hsize_t rows_per_chunk(const h5set_plan *plan)
{
    size_t rows = plan->chunk / (plan->shape.n_columns ? plan->shape.n_columns : 1);
    if (plan->text_size > 1 && rows > CHUNK_CACHE_BYTES / plan->text_size)
        rows = CHUNK_CACHE_BYTES / plan->text_size;
    if (rows > plan->shape.n_rows)
        rows = plan->shape.n_rows;
    return rows ? rows : 1;
}

static hid_t creation_list(const h5set_plan *plan, size_t n_columns)
{
    const hsize_t chunk[2] = {rows_per_chunk(plan), n_columns};
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (list >= 0 &&
        (H5Pset_obj_track_times(list, false) < 0 || H5Pset_chunk(list, n_columns ? 2 : 1, chunk) < 0 ||
         (plan->compress && (H5Pset_shuffle(list) < 0 || H5Pset_deflate(list, GZIP_LEVEL) < 0)) ||
         H5Pset_fletcher32(list) < 0)) {
        H5Pclose(list);
        return -1;
    }
    return list;
}

static hid_t group_making_list(void)
{
    const hid_t list = H5Pcreate(H5P_LINK_CREATE);
    if (list >= 0 && H5Pset_create_intermediate_group(list, 1) < 0) {
        H5Pclose(list);
        return -1;
    }
    return list;
}

static hid_t create_dataset(h5file *file, const char *name, const h5set_plan *plan, hid_t file_type)
{
    const hsize_t dims[2] = {plan->shape.n_rows, plan->shape.n_columns};
    hid_t id = -1;
    const hid_t space = H5Screate_simple(plan->shape.n_columns ? 2 : 1, dims, NULL);
    const hid_t links = group_making_list();
    const hid_t creation = creation_list(plan, plan->shape.n_columns);
    const hid_t access_list = dataset_access();
    if (space >= 0 && links >= 0 && creation >= 0 && access_list >= 0)
        id = H5Dcreate2(file->id, name, file_type, space, links, creation, access_list);
    if (id < 0)
        return -1; // the error stack must survive until it is read; the process that writes ends now
    H5Pclose(access_list);
    H5Pclose(creation);
    H5Pclose(links);
    H5Sclose(space);
    return id;
}

asc_status h5set_create(h5file *file, const char *name, h5set_plan plan, h5set *set, asc_error *err)
{
    hid_t file_type = -1;
    *set = (h5set){.file = file,
                   .type = plan.shape.type,
                   .n_rows = plan.shape.n_rows,
                   .n_columns = plan.shape.n_columns,
                   .chunk_rows = (size_t)rows_per_chunk(&plan),
                   .chunk_columns = plan.shape.n_columns ? plan.shape.n_columns : 1};
    snprintf(set->name, sizeof set->name, "%s", name);
    if (set->type == COLUMN_TEXT) {
        const size_t size = plan.text_size ? plan.text_size : 1;
        set->element_size = size + 1;
        set->memory_type = h5_text_type(size + 1, H5T_STR_NULLTERM, H5T_CSET_UTF8);
        file_type = h5_text_type(size, H5T_STR_NULLPAD, H5T_CSET_UTF8);
    } else {
        const number_type number = number_type_of(set->type);
        set->element_size = number.size;
        set->memory_type = number.native;
        file_type = H5Tcopy(number.little);
    }
    if (file_type < 0 || set->memory_type < 0 || (set->id = create_dataset(file, name, &plan, file_type)) < 0)
        return h5_fail(err, ASC_IO_ERROR, "%s: dataset '%s' cannot be created", file->path, name);
    H5Tclose(file_type);
    return ASC_OK;
}

asc_status h5set_append(h5set *set, size_t count, const void *buffer, asc_error *err)
{
    assert(set->id > 0 && count <= set->n_rows - set->position);
    hid_t file_space, memory_space;
    asc_status status = ASC_OK;
    if (count == 0)
        return ASC_OK;
    select_rows(set, set->position, count, &file_space, &memory_space);
    if (memory_space < 0 ||
        H5Dwrite(set->id, set->memory_type, memory_space, file_space, H5P_DEFAULT, buffer) < 0)
        status = h5_fail(err, ASC_IO_ERROR, "%s: dataset '%s': writing failed", set->file->path, set->name);
    close_selection(file_space, memory_space);
    set->position += count;
    return status;
}

asc_status h5set_finish(h5set *set, asc_error *err)
{
    assert(set->position == set->n_rows);
    if (set->type == COLUMN_TEXT)
        H5Tclose(set->memory_type);
    if (H5Dclose(set->id) < 0)
        return h5_fail(err, ASC_IO_ERROR, "%s: dataset '%s': writing failed", set->file->path, set->name);
    *set = (h5set){0};
    return ASC_OK;
}
