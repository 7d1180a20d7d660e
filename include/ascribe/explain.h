// The main job: explain rows of a prepared dataset with a model and write a result file.
#ifndef ASCRIBE_EXPLAIN_H
#define ASCRIBE_EXPLAIN_H

#include <ascribe/log.h>
#include <ascribe/options.h>
#include <ascribe/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_progress {
    const char *phase; // "explaining", "merging"
    size_t rows_done, n_rows;
    size_t rows_reused;           // of these, taken over from parts that were there
    uint64_t evaluations_done;    // coalitions, those of rows taken over among them
    uint64_t evaluations_reused;
    uint64_t n_evaluations;       // expected in all
    uint64_t tokens_done;
    double elapsed_s;
    double remaining_s; // estimate by evaluations; negative while unknown
} asc_progress;

struct asc_plan; // plan.h

typedef struct asc_explain_job {
    const char *model_path;
    const char *dataset_path;
    const char *out_path;
    const char *command; // stored in the result as given; may be NULL
    asc_explain_options options;
    asc_log log;
    // Called from the calling thread now and then (several times a second at most); may be NULL.
    void (*progress)(void *user, const asc_progress *progress);
    void *progress_user;
    const struct asc_plan *plan; // NULL: the whole run; else task `task` of a plan (asc_plan_job)
    size_t task;
    const char *job_id; // of a batch system, for people who ask who is at work; may be NULL
    // Asked often, from any thread; non-zero: stop as soon as possible and return ASC_STOPPED. Finished parts stay, the one under way is
    // dropped. May be NULL.
    int (*should_stop)(void *user);
    void *stop_user;
} asc_explain_job;

typedef struct asc_explain_summary {
    bool already_complete; // OUT held this very result; nothing was computed and the rest is zero
    bool merged;           // OUT was written; false for a task of a plan
    size_t n_rows;
    size_t n_rows_reused;          // of these, taken over from parts that were there; evaluations and tokens leave them out
    size_t n_rows_with_status[32]; // by bit number, see ASC_ROW_*
    size_t n_unexplained;          // rows without attributions
    size_t n_labelled, n_correct;  // rows with a label, and with the predicted class (classes) equal to it
    size_t n_numbers;              // rows with a number as label, where the model has one output
    double sum_absolute_error;     // of these: |score - number|
    uint64_t evaluations, tokens;  // tokens = executed, padding not counted
    double elapsed_s;              // reading the dataset to the renamed result; without opening the model
    double max_residual;           // largest efficiency residual; -1 for methods whose attributions need not add up
    const char *backend;           // static strings
} asc_explain_summary;

// Runs the job. Results go to OUT.parts/ part by part and, at the end, into OUT, which appears complete or not at all.
// A row's result depends on model, row, row id, method options, seed and backend kernel set alone. The same job again continues
// where one ended; a task of a plan ends when its parts are there, asc_merge makes the result of them.
// ASC_USAGE, ASC_NOT_FOUND, ASC_MALFORMED, ASC_NO_DEVICE, ASC_OUT_OF_MEMORY, ASC_CANNOT_CREATE (OUT exists and is something else, or its
// folder cannot be written; another process works on it, which is named), ASC_IO_ERROR, ASC_STOPPED, ASC_DIFFERENT_RUN (OUT.parts belongs
// to a run with another configuration: every field that differs is named). Must be called while the process has no other threads of its
// own at work: the result is written by a forked child.
asc_status asc_explain(const asc_explain_job *job, asc_explain_summary *summary, asc_error *err) ASC_MUST_USE;

// What a run takes. Counts are exact: what asc_explain will then execute. What finished parts beside OUT hold already is left out.
typedef struct asc_explain_cost {
    bool already_complete; // OUT holds this very result; the rest is zero
    size_t n_rows;         // of the selection
    size_t n_rows_done;    // of these, in finished parts
    uint64_t n_features;   // of the selection, in all rows
    uint64_t evaluations, tokens; // as in asc_explain_summary
    double flops;       // that are executed: 8 D^2 + 4 D F a token and layer, 4 s D for attention over s tokens, less what is saved
    size_t n_workers;
    uint64_t weight_bytes; // memory: the weights, as read and as the backend keeps them,
    uint64_t worker_bytes; // what all workers compute in,
    uint64_t batch_bytes;  // and masks and values of the rows that are worked on at once
    // Of a GPU, 0 elsewhere: memory that is free and all there is, and tokens of the largest step. Then the three above are what will be
    // asked for on it, counted by the functions that ask; what CUDA itself takes (some hundred MiB) comes on top.
    uint64_t device_free_bytes, device_bytes;
    size_t step_tokens;
    size_t n_parts, rows_per_part; // rows of the largest part
    uint64_t parts_bytes;  // of all part files: exact
    uint64_t output_bytes; // of OUT: an upper bound for all but small results, in which HDF5's own structures outweigh the rows
    double calibration_s;  // worker seconds of the real steps that were timed
    double flops_per_s;    // of all workers together; 0 when there was nothing to time
    double elapsed_s;      // estimate for the run
    const char *backend;   // static string
} asc_explain_cost;

// Says what asc_explain would do with this job: reads the dataset, makes the designs, and times a few seconds of real steps with this model
// on this machine. Writes nothing. out_path may be NULL, else the call fails where the run would. Statuses as asc_explain.
asc_status asc_explain_estimate(const asc_explain_job *job, asc_explain_cost *cost, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
