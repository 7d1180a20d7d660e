// Checked reading of offsets; see ragged.h.
#include "io/ragged.h"

#include <assert.h>
#include <stdlib.h>

asc_status ragged_open(const h5file *file, const char *name, size_t n_rows, h5set *offsets, size_t *total,
                       asc_error *err)
{
    int64_t ends[2] = {0, 0};
    const h5set_shape shape = {COLUMN_INT64, n_rows + 1, 0};
    TRY(h5set_open_as(file, name, shape, offsets, err));
    asc_status status = h5set_read(offsets, 0, 1, &ends[0], err);
    if (status == ASC_OK)
        status = h5set_read(offsets, n_rows, 1, &ends[1], err);
    if (status == ASC_OK && ends[0] != 0)
        status = fail(err, ASC_MALFORMED, "%s: dataset '%s': expected 0 as the first offset, found %lld",
                      h5file_path(file), name, (long long)ends[0]);
    if (status == ASC_OK && ends[1] < 0)
        status =
            fail(err, ASC_MALFORMED, "%s: dataset '%s': expected a last offset of at least 0, found %lld",
                 h5file_path(file), name, (long long)ends[1]);
    if (status == ASC_OK)
        *total = (size_t)ends[1];
    else
        h5set_close(offsets);
    return status;
}

static asc_status check_rising(const h5set *offsets, const int64_t *values, row_range range, size_t total,
                               asc_error *err)
{
    for (size_t i = 0; i <= range.count; i++) {
        if (values[i] < 0 || (uint64_t)values[i] > total)
            return fail(err, ASC_MALFORMED,
                        "%s: dataset '%s': entry %zu: expected an offset from 0 to %zu, found %lld",
                        h5file_path(offsets->file), offsets->name, range.first + i, total,
                        (long long)values[i]);
        if (i > 0 && values[i] < values[i - 1])
            return fail(err, ASC_MALFORMED, "%s: dataset '%s': entry %zu: expected at least %lld, found %lld",
                        h5file_path(offsets->file), offsets->name, range.first + i, (long long)values[i - 1],
                        (long long)values[i]);
    }
    return ASC_OK;
}

asc_status ragged_read(const h5set *offsets, row_range range, size_t total, int64_t **out, size_t *begin,
                       asc_error *err)
{
    assert(range.first < offsets->n_rows && range.count < offsets->n_rows - range.first);
    int64_t *values = NULL;
    TRY(h5set_read_new(offsets, range.first, range.count + 1, &values, err));
    const asc_status status = check_rising(offsets, values, range, total, err);
    if (status != ASC_OK) {
        free(values);
        return status;
    }
    const int64_t base = values[0];
    for (size_t i = 0; i <= range.count; i++)
        values[i] -= base;
    *begin = (size_t)base;
    *out = values;
    return ASC_OK;
}

asc_status ragged_longest(const h5set *offsets, size_t total, size_t *longest, asc_error *err)
{
    const size_t n_rows = offsets->n_rows - 1;
    *longest = 0;
    for (size_t first = 0; first < n_rows; first += H5SET_ROWS_PER_CHUNK) {
        const size_t left = n_rows - first;
        const row_range range = {first, left < H5SET_ROWS_PER_CHUNK ? left : H5SET_ROWS_PER_CHUNK};
        int64_t *values = NULL;
        size_t begin = 0;
        TRY(ragged_read(offsets, range, total, &values, &begin, err));
        for (size_t row = 0; row < range.count; row++) {
            const size_t length = (size_t)(values[row + 1] - values[row]);
            *longest = length > *longest ? length : *longest;
        }
        free(values);
    }
    return ASC_OK;
}
