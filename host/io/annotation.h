// What a row carries besides numbers, in dataset and result files alike: spans, text or pair of texts, labels and
// the user's key.
#ifndef ASCRIBE_IO_ANNOTATION_H
#define ASCRIBE_IO_ANNOTATION_H

#include "io/ragged.h"

typedef struct annotations {
    h5set span_offsets, span_begin, span_end, span_feature;
    h5set text_offsets, text_bytes; // closed when the file has no text
    h5set text_split; // closed when its rows are no pairs
    h5set labels, label_matrix, label_numbers; // all closed when it has none, else all but one
    h5set keys; // the same
    size_t n_spans, n_bytes;
    char **label_names; // [n_label_names] in one block
    size_t n_label_names;
} annotations;

// Opens and checks the structure. `text_required`: a file without text is malformed.
asc_status annotations_open(const h5file *file, size_t n_rows, bool text_required, annotations *out,
                            asc_error *err);
void annotations_close(annotations *notes); // accepts a zeroed one

// A slice; members as in asc_rows. NULL where the file has none.
typedef struct annotation_slice {
    int64_t *span_offsets;
    uint32_t *span_begin, *span_end;
    int32_t *span_feature;
    int64_t *text_offsets;
    char *text;
    uint32_t *text_split;
    int32_t *labels;
    uint8_t *label_matrix;
    double *label_numbers;
    char **keys;
} annotation_slice;

// Reads and checks a range: spans lie in the row's text, are sorted by begin and name a feature that the row
// has (feature_offsets [count + 1], from 0); a pair is split inside its text, and its features lie on one side, those
// of the first text before those of the second; labels have a name. On failure *out is empty.
asc_status annotations_read(const annotations *notes, row_range range, const int64_t *feature_offsets,
                            annotation_slice *out, asc_error *err);
void annotation_slice_free(annotation_slice *slice);

// All strings of a one-dimensional text dataset from `range`, as pointers and characters in one block; the
// caller frees it.
asc_status annotation_read_texts(const h5set *set, row_range range, char ***out, asc_error *err);

#endif
