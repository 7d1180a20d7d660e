// Reading and verifying a result file (`ascribe-result` v1, written by asc_explain).
#ifndef ASCRIBE_RESULT_H
#define ASCRIBE_RESULT_H

#include <ascribe/dataset.h>
#include <ascribe/status.h>

#ifdef __cplusplus
extern "C" {
#endif

// Status bits of a row; 0 = nothing to report.
enum {
    ASC_ROW_NO_FEATURES = 1u << 0,       // nothing to attribute: base value = output
    ASC_ROW_ONE_FEATURE = 1u << 1,       // phi = v(all) - v(empty), but for lime, which fits its regression
    ASC_ROW_TRUNCATED = 1u << 2,         // `prepare` cut tokens off
    ASC_ROW_TOO_LONG = 1u << 3,          // more tokens than the model has positions: not explained
    ASC_ROW_BAD_TOKEN_ID = 1u << 4,      // an id outside the model's vocabulary: not explained
    ASC_ROW_NON_FINITE = 1u << 5,        // the model's output was NaN or infinite for some coalition
    ASC_ROW_INCONSISTENT = 1u << 6,      // v(all) differs from a plain forward pass of the row
    ASC_ROW_UNDER_DETERMINED = 1u << 7,  // fewer independent evaluations than unknowns: minimum-norm solution, no standard errors
    ASC_ROW_TOO_MANY_FEATURES = 1u << 8, // too many features for the exact estimator: no attributions
    ASC_ROW_NO_FIXED_TOKEN = 1u << 9,    // does not begin with a fixed token, where the model is read: not explained
    ASC_ROW_NO_LABEL = 1u << 10,         // the target is the row's label, which is no class of the model: not explained
    ASC_ROW_RECOMPUTED_BF16 = 1u << 11,  // fp16 overflowed on it: all of its evaluations were made anew in bfloat16
    // Any of these: the row has no attributions.
    ASC_ROW_UNEXPLAINED = ASC_ROW_TOO_LONG | ASC_ROW_BAD_TOKEN_ID | ASC_ROW_NON_FINITE | ASC_ROW_TOO_MANY_FEATURES |
                          ASC_ROW_NO_FIXED_TOKEN | ASC_ROW_NO_LABEL,
};

// The name of one status bit ("too_long"); NULL for a bit that has none.
const char *asc_row_status_name(uint32_t bit);

// Class with the highest score, the lowest index on ties; -1 when no score is a number.
int32_t asc_top_class(const float *scores, size_t n_classes);

typedef struct asc_result asc_result;

// Facts of the whole file; strings belong to the result.
typedef struct asc_result_info {
    size_t n_rows;
    size_t n_values;  // attributions per target: sum of features over rows
    size_t n_classes; // C
    size_t n_targets; // K
    const char *const *class_names; // [C]
    const char *method;
    const char *estimator;
    const char *output; // "logit", "probability", "logodds"
    const char *policy; // masking policy
    const char *granularity;
    const char *created_by;
    const char *manifest_hash;
    const char *manifest; // JSON text
    const char *run;      // JSON text: facts that do not belong to the configuration
    size_t n_label_names;
    const char *const *label_names;
    int has_labels, has_text, has_keys, has_pairs, has_label_matrix, has_label_numbers; // as in asc_dataset_info
    int has_lime; // intercept, score and local prediction of each row's fit
} asc_result_info;

// A slice of rows. M_r = features of row r; arrays of values are [sum of M, K].
typedef struct asc_result_rows {
    size_t n_rows;
    size_t first;
    uint64_t *id;
    int64_t *position;
    int64_t *evaluations;
    uint32_t *status;
    int64_t *feature_offsets; // [n_rows + 1], in features; times K in `values`
    float *values;
    float *std_errors;
    float *base_values;         // [n_rows, K]
    float *outputs;             // [n_rows, K]
    float *efficiency_residual; // [n_rows, K]
    int32_t *targets;           // [n_rows, K] class index, -1 = none
    float *scores;              // [n_rows, C]
    float *lime;                // [n_rows, 3, K]: intercept, weighted R^2, prediction for the row; NULL when the file has none
    int64_t *span_offsets;      // [n_rows + 1]
    uint32_t *span_begin;
    uint32_t *span_end;
    int32_t *span_feature;
    int64_t *text_offsets; // [n_rows + 1]; NULL when the file has no text
    char *text;
    uint32_t *text_split;  // as in asc_rows; NULL when the rows are no pairs, or the file has no text
    int32_t *labels;       // NULL when the file has none
    uint8_t *label_matrix; // [n_rows, n_label_names], as in asc_rows; NULL when there is none
    double *label_numbers; // as in asc_rows; NULL when there are none
    char **keys;           // NULL when the file has none
} asc_result_rows;

// As asc_dataset_open: structure, and a child process first.
asc_status asc_result_open(const char *path, asc_result **out, asc_error *err) ASC_MUST_USE;
void asc_result_close(asc_result *result); // accepts NULL
const asc_result_info *asc_result_describe(const asc_result *result);
// As asc_dataset_check: reads the rows once in a child process.
asc_status asc_result_check(asc_result *result, size_t first, size_t count, asc_error *err) ASC_MUST_USE;
asc_status asc_result_read(asc_result *result, size_t first, size_t count, asc_result_rows **out, asc_error *err) ASC_MUST_USE;
void asc_result_rows_free(asc_result_rows *rows); // accepts NULL

// A row's features as text: the spans of each, joined by a space. Zeroed before the first use; one object serves many rows.
typedef struct asc_feature_texts {
    size_t *offsets; // [M + 1] into bytes
    uint32_t *begin; // [M] first byte of the feature in the row's text
    uint32_t *end;   // [M] end of its last span
    char *bytes;     // all empty when the file has no text
    size_t *filled;  // [M] bytes of each already there while it is built
    size_t capacity, bytes_capacity;
} asc_feature_texts;

// The part of a row that they are made of; text NULL: there is none. Spans are cut to the text, whatever the file says.
typedef struct asc_feature_spans {
    size_t n_features, n_spans, text_size;
    const uint32_t *begin, *end; // [n_spans]
    const int32_t *feature;
    const char *text;
} asc_feature_spans;

// ASC_OUT_OF_MEMORY.
asc_status asc_feature_texts_build(asc_feature_texts *texts, const asc_feature_spans *spans, asc_error *err) ASC_MUST_USE;
void asc_feature_texts_free(asc_feature_texts *texts);

// What asc_result_verify found.
typedef struct asc_verify_report {
    size_t n_rows;
    size_t n_values;
    size_t n_rows_with_status;    // any status bit
    size_t n_unexplained;         // rows without attributions
    size_t n_residual_over_limit; // rows where |sum phi - (output - base)| > 1e-4 * max(1, |output|, |base|), Shapley methods only
    double max_residual;          // largest such difference; -1 for methods whose attributions need not add up
    size_t n_unexpected_nan;      // NaN where the row's status promises an answer
    int digest_matches;           // the stored digest equals the one recomputed from the rows
} asc_verify_report;

// Reads the whole file, in a child process, recomputes digest, residuals and finiteness. ASC_OK when all is well; ASC_FAILED_CHECK when the file is
// readable but wrong (the report says where); ASC_MALFORMED when it is not a result file.
asc_status asc_result_verify(const char *path, asc_verify_report *report, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
