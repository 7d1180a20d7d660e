// Work in a child process: what it says comes back, and every way to die is told by the parent, which lives.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/child.h"
#include "base/clock.h"
#include "io/trial.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name, hence (fail) below

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef enum deed { DO_ANSWER, DO_FAIL, DO_CRASH, DO_ABORT, DO_EXIT, DO_EAT_MEMORY, DO_SPIN, DO_WRITE, DO_LIE, DO_RAISE, DO_SPIN_DEAF, DO_SLEEP, DO_SLEEP_MUTE } deed;

typedef struct task {
    deed deed;
    int signal_number; // of DO_RAISE
    asc_status killed_status;
    size_t wall_ms;
    stop_check stop;
    char answer[64];
} task;

static volatile int spinning;

static asc_status eat_memory(asc_error *err)
{
    enum { PIECE = 16 << 20 };
    for (size_t eaten = 0; eaten < (size_t)1 << 40; eaten += PIECE) {
        char *piece = malloc(PIECE);
        if (!piece)
            return fail_memory(err, "another piece", eaten);
        memset(piece, 1, PIECE);
    }
    return ASC_OK;
}

static asc_status write_file(asc_error *err)
{
    FILE *file = tmpfile();
    return !file || fputs("text", file) == EOF || fflush(file) != 0 ? (fail)(err, ASC_IO_ERROR, "no writing") : ASC_OK;
}

static asc_status work(void *context, asc_error *err)
{
    task *t = context;
    strcpy(t->answer, "forty-two");
    switch (t->deed) {
    case DO_ANSWER: return ASC_OK;
    case DO_FAIL: (fail)(err, ASC_MALFORMED, "it is broken"); return fail_hint(err, ASC_MALFORMED, "mend it");
    case DO_CRASH: raise(SIGSEGV); return ASC_OK;
    case DO_ABORT: abort();
    case DO_EXIT: _exit(0);
    case DO_EAT_MEMORY: return eat_memory(err);
    case DO_SPIN:
        while (!spinning) {
        }
        return ASC_OK;
    case DO_WRITE: return write_file(err);
    case DO_LIE: return (asc_status)12345;
    case DO_RAISE: raise(t->signal_number); return ASC_OK;
    case DO_SPIN_DEAF:
        signal(SIGXCPU, SIG_IGN);
        while (!spinning) {
        }
        return ASC_OK;
    case DO_SLEEP_MUTE:
        for (int descriptor = 3; descriptor < 200; descriptor++)
            close(descriptor); // the pipe among them
        // fall through
    case DO_SLEEP:
        for (;;)
            pause();
    }
    return ASC_OK;
}

static asc_status run_task(task *t, asc_error *err)
{
    const child_job job = {
        .step = work,
        .context = t,
        .answer = t->answer,
        .answer_size = sizeof t->answer,
        .memory_bytes = (size_t)256 << 20,
        .cpu_s = 1,
        .wall_ms = t->wall_ms,
        .stop = t->stop,
        .dead = "x.h5: the reader",
        .dead_hint = "get another",
        .dead_status = ASC_MALFORMED,
        .killed_status = t->killed_status,
    };
    return child_run(&job, err);
}

static asc_status run(deed what, task *t, asc_error *err)
{
    *t = (task){.deed = what};
    return run_task(t, err);
}

static void answers_and_errors_come_back(void **state)
{
    task t;
    asc_error err = {0};
    (void)state;
    assert_int_equal(run(DO_ANSWER, &t, &err), ASC_OK);
    assert_string_equal(t.answer, "forty-two");
    assert_string_equal(err.message, "");
    assert_int_equal(run(DO_FAIL, &t, &err), ASC_MALFORMED);
    assert_string_equal(err.message, "it is broken");
    assert_string_equal(err.hint, "mend it");
    assert_string_equal(t.answer, "forty-two");
    assert_int_equal(run(DO_FAIL, &t, NULL), ASC_MALFORMED);
}

static void assert_dies(deed what, const char *words)
{
    task t;
    asc_error err = {0};
    const asc_status status = run(what, &t, &err);
    if (status != ASC_MALFORMED || err.status != status || !strstr(err.message, words))
        fail_msg("deed %d: expected '%s', found status %d: %s", (int)what, words, (int)status, err.message);
    assert_string_equal(err.hint, "get another");
}

static void every_death_is_told(void **state)
{
    (void)state;
    assert_dies(DO_CRASH, "x.h5: the reader died (signal 11: ");
    assert_dies(DO_ABORT, "x.h5: the reader died (signal 6: ");
    assert_dies(DO_EXIT, "x.h5: the reader died (exit code 0, without a word)");
    assert_dies(DO_LIE, "x.h5: the reader died (");
    assert_dies(DO_SPIN, "x.h5: the reader died (signal 24: ");
}

// Only what the file can have caused is the file's fault.
static void other_ends_are_not_the_files_fault(void **state)
{
    static const struct {
        int signal_number;
        asc_status status;
        const char *words, *hint;
    } ends[] = {
        {SIGKILL, ASC_OUT_OF_MEMORY, "x.h5: the reader was killed from outside (signal 9: ", "memory"},
        {SIGUSR2, ASC_OUT_OF_MEMORY, "x.h5: the reader was killed from outside (signal 12: ", "memory"},
        {SIGUSR1, ASC_STOPPED, "x.h5: the reader was stopped (signal 10: ", ""},
        {SIGTERM, ASC_STOPPED, "x.h5: the reader was stopped (signal 15: ", ""},
        {SIGINT, ASC_STOPPED, "x.h5: the reader was stopped (signal 2: ", ""},
        {SIGHUP, ASC_STOPPED, "x.h5: the reader was stopped (signal 1: ", ""},
        {SIGBUS, ASC_MALFORMED, "x.h5: the reader died (signal 7: ", "get another"},
        {SIGFPE, ASC_MALFORMED, "x.h5: the reader died (signal 8: ", "get another"},
        {SIGILL, ASC_MALFORMED, "x.h5: the reader died (signal 4: ", "get another"},
    };
    (void)state;
    signal(SIGHUP, _exit); // whoever runs the tests may ignore it
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        task t = {.deed = DO_RAISE, .signal_number = ends[i].signal_number};
        asc_error err = {0};
        const asc_status status = run_task(&t, &err);
        if (status != ends[i].status || err.status != status || !strstr(err.message, ends[i].words) || !strstr(err.hint, ends[i].hint))
            fail_msg("signal %d: expected '%s', found status %d: %s (%s)", ends[i].signal_number, ends[i].words, (int)status,
                     err.message, err.hint);
        assert_true(ends[i].hint[0] != '\0' || err.hint[0] == '\0');
    }
    signal(SIGHUP, SIG_DFL);
    task merge = {.deed = DO_RAISE, .signal_number = SIGKILL, .killed_status = ASC_IO_ERROR};
    asc_error err = {0};
    assert_int_equal(run_task(&merge, &err), ASC_IO_ERROR);
    assert_int_equal(err.status, ASC_IO_ERROR);
    assert_dies(DO_SPIN_DEAF, "x.h5: the reader died (signal 9: "); // our own limit
}

static void limits_hold(void **state)
{
    task t;
    asc_error err = {0};
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    assert_int_not_equal(run(DO_EAT_MEMORY, &t, &err), ASC_OK); // a sanitizer's malloc ends the process
#else
    assert_int_equal(run(DO_EAT_MEMORY, &t, &err), ASC_OUT_OF_MEMORY);
#endif
    assert_dies(DO_WRITE, "x.h5: the reader died (signal 25: ");
}

// A child that waits for ever uses no processor time.
static void a_child_that_hangs_is_ended(void **state)
{
    task t = {.deed = DO_SLEEP, .wall_ms = 1500};
    asc_error err = {0};
    (void)state;
    const double begun_s = clock_seconds();
    assert_int_equal(run_task(&t, &err), ASC_MALFORMED);
    assert_string_equal(err.message, "x.h5: the reader gave no answer within 1.5 s and was ended");
    assert_string_equal(err.hint, "get another");
    const double took_s = clock_seconds() - begun_s;
    assert_true(took_s >= 1.4 && took_s < 30);
    t.deed = DO_ANSWER;
    assert_int_equal(run_task(&t, &err), ASC_OK);
    t = (task){.deed = DO_SLEEP_MUTE};
    assert_int_not_equal(run_task(&t, &err), ASC_OK); // without a limit of time, even
}

static int no_more_patience(void *user)
{
    const double *until_s = user;
    return clock_seconds() >= *until_s;
}

// It sleeps for ever: whoever waits for it is asked all the time.
static void a_child_is_ended_when_that_is_asked_for(void **state)
{
    static const double patience_s[] = {-1, 0.3};
    (void)state;
    for (size_t limited = 0; limited <= 1; limited++)
        for (size_t i = 0; i < 2; i++) {
            double until_s = clock_seconds() + patience_s[i];
            task t = {.deed = DO_SLEEP, .wall_ms = limited ? 60000 : 0, .stop = {no_more_patience, &until_s}};
            asc_error err = {0};
            assert_int_equal(run_task(&t, &err), ASC_STOPPED);
            assert_string_equal(err.message, "stopped before the end, as asked");
            assert_true(clock_seconds() - until_s < 30);
            assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // no child is left
        }
}

static void a_trial_that_hangs_refuses_the_file(void **state)
{
    task t = {.deed = DO_SLEEP};
    asc_error err = {0};
    const trial job = {.path = "y.h5", .step = work, .context = &t, .wall_ms = 50};
    (void)state;
    assert_int_equal(trial_run(&job, &err), ASC_MALFORMED);
    assert_string_equal(err.message, "y.h5: the reader gave no answer within 0.05 s and was ended");
    assert_non_null(strstr(err.hint, "damaged"));
}

static void handlers_of_the_parent_are_not_the_childs(void **state)
{
    (void)state;
    signal(SIGSEGV, _exit); // a crash reporter that hides the signal
    assert_dies(DO_CRASH, "x.h5: the reader died (signal 11: ");
    signal(SIGSEGV, SIG_DFL);
}

static void an_ignored_sigchld_does_no_harm(void **state)
{
    task t;
    asc_error err = {0};
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(run(DO_ANSWER, &t, &err), ASC_OK);
    assert_int_equal(run(DO_FAIL, &t, &err), ASC_MALFORMED);
    assert_string_equal(err.message, "it is broken");
    assert_dies(DO_CRASH, "x.h5: the reader died");
    signal(SIGCHLD, SIG_DFL);
}

static size_t open_files(void)
{
    size_t n = 0;
    for (int descriptor = 0; descriptor < 200; descriptor++)
        n += fcntl(descriptor, F_GETFD) != -1;
    return n;
}

static void nothing_leaks(void **state)
{
    task t;
    asc_error err = {0};
    const size_t before = open_files();
    (void)state;
    for (int i = 0; i < 50; i++)
        (void)run(i % 2 ? DO_CRASH : DO_ANSWER, &t, &err);
    assert_int_equal(open_files(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_errors_come_back), cmocka_unit_test(every_death_is_told),
        cmocka_unit_test(other_ends_are_not_the_files_fault),
        cmocka_unit_test(a_child_is_ended_when_that_is_asked_for),
        cmocka_unit_test(limits_hold), cmocka_unit_test(a_child_that_hangs_is_ended), cmocka_unit_test(a_trial_that_hangs_refuses_the_file),
        cmocka_unit_test(handlers_of_the_parent_are_not_the_childs),
        cmocka_unit_test(an_ignored_sigchld_does_no_harm), cmocka_unit_test(nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
