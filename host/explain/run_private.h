// A run under way: what run.c opens and works on, shared with run_settle.c, which says what the run is, run_parts.c, which does the work,
// and estimate.c, which asks what the run would take.
//
// A run without plan is its only task: its share are all parts.
#ifndef ASCRIBE_EXPLAIN_RUN_PRIVATE_H
#define ASCRIBE_EXPLAIN_RUN_PRIVATE_H

#include <ascribe/explain.h>

#include "explain/division.h"
#include "explain/engine.h"
#include "explain/manifest.h"
#include "explain/run_folder.h"
#include "explain/run_output.h"
#include "io/part.h"

typedef struct supervisor supervisor;

typedef struct run {
    const asc_explain_job *job;
    asc_explain_summary *summary;
    asc_model *model;
    asc_dataset *dataset;
    explain_request request;
    bool planning; // the engine counts memory, and computes nothing
    engine *engine;
    supervisor *supervisor; // of the processes that do the work (supervisor.h), which then have model, dataset and engine; NULL: this one does
    size_t n_workers;
    int64_t first_position, n_rows; // of the whole run
    division division;              // empty until run_settle
    size_t first_part, end_part;    // the share
    int64_t share_first, share_rows;
    char *manifest;
    uint8_t manifest_hash[HASH_BYTES], dataset_sha256[HASH_BYTES];
    run_folder folder; // path NULL without an out_path
    run_output output; // what stands at OUT
    uint64_t known_evaluations, done_evaluations; // of the rows read so far, and of those of them that are done, as they were expected
    uint64_t reused_evaluations;                  // of parts taken over
    size_t rows_known, rows_done;
    bool keeps_progress;      // from run_settle on: the folder is this run's
    double progress_written_s;
    double start_s;
    asc_error *err;
} run;

// Opens model, dataset and engine, chooses rows, makes the manifest: with the algorithms of the result at OUT, as long as it is not settled. `job`, `summary` and `err` are set, the folder is not taken, the rest is
// zero. Writes nothing. run_close afterwards, whatever the status.
asc_status run_open(run *r);

// Makes the manifest anew, with these algorithms of matrix products (NULL or "": none). A run whose parts may come from several kernel sets has
// none in common.
asc_status run_describe(run *r, const char *algorithms);
void run_close(run *r);

// What OUT means for the run: nothing is left to do if it is its result (summary->already_complete). ASC_CANNOT_CREATE when it is
// something else and not forced; a task of a plan leaves that to the merge.
asc_status run_check_output(run *r);

// What is in the folder: the run's record must be of this very run (ASC_DIFFERENT_RUN names what differs), and says how rows are divided
// into parts. Where there is none the rows are divided, as the plan says or anew; `write` writes the record then.
asc_status run_settle(run *r, bool write);

// Reads, explains and writes the parts of the share (run_parts.c); what of them is there already is taken over.
asc_status run_explain_parts(run *r);

// Tells the caller where the run stands, and the folder too, every few seconds.
void run_report(run *r, const char *phase);

// Writes the progress file (run_progress.h) a last time: how it ended.
void run_end_progress(run *r, asc_status status);

asc_status run_part_path(const run *r, size_t index, char **path, asc_error *err);
part_header run_part_header(const run *r, size_t index);

// The finished part of this very run at `path`; *found = NULL when there is none. The caller closes it. A damaged one is set aside as PATH.bad
// where `set_aside` is true, with a warning, and counts as none. ASC_DIFFERENT_RUN for another run's.
typedef struct part_search {
    const part_header *header;
    const char *path;
    bool set_aside;
} part_search;
asc_status run_find_part(const run *r, const part_search *search, part_reader **found);

#endif
