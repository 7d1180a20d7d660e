// See column_read.h.
#include "io/column_read.h"

#include "io/annotation.h"
#include "io/h5file.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_AT_ONCE = 4096 };

struct column_source {
    h5file *file;
    h5_silence silence;
};

static asc_status check_complete(const h5file *file, asc_error *err)
{
    int64_t complete = 0;
    TRY(h5file_read_int(file, "complete", 0, &complete, err));
    return complete == 1 ? ASC_OK : fail(err, ASC_MALFORMED, "%s: the file is not complete", h5file_path(file));
}

asc_status column_source_open(const char *path, const char *format, long major, column_source **out, asc_error *err)
{
    column_source *source = calloc(1, sizeof *source);
    if (!source)
        return fail_memory(err, "a file of arrays", sizeof *source);
    source->silence = h5_silence_begin();
    asc_status status = h5file_open(path, &source->file, err);
    if (status == ASC_OK)
        status = h5file_check_format(source->file, format, major, err);
    if (status == ASC_OK)
        status = check_complete(source->file, err);
    if (status == ASC_OK)
        *out = source;
    else
        column_source_close(source);
    return status;
}

void column_source_close(column_source *source)
{
    if (!source)
        return;
    h5file_close(source->file);
    h5_silence_end(source->silence);
    free(source);
}

const char *column_source_path(const column_source *source)
{
    return h5file_path(source->file);
}

asc_status column_source_text(const column_source *source, const char *name, char **text, asc_error *err)
{
    TRY(h5file_read_text(source->file, name, text, err));
    return *text ? ASC_OK : fail(err, ASC_MALFORMED, "%s: attribute '%s' is missing", column_source_path(source), name);
}

asc_status column_source_number(const column_source *source, const char *name, size_t *number, asc_error *err)
{
    int64_t found = -1;
    TRY(h5file_read_int(source->file, name, -1, &found, err));
    if (found < 0)
        return fail(err, ASC_MALFORMED, "%s: attribute '%s': expected a number of at least 0, found %" PRId64, column_source_path(source), name, found);
    *number = (size_t)found;
    return ASC_OK;
}

asc_status column_source_texts(const column_source *source, const char *name, char ***texts, size_t *n_texts, asc_error *err)
{
    h5set set = {0};
    TRY(h5set_open_as(source->file, name, (h5set_shape){COLUMN_TEXT, H5SET_ANY_ROWS, 0}, &set, err));
    const asc_status status = annotation_read_texts(&set, (row_range){0, set.n_rows}, texts, err);
    *n_texts = status == ASC_OK ? set.n_rows : 0;
    h5set_close(&set);
    return status;
}

asc_status column_source_count(const column_source *source, const char *name, column_type type, size_t *n_rows, asc_error *err)
{
    h5set set = {0};
    TRY(h5set_open_as(source->file, name, (h5set_shape){type, H5SET_ANY_ROWS, 0}, &set, err));
    *n_rows = set.n_rows;
    h5set_close(&set);
    return ASC_OK;
}

static asc_status read_lines(const h5set *set, const file_column *column, char *to, asc_error *err)
{
    const size_t size = set->element_size * (column->n_columns ? column->n_columns : 1);
    assert(column->type != COLUMN_TEXT && size <= column->stride);
    for (size_t first = 0; first < column->n_rows; first += LINES_AT_ONCE) {
        const size_t left = column->n_rows - first, count = left < LINES_AT_ONCE ? left : LINES_AT_ONCE;
        char *block = NULL;
        TRY(h5set_read_new(set, first, count, &block, err));
        for (size_t i = 0; i < count; i++)
            memcpy(to + (first + i) * column->stride, block + i * size, size);
        free(block);
    }
    return ASC_OK;
}

asc_status column_source_read(const column_source *source, const file_column *column, void *to, asc_error *err)
{
    h5set set = {0};
    TRY(h5set_open_as(source->file, column->name, (h5set_shape){column->type, column->n_rows, column->n_columns}, &set, err));
    const asc_status status = read_lines(&set, column, to, err);
    h5set_close(&set);
    return status;
}
