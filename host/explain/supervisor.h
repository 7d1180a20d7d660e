// A run that is worked on by several processes, one on each GPU or several on the processor: `devices` and `n_processes` of the options.
//
// The supervisor has no thread, no open HDF5 file and no GPU. Each worker process opens the run for itself (worker.h) and is given parts
// one by one. One that dies (a crash, a lost GPU, the system's killer) costs the part under way and is started again; a part that has
// ended MOST_DEATHS_OF_PART workers is left out, and the run then ends with ASC_STOPPED when all others are done. No result depends on who
// explained a part. Workers end with their supervisor.
//
// The functions take the place of those of run_private.h, in the same order.
#ifndef ASCRIBE_EXPLAIN_SUPERVISOR_H
#define ASCRIBE_EXPLAIN_SUPERVISOR_H

#include "explain/run_private.h"

bool supervisor_is_wanted(const asc_explain_options *options);

// The job of one worker: in one process, on GPU `device`, or (-1) where the options say, "auto" being the processor.
asc_explain_job supervisor_worker_job(const asc_explain_job *job, int device);

// Starts the workers and waits until all have opened the run: run_open and run_check_output. The first that cannot ends it. Fills in
// r->supervisor, r->manifest_hash, r->request.stop, r->n_workers (threads of all).
asc_status supervisor_open(run *r);

// run_settle; the folder is taken.
asc_status supervisor_settle(run *r);

// run_explain_parts, and the end of the workers whatever the status.
asc_status supervisor_explain_parts(run *r);

// Ends workers that are left; accepts NULL.
void supervisor_close(supervisor *s);

#endif
