// A run under way: what run.c opens and works on, shared with run_output.c, which sees to its files, and with
// estimate.c, which asks what the run would take.
#ifndef ASCRIBE_EXPLAIN_RUN_PRIVATE_H
#define ASCRIBE_EXPLAIN_RUN_PRIVATE_H

#include <ascribe/explain.h>

#include "explain/manifest.h"
#include "io/part.h"

typedef struct run {
    const asc_explain_job *job;
    asc_explain_summary *summary;
    asc_model *model;
    asc_dataset *dataset;
    explain_request request;
    bool planning; // the engine counts memory, and computes nothing
    engine *engine;
    size_t n_workers;
    int64_t first_position, n_rows, rows_per_part, n_parts;
    char *manifest;
    uint8_t manifest_hash[HASH_BYTES], dataset_sha256[HASH_BYTES];
    char *parts_folder; // NULL without an out_path
    int parts_lock;     // descriptor of the locked folder; -1: not held
    char output_hash[HASH_HEX_SIZE]; // manifest hash of the result that stands at OUT; empty: there is none,
    asc_error output_error;          // and why it is none
    bool output_has_text;
    uint64_t known_evaluations, reused_evaluations; // of the rows read so far; of parts taken over
    size_t rows_known, rows_done;
    double start_s;
    asc_error *err;
} run;

// Opens model, dataset and engine, chooses rows and parts, makes the manifest. `job`, `summary` and `err` are set, parts_lock is -1, the rest is zero.
// Writes nothing. run_close afterwards, whatever the status.
asc_status run_open(run *r);
void run_close(run *r);

// Reads what stands at OUT, if anything; forks, so that it comes before the threads. ASC_OUT_OF_MEMORY.
asc_status run_read_output(run *r);

// What to do when OUT exists: nothing more if it is this run's result (summary->already_complete), refuse unless forced otherwise.
asc_status run_check_output(run *r);

// Makes the folder for parts, takes the lock on it, and removes what a killed run left half-written there. ASC_CANNOT_CREATE when another
// run holds it, or OUT is there by now. Where a file system has no locks there is none.
asc_status run_take_parts(run *r);
// Removes all parts; other people's files stay. And lets go of the lock.
void run_remove_parts(const run *r);
void run_release_parts(run *r);

// Reads, explains and writes all parts (run_parts.c); what of them is there already is taken over.
asc_status run_explain_parts(run *r);

// Tells the caller where the run stands.
void run_report(const run *r, const char *phase);

// Beginning of a name in the folder of parts for the unfinished result; *base = NULL where OUT is on another disk. The caller frees it.
asc_status run_temporary_base(const run *r, char **base);

part_header run_part_header(const run *r, int64_t index);

// The finished part of this very run at `path`; *found = NULL when there is none or --force starts over. The caller closes it.
// ASC_DIFFERENT_RUN for another run's.
asc_status run_find_part(const run *r, const part_header *header, const char *path, part_reader **found);

#endif
