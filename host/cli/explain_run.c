// Prepares when needed, explains, and says what came out.
#include "explain_run.h"

#include "explain_cost.h"
#include "explain_input.h"
#include "explain_summary.h"
#include "export_rows.h"
#include "file_kind.h"
#include "job_id.h"
#include "progress.h"
#include "render_row.h"
#include "report_error.h"
#include "scratch_folder.h"
#include "stop_signals.h"
#include "terminal.h"

#include <ascribe/ascribe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the estimate says, and whether that is short enough. Warnings are left to the run when one follows.
static asc_status estimate(const explain_values *values, asc_explain_job job, asc_error *err)
{
    asc_explain_cost cost;

    if (!values->dry_run)
        job.log = (asc_log){0};
    if (asc_explain_estimate(&job, &cost, err) != ASC_OK)
        return err->status;
    if (values->dry_run) {
        progress_clear(job.progress_user);
        if (!values->json)
            explain_cost_print(values, &cost);
        else if (explain_cost_print_json(values, &cost, err) != ASC_OK)
            return err->status;
    }
    return explain_cost_check(values, &cost, err);
}

static asc_status compute(const explain_values *values, const char *command_line, explain_outcome *outcome,
                          asc_error *err)
{
    const bool silent = values->quiet || (values->texts.count > 0 && strcmp(values->progress, "auto") == 0 &&
                                          !terminal_is_tty(stderr));
    progress_display progress;
    char id[JOB_ID_SIZE];
    asc_explain_job job = {
        .model_path = values->model,
        .dataset_path = outcome->dataset_path,
        .out_path = values->dry_run ? values->out : outcome->out,
        .command = command_line,
        .job_id = job_id(id),
        .options = values->options,
        .log = {progress_log, &progress},
        .progress = progress_update,
        .progress_user = &progress,
        .should_stop = stop_signals_asked,
    };
    asc_status status = explain_input_choose_rows(values, outcome->dataset_path, &job.options, err);

    if (status != ASC_OK)
        return status;
    progress_begin(&progress, silent ? "none" : values->progress);
    if (values->dry_run || values->max_hours > 0) {
        progress_say(&progress, "estimating the time");
        status = estimate(values, job, err);
    }
    if (status == ASC_OK && !values->dry_run) {
        progress_say(&progress, "reading the model");
        status = asc_explain(&job, &outcome->summary, err);
    }
    progress_clear(&progress);
    return status;
}

static asc_status render_one(const row_view *view, bool color, asc_error *err)
{
    render_options how = {.color = color, .width = terminal_width(stdout)};

    how.target = row_view_find_target(view, row_view_prediction(view));
    if (how.target == view->info->n_targets)
        how.target = 0;
    if (view->row > 0)
        putchar('\n');
    return render_row(stdout, view, &how, err);
}

static asc_status export_one(const row_view *view, asc_error *err)
{
    feature_names names = {0};
    const asc_status status = feature_names_build(&names, view, err);

    if (status == ASC_OK)
        export_json_row(stdout, view, &names);
    feature_names_free(&names);
    return status;
}

// Shows every row of the result of a few texts.
static asc_status show_result(const explain_values *values, const char *path, asc_error *err)
{
    asc_result *result = NULL;
    asc_result_rows *rows = NULL;
    asc_status status = asc_result_open(path, &result, err);

    if (status != ASC_OK)
        return status;
    const asc_result_info *info = asc_result_describe(result);
    const bool color = terminal_wants_color(stdout, values->color);
    status = asc_result_check(result, 0, info->n_rows, err);
    if (status == ASC_OK)
        status = asc_result_read(result, 0, info->n_rows, &rows, err);
    for (size_t i = 0; status == ASC_OK && i < info->n_rows; i++) {
        const row_view view = row_view_at(info, rows, i);
        status = values->json ? export_one(&view, err) : render_one(&view, color, err);
    }
    asc_result_rows_free(rows);
    asc_result_close(result);
    return status;
}

static asc_status check_strict(const explain_outcome *outcome, asc_error *err)
{
    size_t n_unexplained = outcome->summary.n_unexplained;
    asc_verify_report report;

    if (outcome->summary.already_complete) {
        if (asc_result_verify(outcome->out, &report, err) != ASC_OK)
            return err->status;
        n_unexplained = report.n_unexplained;
    }
    if (n_unexplained == 0)
        return ASC_OK;
    (void)cli_fail(err, ASC_FAILED_CHECK, "%zu rows have no attributions (--strict)", n_unexplained);
    return cli_hint(err, "the result was written; each row's status says why");
}

static asc_status explain_into(const explain_values *values, const char *command_line, const char *out,
                               const char *texts_folder, asc_error *err)
{
    explain_outcome outcome = {.model = values->model, .out = out};
    char *dataset_path = NULL;
    asc_status status = explain_input_resolve(values, out, texts_folder, &dataset_path, err);

    if (status != ASC_OK)
        return status;
    outcome.dataset_path = dataset_path;
    outcome.dataset_was_made = !values->data || !file_kind_same(dataset_path, values->data);
    status = compute(values, command_line, &outcome, err);
    if (values->dry_run)
        goto done;
    if (status == ASC_OK && values->texts.count > 0)
        status = show_result(values, out, err);
    else if (status == ASC_OK && values->json)
        status = explain_summary_print_json(&outcome, err);
    else if (status == ASC_OK && !values->quiet)
        status = explain_summary_print(&outcome, err);
    if (status == ASC_OK && values->strict)
        status = check_strict(&outcome, err);
done:
    free(dataset_path);
    return status;
}

// With --text the texts wait in a temporary folder, and dataset and result too when no --out was given. With --dry-run everything does.
asc_status explain_run(const explain_values *values, const char *command_line, asc_error *err)
{
    char *folder = NULL, *scratch_out = NULL;
    const char *out = values->dry_run ? NULL : values->out;
    asc_status status = ASC_OK;

    if (values->data && values->out && file_kind_same(values->data, values->out))
        return cli_fail(err, ASC_USAGE, "--out: expected another file than --data, found '%s'", values->out);
    stop_signals_begin();
    if (values->texts.count > 0 || values->dry_run)
        status = scratch_folder_make(&folder, err);
    if (status == ASC_OK && folder && !out && asprintf(&scratch_out, "%s/result.h5", folder) < 0) {
        scratch_out = NULL;
        status = cli_fail(err, ASC_OUT_OF_MEMORY, "no memory for a file name");
    }
    if (status == ASC_OK)
        status = explain_into(values, command_line, out ? out : scratch_out, folder, err);
    if (status == ASC_STOPPED && !out)
        (void)cli_hint(err, "nothing is kept without --out: give the same command again");
    scratch_folder_remove(folder);
    free(scratch_out);
    free(folder);
    return status;
}
