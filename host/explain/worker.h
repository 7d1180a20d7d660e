// A worker process: opens the run for itself, then explains the parts that its supervisor hands it, one after another. What the two say to
// each other.
#ifndef ASCRIBE_EXPLAIN_WORKER_H
#define ASCRIBE_EXPLAIN_WORKER_H

#include <ascribe/explain.h>

#include "base/hash.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

// A command is one message of a size_t: the number of a part, or that the run's folder is held and the worker is to settle (run_settle).
// When no more can come the worker ends.
#define WORKER_SETTLE SIZE_MAX

typedef enum worker_event {
    WORKER_OPENED,   // run_open and run_check_output went well
    WORKER_SETTLED,  // run_settle too
    WORKER_PROGRESS, // now and then while it works
    WORKER_PART_DONE,
    WORKER_FAILED, // what the run would have ended with; the worker ends
    WORKER_SAYS,   // a line for the log
} worker_event;

// What a worker has done since it was started, as in `run`.
typedef struct worker_tally {
    asc_explain_summary summary;
    uint64_t known_evaluations, reused_evaluations, done_evaluations;
    size_t rows_known, rows_done;
} worker_tally;

// What OPENED and SETTLED say of the run.
typedef struct worker_facts {
    uint8_t manifest_hash[HASH_BYTES];
    size_t n_threads, first_part, end_part;
    int64_t share_first, share_rows;
} worker_facts;

// One message.
typedef struct worker_report {
    worker_event event;
    worker_tally tally;
    worker_facts facts;
    asc_error err;       // of FAILED; SAYS: the message
    asc_log_level level; // of SAYS
} worker_report;

typedef struct worker_start {
    asc_explain_job job; // of a run in one process; its calls back are replaced
    int link;         // its end of a pair of sockets that keep messages apart
    atomic_int *stop; // shared memory: non-zero stops it
} worker_start;

// The whole life of the process.
_Noreturn void worker_run(const worker_start *start);

#endif
