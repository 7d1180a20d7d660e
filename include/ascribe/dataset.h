// Reading a prepared dataset (`ascribe-dataset` v1, made by `ascribe prepare`) slice by slice.
//
// Ragged arrays are flat with int64 offsets (count + 1): row r owns [offsets[r], offsets[r + 1]). Memory is that of the slice
// that is read, whatever the file's size. One asc_dataset belongs to one thread at a time.
#ifndef ASCRIBE_DATASET_H
#define ASCRIBE_DATASET_H

#include <ascribe/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_dataset asc_dataset;

// Facts of the whole file; strings belong to the dataset and live until it is closed.
typedef struct asc_dataset_info {
    size_t n_rows;
    size_t n_tokens;
    size_t n_features;
    size_t max_row_tokens;
    const char *created_by;
    const char *tokenizer;        // file name it was made with
    const char *tokenizer_sha256; // "" when unknown
    const char *granularity;      // "word", "whitespace", "token", "sentence", "bow", "regex:PATTERN", "spans"
    const char *source; // name of the file it was made from, without folders; "" when unknown
    int64_t vocab_size;
    int64_t max_length;
    int64_t n_truncated; // rows
    int64_t n_merged;    // features merged because one token touched both
    int64_t mask_token_id; // -1: the tokenizer has none
    int64_t pad_token_id;
    int64_t unk_token_id;
    size_t n_label_names;
    const char *const *label_names;
    int has_labels; // one class for each row
    int has_keys;
    int has_pairs;         // every row is two texts
    int has_label_matrix;  // several classes for each row
    int has_rationales;    // features that people marked
    int has_label_numbers; // a number for each row (regression); at most one of the three kinds of labels
} asc_dataset_info;

enum { ASC_NOT_LABELLED = 255 }; // in a label matrix

// A slice of rows. Everything belongs to the slice; offsets start at 0 within it.
typedef struct asc_rows {
    size_t n_rows;
    int64_t first; // dataset position of the first row
    uint64_t *id;
    uint32_t *truncated; // tokens cut off
    int64_t *token_offsets; // [n_rows + 1]
    int32_t *tokens;
    int32_t *token_features; // index of the token's feature in its row, -1 = fixed
    uint8_t *token_types;    // all 0 when the file has none
    int64_t *feature_offsets; // [n_rows + 1]; a row has feature_offsets[r + 1] - feature_offsets[r] features
    int64_t *span_offsets;    // [n_rows + 1]
    uint32_t *span_begin;     // bytes into the row's text (a pair: into both texts, back to back)
    uint32_t *span_end;
    int32_t *span_feature;
    int64_t *text_offsets; // [n_rows + 1]
    char *text;            // UTF-8, rows back to back, no terminators
    uint32_t *text_split;  // [n_rows] byte of the row's text where the second one begins; no span and no feature
                           // crosses it; NULL when the rows are no pairs
    int32_t *labels;       // -1 = none; NULL when the file has no labels
    uint8_t *label_matrix; // [n_rows, n_label_names] 1 = applies, 0 = does not, ASC_NOT_LABELLED; NULL when there is none
    double *label_numbers; // [n_rows] NaN = none; NULL when there are none
    char **keys;           // the user's own ids; NULL when the file has none
    uint8_t *rationales;   // a feature each: 1 = in the row's rationale, else 0; NULL when the file has none
} asc_rows;

// Opens and checks the structure, in a child process first: a file that kills libhdf5 kills that one. The child is a fork,
// so call it before threads use HDF5. ASC_NOT_FOUND, ASC_MALFORMED (names the dataset inside the file, expected and found; or
// "the reader died").
asc_status asc_dataset_open(const char *path, asc_dataset **out, asc_error *err) ASC_MUST_USE;
void asc_dataset_close(asc_dataset *dataset); // accepts NULL
const asc_dataset_info *asc_dataset_describe(const asc_dataset *dataset);

// Reads rows [first, first + count) once in a child process, so that asc_dataset_read meets nothing there that could end this
// one. For files that nobody vouches for; call it, like asc_dataset_open, before threads use HDF5. asc_explain does it for the
// rows it explains. ASC_USAGE, ASC_MALFORMED, ASC_OUT_OF_MEMORY.
asc_status asc_dataset_check(asc_dataset *dataset, size_t first, size_t count, asc_error *err) ASC_MUST_USE;

// Reads rows [first, first + count). Every index is checked: what comes back can be used without further checks except that
// token ids may exceed a model's vocabulary. ASC_USAGE outside the file, ASC_MALFORMED, ASC_OUT_OF_MEMORY.
asc_status asc_dataset_read(asc_dataset *dataset, size_t first, size_t count, asc_rows **out, asc_error *err) ASC_MUST_USE;
void asc_rows_free(asc_rows *rows); // accepts NULL

#ifdef __cplusplus
}
#endif
#endif
