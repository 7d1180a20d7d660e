// Faithfulness: whether taking features away, or leaving them alone, in the order of their attributions moves the model as much as it should;
// the file of it (`ascribe-evaluation` v1), and how two such files differ.
#ifndef ASCRIBE_EVALUATE_H
#define ASCRIBE_EVALUATE_H

#include <ascribe/explain.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { ASC_EVALUATION_METRICS = 17, ASC_EVALUATION_POINTS = 21, ASC_EVALUATION_MOST_ORDERS = 100 };

// Over rows, which are the sample; 95 % interval by Student's t. NaN where there are too few rows.
typedef struct asc_mean {
    double mean, std_error, low, high;
} asc_mean;

typedef struct asc_evaluation_metric {
    const char *name; // static: "comprehensiveness_aopc", "sufficiency_aopc", "deletion_auc", "insertion_auc", "comprehensiveness@0.01", ...;
                      // "token_f1", "iou_f1", "auprc": of rows with a rationale
    bool higher_is_better;
    size_t n_rows; // that have it
    asc_mean attribution; // features in descending order of their attribution to the predicted class
    asc_mean random;      // the mean over random orders of the same rows
    asc_mean difference;  // attribution - random, row by row
} asc_evaluation_metric;

typedef struct asc_evaluation_summary {
    size_t n_rows;      // that were selected of the result
    size_t n_evaluated; // the next four are the others
    size_t n_unexplained;  // without attributions, or not finite ones
    size_t n_no_features;
    size_t n_not_explained_class; // no attributions to the predicted class
    size_t n_non_finite;   // the model's output was no number for some coalition
    size_t n_orders;       // random ones, of each row
    asc_evaluation_metric metrics[ASC_EVALUATION_METRICS];
    double fractions[ASC_EVALUATION_POINTS]; // of the mean curves: of the features that were taken away, or put in
    double deletion[ASC_EVALUATION_POINTS], insertion[ASC_EVALUATION_POINTS];
    double random_deletion[ASC_EVALUATION_POINTS], random_insertion[ASC_EVALUATION_POINTS];
    double largest_difference; // of |probability of the predicted class - the result's score|, over the rows; NaN: none
    uint64_t evaluations, tokens;
    double elapsed_s;
    const char *backend; // static
} asc_evaluation_summary;

typedef struct asc_evaluate_job {
    const char *result_path, *model_path, *dataset_path;
    const char *out_path; // file of the evaluation; NULL: none
    bool force;           // it may exist
    size_t n_orders;      // random ones; 1 to ASC_EVALUATION_MOST_ORDERS
    // Of these backend, precision, device, savings, n_workers, step_tokens and seed (of the random orders) are read, and first_row and n_rows,
    // which count rows of the result.
    asc_explain_options options;
    asc_log log;
    void (*progress)(void *user, const asc_progress *progress); // these four as in asc_explain_job; nothing is left when stopped
    void *progress_user;
    int (*should_stop)(void *user);
    void *stop_user;
} asc_evaluate_job;

// Evaluates a result with the model and the dataset that it was made of, with its masking. A row's numbers depend on model, row, row id,
// attributions, seed and the backend's kernel set alone. Call while the process has no other threads: it forks.
// ASC_DIFFERENT_RUN names what of model and dataset is not the result's; ASC_USAGE (a regression has no probabilities),
// ASC_MALFORMED, ASC_CANNOT_CREATE (OUT exists), ASC_STOPPED and the statuses of asc_explain.
asc_status asc_evaluate(const asc_evaluate_job *job, asc_evaluation_summary *summary, asc_error *err) ASC_MUST_USE;

// ---- Reading ----

// Whether the file says that it is an evaluation; contents are not looked at.
asc_status asc_evaluation_is(const char *path, int *is_evaluation, asc_error *err) ASC_MUST_USE;

typedef struct asc_evaluation asc_evaluation;

// Strings and arrays belong to the object.
typedef struct asc_evaluation_info {
    size_t n_classes;
    const char *const *class_names;
    const char *manifest; // JSON: of the result that was evaluated
    const char *settings; // JSON: how it was evaluated
    const asc_evaluation_summary *summary; // work, speed and backend are not known
} asc_evaluation_info;

// Reads all of it, in a child process first: numbers are in their ranges, ids differ, means and curves are those of the rows.
// 1 KiB of memory a row, at most. ASC_NOT_FOUND, ASC_MALFORMED.
asc_status asc_evaluation_open(const char *path, asc_evaluation **out, asc_error *err) ASC_MUST_USE;
void asc_evaluation_close(asc_evaluation *evaluation); // accepts NULL
const asc_evaluation_info *asc_evaluation_describe(const asc_evaluation *evaluation);

// ---- Comparing ----

// B - A of one number. p_value: of "no difference", two-sided, by Student's t; q_value after Benjamini and Hochberg over the metrics.
// NaN where there are too few rows or the standard error is 0.
typedef struct asc_evaluation_shift {
    asc_mean a, b, difference;
    double p_value, q_value;
} asc_evaluation_shift;

typedef struct asc_metric_shift {
    const char *name; // static
    bool higher_is_better;
    size_t n_a, n_b;            // rows that went in
    asc_evaluation_shift score; // of the attributions' order
    asc_evaluation_shift gain;  // of what it has more than random orders of the same row
} asc_metric_shift;

typedef struct asc_evaluation_comparison {
    size_t n_rows_a, n_rows_b; // evaluated ones
    size_t n_shared;           // in both: of one dataset, by row id; 0 for different datasets
    bool paired; // the shared rows alone went in, row by row: they are at least half of the smaller side. Else all rows, as independent samples (Welch)
    size_t n_worse;            // metrics whose score moved the wrong way with q_value <= 0.05
    asc_metric_shift metrics[ASC_EVALUATION_METRICS];
} asc_evaluation_comparison;

// Both must have the same classes and masking, and be measured alike: ASC_DIFFERENT_RUN names what differs. Models, methods and data may differ.
asc_status asc_evaluation_compare(const asc_evaluation *a, const asc_evaluation *b, asc_evaluation_comparison *out, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
