// asc_explain: rows stream from the dataset through the engine into part files, and at the end into one result file.
//
// The three phases stand in three functions: open what the run needs, explain part by part, merge. Parts that a run with the same
// manifest left behind are taken over as they are.
#include <ascribe/explain.h>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "explain/mask_export.h"
#include "explain/mask_import.h"
#include "explain/run_private.h"
#include "io/dataset_read.h"
#include "io/mask_file.h"
#include "io/merge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ROWS_PER_PART = 1024, MAX_GPU_ROWS_PER_PART = 1 << 14 };
// A part is meant to be about ten seconds of work; this is the speed that is assumed for that, so that the size does not depend on
// the machine: floating-point operations per second.
#define ASSUMED_CPU_FLOPS 1e11
#define ASSUMED_GPU_FLOPS 1e14
#define ASSUMED_REF_FLOPS 5e8
#define PART_SECONDS 10

// ---- Opening -----------------------------------------------------------------------------------------------------

static asc_status select_rows(run *r)
{
    const asc_explain_options *options = &r->job->options;
    const int64_t n_rows = (int64_t)asc_dataset_describe(r->dataset)->n_rows;
    if (options->first_row >= n_rows)
        return fail(r->err, ASC_USAGE, "the selection begins at row %lld, the dataset has rows 0..%lld", (long long)options->first_row,
                    (long long)n_rows - 1);
    const int64_t available = n_rows - options->first_row;
    r->first_position = options->first_row;
    r->n_rows = options->n_rows < 0 || options->n_rows > available ? available : options->n_rows;
    if (r->n_rows == 0)
        return fail(r->err, ASC_USAGE, "the selection holds no rows; the dataset has rows 0..%lld", (long long)n_rows - 1);
    return ASC_OK;
}

// Coalitions that a row of average size will take, and floating-point operations for them.
static void choose_part_size(run *r)
{
    const asc_dataset_info *data = asc_dataset_describe(r->dataset);
    const model_config *c = &r->model->config;
    const double mean_tokens = (double)data->n_tokens / (double)data->n_rows;
    const double mean_features = (double)data->n_features / (double)data->n_rows;
    const double evaluations = (double)request_evaluations(&r->request, (size_t)mean_features + 1);
    const double per_token = 2.0 * (double)c->n_layers * (double)c->n_hidden * (4.0 * (double)c->n_hidden + 2.0 * (double)c->n_ffn);
    const double row_flops = (evaluations + 3) * (mean_tokens / 2 + 1) * per_token;
    const bool on_gpu = r->request.backend == ASC_BACKEND_CUDA;
    const double speed = on_gpu ? ASSUMED_GPU_FLOPS : r->request.backend == ASC_BACKEND_CPU ? ASSUMED_CPU_FLOPS : ASSUMED_REF_FLOPS;
    const double rows = PART_SECONDS * speed / row_flops;
    const int64_t most = on_gpu ? MAX_GPU_ROWS_PER_PART : MAX_ROWS_PER_PART;
    r->rows_per_part = rows < 1 ? 1 : rows > (double)most ? most : (int64_t)rows;
    if (r->job->options.rows_per_part)
        r->rows_per_part = (int64_t)r->job->options.rows_per_part;
    r->n_parts = (r->n_rows + r->rows_per_part - 1) / r->rows_per_part;
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

static asc_status name_parts_folder(run *r)
{
    if (!r->job->out_path)
        return ASC_OK;
    const size_t bytes = strlen(r->job->out_path) + sizeof ".parts";
    r->parts_folder = malloc(bytes);
    if (!r->parts_folder)
        return fail_memory(r->err, "a path", bytes);
    snprintf(r->parts_folder, bytes, "%s.parts", r->job->out_path);
    return ASC_OK;
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

static asc_status check_job(const asc_explain_job *job, asc_error *err)
{
    const char *const missing = !job->model_path ? "model_path" : !job->dataset_path ? "dataset_path" : NULL;
    if (missing)
        return fail(err, ASC_USAGE, "%s is NULL, expected a text", missing);
    return asc_explain_options_check(&job->options, err);
}

asc_status run_open(run *r)
{
    const asc_explain_job *job = r->job;
    TRY(check_job(job, r->err));
    TRY(asc_model_open(job->model_path, &job->log, &r->model, r->err));
    TRY(asc_dataset_open(job->dataset_path, &r->dataset, r->err));
    TRY(request_resolve(&job->options, r->model, asc_dataset_describe(r->dataset), &job->log, &r->request, r->err));
    r->request.planning = r->planning;
    TRY(select_rows(r));
    TRY(asc_dataset_check(r->dataset, (size_t)r->first_position, (size_t)r->n_rows, r->err)); // forks: before threads start
    TRY(mask_import_check(&r->request, r->model, r->dataset, (size_t)r->first_position, (size_t)r->n_rows, r->err));
    TRY(run_read_output(r));
    TRY(check_masks(r));
    choose_part_size(r);
    TRY(dataset_hash(r->dataset, r->dataset_sha256, r->err));
    TRY(open_engine(r));
    const manifest_facts facts = {r->model, &r->request, r->engine, r->dataset_sha256, r->first_position, r->n_rows};
    TRY(manifest_make(&facts, &r->manifest, r->manifest_hash, r->err));
    TRY(name_parts_folder(r));
    r->summary->backend = request_backend_name(&r->request);
    return ASC_OK;
}

// ---- Merging -----------------------------------------------------------------------------------------------------

// The merge forks: no thread of ours and no open HDF5 file may be around.
static void release_for_fork(run *r)
{
    engine_destroy(r->engine);
    r->engine = NULL;
    mask_file_close(r->request.masks);
    r->request.masks = NULL;
    asc_dataset_close(r->dataset);
    r->dataset = NULL;
}

static asc_status merge_parts(run *r)
{
    char *granularity = strdup(asc_dataset_describe(r->dataset)->granularity);
    char *run_text = NULL, *temporary_base = NULL;
    asc_status status = granularity ? ASC_OK : fail_memory(r->err, "a name", 16);
    run_report(r, "merging");
    release_for_fork(r);
    r->summary->elapsed_s = clock_seconds() - r->start_s;
    if (status == ASC_OK)
        status = manifest_describe_run(r->job, r->summary, r->n_workers, r->rows_per_part, &run_text, r->err);
    if (status == ASC_OK)
        status = run_temporary_base(r, &temporary_base);
    if (status == ASC_OK) {
        merge_job job = {
            .parts_folder = r->parts_folder,
            .n_parts = r->n_parts,
            .dataset_path = r->job->dataset_path,
            .first_position = r->first_position,
            .n_rows = r->n_rows,
            .n_targets = (uint32_t)r->request.n_targets,
            .n_classes = (uint32_t)r->model->n_classes,
            .n_fit = (uint32_t)r->request.method->n_fit,
            .class_names = (const char *const *)r->model->class_names,
            .manifest = r->manifest,
            .run = run_text,
            .method = r->request.method->name,
            .estimator = estimator_name(r->request.estimator),
            .output = request_output_name(&r->request),
            .policy = request_policy_name(&r->request),
            .granularity = granularity,
            .keep_text = r->job->options.keep_text,
            .out_path = r->job->out_path,
            .keep_existing = !r->job->options.force,
            .temporary_base = temporary_base,
        };
        memcpy(job.dataset_sha256, r->dataset_sha256, sizeof job.dataset_sha256);
        memcpy(job.manifest_hash, r->manifest_hash, sizeof job.manifest_hash);
        status = merge_run(&job, r->err);
    }
    if (status == ASC_OK && !r->job->options.keep_parts)
        run_remove_parts(r);
    r->summary->elapsed_s = clock_seconds() - r->start_s;
    free(temporary_base);
    free(run_text);
    free(granularity);
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

void run_close(run *r)
{
    run_release_parts(r);
    free(r->parts_folder);
    free(r->manifest);
    engine_destroy(r->engine);
    request_free(&r->request);
    asc_dataset_close(r->dataset);
    asc_model_close(r->model);
}

asc_status asc_explain(const asc_explain_job *job, asc_explain_summary *summary, asc_error *err)
{
    *summary = (asc_explain_summary){.backend = ""};
    run r = {.job = job, .summary = summary, .parts_lock = -1, .err = err};
    asc_status status = job->out_path ? run_open(&r) : fail(err, ASC_USAGE, "out_path is NULL, expected a text");
    r.start_s = clock_seconds();
    if (status == ASC_OK && !r.request.method->efficient)
        summary->max_residual = -1;
    if (status == ASC_OK)
        status = run_check_output(&r);
    if (status == ASC_OK && !summary->already_complete) {
        status = run_explain_parts(&r);
        if (status == ASC_OK)
            status = merge_parts(&r);
        if (r.parts_lock >= 0)
            rmdir(r.parts_folder); // which does nothing where parts or other people's files are
        run_release_parts(&r);
    }
    if (status == ASC_OK)
        status = export_masks(&r);
    run_close(&r);
    return status;
}
