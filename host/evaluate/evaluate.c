// asc_evaluate: opens the result with its own model and dataset, evaluates slices of rows, sums up and writes.
#include <ascribe/evaluate.h>

#include "base/clock.h"
#include "evaluate/evaluation_file.h"
#include "evaluate/row_work.h"
#include "explain/manifest.h"
#include "io/dataset_read.h"
#include "io/result_read.h"

#include <jansson.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 256 };

typedef struct evaluation {
    const asc_evaluate_job *job;
    asc_evaluation_summary *summary;
    asc_error *err;
    asc_result *result;
    asc_model *model;
    asc_dataset *dataset;
    explain_request request;
    engine *engine;
    json_t *manifest;          // the result's
    char *policy;              // of it
    int64_t first, n_rows;     // of the result
    int64_t first_position;    // in the dataset, of the result's first row
    size_t rows_done;
    double mean_share;         // of rationales, see row_work.h
    row_scores *scores;        // [n_rows], of which summary->n_evaluated are filled in
    double start_s;
} evaluation;

// ---- Opening -----------------------------------------------------------------------------------------------------

static asc_status check_job(const asc_evaluate_job *job, asc_error *err)
{
    const char *const missing = !job->result_path    ? "result_path"
                                : !job->model_path   ? "model_path"
                                : !job->dataset_path ? "dataset_path"
                                                     : NULL;
    if (missing)
        return fail(err, ASC_USAGE, "%s is NULL, expected a text", missing);
    if (job->n_orders < 1 || job->n_orders > ASC_EVALUATION_MOST_ORDERS)
        return fail(err, ASC_USAGE, "--orders is %zu, expected 1 to %d", job->n_orders, ASC_EVALUATION_MOST_ORDERS);
    if (!job->out_path)
        return ASC_OK;
    return evaluation_file_check(&(evaluation_file){.path = job->out_path, .force = job->force}, err);
}

static asc_status open_result(evaluation *e, const stop_check *stop)
{
    TRY(result_open(e->job->result_path, stop, &e->result, e->err));
    const asc_result_info *info = asc_result_describe(e->result);
    if (e->job->options.first_row >= (int64_t)info->n_rows)
        return fail(e->err, ASC_USAGE, "--rows begins at row %" PRId64 ", %s has rows 0..%zu", e->job->options.first_row, e->job->result_path,
                    info->n_rows - 1);
    TRY(request_select_rows(&e->job->options, (int64_t)info->n_rows, &e->first, &e->n_rows, e->err));
    TRY(asc_result_check(e->result, (size_t)e->first, (size_t)e->n_rows, e->err));
    e->manifest = json_loads(info->manifest, JSON_REJECT_DUPLICATES, NULL);
    const json_t *dataset = json_object_get(e->manifest, "dataset"), *first = json_object_get(dataset, "first_row");
    const char *policy = json_string_value(json_object_get(e->manifest, "policy"));
    if (!policy || !json_is_integer(first) || json_integer_value(first) < 0)
        return fail(e->err, ASC_MALFORMED, "%s: expected a manifest with 'policy' and 'dataset.first_row'", e->job->result_path);
    e->first_position = (int64_t)json_integer_value(first);
    e->policy = strdup(policy);
    return e->policy ? ASC_OK : fail_memory(e->err, "a word", strlen(policy) + 1);
}

// What of a manifest says which model and which data.
static char *identity_text(json_t *weights, json_t *config, json_t *data)
{
    json_t *object = json_pack("{s:{s:o*, s:o*}, s:{s:o*}}", "model", "weights_sha256", weights, "config_sha256", config, "dataset", "sha256", data);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

static json_t *member(const evaluation *e, const char *outer, const char *name)
{
    return json_incref(json_object_get(json_object_get(e->manifest, outer), name));
}

static asc_status check_identity(const evaluation *e)
{
    const asc_model_info *model = asc_model_describe(e->model);
    uint8_t digest[HASH_BYTES];
    char dataset_sha256[HASH_HEX_SIZE], differences[800];
    TRY(dataset_hash(e->dataset, digest, e->err));
    hash_hex(digest, dataset_sha256);
    char *there = identity_text(member(e, "model", "weights_sha256"), member(e, "model", "config_sha256"), member(e, "dataset", "sha256"));
    char *asked = identity_text(json_string(model->weights_sha256), json_string(model->config_sha256), json_string(dataset_sha256));
    asc_status status = there && asked ? ASC_OK : fail_memory(e->err, "the manifest", sizeof differences);
    if (status == ASC_OK) {
        const manifest_pair pair = {.whose = "the result", .there = there, .asked = asked};
        if (manifest_differences(&pair, differences, sizeof differences) > 0) {
            (void)fail(e->err, ASC_DIFFERENT_RUN, "%s was made of something else: %s", e->job->result_path, differences);
            status = fail_hint(e->err, ASC_DIFFERENT_RUN, "give the model and the dataset that it was explained with (`ascribe inspect` names them)");
        }
    }
    free(asked);
    free(there);
    return status;
}

static asc_status resolve(evaluation *e)
{
    asc_explain_options options = e->job->options;
    const asc_explain_options defaults = asc_explain_options_default();
    options.method = defaults.method;
    options.estimator = defaults.estimator;
    options.budget = defaults.budget;
    options.policy = e->policy;
    options.output = "probability";
    options.target = "predicted";
    options.masks = options.export_masks = NULL;
    options.allow_tokenizer_mismatch = true; // model and dataset are those that were explained
    TRY(request_resolve(&options, e->model, asc_dataset_describe(e->dataset), NULL, &e->request, e->err));
    request_give(&e->request, plan_most_coalitions(e->job->n_orders + 1));
    return ASC_OK;
}

static asc_status open_engine(evaluation *e)
{
    const size_t longest = asc_dataset_describe(e->dataset)->max_row_tokens, n_max_tokens = e->model->config.n_max_tokens;
    const engine_config config = {
        .model = e->model,
        .request = &e->request,
        .n_workers = request_n_workers(&e->request, e->job->options.n_workers),
        .step_tokens = e->job->options.step_tokens,
        .max_row_tokens = longest < n_max_tokens ? longest : n_max_tokens,
        .log = e->job->log,
    };
    e->summary->backend = request_backend_name(&e->request);
    return engine_create(&config, &e->engine, e->err);
}

// ERASER takes as many features of a row as rationales take on average.
static asc_status measure_rationales(evaluation *e)
{
    const asc_dataset_info *info = asc_dataset_describe(e->dataset);
    double sum = 0;
    size_t n_marked = 0;
    if (!info->has_rationales)
        return ASC_OK;
    TRY(asc_dataset_check(e->dataset, 0, info->n_rows, e->err));
    for (size_t first = 0; first < info->n_rows; first += ROWS_AT_ONCE) {
        asc_rows *rows = NULL;
        TRY(asc_dataset_read(e->dataset, first, info->n_rows - first < ROWS_AT_ONCE ? info->n_rows - first : ROWS_AT_ONCE, &rows, e->err));
        for (size_t row = 0; row < rows->n_rows; row++) {
            const size_t begin = (size_t)rows->feature_offsets[row], n = (size_t)rows->feature_offsets[row + 1] - begin;
            const size_t count = plausibility_count(rows->rationales + begin, n);
            sum += count ? (double)count / (double)n : 0;
            n_marked += count > 0;
        }
        asc_rows_free(rows);
    }
    e->mean_share = n_marked ? sum / (double)n_marked : 0;
    return ASC_OK;
}

static asc_status open_all(evaluation *e)
{
    const asc_evaluate_job *job = e->job;
    const stop_check stop = {job->should_stop, job->stop_user};
    TRY(check_job(job, e->err));
    TRY(open_result(e, &stop));
    TRY(model_open(job->model_path, &job->log, &stop, &e->model, e->err));
    TRY(dataset_open(job->dataset_path, &stop, &e->dataset, e->err));
    TRY(check_identity(e));
    TRY(resolve(e));
    TRY(asc_dataset_check(e->dataset, (size_t)(e->first_position + e->first), (size_t)e->n_rows, e->err));
    TRY(measure_rationales(e));
    e->scores = malloc((size_t)e->n_rows * sizeof *e->scores);
    if (!e->scores)
        return fail_memory(e->err, "the scores of all rows", (size_t)e->n_rows * sizeof *e->scores);
    return open_engine(e);
}

// ---- Working -----------------------------------------------------------------------------------------------------

static void report(void *context)
{
    const evaluation *e = context;
    const engine_work work = engine_work_done(e->engine);
    const double elapsed_s = clock_seconds() - e->start_s;
    const size_t n_rows = (size_t)e->n_rows;
    const asc_progress now = {
        .phase = "evaluating",
        .rows_done = e->rows_done,
        .n_rows = n_rows,
        .evaluations_done = work.evaluations,
        .tokens_done = work.tokens,
        .elapsed_s = elapsed_s,
        .remaining_s = e->rows_done ? elapsed_s * (double)(n_rows - e->rows_done) / (double)e->rows_done : -1,
    };
    if (e->job->progress)
        e->job->progress(e->job->progress_user, &now);
}

static asc_status check_rows(const evaluation *e, const asc_rows *rows, const asc_result_rows *found)
{
    for (size_t row = 0; row < rows->n_rows; row++) {
        const int64_t n_features = rows->feature_offsets[row + 1] - rows->feature_offsets[row];
        if (rows->id[row] != found->id[row] || n_features != found->feature_offsets[row + 1] - found->feature_offsets[row])
            return fail(e->err, ASC_MALFORMED, "%s: row %zu is not the dataset's row %" PRId64 " (id %" PRIu64 " with %" PRId64 " features)",
                        e->job->result_path, found->first + row, rows->first + (int64_t)row, rows->id[row], n_features);
    }
    return ASC_OK;
}

static asc_status evaluate_slice(evaluation *e, size_t first, size_t count)
{
    const row_work work = {e->engine, asc_result_describe(e->result), e->job->n_orders + 1, e->job->options.seed, e->mean_share};
    asc_rows *rows = NULL;
    asc_result_rows *found = NULL;
    asc_status status = asc_result_read(e->result, first, count, &found, e->err);
    if (status == ASC_OK)
        status = asc_dataset_read(e->dataset, (size_t)e->first_position + first, count, &rows, e->err);
    if (status == ASC_OK)
        status = check_rows(e, rows, found);
    if (status == ASC_OK)
        status = row_work_do(&work, rows, found, e->scores, e->summary, e->err);
    asc_rows_free(rows);
    asc_result_rows_free(found);
    return status;
}

static asc_status evaluate_rows(evaluation *e)
{
    const size_t n_rows = (size_t)e->n_rows;
    engine_set_tick(e->engine, report, e);
    e->summary->n_rows = n_rows;
    while (e->rows_done < n_rows) {
        const size_t left = n_rows - e->rows_done, count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        TRY(stop_poll(&e->request.stop, e->err));
        TRY(evaluate_slice(e, (size_t)e->first + e->rows_done, count));
        e->rows_done += count;
        report(e);
    }
    const engine_work work = engine_work_done(e->engine);
    e->summary->evaluations = work.evaluations;
    e->summary->tokens = work.tokens;
    scores_summarise(e->scores, e->summary->n_evaluated, e->summary);
    return ASC_OK;
}

// ---- Writing -----------------------------------------------------------------------------------------------------

static char *settings_text(const evaluation *e)
{
    json_t *fractions = json_array();
    const char *algorithms = engine_algorithms(e->engine);
    for (size_t bin = 0; bin < PLAN_N_BINS; bin++)
        json_array_append_new(fractions, json_real(plan_bins[bin] / 100.0));
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s*, s:s, s:I, s:I, s:o, s:s, s:I, s:s, s:s, s:s, s:f}", "result_digest", result_stored_digest(e->result), "backend",
        engine_backend(e->engine), "kernel_set", engine_kernel_set(e->engine), "gemm_algorithms", algorithms[0] ? algorithms : NULL, "precision", request_precision_name(&e->request), "seed",
        (json_int_t)e->job->options.seed, "random_orders", (json_int_t)e->job->n_orders, "aopc_thresholds", fractions, "rounding",
        "ceil(fraction n)", "curve_steps", (json_int_t)PLAN_MOST_STEPS, "value", "probability of the predicted class", "order",
        "descending attribution to the predicted class", "interval", "95 %, Student's t over rows", "rationale_share", e->mean_share);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    return text;
}

static void close_inputs(evaluation *e)
{
    engine_destroy(e->engine);
    e->engine = NULL;
    asc_dataset_close(e->dataset);
    e->dataset = NULL;
    asc_result_close(e->result);
    e->result = NULL;
}

// The writer is a fork: threads and open files go first.
static asc_status write_out(evaluation *e)
{
    if (!e->job->out_path)
        return ASC_OK;
    const asc_model_info *model = asc_model_describe(e->model);
    char *settings = settings_text(e), *manifest = strdup(asc_result_describe(e->result)->manifest);
    close_inputs(e);
    const evaluation_file file = {.path = e->job->out_path,
                                  .force = e->job->force,
                                  .stop = e->request.stop,
                                  .manifest = manifest,
                                  .settings = settings,
                                  .class_names = model->class_names,
                                  .n_classes = model->n_classes,
                                  .rows = e->scores,
                                  .n_rows = e->summary->n_evaluated,
                                  .summary = e->summary};
    const asc_status status = settings && manifest ? evaluation_file_write(&file, e->err) : fail_memory(e->err, "the settings", 1024);
    free(manifest);
    free(settings);
    return status;
}

asc_status asc_evaluate(const asc_evaluate_job *job, asc_evaluation_summary *summary, asc_error *err)
{
    asc_error own = {.status = ASC_OK};
    *summary = (asc_evaluation_summary){.backend = "", .n_orders = job->n_orders, .largest_difference = NAN};
    evaluation e = {.job = job, .summary = summary, .err = err ? err : &own};
    asc_status status = open_all(&e);
    e.start_s = clock_seconds();
    if (status == ASC_OK)
        status = evaluate_rows(&e);
    if (status == ASC_OK)
        status = write_out(&e);
    summary->elapsed_s = clock_seconds() - e.start_s;
    close_inputs(&e);
    request_free(&e.request);
    asc_model_close(e.model);
    json_decref(e.manifest);
    free(e.policy);
    free(e.scores);
    return status;
}
