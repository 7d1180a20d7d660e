// Global importance: what the attributions of all rows say of each word (`ascribe-global` v1), and how two such files differ.
#ifndef ASCRIBE_GLOBAL_H
#define ASCRIBE_GLOBAL_H

#include <ascribe/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Making ----

typedef struct asc_global_job {
    const char *const *paths; // [n_paths] results, or files of global importance, of different rows
    size_t n_paths;
    const char *out_path;
    int fold_case;       // words that differ in case only are one (Unicode's full case folding)
    // Features go by their token ids in this dataset, which the results were made of ("2204"; "4895 8638": a feature of two tokens); NULL: by text.
    const char *dataset_path;
    int overwrite;       // OUT may exist
    size_t memory_bytes; // for counting; what does not fit is sorted on disk beside OUT. 0: 256 MiB
    int (*should_stop)(void *user); // as in asc_explain_job; NULL: never. Nothing is left then
    void *stop_user;
} asc_global_job;

// Writes OUT, complete or not at all. The same bits for any division of the rows into inputs, but for the list of sources. Call before
// threads start (children are forked). ASC_CANNOT_CREATE: OUT exists. ASC_DIFFERENT_RUN: inputs of different models, methods, masking or
// outputs, named. ASC_MALFORMED: a row twice, a result without text, a damaged file.
// ASC_STOPPED.
asc_status asc_global_make(const asc_global_job *job, asc_error *err) ASC_MUST_USE;

// The same of what B's attributions and scores are more than A's, feature by feature: for asc_global_compare. paths: A and B, both results.
// *are_pairs = 0, and nothing is written, when they are not of the same rows of one dataset.
asc_status asc_global_make_pairs(const asc_global_job *job, int *are_pairs, asc_error *err) ASC_MUST_USE;

// Whether the file says that it is one of global importance; contents are not looked at.
asc_status asc_global_is(const char *path, int *is_global, asc_error *err) ASC_MUST_USE;

// ---- Reading ----

typedef struct asc_global asc_global;

enum { ASC_GLOBAL_BINS = 20, ASC_GLOBAL_POSITIONS = 5 };

// The scores of one class over the rows that have them.
typedef struct asc_global_score {
    uint64_t n_rows;
    double mean, variance;
    uint64_t bins[ASC_GLOBAL_BINS]; // of equal width from 0 to 1; scores outside are in none
} asc_global_score;

// Rows of one label and one prediction; -1: none.
typedef struct asc_global_group {
    int32_t label; // index in label_names
    int32_t prediction; // class
    uint64_t n_rows;
} asc_global_group;

// Strings and arrays belong to the object.
typedef struct asc_global_info {
    size_t n_words;
    uint64_t n_rows;
    uint64_t n_unexplained;  // rows without attributions
    uint64_t n_attributions; // that went in
    size_t n_classes, n_label_names;
    const char *const *class_names, *const *label_names;
    const int32_t *label_classes; // [n_label_names] the class of a label; -1: labels are not the classes
    const char *settings; // JSON object: what all sources have in common
    int fold_case;
    const asc_global_score *scores; // [n_classes]
    size_t n_groups;
    const asc_global_group *groups;
    size_t n_sources;
    const char *const *source_names;
} asc_global_info;

// A child process reads and checks all of it first.
asc_status asc_global_open(const char *path, asc_global **out, asc_error *err) ASC_MUST_USE;
void asc_global_close(asc_global *global); // accepts NULL
const asc_global_info *asc_global_describe(const asc_global *global);

typedef enum asc_global_agreement { ASC_GLOBAL_ALL, ASC_GLOBAL_CORRECT, ASC_GLOBAL_WRONG } asc_global_agreement;

typedef enum asc_global_order {
    ASC_GLOBAL_BY_IMPORTANCE, // sum of |phi|, largest first
    ASC_GLOBAL_BY_MEAN_ABS,
    ASC_GLOBAL_BY_MEAN,     // most positive first
    ASC_GLOBAL_BY_NEGATIVE, // most negative first
    ASC_GLOBAL_BY_COUNT,
    ASC_GLOBAL_BY_P_VALUE,  // smallest first
    ASC_GLOBAL_BY_TEXT,     // ascending bytes
} asc_global_order;

enum { ASC_GLOBAL_ANY = -2, ASC_GLOBAL_NONE = -1 };

// Which attributions are summed up. ASC_GLOBAL_ANY: whatever; ASC_GLOBAL_NONE: rows that have none.
typedef struct asc_global_query {
    int32_t class_index; // attributions towards this class
    int32_t label, prediction;
    asc_global_agreement agreement; // whether the prediction is the label's class
    int32_t position;    // fifth of the row (0 to 4) by the feature's place in it, ASC_GLOBAL_ANY; in all rows only
    uint64_t min_count;  // words with fewer occurrences are left out
    asc_global_order order;
} asc_global_query;

asc_global_query asc_global_query_default(void); // class 0, everything, min_count 1

// One word. N occurrences in n rows; NaN where there is no answer.
typedef struct asc_global_word {
    const char *text; // [size], not terminated
    size_t size;
    uint64_t count, n_rows;
    double mean;          // of phi over occurrences
    double mean_abs;      // of |phi|
    double deviation;     // of phi over occurrences, N - 1
    double std_error;     // of the mean; rows are the sample, occurrences in a row go together. NaN below two rows
    double low, high;     // 95 % interval of the mean, by Student's t of n - 1 degrees
    double abs_std_error; // of mean_abs
    double p_value;       // of mean = 0, two-sided; NaN where std_error is NaN or 0
    double q_value;       // p_value after Benjamini and Hochberg over the words of the table that have one
    float least, most;    // phi
    uint64_t least_row, most_row; // row ids, the lowest of those that have it
} asc_global_word;

typedef struct asc_global_table {
    asc_global_word *words; // [n_words] in the query's order, equal ones by text
    size_t n_words;
    size_t n_tested; // that have a p-value
    uint64_t n_rows; // rows in the group, those without attributions too
    char *bytes;
} asc_global_table;

// ASC_USAGE: no such class or label, a position within a group, correct or wrong where labels are not the classes.
asc_status asc_global_rank(const asc_global *global, const asc_global_query *query, asc_global_table *table, asc_error *err) ASC_MUST_USE;
void asc_global_table_free(asc_global_table *table); // accepts a zeroed one

// ---- Comparing ----

// A word of both files. `difference` = B - A of the mean; its standard error and p-value take rows of A and B as independent (Welch), or, where
// the comparison is paired, are those of the mean of differences within rows (n - 1 degrees), which then is `difference`.
typedef struct asc_shift {
    const asc_global_word *a, *b; // NULL: only in the other
    double difference, std_error, p_value, q_value;
} asc_shift;

typedef struct asc_class_shift {
    double mean_a, mean_b;             // score
    double difference, std_error, p_value;
    double rate_a, rate_b;             // share of the rows that are predicted this class
    double stability_index;            // population stability index of the score's bins; NaN where scores leave 0 to 1
} asc_class_shift;

typedef struct asc_comparison {
    asc_global_table a, b;
    asc_shift *shifts; // [n_shifts] words of both, smallest p_value first, then largest |difference|
    size_t n_shifts, n_tested;
    size_t *only_a, *only_b; // [n_only_a] indexes in a.words, most important first
    size_t n_only_a, n_only_b;
    double spearman, kendall; // of mean |phi| over the words of both; NaN below two
    double largest_difference; // |difference| of means, of the words with q_value <= 0.05
    asc_class_shift *classes; // [n_classes]
    size_t n_classes;
    double stability_index;   // the largest of the classes
    double rate_change;       // the largest |rate_b - rate_a|
    uint64_t n_pairs;         // rows of both, compared row by row; 0: two independent samples
} asc_comparison;

// Both must have the same classes, method, masking, output and case rule: ASC_DIFFERENT_RUN names what differs. Models, data and labels may
// differ. `pairs`: what asc_global_make_pairs made of the two results; NULL: rows are independent samples. In a group by prediction, correct or
// wrong they are anyway: A and B predict differently. query->order is ignored. asc_comparison_free takes what this left, also after a failure.
asc_status asc_global_compare(const asc_global *a, const asc_global *b, const asc_global *pairs, const asc_global_query *query,
                              asc_comparison *out, asc_error *err) ASC_MUST_USE;
void asc_comparison_free(asc_comparison *comparison);

#ifdef __cplusplus
}
#endif
#endif
