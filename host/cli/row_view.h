// One row of a result as `show` and `export` need it: its own part of a slice's arrays, and the texts of its
// features.
#ifndef ASCRIBE_CLI_ROW_VIEW_H
#define ASCRIBE_CLI_ROW_VIEW_H

#include <ascribe/result.h>

#include <stdbool.h>
#include <stdio.h>

// Borrowed from the slice; n_features M, K targets, C classes as in asc_result_info.
typedef struct row_view {
    const asc_result_info *info;
    size_t row; // index in the result
    uint64_t id;
    int64_t position, evaluations;
    uint32_t status;
    size_t n_features, n_spans, text_size;
    const float *values, *std_errors;              // [M, K]
    const float *base_values, *outputs, *residual; // [K]
    const int32_t *targets;                        // [K]
    const float *scores;                           // [C]
    const float *lime;                             // [3, K] intercept, score, local prediction; NULL: none
    const uint32_t *span_begin, *span_end;         // [n_spans]
    const int32_t *span_feature;
    const char *text;            // [text_size]; NULL when the file has none
    size_t text_split;           // byte where the second text of a pair begins; text_size when there is one text
    int32_t label;               // -1: none
    const uint8_t *label_matrix; // [info->n_label_names], ASC_NOT_LABELLED = not labelled; NULL: none
    double label_number;         // NaN: none
    const char *key;             // NULL: none
} row_view;

// Row `index` of the slice.
row_view row_view_at(const asc_result_info *info, const asc_result_rows *rows, size_t index);

// Name of a class or label, or its number in `number` (NUMBER_TEXT bytes) where it has no name; "" for -1.
const char *row_view_class(const row_view *view, int32_t class_index, char *number);
const char *row_view_label(const row_view *view, char *number);

// Whether the row has a label of any kind; and calls `print` for each of its labels (several classes, one class or a
// number) in the order of their names.
bool row_view_has_label(const row_view *view);
typedef void print_label_word(void *context, const char *word);
void row_view_each_label(const row_view *view, print_label_word *print, void *context);

// The user's key, else the id.
const char *row_view_id(const row_view *view, char *number);

// Class with the highest score, the lowest index on ties; -1 when no score is a number.
int32_t row_view_prediction(const row_view *view);

// The target whose class is `class_index`, else K.
size_t row_view_find_target(const row_view *view, int32_t class_index);

// Writes the status names with `separator` between them; nothing for status 0.
void row_view_print_status(FILE *out, const row_view *view, const char *separator);

// Texts and places of a row's features; one object serves many rows.
typedef asc_feature_texts feature_names;

// Fills `names` (zeroed before the first use) for a row. ASC_OUT_OF_MEMORY.
asc_status feature_names_build(feature_names *names, const row_view *view, asc_error *err);
void feature_names_free(feature_names *names);

#endif
