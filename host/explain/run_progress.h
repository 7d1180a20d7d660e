// Where a task stands: a small file beside the parts, written again every few seconds. Nobody depends on it: it is renamed but not synced,
// and that it cannot be written stops nothing.
#ifndef ASCRIBE_EXPLAIN_RUN_PROGRESS_H
#define ASCRIBE_EXPLAIN_RUN_PROGRESS_H

#include "explain/run_folder.h"

#include <stdint.h>

typedef enum run_phase { RUN_PHASE_WORKING, RUN_PHASE_STOPPED, RUN_PHASE_FAILED, RUN_PHASE_DONE } run_phase;

typedef struct run_progress {
    run_phase phase;
    char host[64], job_id[64]; // "" unknown
    long pid;
    size_t rows_done, n_rows;
    double rows_per_s;  // of this process
    double remaining_s; // -1 unknown
    double elapsed_s;
    uint64_t evaluations, tokens; // of this process
    char message[256]; // last error, "" none
} run_progress;

// `host` and `pid` are filled in.
void run_progress_write(const run_folder *folder, size_t task, const run_progress *progress);

// False when there is none that can be read. *age_s: since it was written.
bool run_progress_read(const run_folder *folder, size_t task, run_progress *out, double *age_s);

#endif
