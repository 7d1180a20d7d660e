// Worker threads around one mutex and two conditions; see thread_pool.h.
#include "base/thread_pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 100 };

typedef struct worker {
    thread_pool *pool;
    size_t index;
    pthread_t thread;
    size_t round; // last round of work this worker has joined
} worker;

struct thread_pool {
    pthread_mutex_t lock;
    pthread_cond_t work; // a new round began, or stop
    pthread_cond_t done; // the last worker left the round
    size_t n_workers;    // threads that were started
    worker *workers;
    bool stop;

    size_t round;
    size_t n_inside; // workers that have not finished the round
    bool one_each;
    size_t n_tasks, next_task;
    pool_task run;
    void *context;
    size_t failed_task; // SIZE_MAX: none
    asc_error failure;

    void (*tick)(void *context);
    void *tick_context;
    stop_check stop_check;
};

// Takes the next task of the round for a worker; false when there is none left for it.
static bool take_task(thread_pool *pool, size_t index, bool *taken_own, size_t *task)
{
    if (pool->failed_task != (size_t)-1)
        return false;
    if (pool->one_each) {
        const bool first = !*taken_own;
        *taken_own = true;
        *task = index;
        return first;
    }
    if (pool->next_task == pool->n_tasks)
        return false;
    *task = pool->next_task++;
    return true;
}

// Runs tasks until the round has none left. Called and returns with the lock held.
static void work_round(thread_pool *pool, size_t index)
{
    bool taken_own = false;
    size_t task;
    while (take_task(pool, index, &taken_own, &task)) {
        pthread_mutex_unlock(&pool->lock);
        asc_error err = {.status = ASC_OK};
        asc_status status = stop_poll(&pool->stop_check, &err);
        if (status == ASC_OK)
            status = pool->run(pool->context, index, task, &err);
        pthread_mutex_lock(&pool->lock);
        if (status != ASC_OK && task < pool->failed_task) {
            pool->failed_task = task;
            pool->failure = err;
            pool->failure.status = status;
        }
    }
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    thread_pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        if (self->round == pool->round) {
            pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        self->round = pool->round;
        work_round(pool, self->index);
        if (--pool->n_inside == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

asc_status pool_create(size_t n_workers, thread_pool **out, asc_error *err)
{
    *out = NULL;
    thread_pool *pool = calloc(1, sizeof *pool);
    worker *workers = calloc(n_workers, sizeof *workers);
    if (!pool || !workers) {
        free(pool);
        free(workers);
        return fail_memory(err, "the thread pool", n_workers * sizeof *workers);
    }
    pool->workers = workers;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (size_t i = 0; i < n_workers; i++) {
        workers[i] = (worker){.pool = pool, .index = i};
        const int code = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (code != 0) {
            pool_destroy(pool);
            return fail(err, ASC_OUT_OF_MEMORY, "cannot start worker thread %zu of %zu: %s", i + 1, n_workers, strerror(code));
        }
        pool->n_workers++;
    }
    *out = pool;
    return ASC_OK;
}

void pool_destroy(thread_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

size_t pool_available_cores(void)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0)
        return (size_t)CPU_COUNT(&cores);
    return 1;
}

size_t pool_size(const thread_pool *pool)
{
    return pool->n_workers;
}

void pool_set_tick(thread_pool *pool, void (*tick)(void *context), void *tick_context)
{
    pool->tick = tick;
    pool->tick_context = tick_context;
}

void pool_set_stop(thread_pool *pool, const stop_check *stop)
{
    pool->stop_check = *stop;
}

// Waits for the round's end, ticking. Called and returns with the lock held.
static void wait_for_round(thread_pool *pool)
{
    while (pool->n_inside > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        if (pthread_cond_timedwait(&pool->done, &pool->lock, &until) == ETIMEDOUT && pool->tick) {
            pthread_mutex_unlock(&pool->lock);
            pool->tick(pool->tick_context);
            pthread_mutex_lock(&pool->lock);
        }
    }
}

static asc_status run_round(thread_pool *pool, bool one_each, size_t n_tasks, pool_task run, void *context, asc_error *err)
{
    pthread_mutex_lock(&pool->lock);
    pool->one_each = one_each;
    pool->n_tasks = n_tasks;
    pool->next_task = 0;
    pool->run = run;
    pool->context = context;
    pool->failed_task = (size_t)-1;
    pool->n_inside = pool->n_workers;
    pool->round++;
    pthread_cond_broadcast(&pool->work);
    wait_for_round(pool);
    const bool failed = pool->failed_task != (size_t)-1;
    const asc_error failure = pool->failure;
    pthread_mutex_unlock(&pool->lock);
    if (!failed)
        return ASC_OK;
    if (err)
        *err = failure;
    return failure.status;
}

asc_status pool_run(thread_pool *pool, size_t n_tasks, pool_task run, void *context, asc_error *err)
{
    return n_tasks == 0 ? ASC_OK : run_round(pool, false, n_tasks, run, context, err);
}

asc_status pool_run_each(thread_pool *pool, pool_task run, void *context, asc_error *err)
{
    return run_round(pool, true, pool->n_workers, run, context, err);
}
