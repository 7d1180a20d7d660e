// asc_bench_run: opens what explain would, chooses rows that fit the time, and passes them through the engine until it is over.
#include <ascribe/bench.h>
#include <ascribe/device.h>
#include <ascribe/result.h>

#include "base/clock.h"
#include "bench/bench_private.h"
#include "bench/peak.h"
#include "bench/shape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MOST_DEVICES = 64 };
enum { MOST_SHAPE_ROWS = 1 << 16 };
#define WARM_UP_SECONDS 0.5

void bench_say(const bench *b, const char *what, double about_s)
{
    char text[128];
    snprintf(text, sizeof text, "%s, about %.*f s", what, about_s < 10 ? 1 : 0, about_s);
    if (b->job->say)
        b->job->say(b->job->say_user, about_s > 0 ? text : what);
}

// ---- Opening -----------------------------------------------------------------------------------------------------

static asc_status fail_shape(const char *name, asc_error *err)
{
    char names[256] = "";
    size_t used = 0;
    for (const asc_bench_shape *shape = asc_bench_shapes(); shape->name && used < sizeof names; shape++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", shape->name);
    return fail(err, ASC_USAGE, "--shape '%s' is unknown, expected one of %s", name, names);
}

static asc_status check_shape(const asc_bench_job *job, asc_error *err)
{
    if (!shape_find(job->shape))
        return fail_shape(job->shape, err);
    if (job->length < 3 || job->length > SHAPE_LONGEST)
        return fail(err, ASC_USAGE, "--length is %zu, expected 3..%d tokens", job->length, SHAPE_LONGEST);
    if (job->n_features > job->length - 2)
        return fail(err, ASC_USAGE, "--features is %zu, expected at most %zu: the length without two fixed tokens", job->n_features,
                    job->length - 2);
    if (job->options.n_rows > MOST_SHAPE_ROWS)
        return fail(err, ASC_USAGE, "--rows is %lld, expected at most %d", (long long)job->options.n_rows, MOST_SHAPE_ROWS);
    if (strcmp(job->options.target, "label") == 0)
        return fail(err, ASC_USAGE, "--target label: the rows of a shape have no labels");
    return ASC_OK;
}

static asc_status check_job(const asc_bench_job *job, asc_error *err)
{
    if (job->shape ? job->model_path || job->dataset_path : !job->model_path || !job->dataset_path)
        return fail(err, ASC_USAGE, "expected a model and a dataset, or a shape");
    if (!(job->seconds > 0) || isinf(job->seconds))
        return fail(err, ASC_USAGE, "--seconds is %g, expected a number greater than 0", job->seconds);
    TRY(asc_explain_options_check(&job->options, err));
    if (job->options.n_rows == 0)
        return fail(err, ASC_USAGE, "no rows are to be measured, expected at least 1");
    return job->shape ? check_shape(job, err) : ASC_OK;
}

// Forks to try the dataset: before any thread starts.
static asc_status open_dataset(bench *b)
{
    const asc_explain_options *o = &b->options;
    TRY(asc_dataset_open(b->job->dataset_path, &b->dataset, b->err));
    b->data = *asc_dataset_describe(b->dataset);
    if ((uint64_t)o->first_row >= b->data.n_rows)
        return fail(b->err, ASC_USAGE, "the selection begins at row %lld, the dataset has %zu rows", (long long)o->first_row, b->data.n_rows);
    const size_t available = b->data.n_rows - (size_t)o->first_row;
    return asc_dataset_check(b->dataset, (size_t)o->first_row,
                             o->n_rows < 0 || (size_t)o->n_rows > available ? available : (size_t)o->n_rows, b->err);
}

asc_status bench_resolve(const bench *b, const asc_explain_options *options, explain_request *out)
{
    return request_resolve(options, b->model, &b->data, NULL, out, b->err);
}

static asc_status open_inputs(bench *b)
{
    const asc_bench_job *job = b->job;
    bench_say(b, job->shape ? "generating the model" : "reading the model", 0);
    if (job->shape) {
        TRY(shape_model(shape_find(job->shape), &b->model, b->err));
        b->data = shape_dataset();
    } else {
        TRY(asc_model_open(job->model_path, &job->log, &b->model, b->err));
        TRY(open_dataset(b));
    }
    return request_resolve(&b->options, b->model, &b->data, &job->log, &b->request, b->err);
}

static void describe(const bench *b)
{
    const asc_model_info *model = asc_model_describe(b->model);
    asc_bench_report *report = b->report;
    asc_device_info devices[MOST_DEVICES];
    size_t n_devices = 0;
    snprintf(report->model, sizeof report->model, "%s", model->path);
    snprintf(report->architecture, sizeof report->architecture, "%s", model->architecture);
    report->n_layers = model->n_layers;
    report->n_hidden = model->n_hidden;
    report->n_heads = model->n_heads;
    report->n_ffn = model->n_ffn;
    report->n_parameters = model->n_parameters;
    report->n_workers = b->n_workers;
    report->precision = request_precision_name(&b->request);
    report->backend = request_backend_name(&b->request);
    if (asc_device_list(devices, MOST_DEVICES, &n_devices, NULL) != ASC_OK)
        return;
    for (size_t i = 0; i < n_devices && i < MOST_DEVICES; i++)
        if (strcmp(devices[i].backend, report->backend) == 0 && devices[i].number == b->request.device)
            snprintf(report->device, sizeof report->device, "%s", devices[i].name);
}

static asc_status measure_peak(bench *b)
{
    double flops_per_s = 0;
    bench_say(b, "measuring matrix multiplication", 0);
    TRY(peak_measure(&b->request, b->n_workers, &flops_per_s, b->err));
    if (b->gemm_flops_per_s == 0)
        b->gemm_flops_per_s = flops_per_s;
    if (flops_per_s > b->report->gemm_flops_per_s)
        b->report->gemm_flops_per_s = flops_per_s;
    return ASC_OK;
}

// ---- Passes ------------------------------------------------------------------------------------------------------

asc_status bench_open_engine(const bench *b, const explain_request *request, engine **out)
{
    const size_t n_max_tokens = b->model->config.n_max_tokens, longest = b->report->n_longest;
    const engine_config config = {
        .model = b->model,
        .request = request,
        .n_workers = b->n_workers,
        .step_tokens = b->options.step_tokens,
        .max_row_tokens = longest < n_max_tokens ? longest : n_max_tokens,
    };
    TRY(engine_create(&config, out, b->err));
    const asc_status status = engine_propose(*out, b->err);
    if (status == ASC_OK)
        return ASC_OK;
    engine_destroy(*out);
    *out = NULL;
    return status;
}

asc_status bench_warm_up(const bench *b, engine *e)
{
    engine_timing timing = {0};
    const double allowed_s = b->job->seconds / 4 < WARM_UP_SECONDS ? b->job->seconds / 4 : WARM_UP_SECONDS;
    return engine_calibrate(e, b->slices[0], clock_seconds() + allowed_s, &timing, b->err);
}

asc_status bench_count(const bench *b, engine *e, asc_bench_work *work)
{
    engine_load load = {0};
    for (size_t i = 0; i < b->n_slices; i++)
        TRY(engine_measure(e, b->slices[i], &load, b->err));
    *work = (asc_bench_work){
        .coalitions = load.evaluations,
        .sequences = load.plain.sequences + load.packed.sequences,
        .tokens = load.plain.tokens + load.packed.tokens,
        .flops = engine_flops(e, &load),
    };
    return ASC_OK;
}

asc_status bench_pass(const bench *b, engine *e, asc_bench_passes *passes, const bench_observer *observer)
{
    double seconds = 0;
    for (size_t i = 0; i < b->n_slices; i++) {
        explained *results = NULL;
        const double start_s = clock_seconds();
        TRY(engine_explain(e, b->slices[i], &results, b->err));
        seconds += clock_seconds() - start_s;
        if (observer)
            observer->see(observer->user, b->slices[i], results);
        explained_free(results);
    }
    if (passes->count == 0 || seconds < passes->best_s)
        passes->best_s = seconds;
    passes->seconds[passes->count++] = seconds;
    return ASC_OK;
}

// Sequences that a row takes when nothing is saved: a row that has scores, but no attributions, was only evaluated whole.
static uint64_t count_sequences(const part_row *row)
{
    if (!(row->status & ASC_ROW_UNEXPLAINED))
        return (uint64_t)row->evaluations + 3; // with the anchors and the plain row
    return isnan(row->scores[0]) ? 0u : 1u;
}

// What the same coalitions would cost at the full length of their rows.
static void count_dense(void *user, const asc_rows *rows, const explained *results)
{
    const bench *b = user;
    for (size_t row = 0; row < rows->n_rows; row++) {
        const uint64_t n_tokens = (uint64_t)(rows->token_offsets[row + 1] - rows->token_offsets[row]);
        const uint64_t n_sequences = count_sequences(&results->rows[row]);
        const forward_load full = {.sequences = n_sequences, .tokens = n_sequences * n_tokens,
                                   .squares = (double)n_sequences * (double)(n_tokens * n_tokens)};
        b->report->dense_flops += forward_flops(&b->model->config, 0, &full);
    }
}

// What the passes spent in the stages of the forward pass, of all that the workers had.
static asc_status share_stages(const bench *b, const engine *e)
{
    forward_profile profile;
    TRY(engine_profile(e, &profile, b->err));
    const asc_bench_passes *passes = &b->report->passes;
    double worker_s = 0;
    for (size_t i = 0; i < passes->count; i++)
        worker_s += passes->seconds[i] * (double)b->n_workers;
    b->report->n_stages = N_FORWARD_STAGES;
    for (size_t stage = 0; stage < N_FORWARD_STAGES; stage++)
        b->report->stages[stage] = (asc_bench_stage){forward_stage_names[stage], profile.seconds[stage] / worker_s};
    return ASC_OK;
}

static asc_status run_passes(bench *b, engine *e)
{
    asc_bench_passes *passes = &b->report->passes;
    const bench_observer dense = {count_dense, b};
    double spent_s = 0;
    const double start_s = clock_seconds();
    TRY(bench_count(b, e, &passes->work));
    b->report->designs_s = clock_seconds() - start_s;
    if (passes->work.tokens == 0)
        return fail(b->err, ASC_USAGE, "none of the %zu rows can be explained, so there is nothing to measure", b->report->n_rows);
    TRY(bench_warm_up(b, e));
    TRY(engine_profile_start(e, b->err));
    do {
        TRY(bench_pass(b, e, passes, passes->count == 0 ? &dense : NULL));
        spent_s += passes->seconds[passes->count - 1];
    } while (spent_s < b->job->seconds && passes->count < ASC_BENCH_MOST_PASSES);
    return share_stages(b, e);
}

static asc_status measure(bench *b)
{
    engine *e = NULL;
    TRY(measure_peak(b));
    TRY(bench_choose_rows(b));
    bench_say(b, "loading the weights", 0);
    TRY(bench_open_engine(b, &b->request, &e));
    snprintf(b->report->kernel_set, sizeof b->report->kernel_set, "%s", engine_kernel_set(e));
    snprintf(b->report->gemm_algorithms, sizeof b->report->gemm_algorithms, "%s", engine_algorithms(e));
    bench_say(b, "measuring", b->expected_s > b->job->seconds ? b->expected_s : b->job->seconds);
    const asc_status status = run_passes(b, e);
    engine_destroy(e);
    if (status == ASC_OK && b->job->savings)
        TRY(bench_savings(b));
    if (status == ASC_OK && b->job->precision_check)
        TRY(bench_precision(b));
    return status == ASC_OK ? measure_peak(b) : status;
}

static void close_all(bench *b)
{
    for (size_t i = 0; i < b->n_slices; i++)
        asc_rows_free(b->slices[i]);
    free(b->slices);
    request_free(&b->request);
    asc_dataset_close(b->dataset);
    asc_model_close(b->model);
}

asc_status asc_bench_run(const asc_bench_job *job, asc_bench_report *report, asc_error *err)
{
    bench b = {.job = job, .report = report, .options = job->options, .err = err};
    struct rusage used;
    *report = (asc_bench_report){.backend = "", .precision = ""};
    snprintf(report->budget, sizeof report->budget, "%s", job->options.budget ? job->options.budget : "");
    TRY(check_job(job, err));
    asc_status status = open_inputs(&b);
    if (status == ASC_OK) {
        b.n_workers = request_n_workers(&b.request, job->options.n_workers);
        describe(&b);
        status = measure(&b);
    }
    close_all(&b);
    if (getrusage(RUSAGE_SELF, &used) == 0)
        report->peak_memory_bytes = (uint64_t)used.ru_maxrss << 10;
    return status;
}
