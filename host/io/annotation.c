// Spans, texts, labels and keys of dataset and result files; see annotation.h.
#include "io/annotation.h"

#include <ascribe/dataset.h>

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

asc_status annotation_read_texts(const h5set *set, row_range range, char ***out, asc_error *err)
{
    size_t each = 0, bytes = 0;
    if (!checked_add(sizeof(char *), set->element_size, &each) ||
        !checked_multiply(range.count, each, &bytes))
        return fail_memory(err, set->name, SIZE_MAX);
    char **texts = malloc(bytes ? bytes : 1);
    if (!texts)
        return fail_memory(err, set->name, bytes);
    char *characters = (char *)(texts + range.count);
    const asc_status status = h5set_read(set, range.first, range.count, characters, err);
    if (status != ASC_OK) {
        free(texts);
        return status;
    }
    for (size_t i = 0; i < range.count; i++)
        texts[i] = characters + i * set->element_size;
    *out = texts;
    return ASC_OK;
}

static asc_status open_spans(const h5file *file, size_t n_rows, annotations *notes, asc_error *err)
{
    TRY(ragged_open(file, "spans/offsets", n_rows, &notes->span_offsets, &notes->n_spans, err));
    const h5set_shape position = {COLUMN_UINT32, notes->n_spans, 0};
    const h5set_shape feature = {COLUMN_INT32, notes->n_spans, 0};
    TRY(h5set_open_as(file, "spans/begin", position, &notes->span_begin, err));
    TRY(h5set_open_as(file, "spans/end", position, &notes->span_end, err));
    return h5set_open_as(file, "spans/feature", feature, &notes->span_feature, err);
}

static asc_status open_text(const h5file *file, size_t n_rows, bool required, annotations *notes,
                            asc_error *err)
{
    bool has = false;
    TRY(h5file_has(file, "text", &has, err));
    if (!has && !required)
        return ASC_OK;
    TRY(ragged_open(file, "text/offsets", n_rows, &notes->text_offsets, &notes->n_bytes, err));
    TRY(h5set_open_optional(file, "text/split", (h5set_shape){COLUMN_UINT32, n_rows, 0}, &notes->text_split,
                            err));
    return h5set_open_as(file, "text/bytes", (h5set_shape){COLUMN_UINT8, notes->n_bytes, 0},
                         &notes->text_bytes, err);
}

static asc_status open_label_names(const h5file *file, annotations *notes, asc_error *err)
{
    h5set names = {0};
    TRY(h5set_open_optional(file, "labels/names", (h5set_shape){COLUMN_TEXT, H5SET_ANY_ROWS, 0}, &names,
                            err));
    if (names.id == 0)
        return ASC_OK;
    const asc_status status =
        annotation_read_texts(&names, (row_range){0, names.n_rows}, &notes->label_names, err);
    notes->n_label_names = status == ASC_OK ? names.n_rows : 0;
    h5set_close(&names);
    return status;
}

// At most one kind of labels; a matrix has a column for each name.
static asc_status open_labels(const h5file *file, size_t n_rows, annotations *notes, asc_error *err)
{
    bool has_matrix = false;
    TRY(open_label_names(file, notes, err));
    TRY(h5set_open_optional(file, "labels/values", (h5set_shape){COLUMN_INT32, n_rows, 0}, &notes->labels,
                            err));
    TRY(h5set_open_optional(file, "labels/numbers", (h5set_shape){COLUMN_FLOAT64, n_rows, 0},
                            &notes->label_numbers, err));
    TRY(h5file_has(file, "labels/matrix", &has_matrix, err));
    if (has_matrix && notes->n_label_names == 0)
        return fail(err, ASC_MALFORMED, "%s: dataset 'labels/matrix': expected names of its columns, found none",
                    h5file_path(file));
    if (has_matrix)
        TRY(h5set_open_as(file, "labels/matrix", (h5set_shape){COLUMN_UINT8, n_rows, notes->n_label_names},
                          &notes->label_matrix, err));
    if ((notes->labels.id > 0) + (notes->label_numbers.id > 0) + has_matrix > 1)
        return fail(err, ASC_MALFORMED,
                    "%s: group 'labels': expected one of 'values', 'matrix' and 'numbers', found several",
                    h5file_path(file));
    return ASC_OK;
}

asc_status annotations_open(const h5file *file, size_t n_rows, bool text_required, annotations *out,
                            asc_error *err)
{
    *out = (annotations){0};
    asc_status status = open_spans(file, n_rows, out, err);
    if (status == ASC_OK)
        status = open_text(file, n_rows, text_required, out, err);
    if (status == ASC_OK)
        status = open_labels(file, n_rows, out, err);
    if (status == ASC_OK)
        status =
            h5set_open_optional(file, "rows/key", (h5set_shape){COLUMN_TEXT, n_rows, 0}, &out->keys, err);
    if (status != ASC_OK)
        annotations_close(out);
    return status;
}

void annotations_close(annotations *notes)
{
    free(notes->label_names);
    h5set_close(&notes->keys);
    h5set_close(&notes->label_numbers);
    h5set_close(&notes->label_matrix);
    h5set_close(&notes->labels);
    h5set_close(&notes->text_split);
    h5set_close(&notes->text_bytes);
    h5set_close(&notes->text_offsets);
    h5set_close(&notes->span_feature);
    h5set_close(&notes->span_end);
    h5set_close(&notes->span_begin);
    h5set_close(&notes->span_offsets);
    *notes = (annotations){0};
}

static asc_status read_spans(const annotations *notes, row_range range, annotation_slice *out, asc_error *err)
{
    size_t begin = 0;
    TRY(ragged_read(&notes->span_offsets, range, notes->n_spans, &out->span_offsets, &begin, err));
    const size_t count = (size_t)out->span_offsets[range.count];
    TRY(h5set_read_new(&notes->span_begin, begin, count, &out->span_begin, err));
    TRY(h5set_read_new(&notes->span_end, begin, count, &out->span_end, err));
    return h5set_read_new(&notes->span_feature, begin, count, &out->span_feature, err);
}

static asc_status read_text(const annotations *notes, row_range range, annotation_slice *out, asc_error *err)
{
    size_t begin = 0;
    if (notes->text_offsets.id == 0)
        return ASC_OK;
    TRY(ragged_read(&notes->text_offsets, range, notes->n_bytes, &out->text_offsets, &begin, err));
    if (notes->text_split.id > 0)
        TRY(h5set_read_new(&notes->text_split, range.first, range.count, &out->text_split, err));
    return h5set_read_new(&notes->text_bytes, begin, (size_t)out->text_offsets[range.count], &out->text, err);
}

typedef struct row_limits {
    size_t position; // in the file, for messages
    int64_t n_features;
    int64_t n_bytes; // of text; INT64_MAX when the file has none
} row_limits;

static asc_status check_row_spans(const annotations *notes, row_limits row, const annotation_slice *slice,
                                  row_range spans, asc_error *err)
{
    const char *path = h5file_path(notes->span_begin.file);
    for (size_t i = spans.first; i < spans.first + spans.count; i++) {
        const uint32_t begin = slice->span_begin[i], end = slice->span_end[i];
        if (begin > end || end > row.n_bytes)
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: expected spans inside the row's text, found bytes %u to %u", path,
                        row.position, begin, end);
        if (i > spans.first && begin < slice->span_begin[i - 1])
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: expected spans sorted by 'begin', found %u after %u", path,
                        row.position, begin, slice->span_begin[i - 1]);
        if (slice->span_feature[i] < 0 || slice->span_feature[i] >= row.n_features)
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: expected spans of features 0 to %lld, found feature %d", path,
                        row.position, (long long)row.n_features - 1, slice->span_feature[i]);
    }
    return ASC_OK;
}

// A pair: every span on one side of the split, and the features of the first text before those of the second.
static asc_status check_row_split(const annotations *notes, row_limits row, uint32_t split,
                                  const annotation_slice *slice, row_range spans, asc_error *err)
{
    const char *path = h5file_path(notes->text_split.file);
    int32_t last_of_first = -1;
    if (split > row.n_bytes)
        return fail(err, ASC_MALFORMED, "%s: row %zu: expected a second text from byte 0 to %lld on, found %u",
                    path, row.position, (long long)row.n_bytes, split);
    for (size_t i = spans.first; i < spans.first + spans.count; i++) {
        const int32_t feature = slice->span_feature[i];
        const bool in_first = slice->span_begin[i] < split;
        if (in_first && slice->span_end[i] > split)
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: expected spans within one text of the pair, found bytes %u to %u across %u",
                        path, row.position, slice->span_begin[i], slice->span_end[i], split);
        if (in_first && feature > last_of_first)
            last_of_first = feature;
        if (!in_first && feature <= last_of_first)
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: expected features of the second text after %d, found feature %d", path,
                        row.position, last_of_first, feature);
    }
    return ASC_OK;
}

static asc_status check_spans(const annotations *notes, row_range range, const int64_t *feature_offsets,
                              const annotation_slice *slice, asc_error *err)
{
    for (size_t row = 0; row < range.count; row++) {
        const int64_t *text = slice->text_offsets;
        const row_limits limits = {range.first + row, feature_offsets[row + 1] - feature_offsets[row],
                                   text ? text[row + 1] - text[row] : INT64_MAX};
        const row_range spans = {(size_t)slice->span_offsets[row],
                                 (size_t)(slice->span_offsets[row + 1] - slice->span_offsets[row])};
        TRY(check_row_spans(notes, limits, slice, spans, err));
        if (slice->text_split)
            TRY(check_row_split(notes, limits, slice->text_split[row], slice, spans, err));
    }
    return ASC_OK;
}

static asc_status check_labels(const annotations *notes, row_range range, const int32_t *labels,
                               asc_error *err)
{
    const int64_t limit = notes->n_label_names ? (int64_t)notes->n_label_names : (int64_t)INT32_MAX + 1;
    for (size_t row = 0; row < range.count; row++) {
        if (labels[row] < -1 || labels[row] >= limit)
            return fail(err, ASC_MALFORMED, "%s: row %zu: expected a label from -1 to %lld, found %d",
                        h5file_path(notes->labels.file), range.first + row, (long long)limit - 1,
                        labels[row]);
    }
    return ASC_OK;
}

static asc_status check_matrix(const annotations *notes, row_range range, const uint8_t *matrix,
                               asc_error *err)
{
    const size_t n_names = notes->n_label_names;
    for (size_t i = 0; i < range.count * n_names; i++) {
        const bool first = i % n_names == 0;
        const bool unlabelled = matrix[i] == ASC_NOT_LABELLED;
        if ((matrix[i] > 1 && !unlabelled) || (!first && unlabelled != (matrix[i - 1] == ASC_NOT_LABELLED)))
            return fail(err, ASC_MALFORMED,
                        "%s: row %zu: expected a label matrix of 0 and 1, or %d in the whole row, found %u",
                        h5file_path(notes->label_matrix.file), range.first + i / n_names, ASC_NOT_LABELLED,
                        (unsigned)matrix[i]);
    }
    return ASC_OK;
}

static asc_status read_labels(const annotations *notes, row_range range, annotation_slice *out,
                              asc_error *err)
{
    if (notes->labels.id > 0) {
        TRY(h5set_read_new(&notes->labels, range.first, range.count, &out->labels, err));
        return check_labels(notes, range, out->labels, err);
    }
    if (notes->label_matrix.id > 0) {
        TRY(h5set_read_new(&notes->label_matrix, range.first, range.count, &out->label_matrix, err));
        return check_matrix(notes, range, out->label_matrix, err);
    }
    if (notes->label_numbers.id > 0)
        return h5set_read_new(&notes->label_numbers, range.first, range.count, &out->label_numbers, err);
    return ASC_OK;
}

static asc_status read_all(const annotations *notes, row_range range, const int64_t *feature_offsets,
                           annotation_slice *out, asc_error *err)
{
    TRY(read_spans(notes, range, out, err));
    TRY(read_text(notes, range, out, err));
    TRY(check_spans(notes, range, feature_offsets, out, err));
    TRY(read_labels(notes, range, out, err));
    return notes->keys.id > 0 ? annotation_read_texts(&notes->keys, range, &out->keys, err) : ASC_OK;
}

asc_status annotations_read(const annotations *notes, row_range range, const int64_t *feature_offsets,
                            annotation_slice *out, asc_error *err)
{
    *out = (annotation_slice){0};
    const asc_status status = read_all(notes, range, feature_offsets, out, err);
    if (status != ASC_OK)
        annotation_slice_free(out);
    return status;
}

void annotation_slice_free(annotation_slice *slice)
{
    free(slice->keys);
    free(slice->label_numbers);
    free(slice->label_matrix);
    free(slice->labels);
    free(slice->text_split);
    free(slice->text);
    free(slice->text_offsets);
    free(slice->span_feature);
    free(slice->span_end);
    free(slice->span_begin);
    free(slice->span_offsets);
    *slice = (annotation_slice){0};
}
