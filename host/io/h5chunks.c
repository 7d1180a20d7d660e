// The chunks of datasets as they are stored, filters not undone: what is stored alike can be copied and compared without inflating it.
#include "base/checked.h"
#include "io/h5file.h"
#include "io/h5file_private.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_FILTERS = 3, MOST_SETTINGS = 8 };

typedef struct filter_list {
    int n_filters;
    H5Z_filter_t filters[MOST_FILTERS];
    size_t n_settings[MOST_FILTERS];
    unsigned settings[MOST_FILTERS][MOST_SETTINGS];
} filter_list;

// False when they cannot be told.
static bool list_filters(hid_t set, filter_list *list)
{
    const hid_t creation = H5Dget_create_plist(set);
    memset(list, 0, sizeof *list);
    if (creation < 0)
        return false;
    list->n_filters = H5Pget_nfilters(creation);
    bool known = list->n_filters >= 0 && list->n_filters <= MOST_FILTERS;
    for (int i = 0; known && i < list->n_filters; i++) {
        unsigned flags = 0, configuration = 0;
        list->n_settings[i] = MOST_SETTINGS;
        list->filters[i] = H5Pget_filter2(creation, (unsigned)i, &flags, &list->n_settings[i], list->settings[i], 0, NULL, &configuration);
        known = list->filters[i] >= 0 && list->n_settings[i] <= MOST_SETTINGS;
    }
    H5Pclose(creation);
    return known;
}

static bool same_type(const h5set *a, const h5set *b)
{
    const hid_t type_a = H5Dget_type(a->id), type_b = H5Dget_type(b->id);
    const bool same = type_a >= 0 && type_b >= 0 && H5Tequal(type_a, type_b) > 0;
    if (type_b >= 0)
        H5Tclose(type_b);
    if (type_a >= 0)
        H5Tclose(type_a);
    return same;
}

bool h5set_stored_alike(const h5set *a, const h5set *b)
{
    filter_list filters_a, filters_b;
    return a->chunk_rows > 0 && a->chunk_rows == b->chunk_rows && a->chunk_columns == b->chunk_columns && a->n_rows == b->n_rows &&
           a->n_columns == b->n_columns && same_type(a, b) && list_filters(a->id, &filters_a) && list_filters(b->id, &filters_b) &&
           memcmp(&filters_a, &filters_b, sizeof filters_a) == 0;
}

typedef struct stored_chunk {
    uint8_t *bytes; // owned
    size_t size, room;
} stored_chunk;

static asc_status read_chunk(const h5set *set, const hsize_t place[2], stored_chunk *chunk, asc_error *err)
{
    uint32_t skipped = 0;
    TRY(h5set_check_chunk(set, place, &chunk->size, err));
    if (chunk->size > chunk->room) {
        free(chunk->bytes);
        chunk->room = 0;
        chunk->bytes = malloc(chunk->size);
        if (!chunk->bytes)
            return fail_memory(err, "a chunk of a dataset", chunk->size);
        chunk->room = chunk->size;
    }
    if (H5Dread_chunk(set->id, H5P_DEFAULT, place, &skipped, chunk->bytes) < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: dataset '%s': a chunk cannot be read", set->file->path, set->name);
    return ASC_OK;
}

// After a failed write nothing more is done with HDF5: the process that writes ends.
static asc_status copy_chunk(const h5set *from, const h5set *to, const hsize_t place[2], stored_chunk *chunk, asc_error *err)
{
    TRY(read_chunk(from, place, chunk, err));
    if (H5Dwrite_chunk(to->id, H5P_DEFAULT, 0, place, chunk->size, chunk->bytes) < 0)
        return h5_fail(err, ASC_IO_ERROR, "%s: dataset '%s': writing failed", to->file->path, to->name);
    return ASC_OK;
}

asc_status h5set_copy_chunks(const h5set *from, h5set *to, asc_error *err)
{
    asc_status status = ASC_OK;
    stored_chunk chunk = {0};
    for (hsize_t row = 0; row < from->n_rows && status == ASC_OK; row += from->chunk_rows)
        status = copy_chunk(from, to, (hsize_t[2]){row, 0}, &chunk, err);
    free(chunk.bytes);
    to->position = to->n_rows;
    return status;
}

asc_status h5set_compare_chunks(const h5set *a, const h5set *b, bool *same, asc_error *err)
{
    asc_status status = ASC_OK;
    stored_chunk chunk_a = {0}, chunk_b = {0};
    *same = true;
    for (hsize_t row = 0; row < a->n_rows && status == ASC_OK && *same; row += a->chunk_rows) {
        const hsize_t place[2] = {row, 0};
        status = read_chunk(a, place, &chunk_a, err);
        if (status == ASC_OK)
            status = read_chunk(b, place, &chunk_b, err);
        *same = status == ASC_OK && chunk_a.size == chunk_b.size && memcmp(chunk_a.bytes, chunk_b.bytes, chunk_a.size) == 0;
    }
    free(chunk_b.bytes);
    free(chunk_a.bytes);
    return status;
}
