// asc_explain_estimate: the run's own preparations without the run. Every row is read and scheduled as asc_explain would, which makes
// the counts exact; only the speed is measured, on real steps of a few stretches of the dataset.
//
// Operations are counted as model/cost.h says, for what is executed.
#include <ascribe/explain.h>

#include "base/child.h"
#include "base/clock.h"
#include "explain/request_backend.h"
#include "explain/supervisor.h"
#include "explain/run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Rows are timed in a few stretches spread over the selection.
enum { N_STRETCHES = 4, MOST_STRETCH_ROWS = 16 };
#define CALIBRATION_SECONDS 2.5

typedef struct estimate {
    run r;
    asc_explain_summary summary;
    asc_explain_cost *cost;
    engine_load load;      // of the rows that are left
    uint64_t text_bytes, n_spans;
    double preparing_s;    // reading and designs, which the run spends as well
    engine_timing timing;
    engine_memory memory;  // planned on a GPU, else zeros
} estimate;

// ---- Memory of a GPU ---------------------------------------------------------------------------------------------

// Explains everything on an engine that counts memory and computes nothing.
static asc_status plan_parts(run *r)
{
    for (size_t index = r->first_part; index < r->end_part; index++) {
        const part_header header = run_part_header(r, index);
        asc_rows *rows = NULL;
        explained *nothing = NULL;
        TRY(asc_dataset_read(r->dataset, (size_t)header.first_position, (size_t)header.n_rows, &rows, r->err));
        const asc_status status = engine_explain(r->engine, rows, &nothing, r->err);
        explained_free(nothing);
        asc_rows_free(rows);
        TRY(status);
    }
    return ASC_OK;
}

static void tell_memory(const asc_log *log, const engine_memory *m)
{
    char message[240];
    const double mib = 1 << 20;
    snprintf(message, sizeof message, "planned on the GPU: %.1f MiB weights, %.1f MiB workers, %.1f MiB batches, steps of %zu tokens; %.0f of %.0f MiB are free",
             (double)m->weights / mib, (double)m->workers / mib, (double)m->batches / mib, m->step_tokens, (double)m->free / mib,
             (double)m->total / mib);
    if (log->write)
        log->write(log->user, ASC_LOG_INFO, message);
}

// Before anything is allocated there.
static asc_status plan_memory(estimate *e)
{
    const asc_explain_job *job = e->r.job;
    asc_explain_summary summary = {.backend = ""};
    explain_request request = {.device = 0};
    run planned = {.job = job, .summary = &summary, .folder = {.descriptor = -1, .lock = -1}, .planning = true, .err = e->r.err};
    TRY(asc_explain_options_check(&job->options, e->r.err));
    TRY(request_backend_resolve(&job->options, NULL, &request, e->r.err));
    if (request.backend != ASC_BACKEND_CUDA)
        return ASC_OK;
    asc_status status = run_open(&planned);
    if (status == ASC_OK)
        status = run_settle(&planned, false);
    if (status == ASC_OK)
        status = plan_parts(&planned);
    if (status == ASC_OK) {
        e->memory = engine_memory_used(planned.engine);
        tell_memory(&job->log, &e->memory);
    }
    run_close(&planned);
    return status;
}

// ---- Counts ------------------------------------------------------------------------------------------------------

static void count_rows(estimate *e, const asc_rows *rows, const part_header *header)
{
    const size_t n = rows->n_rows;
    e->cost->n_rows += n;
    e->cost->n_features += (uint64_t)rows->feature_offsets[n];
    e->cost->parts_bytes += part_bytes(header, (uint64_t)rows->feature_offsets[n]);
    e->n_spans += (uint64_t)rows->span_offsets[n];
    e->text_bytes += (uint64_t)rows->text_offsets[n];
}

static asc_status find_finished(estimate *e, const part_header *header, bool *finished)
{
    part_reader *found = NULL;
    char *path = NULL;
    *finished = false;
    if (!e->r.folder.path || e->r.job->options.force)
        return ASC_OK;
    TRY(run_part_path(&e->r, (size_t)header->index, &path, e->r.err));
    const part_search search = {header, path, false};
    const asc_status status = run_find_part(&e->r, &search, &found);
    *finished = found != NULL;
    part_close(found);
    free(path);
    return status;
}

static asc_status measure_part(estimate *e, size_t index)
{
    const part_header header = run_part_header(&e->r, index);
    asc_rows *rows = NULL;
    bool finished = false;
    TRY(find_finished(e, &header, &finished));
    TRY(asc_dataset_read(e->r.dataset, (size_t)header.first_position, (size_t)header.n_rows, &rows, e->r.err));
    count_rows(e, rows, &header);
    const asc_status status = finished ? ASC_OK : engine_measure(e->r.engine, rows, &e->load, e->r.err);
    e->cost->n_rows_done += finished ? rows->n_rows : 0;
    asc_rows_free(rows);
    return status;
}

static asc_status measure_rows(estimate *e)
{
    const double start_s = clock_seconds();
    for (size_t index = e->r.first_part; index < e->r.end_part; index++)
        TRY(measure_part(e, index));
    e->preparing_s = clock_seconds() - start_s;
    return ASC_OK;
}

static asc_status time_stretch(estimate *e, int64_t stretch, double deadline_s)
{
    const run *r = &e->r;
    const int64_t size = (r->share_rows + N_STRETCHES - 1) / N_STRETCHES;
    const int64_t first = stretch * size, left = r->share_rows - first < size ? r->share_rows - first : size;
    asc_rows *rows = NULL;
    if (left <= 0)
        return ASC_OK;
    TRY(asc_dataset_read(r->dataset, (size_t)(r->share_first + first), (size_t)(left < MOST_STRETCH_ROWS ? left : MOST_STRETCH_ROWS),
                         &rows, r->err));
    const asc_status status = engine_calibrate(r->engine, rows, deadline_s, &e->timing, r->err);
    asc_rows_free(rows);
    return status;
}

// Time that a short stretch leaves goes to the next ones.
static asc_status time_steps(estimate *e)
{
    const double end_s = clock_seconds() + CALIBRATION_SECONDS;
    for (int64_t stretch = 0; stretch < N_STRETCHES; stretch++) {
        const double now_s = clock_seconds();
        TRY(time_stretch(e, stretch, now_s + (end_s - now_s) / (double)(N_STRETCHES - stretch)));
    }
    return ASC_OK;
}

// Bytes of the result's arrays before compression: see the account of the file in the README.
static uint64_t count_output(const estimate *e)
{
    const run *r = &e->r;
    const uint64_t n_targets = r->request.n_targets, n_classes = r->model->n_classes;
    const uint64_t numbers = 3 * 8 + 4, offsets = 2 * 8, span = 3 * 4;
    uint64_t row = numbers + offsets + 16 * n_targets + 4 * n_classes;
    uint64_t bytes = e->cost->n_features * 8 * n_targets + e->n_spans * span;
    if (r->job->options.keep_text) {
        row += 8 + 4; // the text's offset, the label
        bytes += e->text_bytes;
    }
    return bytes + e->cost->n_rows * row;
}

// Of the weights as they were read, in the type of the first matrix, and as the backend keeps them. Norms and biases are counted as maps are.
static uint64_t count_weights(const run *r)
{
    const asc_model_info *model = asc_model_describe(r->model);
    const model_config *config = &r->model->config;
    const size_t stored = strcmp(model->weights_dtype, "F32") == 0 ? sizeof(float) : sizeof(float) / 2;
    const uint64_t n_tables = (uint64_t)(config->n_vocabulary + config->n_positions + config->n_types) * config->n_embedding;
    return model->n_parameters * stored + n_tables * request_real_bytes(&r->request) +
           (model->n_parameters - n_tables) * request_map_bytes(&r->request);
}

static void conclude(estimate *e)
{
    const run *r = &e->r;
    asc_explain_cost *cost = e->cost;
    cost->evaluations = e->load.evaluations;
    cost->tokens = e->load.plain.tokens + e->load.packed.tokens;
    cost->flops = engine_flops(r->engine, &e->load);
    cost->n_workers = r->n_workers;
    cost->weight_bytes = count_weights(r);
    cost->worker_bytes = engine_worker_bytes(r->engine, request_real_bytes(&r->request));
    cost->batch_bytes = e->load.batch_bytes;
    if (e->memory.total > 0) {
        cost->weight_bytes = e->memory.weights;
        cost->worker_bytes = e->memory.workers;
        cost->batch_bytes = e->memory.batches;
        cost->device_free_bytes = e->memory.free;
        cost->device_bytes = e->memory.total;
        cost->step_tokens = e->memory.step_tokens;
    }
    cost->n_parts = r->end_part - r->first_part;
    cost->rows_per_part = division_largest(&r->division);
    cost->output_bytes = count_output(e);
    cost->backend = e->summary.backend;
    cost->calibration_s = e->timing.busy_s;
    cost->elapsed_s = e->preparing_s;
    if (e->timing.busy_s > 0) {
        cost->flops_per_s = engine_flops(r->engine, &e->timing.load) / e->timing.busy_s * (double)r->n_workers;
        cost->elapsed_s += cost->flops / cost->flops_per_s;
    }
}

static asc_status estimate_here(const asc_explain_job *job, asc_explain_cost *cost, asc_error *err)
{
    asc_error own = {.status = ASC_OK};
    estimate e = {.cost = cost, .summary = {.backend = ""}};
    *cost = (asc_explain_cost){.backend = ""};
    e.r = (run){.job = job, .summary = &e.summary, .folder = {.descriptor = -1, .lock = -1}, .err = err ? err : &own};
    asc_status status = plan_memory(&e);
    if (status == ASC_OK)
        status = run_open(&e.r);
    if (status == ASC_OK && job->out_path)
        status = run_check_output(&e.r);
    cost->already_complete = e.summary.already_complete;
    if (status == ASC_OK && !cost->already_complete)
        status = run_settle(&e.r, false);
    if (status == ASC_OK && !cost->already_complete) {
        status = measure_rows(&e);
        if (status == ASC_OK && e.load.packed.tokens > 0)
            status = time_steps(&e);
        if (status == ASC_OK)
            conclude(&e);
    }
    run_close(&e.r);
    return status;
}

// ---- For several processes ---------------------------------------------------------------------------------------

typedef struct estimate_call {
    asc_explain_job job; // of a run in one process
    bool all;            // the GPUs are to be counted
    struct {
        asc_explain_cost cost;
        size_t n_devices;
    } answer;
} estimate_call;

static asc_status estimate_in_child(void *context, asc_error *err)
{
    estimate_call *call = context;
    if (call->all)
        TRY(backend_list_cuda(NULL, NULL, 0, &call->answer.n_devices, err));
    return estimate_here(&call->job, &call->answer.cost, err);
}

// By one worker, in a child: a process that has looked at a GPU cannot fork the run's workers.
static asc_status estimate_workers(const asc_explain_job *job, asc_explain_cost *cost, asc_error *err)
{
    int devices[MOST_DEVICES] = {0};
    estimate_call call = {.answer.n_devices = 1}; // processes on the processor share the cores that one has
    if (job->options.devices)
        TRY(request_parse_devices(job->options.devices, devices, &call.answer.n_devices, err));
    call.all = job->options.devices && strcmp(job->options.devices, "all") == 0;
    call.job = supervisor_worker_job(job, job->options.devices ? devices[0] : -1);
    const child_job child = {
        .step = estimate_in_child,
        .context = &call,
        .answer = &call.answer,
        .answer_size = sizeof call.answer,
        .writes = true,
        .stop = {job->should_stop, job->stop_user},
        .dead = "the process that times the run",
        .dead_status = ASC_INTERNAL,
    };
    TRY(child_run(&child, err));
    const double n = (double)call.answer.n_devices;
    *cost = call.answer.cost;
    cost->n_workers *= call.answer.n_devices;
    if (cost->flops_per_s > 0)
        cost->elapsed_s -= (1 - 1 / n) * cost->flops / cost->flops_per_s;
    cost->flops_per_s *= n;
    return ASC_OK;
}

asc_status asc_explain_estimate(const asc_explain_job *job, asc_explain_cost *cost, asc_error *err)
{
    if (!supervisor_is_wanted(&job->options))
        return estimate_here(job, cost, err);
    TRY(asc_explain_options_check(&job->options, err));
    return estimate_workers(job, cost, err);
}
