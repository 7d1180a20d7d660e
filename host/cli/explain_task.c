// A task's job comes from the plan; the command line adds what belongs to this machine.
#include "explain_task.h"

#include "explain_summary.h"
#include "job_id.h"
#include "progress.h"
#include "report_error.h"
#include "stop_signals.h"

#include <ascribe/plan.h>

#include <string.h>

// Options that leave the result as it is: where the inputs are, what of this machine is used, what is printed.
static bool may_be_given(const char *name)
{
    static const char *const names[] = {"plan",    "task",        "model",  "data", "backend",  "precision", "device", "devices",
                                        "workers", "step-tokens", "strict", "json", "progress", "quiet",     "processes"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static asc_status check_given(const option_table *table, const bool *given, asc_error *err)
{
    for (size_t i = 0; i < table->n_options; i++) {
        if (!given[i] || may_be_given(table->options[i].name))
            continue;
        (void)cli_fail(err, ASC_USAGE, "--%s cannot be given beside --plan, which says what is computed", table->options[i].name);
        return cli_hint(err, "give it to 'ascribe plan' (--force and --keep-parts to 'ascribe merge'); another plan is another run");
    }
    if (optable_is_given(table, given, "task"))
        return ASC_OK;
    (void)cli_fail(err, ASC_USAGE, "--plan: missing option --task K");
    return cli_hint(err, "'ascribe status PLAN.json' lists the tasks");
}

// A word that may be given where the plan says "auto", or again.
static asc_status choose(const char *option, const char *given, const char **planned, asc_error *err)
{
    if (strcmp(*planned, "auto") == 0 || strcmp(*planned, given) == 0) {
        *planned = given;
        return ASC_OK;
    }
    (void)cli_fail(err, ASC_USAGE, "--%s %s: the plan says %s", option, given, *planned);
    return cli_hint(err, "leave it out, or make another plan");
}

static asc_status add_machine(const explain_values *values, const option_table *table, const bool *given, asc_explain_job *job,
                              asc_error *err)
{
    asc_explain_options *options = &job->options;
    asc_status status = ASC_OK;

    job->model_path = values->model ? values->model : job->model_path;
    job->dataset_path = values->data ? values->data : job->dataset_path;
    options->device = values->options.device;
    options->devices = values->options.devices;
    options->n_processes = values->options.n_processes;
    options->n_workers = values->options.n_workers;
    options->step_tokens = values->options.step_tokens;
    if (optable_is_given(table, given, "backend"))
        status = choose("backend", values->options.backend, &options->backend, err);
    if (status == ASC_OK && optable_is_given(table, given, "precision"))
        status = choose("precision", values->options.precision, &options->precision, err);
    return status == ASC_OK ? asc_explain_options_check(options, err) : status;
}

static asc_status say_outcome(const explain_values *values, const explain_outcome *outcome, asc_error *err)
{
    asc_status status = ASC_OK;

    if (values->json)
        status = explain_summary_print_json(outcome, err);
    else if (!values->quiet)
        status = explain_summary_print(outcome, err);
    if (status != ASC_OK || !values->strict || outcome->summary.n_unexplained == 0)
        return status;
    (void)cli_fail(err, ASC_FAILED_CHECK, "%zu rows have no attributions (--strict)", outcome->summary.n_unexplained);
    return cli_hint(err, "the task is done; each row's status says why");
}

static asc_status run_task(const explain_values *values, asc_explain_job *job, asc_error *err)
{
    progress_display progress;
    explain_outcome outcome = {.model = job->model_path, .dataset_path = job->dataset_path, .out = job->out_path, .plan_path = values->plan,
                               .task = job->task, .n_tasks = asc_plan_describe(job->plan)->n_tasks};
    char id[JOB_ID_SIZE];
    asc_status status;

    job->job_id = job_id(id);
    progress_begin(&progress, values->quiet ? "none" : values->progress);
    job->log = (asc_log){progress_log, &progress};
    job->progress = progress_update;
    job->progress_user = &progress;
    job->should_stop = stop_signals_asked;
    stop_signals_begin();
    progress_say(&progress, "reading the model");
    status = asc_explain(job, &outcome.summary, err);
    progress_clear(&progress);
    return status == ASC_OK ? say_outcome(values, &outcome, err) : status;
}

asc_status explain_task_run(const explain_values *values, const option_table *table, const bool *given, const char *command_line,
                            asc_error *err)
{
    asc_plan *plan = NULL;
    asc_explain_job job = {0};
    asc_status status = check_given(table, given, err);

    if (status == ASC_OK)
        status = asc_explain_options_check(&values->options, err);
    if (status == ASC_OK)
        status = asc_plan_open(values->plan, &plan, err);
    if (status == ASC_OK)
        status = asc_plan_job(plan, (size_t)values->task, &job, err);
    if (status == ASC_OK)
        status = add_machine(values, table, given, &job, err);
    job.command = command_line;
    if (status == ASC_OK)
        status = run_task(values, &job, err);
    asc_plan_close(plan);
    return status;
}
