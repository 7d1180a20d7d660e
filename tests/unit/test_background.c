// The background thread: a job runs in another thread, its outcome reaches the one who waits, and leaving waits for it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/background.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name

#include <pthread.h>
#include <string.h>
#include <time.h>

typedef struct record {
    pthread_t thread;
    int n_runs, sleep_ms, failing_run;
} record;

static asc_status note(void *context, asc_error *err)
{
    record *r = context;
    const struct timespec time = {0, r->sleep_ms * 1000000L};
    nanosleep(&time, NULL);
    r->thread = pthread_self();
    return ++r->n_runs == r->failing_run ? (fail)(err, ASC_IO_ERROR, "run %d failed", r->n_runs) : ASC_OK;
}

static background *start(void)
{
    asc_error err = {0};
    background *b = NULL;
    if (background_create(&b, &err) != ASC_OK)
        fail_msg("%s", err.message);
    return b;
}

static void jobs_run_elsewhere_one_after_the_other(void **state)
{
    (void)state;
    record r = {0};
    background *b = start();
    for (int i = 1; i <= 1000; i++) {
        background_start(b, note, &r);
        assert_int_equal(background_wait(b, NULL), ASC_OK);
        assert_int_equal(r.n_runs, i);
        assert_false(pthread_equal(r.thread, pthread_self()));
    }
    background_destroy(b);
}

static void a_failure_reaches_the_one_who_waits_once(void **state)
{
    (void)state;
    record r = {.failing_run = 2};
    asc_error err = {0};
    background *b = start();
    background_start(b, note, &r);
    assert_int_equal(background_wait(b, &err), ASC_OK);
    background_start(b, note, &r);
    assert_int_equal(background_wait(b, &err), ASC_IO_ERROR);
    assert_string_equal(err.message, "run 2 failed");
    assert_int_equal(background_wait(b, &err), ASC_OK);
    background_start(b, note, &r);
    assert_int_equal(background_wait(b, &err), ASC_OK);
    background_destroy(b);
}

static void leaving_waits_for_the_job(void **state)
{
    (void)state;
    record r = {.sleep_ms = 30};
    background *b = start();
    background_start(b, note, &r);
    background_destroy(b);
    assert_int_equal(r.n_runs, 1);
    background_destroy(start());
    background_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_elsewhere_one_after_the_other),
        cmocka_unit_test(a_failure_reaches_the_one_who_waits_once),
        cmocka_unit_test(leaving_waits_for_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
