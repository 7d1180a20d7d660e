// Work in a child process that may die without taking this one along: what it has to say comes through a pipe, what it
// can no longer say (a crash, a limit) is read from its exit.
//
// The child sees the memory of its parent as it was, and nothing it changes comes back but the answer. Only the calling
// thread lives on in it: no other thread may hold a lock that the work needs, so it is called before threads start, or
// while they keep away from the library in question.
#ifndef ASCRIBE_BASE_CHILD_H
#define ASCRIBE_BASE_CHILD_H

#include "base/fail.h"
#include "base/stop.h"

#include <stdbool.h>
#include <stddef.h>

typedef asc_status child_step(void *context, asc_error *err);

typedef struct child_job {
    child_step *step;
    void *context;
    void *answer; // memory that the step fills and the caller gets back, whatever the status; NULL for none
    size_t answer_size;
    size_t memory_bytes; // at most so much beyond what is mapped already; 0: no limit
    size_t cpu_s; // processor time; 0: no limit
    size_t wall_ms; // that the parent waits, the time it stands still itself left out; 0: no limit
    bool writes; // false: no file can grow
    stop_check stop; // asked ten times a second while the child works: it is then ended
    const char *dead; // who died, "FILE: the reader": the message when the child does not come back
    const char *dead_hint; // NULL for none
    asc_status dead_status; // neither ASC_OUT_OF_MEMORY nor ASC_STOPPED
    asc_status killed_status; // when a signal from outside ended it; ASC_OK: ASC_OUT_OF_MEMORY
} child_job;

// Runs job->step and waits for it. Returns its status and its error; job->dead_status when it died of its work (a crash, a limit
// of the job), with the signal or the time in the message; ASC_STOPPED when job->stop asked for it or SIGTERM, SIGINT, SIGHUP or SIGUSR1 ended
// it, job->killed_status when another signal did (the system's killer, when memory runs out), ASC_OUT_OF_MEMORY when there is no process to
// be had. What the child has left on disk is the caller's to remove.
asc_status child_run(const child_job *job, asc_error *err);

#endif
