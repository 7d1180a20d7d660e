// Faithfulness: whether taking features away, or leaving them alone, in the order of their attributions moves the model as much as it should.
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

#ifdef __cplusplus
}
#endif
#endif
