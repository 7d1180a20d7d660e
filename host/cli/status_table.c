// See status_table.h.
#include "status_table.h"

#include "next_command.h"
#include "numbers.h"
#include "run_path.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_CELLS = 30, FEW_TASKS = 20, MOST_LINES = 40, WHERE_COLUMNS = 30, N_STATES = ASC_TASK_DONE + 1 };

static void print_bar(const asc_run_status *run)
{
    char cells[N_CELLS + 1], left[NUMBER_TEXT], speed[NUMBER_TEXT];
    const double fraction = run->n_rows ? (double)run->n_rows_done / (double)run->n_rows : 1;

    memset(cells, '-', N_CELLS);
    memset(cells, '#', (size_t)(fraction * N_CELLS));
    cells[N_CELLS] = '\0';
    printf("[%s] %.1f %%", cells, 100 * fraction);
    if (run->rows_per_s > 0)
        printf(", %s rows/s", format_short(speed, run->rows_per_s));
    if (run->remaining_s >= 0 && run->n_rows_done < run->n_rows)
        printf(", %s left", format_duration(left, run->remaining_s));
    printf("\n%-*s%zu of %zu, %zu of %zu parts\n", LABEL_COLUMNS, "rows", run->n_rows_done, run->n_rows, run->n_parts_done, run->n_parts);
}

static void print_counts(const asc_run_status *run)
{
    static const asc_task_state order[N_STATES] = {ASC_TASK_DONE, ASC_TASK_RUNNING, ASC_TASK_STOPPED, ASC_TASK_WAITING};
    const char *separator = "";

    printf("%-*s", LABEL_COLUMNS, "tasks");
    for (size_t i = 0; i < N_STATES; i++) {
        if (run->n_tasks_with_state[order[i]] == 0)
            continue;
        printf("%s%zu %s", separator, run->n_tasks_with_state[order[i]], asc_task_state_name(order[i]));
        separator = ", ";
    }
    putchar('\n');
}

// "node7 pid 4711 job 17_3     1.0 s ago"
static void print_where(const asc_task_status *task)
{
    char text[sizeof task->host + sizeof task->job_id + NUMBER_TEXT] = "-", silent[NUMBER_TEXT];
    size_t used = 0;

    if (task->host[0])
        used = (size_t)snprintf(text, sizeof text, "%s", task->host);
    if (task->host[0] && task->pid > 0 && task->state == ASC_TASK_RUNNING)
        used += (size_t)snprintf(text + used, sizeof text - used, " pid %ld", task->pid);
    if (task->host[0] && task->job_id[0])
        snprintf(text + used, sizeof text - used, " job %s", task->job_id);
    if (task->silent_s >= 0 && task->state != ASC_TASK_DONE) {
        utf8_print_padded(stdout, text, strlen(text), WHERE_COLUMNS);
        printf(" %s ago\n", format_duration(silent, task->silent_s));
    } else {
        utf8_print_safe(stdout, text, strlen(text));
        putchar('\n');
    }
}

static void print_task(const asc_task_status *task, size_t index)
{
    char rows[2 * NUMBER_TEXT], parts[2 * NUMBER_TEXT], speed[NUMBER_TEXT] = "-", left[NUMBER_TEXT] = "-";

    snprintf(parts, sizeof parts, "%zu/%zu", task->n_parts_done, task->n_parts);
    snprintf(rows, sizeof rows, "%zu/%zu", task->n_rows_done, task->n_rows);
    if (task->rows_per_s > 0)
        format_short(speed, task->rows_per_s);
    if (task->remaining_s >= 0 && task->state == ASC_TASK_RUNNING)
        format_duration(left, task->remaining_s);
    printf("%6zu  %-8s %11s %15s %7s %14s  ", index, asc_task_state_name(task->state), parts, rows, speed, left);
    print_where(task);
    if (task->message[0] && task->state != ASC_TASK_DONE) {
        printf("%*s", 8, "");
        utf8_print_safe(stdout, task->message, strlen(task->message));
        putchar('\n');
    }
}

static void print_lines(const asc_run_status *run, bool all)
{
    const bool every = all || run->n_tasks <= FEW_TASKS;
    size_t n_shown = 0, n_wanted = 0;

    for (size_t i = 0; i < run->n_tasks; i++) {
        const asc_task_state state = run->tasks[i].state;
        if (!every && state != ASC_TASK_RUNNING && state != ASC_TASK_STOPPED)
            continue;
        if (n_wanted++ == 0)
            printf("\n%6s  %-8s %11s %15s %7s %14s  %-*s %s\n", "task", "state", "parts", "rows", "rows/s", "left", WHERE_COLUMNS, "where",
                   "last heard of");
        if (every || n_shown < MOST_LINES) {
            print_task(&run->tasks[i], i);
            n_shown++;
        }
    }
    if (n_shown < n_wanted)
        printf("%6s  and %zu more at work or stopped (--all shows them)\n", "...", n_wanted - n_shown);
}

// Tasks as sbatch --array takes them: "0-3,7".
static void print_ranges(const asc_run_status *run, asc_task_state state, const char *label)
{
    const char *separator = "";

    if (run->n_tasks_with_state[state] == 0)
        return;
    printf("%-*stasks ", LABEL_COLUMNS, label);
    for (size_t first = 0; first < run->n_tasks; first++) {
        size_t last = first;
        if (run->tasks[first].state != state)
            continue;
        while (last + 1 < run->n_tasks && run->tasks[last + 1].state == state)
            last++;
        printf(last > first ? "%s%zu-%zu" : "%s%zu", separator, first, last);
        separator = ",";
        first = last;
    }
    putchar('\n');
}

static asc_status print_next(const char *path, const asc_run_status *run, asc_error *err)
{
    const bool is_plan = run_path_is(path) == RUN_PATH_PLAN;
    size_t task = 0;
    char number[NUMBER_TEXT];

    if (run->merged) {
        printf("%-*sthe result is there: all is done\n", LABEL_COLUMNS, "merged");
        return ASC_OK;
    }
    if (run->n_tasks_with_state[ASC_TASK_DONE] == run->n_tasks)
        return next_command_print("next", (const char *[]){"ascribe", "merge", path, NULL}, "", err);
    while (task < run->n_tasks && (run->tasks[task].state == ASC_TASK_RUNNING || run->tasks[task].state == ASC_TASK_DONE))
        task++;
    if (!is_plan || task == run->n_tasks)
        return ASC_OK;
    snprintf(number, sizeof number, "%zu", task);
    return next_command_print("next", (const char *[]){"ascribe", "explain", "--plan", path, "--task", number, NULL}, "", err);
}

asc_status status_table_print(const char *path, const asc_run_status *run, bool all, asc_error *err)
{
    print_bar(run);
    print_counts(run);
    if (!run->merged)
        print_lines(run, all);
    if (!run->merged && run->n_tasks > 1) {
        putchar('\n');
        print_ranges(run, ASC_TASK_STOPPED, "stopped");
        print_ranges(run, ASC_TASK_WAITING, "waiting");
    }
    return print_next(path, run, err);
}
