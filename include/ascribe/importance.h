// Global importance from prediction error: how much of the loss each word type, or group of words, takes away over a dataset with labels.
#ifndef ASCRIBE_IMPORTANCE_H
#define ASCRIBE_IMPORTANCE_H

#include <ascribe/evaluate.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_importance_job {
    const char *model_path, *dataset_path;
    const char *out_path;    // file of the importance; NULL: none
    const char *groups_path; // lines "group TAB word"; NULL: every word type is a group
    bool force;              // OUT may exist
    bool fold_case;          // words that differ in case alone are one
    bool dry_run;            // counts what would be done: no loss, no file
    size_t min_rows;         // word types in fewer rows belong to the rest; at least 1. Not with groups_path
    size_t top;              // and so do all but the most frequent of them; 0: none. Not with groups_path
    size_t most_passes;      // over the rows, at least 1
    double convergence;      // passes end when the largest standard error of sampling is below this share of max - min of the values,
                             // the rest apart
    // Of these policy, backend, precision, device, savings, n_workers, step_tokens, seed, first_row, n_rows and allow_tokenizer_mismatch are read.
    asc_explain_options options;
    asc_log log;
    void (*progress)(void *user, const asc_progress *progress); // these four as in asc_explain_job; nothing is left when stopped
    void *progress_user;
    int (*should_stop)(void *user);
    void *stop_user;
} asc_importance_job;

asc_importance_job asc_importance_job_default(void);

// A word type, a group, or the rest: all words that are in none. Means are over all evaluated rows, those without it too, as a sample.
typedef struct asc_group_importance {
    const char *name; // NUL-terminated, and of this size
    size_t name_size;
    uint64_t n_rows;       // evaluated rows that have it
    asc_mean sage;         // Shapley value of the loss (Covert et al. 2020); unit: of the loss. std_error: of rows and sampling
    double sampling_error; // standard error of the value of these very rows, from the drawn orders alone
    asc_mean log_loss;     // how much larger the loss becomes when it is removed from every row
    asc_mean accuracy;     // how much smaller the share of rows that are predicted right; NaN: regression
    asc_mean auc;          // how much smaller the area under the ROC curve (DeLong et al. 1988), the mean over classes, each against the
                           // others, where there are more than two; NaN where it has none
} asc_group_importance;

typedef struct asc_importance_info {
    const char *loss;    // static: "cross_entropy", "binary_cross_entropy" (the sum over labels), "squared_error"
    const char *backend; // static
    size_t n_rows;       // that were selected
    size_t n_evaluated;  // the next four are the others
    size_t n_unlabelled;
    size_t n_no_features;
    size_t n_unreadable; // too long, or with tokens that the model does not know
    size_t n_non_finite; // the model's output was no number for some coalition
    size_t n_words;         // different words of the selected rows with a label
    size_t n_unknown_words; // of the groups' file, that no such row has
    size_t n_groups;
    const asc_group_importance *groups; // [n_groups] by falling sage, the rest last (not there when no row has it)
    double loss_full, loss_empty; // mean loss of whole rows, and without any word: sum of sage = loss_empty - loss_full
    double accuracy, auc;         // of whole rows; NaN: none
    size_t n_passes;
    double ratio;   // largest sampling_error / (max - min of sage)
    bool converged; // ratio < convergence
    uint64_t evaluations, tokens; // of a dry run: evaluations of the first pass
    double elapsed_s;
} asc_importance_info;

typedef struct asc_importance asc_importance;

// Computes it and writes OUT, complete or not at all. The same bits for any number of workers and size of steps. Call while the process has
// no other threads: it forks. ASC_USAGE (no labels; labels that are not the model's classes; a group without words), ASC_MALFORMED (the
// groups' file), ASC_CANNOT_CREATE (OUT exists), ASC_STOPPED and the statuses of asc_explain. The caller closes *out.
asc_status asc_importance_make(const asc_importance_job *job, asc_importance **out, asc_error *err) ASC_MUST_USE;
const asc_importance_info *asc_importance_describe(const asc_importance *importance);
void asc_importance_close(asc_importance *importance); // accepts NULL

// Whether the file says that it is one; contents are not looked at.
asc_status asc_importance_is(const char *path, int *is_importance, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
