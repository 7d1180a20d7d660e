// What `ascribe status` prints: every task of a few, and of many those that are worth a line.
#include "cli/status_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "temp_folder.h"

enum { MOST_TASKS = 1000, ROWS = 10 };

typedef struct table {
    asc_run_status run;
    asc_task_status tasks[MOST_TASKS];
    char *text; // what was printed
} table;

static void set_task(table *t, size_t task, asc_task_state state, size_t n_rows_done)
{
    t->tasks[task].state = state;
    t->tasks[task].n_rows_done = n_rows_done;
}

static table *make_table(size_t n_tasks)
{
    table *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->run = (asc_run_status){.n_tasks = n_tasks, .n_parts = 2 * n_tasks, .n_rows = ROWS * n_tasks, .remaining_s = -1, .tasks = t->tasks};
    for (size_t i = 0; i < n_tasks; i++)
        t->tasks[i] = (asc_task_status){.n_parts = 2, .n_rows = ROWS, .remaining_s = -1, .silent_s = -1};
    return t;
}

static void free_table(table *t)
{
    free(t->text);
    free(t);
}

// Counts what the tasks say, prints the table and keeps the text.
static void print(table *t, bool all)
{
    FILE *file = tmpfile();
    const int kept = dup(1);
    asc_error err;
    size_t size;
    for (size_t i = 0; i < t->run.n_tasks; i++) {
        t->run.n_tasks_with_state[t->tasks[i].state]++;
        t->run.n_rows_done += t->tasks[i].n_rows_done;
    }
    assert_non_null(file);
    fflush(stdout);
    assert_int_equal(dup2(fileno(file), 1), 1);
    const asc_status status = status_table_print("result.h5.parts", &t->run, all, &err);
    fflush(stdout);
    assert_int_equal(dup2(kept, 1), 1);
    close(kept);
    assert_int_equal(status, ASC_OK);
    size = (size_t)ftell(file);
    rewind(file);
    t->text = calloc(1, size + 1);
    assert_int_equal(fread(t->text, 1, size, file), size);
    fclose(file);
}

static void assert_says(const table *t, const char *words)
{
    if (!strstr(t->text, words))
        fail_msg("expected '%s' in\n%s", words, t->text);
}

static size_t count_lines(const char *text)
{
    size_t n_lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        n_lines++;
    return n_lines;
}

static void few_tasks_have_a_line_each(void **state)
{
    (void)state;
    table *t = make_table(4);
    set_task(t, 0, ASC_TASK_DONE, ROWS);
    set_task(t, 1, ASC_TASK_RUNNING, 4);
    set_task(t, 2, ASC_TASK_STOPPED, 1);
    asc_task_status *running = &t->tasks[1], *stopped = &t->tasks[2];
    running->rows_per_s = t->run.rows_per_s = 2.5;
    running->remaining_s = t->run.remaining_s = 125;
    running->silent_s = 1;
    running->pid = 4711;
    snprintf(running->host, sizeof running->host, "node7");
    snprintf(running->job_id, sizeof running->job_id, "17_1");
    stopped->silent_s = 7200;
    snprintf(stopped->host, sizeof stopped->host, "node8");
    snprintf(stopped->message, sizeof stopped->message, "the disk is full\x1b[2J");
    print(t, false);
    assert_says(t, "[###########-------------------] 37.5 %, 2.50 rows/s, 2 min 05 s left\n");
    assert_says(t, "15 of 40, 0 of 8 parts");
    assert_says(t, "1 done, 1 running, 1 stopped, 1 waiting\n");
    assert_says(t, "     1  running          0/2            4/10    2.50     2 min 05 s  node7 pid 4711 job 17_1        1.0 s ago\n");
    assert_says(t, "     2  stopped          0/2            1/10       -              -  node8                          2 h 00 min ago\n");
    assert_says(t, "the disk is full");
    assert_null(strchr(t->text, '\x1b'));
    assert_says(t, "stopped      tasks 2\n");
    assert_says(t, "waiting      tasks 3\n");
    assert_null(strstr(t->text, "--task")); // the folder does not say which plan it belongs to
    free_table(t);
}

static void many_tasks_are_told_shortly(void **state)
{
    (void)state;
    table *t = make_table(MOST_TASKS);
    for (size_t i = 0; i < 500; i++)
        set_task(t, i, ASC_TASK_DONE, ROWS);
    set_task(t, 500, ASC_TASK_RUNNING, 1);
    set_task(t, 502, ASC_TASK_STOPPED, 0);
    set_task(t, 503, ASC_TASK_STOPPED, 0);
    set_task(t, 505, ASC_TASK_STOPPED, 0);
    print(t, false);
    assert_says(t, "\n   500  running");
    assert_says(t, "\n   505  stopped");
    assert_says(t, "stopped      tasks 502-503,505\n");
    assert_says(t, "waiting      tasks 501,504,506-999\n");
    assert_null(strstr(t->text, "\n   499  "));
    assert_int_equal(count_lines(t->text), 3 + 2 + 4 + 1 + 2);
    free_table(t);
}

static void lines_have_an_end_but_for_all(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        table *t = make_table(MOST_TASKS);
        for (size_t i = 0; i < 100; i++)
            set_task(t, i, ASC_TASK_RUNNING, 1);
        print(t, all);
        if (all)
            assert_int_equal(count_lines(t->text), 3 + 2 + MOST_TASKS + 1 + 1);
        else
            assert_says(t, "   ...  and 60 more at work or stopped (--all shows them)\n");
        free_table(t);
    }
}

static void the_end_says_what_comes_next(void **state)
{
    (void)state;
    for (int merged = 0; merged < 2; merged++) {
        table *t = make_table(2);
        set_task(t, 0, ASC_TASK_DONE, ROWS);
        set_task(t, 1, ASC_TASK_DONE, ROWS);
        t->run.merged = merged;
        print(t, false);
        assert_says(t, "[##############################] 100.0 %\n");
        assert_says(t, merged ? "merged       the result is there: all is done\n" : "next         ascribe merge result.h5.parts\n");
        free_table(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_tasks_have_a_line_each),
        cmocka_unit_test(many_tasks_are_told_shortly),
        cmocka_unit_test(lines_have_an_end_but_for_all),
        cmocka_unit_test(the_end_says_what_comes_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
