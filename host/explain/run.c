// asc_explain: rows stream from the dataset through the engine into part files, and at the end into one result file.
//
// The three phases stand in three functions: open what the run needs, explain part by part, merge. Parts that a run with the same
// manifest left behind are taken over as they are.
#include <ascribe/explain.h>
#include <ascribe/result.h>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "explain/accuracy.h"
#include "explain/mask_export.h"
#include "explain/run_private.h"
#include "io/dataset_read.h"
#include "io/mask_file.h"
#include "io/merge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ROWS_PER_PART = 1024 };
// A part is meant to be about ten seconds of work; this is the speed that is assumed for that, so that the size does not depend on
// the machine: floating-point operations per second.
#define ASSUMED_CPU_FLOPS 1e11
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
    const double speed = r->request.backend == ASC_BACKEND_CPU ? ASSUMED_CPU_FLOPS : ASSUMED_REF_FLOPS;
    const double rows = PART_SECONDS * speed / row_flops;
    r->rows_per_part = rows < 1 ? 1 : rows > MAX_ROWS_PER_PART ? MAX_ROWS_PER_PART : (int64_t)rows;
    if (r->job->options.rows_per_part)
        r->rows_per_part = (int64_t)r->job->options.rows_per_part;
    r->n_parts = (r->n_rows + r->rows_per_part - 1) / r->rows_per_part;
}

static asc_status open_engine(run *r)
{
    const size_t longest = asc_dataset_describe(r->dataset)->max_row_tokens, n_max_tokens = r->model->config.n_max_tokens;
    r->n_workers = r->job->options.n_workers ? (size_t)r->job->options.n_workers : pool_available_cores();
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
    TRY(select_rows(r));
    TRY(asc_dataset_check(r->dataset, (size_t)r->first_position, (size_t)r->n_rows, r->err)); // forks: before threads start
    TRY(run_read_output(r));
    TRY(check_masks(r));
    choose_part_size(r);
    TRY(dataset_hash(r->dataset, r->dataset_sha256, r->err));
    TRY(open_engine(r));
    const manifest_facts facts = {r->model, &r->request, r->engine, r->dataset_sha256, r->first_position, r->n_rows};
    TRY(manifest_make(&facts, &r->manifest, r->manifest_hash, r->err));
    TRY(name_parts_folder(r));
    r->summary->backend = r->request.backend == ASC_BACKEND_CPU ? "cpu" : "ref";
    return ASC_OK;
}

// ---- Explaining --------------------------------------------------------------------------------------------------

// Evaluations of the whole run: counted for the rows that were read, extrapolated to the rest.
static uint64_t expected_evaluations(const run *r)
{
    if (r->rows_known == 0)
        return 0;
    return (uint64_t)((double)r->known_evaluations * (double)r->n_rows / (double)r->rows_known);
}

static void report(const run *r, const char *phase)
{
    if (!r->job->progress)
        return;
    const engine_work work = r->engine ? engine_work_done(r->engine) : (engine_work){r->summary->evaluations, r->summary->tokens};
    const uint64_t done = work.evaluations + r->reused_evaluations;
    const double elapsed_s = clock_seconds() - r->start_s;
    const uint64_t expected = done > expected_evaluations(r) ? done : expected_evaluations(r);
    asc_progress progress = {
        .phase = phase,
        .rows_done = r->rows_done,
        .n_rows = (size_t)r->n_rows,
        .evaluations_done = done,
        .n_evaluations = expected,
        .tokens_done = work.tokens,
        .elapsed_s = elapsed_s,
        .remaining_s = work.evaluations ? elapsed_s * (double)(expected - done) / (double)work.evaluations : -1,
    };
    r->job->progress(r->job->progress_user, &progress);
}

static void tick(void *context)
{
    report(context, "explaining");
}

// Adds one finished row to the summary.
static void count_row(run *r, const part_row *row, const asc_rows *rows, size_t index)
{
    asc_explain_summary *summary = r->summary;
    summary->n_rows++;
    summary->n_unexplained += (row->status & ASC_ROW_UNEXPLAINED) != 0;
    for (size_t bit = 0; bit < 32; bit++)
        summary->n_rows_with_status[bit] += row->status >> bit & 1;
    accuracy_count(&r->request, rows, index, row->scores, r->model->n_classes, summary);
    for (size_t k = 0; r->request.method->efficient && k < r->request.n_targets; k++)
        if (row->efficiency_residual[k] > summary->max_residual)
            summary->max_residual = row->efficiency_residual[k];
}

// Adds the rows of a part to what is known of the run's size.
static void count_evaluations(run *r, const asc_rows *rows)
{
    for (size_t row = 0; row < rows->n_rows; row++)
        r->known_evaluations += request_evaluations(&r->request, (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]));
    r->rows_known += rows->n_rows;
}

static asc_status write_part(run *r, const part_header *header, const char *path, const explained *results)
{
    part_writer *writer = NULL;
    TRY(part_create(header, &writer, r->err));
    for (size_t row = 0; row < results->n_rows; row++) {
        const asc_status status = part_append(writer, &results->rows[row], r->err);
        if (status != ASC_OK) {
            part_abort(writer);
            return status;
        }
    }
    return part_commit(writer, path, r->err);
}

static asc_status compute_part(run *r, const asc_rows *rows, const part_header *header, const char *path)
{
    explained *results = NULL;
    TRY(engine_explain(r->engine, rows, &results, r->err));
    const asc_status status = write_part(r, header, path, results);
    for (size_t row = 0; status == ASC_OK && row < results->n_rows; row++)
        count_row(r, &results->rows[row], rows, row);
    explained_free(results);
    return status;
}

asc_status run_find_part(const run *r, const part_header *header, const char *path, part_reader **found)
{
    *found = NULL;
    const asc_status status = part_open(path, header, found, r->err);
    if (status == ASC_DIFFERENT_RUN && !r->job->options.force)
        return fail_hint(r->err, status, "finish that run, remove %s, or add --force to start over", r->parts_folder);
    if (status != ASC_OK)
        return ASC_OK;
    const part_header *there = part_reader_header(*found);
    if (there->first_position == header->first_position && there->n_rows == header->n_rows && !r->job->options.force)
        return ASC_OK;
    part_close(*found);
    *found = NULL;
    return ASC_OK;
}

// Takes over a finished part of the same run; *reused = false when there is none. Another run's part is never overwritten unless forced.
static asc_status reuse_part(run *r, const asc_rows *rows, const part_header *header, const char *path, bool *reused)
{
    part_reader *reader = NULL;
    TRY(run_find_part(r, header, path, &reader));
    *reused = reader != NULL;
    for (size_t row = 0; *reused && row < rows->n_rows; row++) {
        const part_row done = part_read(reader, row);
        r->reused_evaluations += (uint64_t)done.evaluations;
        count_row(r, &done, rows, row);
    }
    part_close(reader);
    return ASC_OK;
}

part_header run_part_header(const run *r, int64_t index)
{
    const int64_t first = r->first_position + index * r->rows_per_part;
    const int64_t left = r->first_position + r->n_rows - first;
    part_header header = {
        .index = index,
        .first_position = first,
        .n_rows = left < r->rows_per_part ? left : r->rows_per_part,
        .n_targets = (uint32_t)r->request.n_targets,
        .n_classes = (uint32_t)r->model->n_classes,
        .n_fit = (uint32_t)r->request.method->n_fit,
    };
    memcpy(header.manifest_hash, r->manifest_hash, sizeof header.manifest_hash);
    return header;
}

static asc_status explain_part(run *r, int64_t index)
{
    const part_header header = run_part_header(r, index);
    const int64_t first = header.first_position;
    asc_rows *rows = NULL;
    char *path = NULL;
    bool reused = false;
    asc_status status = asc_dataset_read(r->dataset, (size_t)first, (size_t)header.n_rows, &rows, r->err);
    if (status == ASC_OK)
        count_evaluations(r, rows);
    if (status == ASC_OK)
        status = merge_part_path(r->parts_folder, index, &path, r->err);
    if (status == ASC_OK)
        status = reuse_part(r, rows, &header, path, &reused);
    if (status == ASC_OK && !reused)
        status = compute_part(r, rows, &header, path);
    r->rows_done += (size_t)header.n_rows;
    free(path);
    asc_rows_free(rows);
    return status;
}

static asc_status explain_rows(run *r)
{
    TRY(run_take_parts(r));
    engine_set_tick(r->engine, tick, r);
    report(r, "explaining");
    for (int64_t index = 0; index < r->n_parts; index++) {
        TRY(explain_part(r, index));
        report(r, "explaining");
    }
    const engine_work work = engine_work_done(r->engine);
    r->summary->evaluations = work.evaluations;
    r->summary->tokens = work.tokens;
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
    report(r, "merging");
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
        status = explain_rows(&r);
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
