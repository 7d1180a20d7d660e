// asc_explain: rows stream from the dataset through the engine into part files, and at the end into one result file.
//
// The phases stand in functions of their own: open what the run needs, settle what it is, explain part by part, merge. Parts that a run
// with the same manifest left behind are taken over as they are. A task of a plan is the same run with another range of parts and no merge.
#include <ascribe/explain.h>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "explain/mask_export.h"
#include "explain/mask_import.h"
#include "explain/plan_private.h"
#include "explain/run_merge.h"
#include "explain/run_private.h"
#include "explain/supervisor.h"
#include "io/dataset_read.h"
#include "io/mask_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ---- Opening -----------------------------------------------------------------------------------------------------

static asc_status select_share(run *r)
{
    const division *d = &r->job->plan->division;
    const int64_t first = d->starts[0], n_rows = d->starts[d->n_parts] - first;
    if (first != r->first_position || n_rows != r->n_rows)
        return fail(r->err, ASC_DIFFERENT_RUN, "the plan has %lld rows from %lld on, this command selects %lld from %lld on: the dataset has changed",
                    (long long)n_rows, (long long)first, (long long)r->n_rows, (long long)r->first_position);
    r->share_first = d->starts[d->tasks[r->job->task]];
    r->share_rows = d->starts[d->tasks[r->job->task + 1]] - r->share_first;
    return ASC_OK;
}

static asc_status select_rows(run *r)
{
    const int64_t n_available = (int64_t)asc_dataset_describe(r->dataset)->n_rows;
    TRY(request_select_rows(&r->job->options, n_available, &r->first_position, &r->n_rows, r->err));
    r->share_first = r->first_position;
    r->share_rows = r->n_rows;
    return r->job->plan ? select_share(r) : ASC_OK;
}

static asc_status open_engine(run *r)
{
    const size_t longest = asc_dataset_describe(r->dataset)->max_row_tokens, n_max_tokens = r->model->config.n_max_tokens;
    r->n_workers = request_n_workers(&r->request, r->job->options.n_workers);
    const engine_config config = {
        .model = r->model,
        .request = &r->request,
        .n_workers = r->n_workers,
        .step_tokens = r->job->options.step_tokens,
        .max_row_tokens = longest < n_max_tokens ? longest : n_max_tokens,
        .log = r->job->log,
    };
    return engine_create(&config, &r->engine, r->err);
}

static mask_export mask_job(const run *r)
{
    return (mask_export){
        .request = &r->request,
        .dataset_path = r->job->dataset_path,
        .dataset_sha256 = r->dataset_sha256,
        .first_position = r->first_position,
        .n_rows = r->n_rows,
        .out_path = r->job->options.export_masks,
        .force = r->job->options.force,
        .may_be_there = r->output.manifest != NULL,
    };
}

static asc_status check_masks(run *r)
{
    const mask_export job = mask_job(r);
    if (!job.out_path)
        return ASC_OK;
    if (r->job->out_path && strcmp(job.out_path, r->job->out_path) == 0)
        return fail(r->err, ASC_USAGE, "--export-masks and --out name the same file: %s", job.out_path);
    return mask_export_check(&job, r->err);
}

// A task is what its plan says; only what the plan left open, and what never changes a result, may be another.
static asc_status check_task(const asc_explain_job *job, asc_error *err)
{
    const asc_plan *plan = job->plan;
    const asc_explain_options *asked = &job->options, *planned = &plan->options;
    const char *const words[][3] = {
        {"backend", planned->backend, asked->backend}, {"precision", planned->precision, asked->precision}, {"savings", planned->savings, asked->savings}};
    if (job->task >= plan->division.n_tasks)
        return fail(err, ASC_USAGE, "--task %zu: the plan has tasks 0 to %zu", job->task, plan->division.n_tasks - 1);
    if (asked->force || asked->export_masks)
        return fail(err, ASC_USAGE, "--%s does not go with a task of a plan", asked->force ? "force" : "export-masks");
    if (asked->allow_mixed != planned->allow_mixed)
        return fail(err, ASC_DIFFERENT_RUN, "--allow-mixed: the plan was made with%s it", planned->allow_mixed ? "" : "out");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][1], "auto") != 0 && strcmp(words[i][1], words[i][2]) != 0)
            return fail(err, ASC_DIFFERENT_RUN, "%s: the plan has %s, this command asks for %s", words[i][0], words[i][1], words[i][2]);
    return ASC_OK;
}

static asc_status check_job(const asc_explain_job *job, asc_error *err)
{
    const char *const missing = !job->model_path ? "model_path" : !job->dataset_path ? "dataset_path" : NULL;
    if (missing)
        return fail(err, ASC_USAGE, "%s is NULL, expected a text", missing);
    TRY(asc_explain_options_check(&job->options, err));
    return job->plan ? check_task(job, err) : ASC_OK;
}

// Forks, so that no thread of ours may run yet.
static asc_status open_inputs(run *r)
{
    const asc_explain_job *job = r->job;
    const stop_check stop = {job->should_stop, job->stop_user};
    TRY(model_open(job->model_path, &job->log, &stop, &r->model, r->err));
    TRY(dataset_open(job->dataset_path, &stop, &r->dataset, r->err));
    TRY(request_resolve(&job->options, r->model, asc_dataset_describe(r->dataset), &job->log, &r->request, r->err));
    r->request.planning = r->planning;
    TRY(select_rows(r));
    TRY(asc_dataset_check(r->dataset, (size_t)r->share_first, (size_t)r->share_rows, r->err));
    TRY(mask_import_check(&r->request, r->model, r->dataset, (size_t)r->share_first, (size_t)r->share_rows, r->err));
    return job->options.force || !job->out_path ? ASC_OK : run_output_read(job->out_path, &stop, &r->output, r->err);
}

asc_status run_describe(run *r, const char *algorithms)
{
    const bool is_mixed = r->job->options.allow_mixed;
    const manifest_facts facts = {
        .model = r->model,
        .request = &r->request,
        .backend = engine_backend(r->engine),
        .kernel_set = is_mixed ? manifest_mixed : engine_kernel_set(r->engine),
        .gemm_algorithms = is_mixed ? NULL : algorithms,
        .dataset_sha256 = r->dataset_sha256,
        .first_position = r->first_position,
        .n_rows = r->n_rows,
    };
    free(r->manifest);
    r->manifest = NULL;
    return manifest_make(&facts, &r->manifest, r->manifest_hash, r->err);
}

// Whether what stands at OUT is this run's result does not hang on what would be the fastest today.
static asc_status describe_like_output(run *r)
{
    char *algorithms = NULL;
    if (r->output.manifest)
        TRY(manifest_algorithms(r->output.manifest, &algorithms, r->err));
    const bool has_any = engine_algorithms(r->engine)[0] != '\0' || r->planning;
    const asc_status status = run_describe(r, has_any ? algorithms : NULL);
    free(algorithms);
    return status;
}

asc_status run_open(run *r)
{
    const asc_explain_job *job = r->job;
    TRY(check_job(job, r->err));
    TRY(open_inputs(r));
    if (!r->request.method->efficient)
        r->summary->max_residual = -1;
    TRY(check_masks(r));
    TRY(dataset_hash(r->dataset, r->dataset_sha256, r->err));
    TRY(open_engine(r));
    TRY(describe_like_output(r));
    if (job->out_path)
        TRY(run_folder_name(job->out_path, &r->folder, r->err));
    r->summary->backend = request_backend_name(&r->request);
    return ASC_OK;
}

// ---- Merging -----------------------------------------------------------------------------------------------------

// The merge forks: no thread of ours and no open HDF5 file may be around.
static void release_for_fork(run *r)
{
    supervisor_close(r->supervisor);
    r->supervisor = NULL;
    engine_destroy(r->engine);
    r->engine = NULL;
    mask_file_close(r->request.masks);
    r->request.masks = NULL;
    asc_dataset_close(r->dataset);
    r->dataset = NULL;
}

static asc_status merge_parts(run *r)
{
    run_record record = {0};
    char *path = NULL;
    const asc_explain_options *options = &r->job->options;
    run_report(r, "merging");
    release_for_fork(r);
    r->summary->elapsed_s = clock_seconds() - r->start_s;
    asc_status status = run_folder_join(&r->folder, RUN_RECORD_NAME, &path, r->err);
    if (status == ASC_OK)
        status = run_record_read(path, &record, r->err);
    if (status == ASC_OK) {
        const run_facts facts = {
            .command = r->job->command,
            .model_path = r->job->model_path,
            .dataset_path = r->job->dataset_path,
            .n_workers = r->n_workers,
            .n_rows = r->summary->n_rows,
            .evaluations = r->summary->evaluations,
            .tokens = r->summary->tokens,
            .elapsed_s = r->summary->elapsed_s,
        };
        const run_merge merge = {
            .folder = &r->folder,
            .record = &record,
            .out_path = r->job->out_path,
            .keep_text = options->keep_text,
            .keep_existing = !options->force,
            .keep_parts = options->keep_parts,
            .facts = &facts,
            .stop = r->request.stop,
        };
        status = run_merge_parts(&merge, NULL, r->err);
    }
    r->summary->merged = status == ASC_OK;
    r->summary->elapsed_s = clock_seconds() - r->start_s;
    run_record_free(&record);
    free(path);
    return status;
}

// ---- Masks -------------------------------------------------------------------------------------------------------

static asc_status export_masks(run *r)
{
    const mask_export job = mask_job(r);
    if (!job.out_path)
        return ASC_OK;
    release_for_fork(r);
    return mask_export_run(&job, r->err);
}

// Says what is kept. Where nobody asked for it, `err` says why it stopped.
static void tell_stop(const run *r)
{
    char words[96];
    snprintf(words, sizeof words, "stopped with %zu of %lld rows done", r->rows_done, (long long)r->share_rows);
    if (r->rows_done > 0 && stop_asked(&r->request.stop))
        (void)fail(r->err, ASC_STOPPED, "%s", words);
    else if (r->rows_done > 0)
        (void)fail_context(r->err, ASC_STOPPED, "%s", words);
    (void)fail_hint(r->err, ASC_STOPPED, "the same command goes on from the finished parts");
}

void run_close(run *r)
{
    supervisor_close(r->supervisor);
    run_folder_free(&r->folder);
    division_free(&r->division);
    run_output_free(&r->output);
    free(r->manifest);
    engine_destroy(r->engine);
    request_free(&r->request);
    asc_dataset_close(r->dataset);
    asc_model_close(r->model);
}

// Takes the folder of parts, and starts over in it where forced. ASC_CANNOT_CREATE when somebody else holds it, or OUT is there by now.
static asc_status take_folder(run *r)
{
    struct stat facts;
    const bool is_task = r->job->plan != NULL;
    const run_claim claim = {is_task ? RUN_ROLE_TASK : RUN_ROLE_ALONE, r->job->task, r->job->job_id};
    TRY(run_folder_take(&r->folder, &claim, r->err));
    if (!is_task && !r->job->options.force && lstat(r->job->out_path, &facts) == 0)
        return run_output_fail_appeared(r->job->out_path, r->err);
    if (r->job->options.force)
        run_folder_clear(&r->folder);
    return ASC_OK;
}

static void count_part(void *user, const char *name, run_file kind, size_t index)
{
    (void)name, (void)index;
    *(size_t *)user += kind == RUN_FILE_PART || kind == RUN_FILE_BAD;
}

// A run whose input is wrong (its masks, say) and that has no part yet leaves nothing that would stand in the way of a right one.
static void clear_if_empty(const run *r, asc_status status)
{
    size_t n_parts = 0;
    if ((status != ASC_MALFORMED && status != ASC_NOT_FOUND) || r->job->plan || !r->folder.alone)
        return;
    run_folder_list(&r->folder, count_part, &n_parts);
    if (n_parts == 0)
        run_folder_clear(&r->folder);
}

// The folder is this run's from here to its end.
static asc_status work_in_folder(run *r)
{
    asc_status status = take_folder(r);
    if (status == ASC_OK)
        status = r->supervisor ? supervisor_settle(r) : run_settle(r, true);
    if (status == ASC_OK) {
        run_folder_sweep(&r->folder, r->first_part, r->end_part);
        status = r->supervisor ? supervisor_explain_parts(r) : run_explain_parts(r);
        r->summary->elapsed_s = clock_seconds() - r->start_s;
    }
    if (status == ASC_OK && !r->job->plan)
        status = merge_parts(r);
    if (!r->summary->merged)
        run_end_progress(r, status);
    clear_if_empty(r, status);
    run_folder_release(&r->folder);
    return status;
}

asc_status run_check_output(run *r)
{
    const run_output_wish wish = {
        .path = r->job->out_path,
        .dataset_path = r->job->dataset_path,
        .manifest = r->manifest,
        .manifest_hash = r->manifest_hash,
        .with_text = r->job->options.keep_text,
        .force = r->job->options.force,
        .only_complete = r->job->plan != NULL,
    };
    return run_output_check(&r->output, &wish, &r->summary->already_complete, r->err);
}

// A run that was killed when its result had its name already has left parts.
static void remove_what_is_left(run *r)
{
    if (r->job->plan || r->job->options.keep_parts)
        return;
    release_for_fork(r);
    run_remove_merged(&r->folder, r->job->out_path, r->manifest_hash);
}

// What there is to do: the run is opened, here or by the processes that will work on it, and held against what stands at OUT.
static asc_status open_run(run *r)
{
    if (!r->job->out_path)
        return fail(r->err, ASC_USAGE, "out_path is NULL, expected a text");
    TRY(check_job(r->job, r->err));
    if (supervisor_is_wanted(&r->job->options))
        return supervisor_open(r);
    TRY(run_open(r));
    return run_check_output(r);
}

asc_status asc_explain(const asc_explain_job *job, asc_explain_summary *summary, asc_error *err)
{
    asc_error own = {.status = ASC_OK};
    *summary = (asc_explain_summary){.backend = ""};
    run r = {.job = job, .summary = summary, .folder = {.descriptor = -1, .lock = -1}, .err = err ? err : &own};
    asc_status status = open_run(&r);
    r.start_s = clock_seconds();
    if (status == ASC_OK && !summary->already_complete)
        status = work_in_folder(&r);
    else if (status == ASC_OK)
        remove_what_is_left(&r);
    if (status == ASC_OK)
        status = export_masks(&r);
    if (status == ASC_STOPPED)
        tell_stop(&r);
    run_close(&r);
    return status;
}
