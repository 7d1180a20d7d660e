// `ascribe status`: where a run stands.
#include "command.h"
#include "file_kind.h"
#include "next_command.h"
#include "print_json.h"
#include "report_error.h"
#include "run_path.h"
#include "status_table.h"

#include <ascribe/plan.h>
#include <ascribe/result.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct status_values {
    bool all, json;
} status_values;

// clang-format off
static const option_spec options[] = {
    {.name = "all", .kind = OPTION_SET, .offset = offsetof(status_values, all), .group = "Options",
     .help = "a line for every task, however many; else, of more than 20, only for those at work and those that stopped"},
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(status_values, json), .help = "one JSON object"},
};
// clang-format on

static json_t *task_as_json(const asc_task_status *task, size_t index)
{
    return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "task", (json_int_t)index, "state",
                     asc_task_state_name(task->state), "parts", (json_int_t)task->n_parts, "parts_done", (json_int_t)task->n_parts_done,
                     "rows", (json_int_t)task->n_rows, "rows_done", (json_int_t)task->n_rows_done, "rows_per_second",
                     json_number(task->rows_per_s), "seconds_left", task->remaining_s < 0 ? json_null() : json_number(task->remaining_s),
                     "silent_seconds", task->silent_s < 0 ? json_null() : json_number(task->silent_s), "host",
                     task->host[0] ? json_text(task->host) : json_null(), "job", task->job_id[0] ? json_text(task->job_id) : json_null(),
                     "pid", (json_int_t)task->pid, "message", task->message[0] ? json_text(task->message) : json_null());
}

static asc_status print_status_json(const char *path, const asc_run_status *run, asc_error *err)
{
    json_t *tasks = json_array(), *counts = json_object();

    for (size_t i = 0; i < run->n_tasks; i++)
        json_array_append_new(tasks, task_as_json(&run->tasks[i], i));
    for (int state = ASC_TASK_WAITING; state <= ASC_TASK_DONE; state++)
        json_object_set_new(counts, asc_task_state_name((asc_task_state)state), json_integer((json_int_t)run->n_tasks_with_state[state]));
    return print_json(json_pack("{s:o, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o, s:o}", "run", json_text(path), "merged",
                                (int)run->merged, "parts", (json_int_t)run->n_parts, "parts_done", (json_int_t)run->n_parts_done, "rows",
                                (json_int_t)run->n_rows, "rows_done", (json_int_t)run->n_rows_done, "rows_per_second",
                                json_number(run->rows_per_s), "seconds_left",
                                run->remaining_s < 0 ? json_null() : json_number(run->remaining_s), "tasks", (json_int_t)run->n_tasks,
                                "tasks_with_state", counts, "task_list", tasks),
                      err);
}

static asc_status say_run(const char *path, const status_values *values, asc_error *err)
{
    asc_run_status state = {0};
    asc_status status = asc_run_status_read(path, &state, err);

    if (status == ASC_OK && values->json)
        status = print_status_json(path, &state, err);
    else if (status == ASC_OK)
        status = status_table_print(path, &state, values->all, err);
    asc_run_status_free(&state);
    return status;
}

// A result with nothing beside it: finished.
static asc_status say_result(const char *path, const status_values *values, asc_error *err)
{
    asc_result *result = NULL;
    asc_status status = asc_result_open(path, &result, err);

    if (status != ASC_OK) {
        (void)cli_hint(err, "expected a plan, a result, or the folder OUT.parts of a run");
        return status;
    }
    const size_t n_rows = asc_result_describe(result)->n_rows;
    if (values->json)
        status = print_status_json(path, &(asc_run_status){.merged = true, .n_rows = n_rows, .n_rows_done = n_rows, .remaining_s = -1}, err);
    else
        printf("%-*sthe result is there: all is done\n%-*s%zu\n", LABEL_COLUMNS, "finished", LABEL_COLUMNS, "rows", n_rows);
    asc_result_close(result);
    return status;
}

// OUT stands for OUT.parts while that is there.
static asc_status run(const command_call *call, asc_error *err)
{
    const status_values *values = call->values;
    const char *path = call->operands[0];
    char *parts = NULL;
    bool is_hdf5 = false;
    asc_status status;

    if (asprintf(&parts, "%s.parts", path) < 0)
        return cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    if (run_path_is(path) == RUN_PATH_NONE && run_path_is(parts) == RUN_PATH_FOLDER)
        status = say_run(parts, values, err);
    else if (run_path_is(path) == RUN_PATH_NONE && file_kind_is_hdf5(path, &is_hdf5, err) == ASC_OK && is_hdf5)
        status = say_result(path, values, err);
    else if ((status = run_path_check(path, err)) == ASC_OK)
        status = say_run(path, values, err);
    free(parts);
    return status;
}

const cli_command command_status = {
    .summary = "Says where a run stands",
    .table = {.command = "status",
              .usage = "status PLAN.json|OUT.h5|OUT.parts [--all] [--json]",
              .description = "Tells how much is done, how fast, how long it will take, which tasks are at work and where, and which stopped "
                             "and why. It looks at the names of parts and at what the tasks tell every two seconds; a task that has "
                             "been silent for a minute, or whose process on this machine has ended, counts as stopped. For parts read from beginning to end: 'ascribe verify'.",
              .operands = "PLAN.json|OUT.h5|OUT.parts",
              .n_operands = 1,
              .examples = "  ascribe status plan.json\n"
                          "  ascribe status result.h5 --json\n"
                          "  watch -n 10 ascribe status plan.json",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(status_values),
    .run = run,
};
