// Long runs: one run split into tasks, its parts checked and merged, and where it stands.
//
// A run's state is its folder OUT.parts/ and nothing else: run.json, immutable, written first; one immutable file for each finished
// part; beside them what may be lost (locks, progress-*.json). A plan file says how the rows are split; every task is the same
// asc_explain with another range of parts, and the merge is done once at the end. A run without a plan is a run of one task.
#ifndef ASCRIBE_PLAN_H
#define ASCRIBE_PLAN_H

#include <ascribe/explain.h>
#include <ascribe/log.h>
#include <ascribe/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_plan asc_plan;

// Strings belong to the plan; paths are absolute.
typedef struct asc_plan_info {
    const char *model_path, *dataset_path, *out_path;
    size_t n_rows, n_parts, n_tasks;
    uint64_t evaluations, tokens; // estimated, of all rows; tokens as if nothing were saved
    double flops;                 // estimated; every task has about as many
} asc_plan_info;

// Writes the plan of a job for `n_tasks` tasks to `path` (ASC_CANNOT_CREATE when it exists and job->options.force is not set). Needs no
// device: which kernel set computes is settled by the first task that runs. Fewer tasks than asked for when there are fewer rows.
asc_status asc_plan_make(const asc_explain_job *job, size_t n_tasks, const char *path, asc_error *err) ASC_MUST_USE;

// ASC_NOT_FOUND, ASC_MALFORMED; a file of a newer version says so.
asc_status asc_plan_open(const char *path, asc_plan **out, asc_error *err) ASC_MUST_USE;
void asc_plan_close(asc_plan *plan); // accepts NULL
const asc_plan_info *asc_plan_describe(const asc_plan *plan);

// The job of task `task` of 0..n_tasks-1 (ASC_USAGE otherwise): paths, options, plan and task are filled in, the rest is zero.
// Strings belong to the plan. The caller may replace the paths of model and dataset by copies (they are checked by their hash), the
// options that never change a result, and backend and precision where the plan left them open. asc_explain then ends when the
// task's parts are there, and merges nothing.
asc_status asc_plan_job(const asc_plan *plan, size_t task, asc_explain_job *job, asc_error *err) ASC_MUST_USE;

// ---- The merge ---------------------------------------------------------------------------------------------------

typedef struct asc_merge_job {
    const char *run_path;     // a plan file, or a folder OUT.parts
    const char *dataset_path; // NULL: where it was when the run began
    const char *out_path;     // NULL: the run's
    const char *command;      // stored in the result as given; may be NULL
    bool force;               // replace what is at OUT
    bool keep_parts;
    asc_log log;
    void (*progress)(void *user, const asc_progress *progress); // as in asc_explain_job
    void *progress_user;
    int (*should_stop)(void *user); // as in asc_explain_job
    void *stop_user;
} asc_merge_job;

typedef struct asc_merge_summary {
    bool already_complete; // OUT holds this very result
    size_t n_parts, n_rows;
    uint64_t n_values;
    uint64_t bytes_read, bytes_written;
    double elapsed_s;
} asc_merge_summary;

// Merges the parts of a run into OUT: every part exactly once, whole, of this run; written beside OUT, re-read, compared bit for bit,
// renamed. Doing it again is harmless, also when the parts are gone by then. ASC_FAILED_CHECK with the names of parts that are missing,
// damaged or foreign (nothing is written then), ASC_DIFFERENT_RUN (the dataset has changed; the folder is another run's than the plan's),
// ASC_CANNOT_CREATE (OUT is something else; a task is still at work, which is named), ASC_NOT_FOUND (no plan and no such folder),
// ASC_MALFORMED, ASC_IO_ERROR, ASC_STOPPED. Call while no other threads run: it forks.
asc_status asc_merge(const asc_merge_job *job, asc_merge_summary *summary, asc_error *err) ASC_MUST_USE;

// ---- Checking ----------------------------------------------------------------------------------------------------

typedef enum asc_part_state {
    ASC_PART_PRESENT,
    ASC_PART_MISSING,
    ASC_PART_DAMAGED,    // truncated, extended, a checksum or the digest does not agree
    ASC_PART_FOREIGN,    // whole, but of another run or another place in this one
    ASC_PART_UNFINISHED, // a *.tmp that a killed process left: harmless
    ASC_PART_SET_ASIDE,  // a *.bad: was damaged and has been computed again
} asc_part_state;

const char *asc_part_state_name(asc_part_state state);

typedef struct asc_parts_report {
    size_t n_parts, n_rows; // of the run
    size_t n_with_state[6]; // by asc_part_state
    size_t n_rows_present;
    size_t n_unexplained;         // rows without attributions, of those present
    size_t n_unexpected_nan;      // these three as in asc_verify_report
    size_t n_residual_over_limit;
    double max_residual;
    char backend[32];
    char kernel_sets[512]; // one, or with --allow-mixed several separated by " | "
} asc_parts_report;

// Reads every part of the run. `found` (may be NULL) is called for each part that is not simply present, with its path and what is wrong
// in words. ASC_OK when all parts are there and right, ASC_FAILED_CHECK when something is missing or wrong (the report is filled in either
// way). ASC_NOT_FOUND when no process has begun yet.
asc_status asc_parts_check(const char *run_path, void (*found)(void *user, asc_part_state state, const char *path, const char *why),
                           void *user, asc_parts_report *report, asc_error *err) ASC_MUST_USE;

// ---- Where a run stands ------------------------------------------------------------------------------------------

typedef enum asc_task_state {
    ASC_TASK_WAITING, // nothing of it is there and nobody works on it
    ASC_TASK_RUNNING, // its progress file was written in the last 60 s
    ASC_TASK_STOPPED, // unfinished, and whoever worked on it stopped, failed or vanished
    ASC_TASK_DONE,
} asc_task_state;

const char *asc_task_state_name(asc_task_state state);

typedef struct asc_task_status {
    asc_task_state state;
    size_t n_parts, n_parts_done;
    size_t n_rows, n_rows_done;
    double rows_per_s;  // of the process at work; 0 when there is none
    double remaining_s; // -1 unknown
    double silent_s;    // since its last sign of life; -1: never
    char host[64], job_id[64]; // "" unknown
    long pid;
    char message[256]; // last error, "" none
} asc_task_status;

typedef struct asc_run_status {
    size_t n_tasks, n_parts, n_parts_done, n_rows, n_rows_done;
    size_t n_tasks_with_state[4]; // by asc_task_state
    bool merged; // OUT is there and is this run's result
    double rows_per_s, remaining_s; // of all tasks at work; remaining_s -1 when none is
    asc_task_status *tasks; // [n_tasks]
} asc_run_status;

// Looks at the names of parts and at the progress files, and opens OUT where it is there; reads no part (asc_parts_check does). `out` is
// freed by asc_run_status_free. ASC_NOT_FOUND for a folder without run.json, ASC_MALFORMED, ASC_DIFFERENT_RUN when the folder is another run's
// than the plan's.
asc_status asc_run_status_read(const char *run_path, asc_run_status *out, asc_error *err) ASC_MUST_USE;
void asc_run_status_free(asc_run_status *status); // accepts a zero struct

#ifdef __cplusplus
}
#endif
#endif
