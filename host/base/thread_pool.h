// A fixed set of worker threads that run numbered tasks: the only threads of the library.
//
// Tasks are handed out in order from one counter; which worker takes which is left open, so a task may write only to what its
// number owns. The calling thread waits and, now and then, calls `tick`: progress is reported from there.
#ifndef ASCRIBE_BASE_THREAD_POOL_H
#define ASCRIBE_BASE_THREAD_POOL_H

#include "base/fail.h"
#include "base/stop.h"

#include <stddef.h>

typedef struct thread_pool thread_pool;

// One task: `worker` in [0, n_workers) names the thread, `task` in [0, n_tasks) the work.
typedef asc_status (*pool_task)(void *context, size_t worker, size_t task, asc_error *err);

// Cores that this process may use: how many workers are worth having.
size_t pool_available_cores(void);

asc_status pool_create(size_t n_workers, thread_pool **out, asc_error *err);
void pool_destroy(thread_pool *pool); // joins all threads; accepts NULL
size_t pool_size(const thread_pool *pool);

// Calls `tick(tick_context)` from the waiting thread about ten times a second during pool_run; NULL for none.
void pool_set_tick(thread_pool *pool, void (*tick)(void *context), void *tick_context);

// Asked before every task: once it wants so, no further task starts and the call returns ASC_STOPPED.
void pool_set_stop(thread_pool *pool, const stop_check *stop);

// Runs all tasks and waits. After the first failure no further task starts; returns the failure with the lowest task number.
asc_status pool_run(thread_pool *pool, size_t n_tasks, pool_task run, void *context, asc_error *err);

// Runs one task on every worker: task = worker. For what must be set up by the thread that will use it.
asc_status pool_run_each(thread_pool *pool, pool_task run, void *context, asc_error *err);

#endif
