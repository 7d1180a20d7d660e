// The thread pool: every task runs once, failures are those of the lowest task, and what tasks write is seen after the run.
// Under the thread sanitizer (preset tsan) this is the test of its locking.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread_pool.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name, hence (fail) below

#include <stdio.h>

enum { N_TASKS = 1000, N_WORKERS = 4, N_RUNS = 20 };

typedef struct work {
    int times[N_TASKS];
    int by_worker[N_WORKERS]; // each written by its own thread alone
    size_t n_ticks;
    size_t failing_from; // tasks from here on fail
} work;

static asc_status count(void *context, size_t worker, size_t task, asc_error *err)
{
    work *w = context;
    if (task >= w->failing_from)
        return (fail)(err, ASC_INTERNAL, "task %zu", task);
    w->times[task]++;
    w->by_worker[worker]++;
    return ASC_OK;
}

static asc_status set_up_worker(void *context, size_t worker, size_t task, asc_error *err)
{
    work *w = context;
    (void)err;
    assert_int_equal(worker, task);
    w->by_worker[worker] += 100000;
    return ASC_OK;
}

static void tick(void *context)
{
    work *w = context;
    w->n_ticks++;
}

static void every_task_runs_once(void **state)
{
    (void)state;
    for (size_t n_workers = 1; n_workers <= N_WORKERS; n_workers++) {
        thread_pool *pool = NULL;
        asc_error err = {0};
        work w = {.failing_from = SIZE_MAX};
        int sum = 0;
        assert_int_equal(pool_create(n_workers, &pool, &err), ASC_OK);
        assert_int_equal(pool_size(pool), n_workers);
        pool_set_tick(pool, tick, &w);
        for (int run = 1; run <= N_RUNS; run++) {
            assert_int_equal(pool_run(pool, N_TASKS, count, &w, &err), ASC_OK);
            for (size_t task = 0; task < N_TASKS; task++)
                assert_int_equal(w.times[task], run);
        }
        for (size_t worker = 0; worker < N_WORKERS; worker++)
            sum += w.by_worker[worker];
        assert_int_equal(sum, N_TASKS * N_RUNS);
        assert_int_equal(pool_run_each(pool, set_up_worker, &w, &err), ASC_OK);
        for (size_t worker = 0; worker < N_WORKERS; worker++)
            assert_int_equal(w.by_worker[worker] >= 100000, worker < n_workers);
        assert_int_equal(pool_run(pool, 0, count, &w, &err), ASC_OK);
        pool_destroy(pool);
    }
}

static void the_lowest_failure_is_returned(void **state)
{
    thread_pool *pool = NULL;
    (void)state;
    assert_int_equal(pool_create(N_WORKERS, &pool, NULL), ASC_OK);
    for (size_t from = 0; from < 200; from += 7) {
        asc_error err = {0};
        work w = {.failing_from = from};
        char words[32];
        snprintf(words, sizeof words, "task %zu", from);
        assert_int_equal(pool_run(pool, N_TASKS, count, &w, &err), ASC_INTERNAL);
        assert_string_equal(err.message, words);
        for (size_t task = 0; task < N_TASKS; task++)
            assert_int_equal(w.times[task], task < from);
    }
    pool_destroy(pool);
    pool_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(the_lowest_failure_is_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
