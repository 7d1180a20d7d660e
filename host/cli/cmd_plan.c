// `ascribe plan`: splits a run into tasks of equal work and writes them down.
#include "command.h"
#include "explain_input.h"
#include "explain_like.h"
#include "explain_options.h"
#include "explain_values.h"
#include "file_kind.h"
#include "next_command.h"
#include "numbers.h"
#include "print_json.h"
#include "progress.h"
#include "report_error.h"
#include "stop_signals.h"

#include <ascribe/model.h>
#include <ascribe/plan.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct plan_values {
    explain_values explain;
    const char *path;
    int64_t n_tasks;
} plan_values;

#define FIELD(member) offsetof(plan_values, member)
#define OF_EXPLAIN(member) FIELD(explain.member)
#define OF_METHOD(member) FIELD(explain.options.member)

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .required = true, .offset = OF_EXPLAIN(model),
     .group = "Input and output", .help = "folder with config.json, model.safetensors (or its shards) and the tokenizer"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "FILE", .required = true, .offset = OF_EXPLAIN(data),
     .help = "dataset (.h5), or texts, which are prepared first, into OUT-dataset.h5"},
    {.name = "out", .kind = OPTION_STRING, .argument = "FILE.h5", .required = true, .offset = OF_EXPLAIN(out),
     .help = "the result that 'ascribe merge' will write; until then tasks leave their parts in OUT.parts, where all of them must see it"},
    {.name = "tasks", .kind = OPTION_INT64, .argument = "N", .low = 1, .required = true, .offset = FIELD(n_tasks),
     .help = "how many: about as many as processes or GPUs that are to work at once, or a few times that"},
    {.name = "plan", .letter = 'o', .kind = OPTION_STRING, .argument = "PLAN.json", .required = true, .offset = FIELD(path),
     .help = "the plan"},
    {.name = "force", .kind = OPTION_SET, .offset = OF_EXPLAIN(options.force), .help = "replace an existing plan"},
    RESULT_OPTIONS(OF_EXPLAIN),

    ROW_OPTIONS(OF_EXPLAIN),

    METHOD_OPTIONS(OF_METHOD),
    DRAW_OPTIONS(OF_EXPLAIN),

    PREPARE_OPTIONS(OF_EXPLAIN),

    COMPUTE_OPTIONS(OF_METHOD),
    MIXED_OPTION(OF_EXPLAIN),
    EXPERT_OPTIONS(OF_EXPLAIN),

    {.name = "json", .kind = OPTION_SET, .offset = OF_EXPLAIN(json), .group = "Messages", .help = "the summary as a JSON object"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = OF_EXPLAIN(quiet),
     .help = "no progress and no summary; warnings and errors stay"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(plan_values *)values = (plan_values){
        .explain = {.options = asc_explain_options_default(), .rows = {0, -1}, .color = "auto", .progress = "auto"}};
}

static double per_task(const asc_plan_info *info, double count)
{
    return count / (double)info->n_tasks;
}

static asc_status print_next(const plan_values *values, const asc_plan_info *info, asc_error *err)
{
    char note[64] = "";
    asc_status status;

    if (info->n_tasks > 1)
        snprintf(note, sizeof note, "and so on to --task %zu, here or elsewhere", info->n_tasks - 1);
    status = next_command_print("next", (const char *[]){"ascribe", "explain", "--plan", values->path, "--task", "0", NULL}, note, err);
    if (status == ASC_OK)
        status = next_command_print("", (const char *[]){"ascribe", "status", values->path, NULL}, "where it stands", err);
    if (status == ASC_OK)
        status = next_command_print("", (const char *[]){"ascribe", "merge", values->path, NULL}, "when all tasks are done", err);
    return status;
}

static asc_status print_plan(const plan_values *values, const asc_plan_info *info, asc_error *err)
{
    char flops[NUMBER_TEXT], task_flops[NUMBER_TEXT], rows[NUMBER_TEXT];

    printf("%-*s%s\n", LABEL_COLUMNS, "plan", values->path);
    printf("%-*s%zu of %s in %zu part%s\n", LABEL_COLUMNS, "rows", info->n_rows, info->dataset_path, info->n_parts,
           info->n_parts == 1 ? "" : "s");
    printf("%-*s%llu coalitions, about %s operations\n", LABEL_COLUMNS, "work", (unsigned long long)info->evaluations,
           format_short(flops, info->flops));
    printf("%-*s%zu, each about %s operations (%s rows on average)\n", LABEL_COLUMNS, "tasks", info->n_tasks,
           format_short(task_flops, per_task(info, info->flops)), format_short(rows, per_task(info, (double)info->n_rows)));
    printf("%-*s%s (parts in %s.parts)\n", LABEL_COLUMNS, "result", info->out_path, info->out_path);
    return print_next(values, info, err);
}

static asc_status print_plan_json(const plan_values *values, const asc_plan_info *info, asc_error *err)
{
    return print_json(json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "plan", json_text(values->path), "model",
                                json_text(info->model_path), "dataset", json_text(info->dataset_path), "result", json_text(info->out_path),
                                "rows", (json_int_t)info->n_rows, "parts", (json_int_t)info->n_parts, "tasks", (json_int_t)info->n_tasks,
                                "coalitions", (json_int_t)info->evaluations, "tokens", (json_int_t)info->tokens, "operations",
                                json_number(info->flops), "operations_per_task", json_number(per_task(info, info->flops))),
                      err);
}

// Reads what was written: what a task will read.
static asc_status say_plan(const plan_values *values, asc_error *err)
{
    asc_plan *plan = NULL;
    asc_status status = asc_plan_open(values->path, &plan, err);

    if (status != ASC_OK)
        return status;
    if (values->explain.json)
        status = print_plan_json(values, asc_plan_describe(plan), err);
    else if (!values->explain.quiet)
        status = print_plan(values, asc_plan_describe(plan), err);
    asc_plan_close(plan);
    return status;
}

// Warnings, and what a plan was made for.
static void log_plan(void *user, asc_log_level level, const char *message)
{
    progress_log(user, level, message);
    if (level == ASC_LOG_INFO)
        progress_note(user, message);
}

static asc_status make_plan(const plan_values *values, const char *command_line, asc_error *err)
{
    const explain_values *explain = &values->explain;
    char *dataset_path = NULL;
    progress_display progress;
    asc_status status;

    stop_signals_begin();
    status = explain_input_resolve(explain, explain->out, NULL, &dataset_path, err);
    if (status != ASC_OK)
        return status;
    progress_begin(&progress, explain->quiet ? "none" : "auto");
    asc_explain_job job = {
        .model_path = explain->model,
        .dataset_path = dataset_path,
        .out_path = explain->out,
        .command = command_line,
        .options = explain->options,
        .log = {log_plan, &progress},
        .should_stop = stop_signals_asked,
    };
    status = explain_input_choose_rows(explain, dataset_path, &job.options, err);
    if (status == ASC_OK) {
        progress_say(&progress, "dividing the rows");
        status = asc_plan_make(&job, (size_t)values->n_tasks, values->path, err);
    }
    progress_clear(&progress);
    if (status == ASC_STOPPED)
        (void)cli_hint(err, "no plan was written: give the same command again");
    free(dataset_path);
    return status;
}

// Before texts are prepared. The device that backend and precision ask for need not be in the machine that plans.
static asc_status check_options(asc_explain_options checked, asc_error *err)
{
    checked.backend = checked.precision = "auto";
    return asc_explain_options_check(&checked, err);
}

static asc_status run(const command_call *call, asc_error *err)
{
    plan_values *values = call->values;
    explain_values *explain = &values->explain;
    earlier_options earlier = {0};
    asc_status status = ASC_OK;

    if (explain->like)
        status = explain_like_apply(explain, &command_plan.table, call->given, &earlier, err);
    if (status == ASC_OK && file_kind_same(explain->data, explain->out))
        status = cli_fail(err, ASC_USAGE, "--out: expected another file than --data, found '%s'", explain->out);
    if (status == ASC_OK)
        status = check_options(explain->options, err);
    if (status == ASC_OK)
        status = asc_model_check(explain->model, err);
    if (status == ASC_OK)
        status = make_plan(values, call->command_line, err);
    if (status == ASC_OK)
        status = say_plan(values, err);
    explain_like_release(&earlier);
    return status;
}

const cli_command command_plan = {
    .summary = "Splits a run into tasks for several processes or machines",
    .table = {.command = "plan",
              .usage = "plan --model DIR --data FILE --out FILE.h5 --tasks N -o PLAN.json [options]",
              .description = "Divides the rows into tasks of about equal work (tokens times coalitions, not rows) and writes a plan that "
                             "'ascribe explain --plan PLAN.json --task K' works through, in any order, on any machine that sees the same "
                             "files. Nothing is computed, and no device is needed. The result does not depend on the number of tasks.",
              .examples = "  ascribe plan --model my-model --data reviews.h5 --out result.h5 --tasks 4 -o plan.json\n"
                          "  ascribe explain --plan plan.json --task 0      # and 1, 2, 3\n"
                          "  ascribe status plan.json\n"
                          "  ascribe merge plan.json",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(plan_values),
    .set_defaults = set_defaults,
    .run = run,
};
