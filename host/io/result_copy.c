// Columns that go from the dataset into the result, element for element: what they are, copying and comparing
// them.
#include "io/merge_private.h"


#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 4 << 20, MOST_FIXED_COLUMNS = 13 };

typedef struct column_list {
    copied_column *items;
    size_t n_items;
} column_list;

static void add_column(column_list *list, const char *name, copied_column column)
{
    copied_column *item = &list->items[list->n_items++];
    *item = column;
    snprintf(item->name, sizeof item->name, "%s", name);
}

static asc_status add_if_there(const h5file *dataset, column_list *list, const char *name,
                               copied_column column, asc_error *err)
{
    bool has = false;
    TRY(h5file_has(dataset, name, &has, err));
    if (has)
        add_column(list, name, column);
    return ASC_OK;
}

static asc_status add_matrix(const h5file *dataset, column_list *list, const char *name, copied_column column,
                             asc_error *err)
{
    h5set matrix;
    bool has = false;
    TRY(h5file_has(dataset, name, &has, err));
    if (!has)
        return ASC_OK;
    TRY(h5set_open(dataset, name, &matrix, err));
    column.n_columns = matrix.n_columns;
    h5set_close(&matrix);
    add_column(list, name, column);
    return ASC_OK;
}

// Adds GROUP/offsets, and tells which elements of the group's flat arrays belong to the selection.
static asc_status add_offsets(const h5file *dataset, const merge_job *job, column_list *list,
                              const char *name, copied_column *flat, asc_error *err)
{
    h5set offsets;
    int64_t begin = 0, end = 0;
    const size_t first = (size_t)job->first_position, count = (size_t)job->n_rows;
    TRY(h5set_open_as(dataset, name, (h5set_shape){COLUMN_INT64, H5SET_ANY_ROWS, 0}, &offsets, err));
    asc_status status = ASC_OK;
    if (offsets.n_rows == 0 || first > offsets.n_rows - 1 || count > offsets.n_rows - 1 - first)
        status = fail(err, ASC_DIFFERENT_RUN, "%s: expected rows %zu to %zu, found a dataset that has fewer",
                      h5file_path(dataset), first, first + count);
    if (status == ASC_OK)
        status = h5set_read(&offsets, first, 1, &begin, err);
    if (status == ASC_OK)
        status = h5set_read(&offsets, first + count, 1, &end, err);
    if (status == ASC_OK && (begin < 0 || end < begin))
        status = fail(err, ASC_MALFORMED, "%s: dataset '%s': expected rising offsets, found %lld before %lld",
                      h5file_path(dataset), name, (long long)begin, (long long)end);
    h5set_close(&offsets);
    if (status != ASC_OK)
        return status;
    *flat = (copied_column){.first = (size_t)begin, .count = (size_t)(end - begin), .is_flat = true};
    add_column(list, name, (copied_column){.first = first, .count = count + 1, .is_offsets = true});
    return ASC_OK;
}

static asc_status add_fixed(const h5file *dataset, const merge_job *job, column_list *list, asc_error *err)
{
    copied_column flat;
    const copied_column per_row = {.first = (size_t)job->first_position, .count = (size_t)job->n_rows};
    TRY(add_if_there(dataset, list, "rows/key", per_row, err));
    TRY(add_offsets(dataset, job, list, "spans/offsets", &flat, err));
    add_column(list, "spans/begin", flat);
    add_column(list, "spans/end", flat);
    add_column(list, "spans/feature", flat);
    if (job->keep_text) {
        TRY(add_offsets(dataset, job, list, "text/offsets", &flat, err));
        add_column(list, "text/bytes", flat);
        TRY(add_if_there(dataset, list, "text/split", per_row, err));
    }
    TRY(add_if_there(dataset, list, "labels/values", per_row, err));
    TRY(add_if_there(dataset, list, "labels/numbers", per_row, err));
    TRY(add_matrix(dataset, list, "labels/matrix", per_row, err));
    bool has_names = false;
    TRY(h5file_has(dataset, "labels/names", &has_names, err));
    if (!has_names)
        return ASC_OK;
    h5set names;
    TRY(h5set_open(dataset, "labels/names", &names, err));
    add_column(list, "labels/names", (copied_column){.count = names.n_rows});
    h5set_close(&names);
    return ASC_OK;
}

static void add_meta(const merge_job *job, column_list *list, char **names, size_t n_names)
{
    const copied_column per_row = {.first = (size_t)job->first_position, .count = (size_t)job->n_rows};
    for (size_t i = 0; i < n_names; i++) {
        char name[sizeof per_row.name];
        snprintf(name, sizeof name, "meta/%s", names[i]);
        add_column(list, name, per_row);
    }
}

asc_status result_copy_list(const h5file *dataset, const merge_job *job, copied_column **columns,
                            size_t *n_columns, asc_error *err)
{
    char **names = NULL;
    size_t n_names = 0;
    if (job->keep_text)
        TRY(h5file_list(dataset, "meta", &names, &n_names, err));
    column_list list = {calloc(MOST_FIXED_COLUMNS + n_names, sizeof(copied_column)), 0};
    asc_status status = ASC_OK;
    if (!list.items)
        status =
            fail_memory(err, "a list of columns", (MOST_FIXED_COLUMNS + n_names) * sizeof(copied_column));
    if (status == ASC_OK)
        status = add_fixed(dataset, job, &list, err);
    if (status == ASC_OK) {
        assert(list.n_items <= MOST_FIXED_COLUMNS);
        add_meta(job, &list, names, n_names);
    }
    free(names);
    if (status == ASC_OK) {
        *columns = list.items;
        *n_columns = list.n_items;
    } else {
        free(list.items);
    }
    return status;
}

static asc_status open_source(const h5file *dataset, const copied_column *column, h5set *source,
                              asc_error *err)
{
    TRY(h5set_open(dataset, column->name, source, err));
    asc_status status = ASC_OK;
    if (source->n_columns != column->n_columns || column->first > source->n_rows ||
        column->count > source->n_rows - column->first)
        status = fail(err, ASC_MALFORMED,
                      "%s: dataset '%s': expected at least %zu entries and %zu columns, found %zu and %zu",
                      h5file_path(dataset), column->name, column->first + column->count, column->n_columns,
                      source->n_rows, source->n_columns);
    else if (column->is_offsets && source->type != COLUMN_INT64)
        status = fail(err, ASC_MALFORMED, "%s: dataset '%s': expected int64, found %s", h5file_path(dataset),
                      column->name, column_type_name(source->type));
    if (status != ASC_OK)
        h5set_close(source);
    return status;
}

asc_status result_copy_bytes(const h5file *dataset, const copied_column *column, size_t *bytes,
                             asc_error *err)
{
    h5set source;
    TRY(open_source(dataset, column, &source, err));
    *bytes = source.n_rows == 0
                 ? 0
                 : (size_t)((double)source.stored_bytes * (double)column->count / (double)source.n_rows);
    h5set_close(&source);
    return ASC_OK;
}

// Bytes of one row of the column.
static size_t line_bytes(const h5set *source)
{
    return source->element_size * (source->n_columns ? source->n_columns : 1);
}

static size_t piece_length(const h5set *source, size_t left)
{
    const size_t most = PIECE_BYTES / line_bytes(source) + 1;
    return left < most ? left : most;
}

// The next piece of a column as the result has it. *base: the selection's first offset, set by the first
// piece.
static asc_status read_piece(const h5set *source, const copied_column *column, row_range piece, int64_t *base,
                             void **buffer, asc_error *err)
{
    TRY(h5set_read_new(source, column->first + piece.first, piece.count, buffer, err));
    if (!column->is_offsets)
        return ASC_OK;
    int64_t *offsets = *buffer;
    if (piece.first == 0)
        *base = offsets[0];
    for (size_t i = 0; i < piece.count; i++) {
        if (offsets[i] < *base) {
            free(*buffer);
            return fail(err, ASC_MALFORMED,
                        "%s: dataset '%s': expected rising offsets, found %lld before %lld",
                        h5file_path(source->file), source->name, (long long)*base, (long long)offsets[i]);
        }
        offsets[i] -= *base;
    }
    return ASC_OK;
}

static asc_status copy_pieces(const h5set *source, const copied_column *column, h5set *target, asc_error *err)
{
    int64_t base = 0;
    row_range piece = {0, 0};
    for (; piece.first < column->count; piece.first += piece.count) {
        void *buffer = NULL;
        piece.count = piece_length(source, column->count - piece.first);
        TRY(read_piece(source, column, piece, &base, &buffer, err));
        TRY(h5set_append(target, piece.count, buffer, err));
        free(buffer);
    }
    return ASC_OK;
}

// May the stored bytes stand for the elements? Offsets may have to be shifted.
static bool is_verbatim(const h5set *source, const h5set *copy, const copied_column *column)
{
    return !column->is_offsets && column->first == 0 && h5set_stored_alike(source, copy);
}

asc_status result_copy_column(const h5file *dataset, const copied_column *column, h5file *out, asc_error *err)
{
    h5set source, target;
    TRY(open_source(dataset, column, &source, err));
    const h5set_plan plan = {
        .shape = {source.type, column->count, column->n_columns},
        .text_size = source.element_size - 1,
        .chunk = column->is_flat ? H5SET_FLAT_PER_CHUNK : H5SET_ROWS_PER_CHUNK,
        .compress = source.type != COLUMN_FLOAT32 && source.type != COLUMN_FLOAT64,
    };
    TRY(h5set_create(out, column->name, plan, &target, err));
    if (is_verbatim(&source, &target, column))
        TRY(h5set_copy_chunks(&source, &target, err));
    else
        TRY(copy_pieces(&source, column, &target, err));
    TRY(h5set_finish(&target, err));
    h5set_close(&source);
    return ASC_OK;
}

static asc_status compare_piece(const h5set *source, const h5set *copy, const copied_column *column,
                                row_range piece, int64_t *base, asc_error *err)
{
    void *expected = NULL, *found = NULL;
    TRY(read_piece(source, column, piece, base, &expected, err));
    asc_status status = h5set_read_new(copy, piece.first, piece.count, &found, err);
    if (status == ASC_OK && memcmp(expected, found, piece.count * line_bytes(source)) != 0)
        status = fail(err, ASC_IO_ERROR, "%s: dataset '%s': entries %zu to %zu: not what was written",
                      h5file_path(copy->file), copy->name, piece.first, piece.first + piece.count);
    free(found);
    free(expected);
    return status;
}

static asc_status compare_pieces(const h5set *source, const h5set *copy, const copied_column *column,
                                 asc_error *err)
{
    int64_t base = 0;
    row_range piece = {0, 0};
    for (; piece.first < column->count; piece.first += piece.count) {
        piece.count = piece_length(source, column->count - piece.first);
        TRY(compare_piece(source, copy, column, piece, &base, err));
    }
    return ASC_OK;
}

// What was copied as it was stored must also be readable.
static asc_status read_whole(const h5set *set, asc_error *err)
{
    asc_status status = ASC_OK;
    const size_t bytes = set->chunk_rows * line_bytes(set);
    void *buffer = malloc(bytes);
    if (!buffer)
        return fail_memory(err, "a chunk of a dataset", bytes);
    for (size_t row = 0; row < set->n_rows && status == ASC_OK; row += set->chunk_rows) {
        const size_t left = set->n_rows - row;
        status = h5set_read(set, row, left < set->chunk_rows ? left : set->chunk_rows, buffer, err);
    }
    free(buffer);
    return status;
}

static asc_status compare_opened(const h5set *source, const h5set *copy, const copied_column *column, asc_error *err)
{
    bool same = false;
    if (source->element_size != copy->element_size)
        return fail(err, ASC_IO_ERROR, "%s: dataset '%s': not the type that was written", h5file_path(copy->file), copy->name);
    if (is_verbatim(source, copy, column))
        TRY(h5set_compare_chunks(source, copy, &same, err));
    return same ? read_whole(copy, err) : compare_pieces(source, copy, column, err);
}

asc_status result_compare_column(const h5file *dataset, const copied_column *column, const h5file *copy,
                                 asc_error *err)
{
    h5set source, target;
    TRY(open_source(dataset, column, &source, err));
    asc_status status =
        h5set_open_as(copy, column->name, (h5set_shape){source.type, column->count, column->n_columns},
                      &target, err);
    if (status == ASC_OK) {
        status = compare_opened(&source, &target, column, err);
        h5set_close(&target);
    }
    h5set_close(&source);
    return status;
}
