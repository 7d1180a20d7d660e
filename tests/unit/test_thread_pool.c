// The thread pool: every task once, the first error by number, nothing started after it, ticks, and many
// rounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/thread_pool.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MOST_TASKS = 1000, MOST_WORKERS = 8 };

// What tasks leave behind. Tasks never call cmocka: it works in the thread of the test alone.
typedef struct record {
    size_t n_workers;
    atomic_size_t runs[MOST_TASKS];
    atomic_size_t per_worker[MOST_WORKERS];
    atomic_size_t n_bad; // worker or task out of range
    pthread_t threads[MOST_WORKERS];
    pthread_barrier_t barrier;
    int sleep_ms;
    size_t first_failure;
} record;

static void sleep_for(int ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static thread_pool *make_pool(size_t n_workers)
{
    asc_error err = {0};
    thread_pool *pool = NULL;
    if (pool_create(n_workers, &pool, &err) != ASC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(pool_size(pool), n_workers);
    return pool;
}

static asc_status count(void *context, size_t worker, size_t task, asc_error *err)
{
    record *r = context;
    (void)err;
    if (worker >= r->n_workers || task >= MOST_TASKS) {
        atomic_fetch_add(&r->n_bad, 1);
        return ASC_OK;
    }
    atomic_fetch_add(&r->runs[task], 1);
    atomic_fetch_add(&r->per_worker[worker], 1);
    r->threads[worker] = pthread_self();
    if (r->sleep_ms)
        sleep_for(r->sleep_ms);
    return ASC_OK;
}

static void assert_each_once(const record *r, size_t n_tasks, size_t n_rounds)
{
    assert_int_equal(r->n_bad, 0);
    for (size_t task = 0; task < MOST_TASKS; task++)
        assert_int_equal(r->runs[task], task < n_tasks ? n_rounds : 0);
}

static void every_task_runs_once(void **state)
{
    (void)state;
    static const size_t n_tasks[] = {1, 2, 3, 7, 100, MOST_TASKS};
    for (size_t n_workers = 1; n_workers <= MOST_WORKERS; n_workers++) {
        thread_pool *pool = make_pool(n_workers);
        for (size_t i = 0; i < sizeof n_tasks / sizeof *n_tasks; i++) {
            record r = {.n_workers = n_workers};
            assert_int_equal(pool_run(pool, n_tasks[i], count, &r, NULL), ASC_OK);
            assert_each_once(&r, n_tasks[i], 1);
        }
        pool_destroy(pool);
    }
    pool_destroy(NULL);
}

static asc_status meet(void *context, size_t worker, size_t task, asc_error *err)
{
    record *r = context;
    const asc_status status = count(context, worker, task, err);
    pthread_barrier_wait(&r->barrier);
    return status;
}

// Tasks that wait for each other end only where each has a worker of its own.
static void workers_work_at_the_same_time(void **state)
{
    (void)state;
    record r = {.n_workers = 3};
    thread_pool *pool = make_pool(3);
    pthread_barrier_init(&r.barrier, NULL, 3);
    assert_int_equal(pool_run(pool, 30, meet, &r, NULL), ASC_OK);
    assert_each_once(&r, 30, 1);
    for (size_t worker = 0; worker < 3; worker++)
        assert_int_equal(r.per_worker[worker], 10);
    pthread_barrier_destroy(&r.barrier);
    pool_destroy(pool);
}

static void no_tasks_need_no_function(void **state)
{
    (void)state;
    asc_error err = {.status = ASC_INTERNAL, .message = "untouched"};
    thread_pool *pool = make_pool(2);
    assert_int_equal(pool_run(pool, 0, NULL, NULL, &err), ASC_OK);
    assert_string_equal(err.message, "untouched");
    pool_destroy(pool);
}

static void each_worker_runs_its_own_task(void **state)
{
    (void)state;
    record first = {.n_workers = 5}, second = {.n_workers = 5};
    thread_pool *pool = make_pool(5);
    assert_int_equal(pool_run_each(pool, count, &first, NULL), ASC_OK);
    assert_each_once(&first, 5, 1);
    assert_int_equal(pool_run(pool, 50, count, &second, NULL), ASC_OK);
    assert_int_equal(pool_run_each(pool, count, &second, NULL), ASC_OK);
    for (size_t worker = 0; worker < 5; worker++) {
        assert_int_equal(first.per_worker[worker], 1);
        assert_true(pthread_equal(first.threads[worker], second.threads[worker]));
        for (size_t other = 0; other < worker; other++)
            assert_false(pthread_equal(first.threads[worker], first.threads[other]));
    }
    pool_destroy(pool);
}

// ---- Errors -----------------------------------------------------------------------------------------------

// Four tasks meet and fail, the lowest number last.
static asc_status fail_together(void *context, size_t worker, size_t task, asc_error *err)
{
    record *r = context;
    (void)count(context, worker, task, err);
    pthread_barrier_wait(&r->barrier);
    sleep_for(task == 0 ? 80 : task == 1 ? 40 : 0);
    err->status = ASC_INTERNAL; // what the call returns counts
    snprintf(err->message, sizeof err->message, "task %zu", task);
    snprintf(err->hint, sizeof err->hint, "hint %zu", task);
    return ASC_USAGE;
}

static void the_lowest_number_wins(void **state)
{
    (void)state;
    thread_pool *pool = make_pool(4);
    for (int each = 0; each <= 1; each++) {
        record r = {.n_workers = 4};
        asc_error err = {0};
        pthread_barrier_init(&r.barrier, NULL, 4);
        assert_int_equal(each ? pool_run_each(pool, fail_together, &r, &err)
                              : pool_run(pool, 500, fail_together, &r, &err),
                         ASC_USAGE);
        assert_int_equal(err.status, ASC_USAGE);
        assert_string_equal(err.message, "task 0");
        assert_string_equal(err.hint, "hint 0");
        assert_each_once(&r, 4, 1); // no task started after the first failure
        pthread_barrier_destroy(&r.barrier);
    }
    pool_destroy(pool);
}

static asc_status fail_from(void *context, size_t worker, size_t task, asc_error *err)
{
    record *r = context;
    (void)count(context, worker, task, err);
    return task < r->first_failure ? ASC_OK : ASC_IO_ERROR;
}

static void a_failure_ends_the_round_only(void **state)
{
    (void)state;
    thread_pool *pool = make_pool(3);
    for (size_t first_failure = 0; first_failure < 60; first_failure++) {
        record failing = {.n_workers = 3, .first_failure = first_failure}, fine = {.n_workers = 3};
        size_t n_runs = 0;
        assert_int_equal(pool_run(pool, 100, fail_from, &failing, NULL), ASC_IO_ERROR);
        for (size_t task = 0; task < 100; task++)
            n_runs += failing.runs[task];
        for (size_t task = 0; task <= first_failure; task++)
            assert_int_equal(failing.runs[task], 1); // what was handed out before is finished
        assert_true(n_runs <= first_failure + 3);
        assert_int_equal(pool_run(pool, 100, count, &fine, NULL), ASC_OK);
        assert_each_once(&fine, 100, 1);
    }
    pool_destroy(pool);
}

static int after_thirty(void *user)
{
    record *r = user;
    size_t n_runs = 0;
    for (size_t task = 0; task < 100; task++)
        n_runs += r->runs[task];
    return n_runs >= 30;
}

static void no_task_starts_once_a_stop_is_asked_for(void **state)
{
    (void)state;
    thread_pool *pool = make_pool(1);
    record r = {.n_workers = 1};
    asc_error err = {0};
    pool_set_stop(pool, &(stop_check){after_thirty, &r});
    assert_int_equal(pool_run(pool, 100, count, &r, &err), ASC_STOPPED);
    assert_string_equal(err.message, "stopped before the end, as asked");
    assert_each_once(&r, 30, 1);
    assert_int_equal(pool_run_each(pool, count, &r, &err), ASC_STOPPED);
    assert_each_once(&r, 30, 1);
    pool_destroy(pool);
}

// ---- Ticks and rounds -------------------------------------------------------------------------------------

typedef struct ticker {
    size_t n_ticks;
    bool elsewhere;
    pthread_t caller;
} ticker;

static void tick(void *context)
{
    ticker *t = context;
    t->n_ticks++;
    t->elsewhere = t->elsewhere || !pthread_equal(t->caller, pthread_self());
}

static void ticks_come_from_the_waiting_thread(void **state)
{
    (void)state;
    ticker t = {.caller = pthread_self()};
    record slow = {.n_workers = 2, .sleep_ms = 450}, silent = {.n_workers = 2, .sleep_ms = 150};
    thread_pool *pool = make_pool(2);
    pool_set_tick(pool, tick, &t);
    const double start_s = clock_seconds();
    assert_int_equal(pool_run(pool, 2, count, &slow, NULL), ASC_OK);
    assert_in_range(t.n_ticks, 1,
                    (size_t)((clock_seconds() - start_s) * 10)); // one every 100 ms, fewer on a busy machine
    assert_false(t.elsewhere);
    pool_set_tick(pool, NULL, NULL);
    const size_t before = t.n_ticks;
    assert_int_equal(pool_run(pool, 2, count, &silent, NULL), ASC_OK);
    assert_int_equal(t.n_ticks, before);
    pool_destroy(pool);
}

static void many_rounds(void **state)
{
    (void)state;
    enum { N_ROUNDS = 10000 };
    record r = {.n_workers = 4};
    thread_pool *pool = make_pool(4);
    for (size_t round = 0; round < N_ROUNDS; round++)
        if (pool_run(pool, 1 + round % 6, count, &r, NULL) != ASC_OK)
            fail_msg("round %zu failed", round);
    assert_int_equal(r.n_bad, 0);
    for (size_t task = 0; task < 6; task++) {
        size_t expected = 0;
        for (size_t round = 0; round < N_ROUNDS; round++)
            expected += round % 6 >= task;
        assert_int_equal(r.runs[task], expected);
    }
    pool_destroy(pool);
    for (size_t i = 0; i < 300; i++) // pools that are never used
        pool_destroy(make_pool(1 + i % 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(workers_work_at_the_same_time),
        cmocka_unit_test(no_tasks_need_no_function),
        cmocka_unit_test(each_worker_runs_its_own_task),
        cmocka_unit_test(the_lowest_number_wins),
        cmocka_unit_test(a_failure_ends_the_round_only),
        cmocka_unit_test(no_task_starts_once_a_stop_is_asked_for),
        cmocka_unit_test(ticks_come_from_the_waiting_thread),
        cmocka_unit_test(many_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
