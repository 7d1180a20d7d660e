// Work in a child process: what it says comes back, and every way to die is told by the parent, which lives.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/child.h"

#include <cmocka.h> // after fail.h: it defines a macro of that name, hence (fail) below

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum deed { DO_ANSWER, DO_FAIL, DO_CRASH, DO_ABORT, DO_EXIT, DO_EAT_MEMORY, DO_SPIN, DO_WRITE, DO_LIE } deed;

typedef struct task {
    deed deed;
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
    }
    return ASC_OK;
}

static asc_status run(deed what, task *t, asc_error *err)
{
    *t = (task){.deed = what};
    const child_job job = {
        .step = work,
        .context = t,
        .answer = t->answer,
        .answer_size = sizeof t->answer,
        .memory_bytes = (size_t)256 << 20,
        .cpu_s = 1,
        .dead = "x.h5: the reader",
        .dead_hint = "get another",
        .dead_status = ASC_MALFORMED,
    };
    return child_run(&job, err);
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
        cmocka_unit_test(limits_hold), cmocka_unit_test(handlers_of_the_parent_are_not_the_childs),
        cmocka_unit_test(an_ignored_sigchld_does_no_harm), cmocka_unit_test(nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
