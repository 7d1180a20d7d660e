// Plans: made once, read by every task; see ascribe/plan.h.
#include "explain/plan_private.h"

#include <ascribe/model.h>

#include "base/durable.h"
#include "base/file.h"
#include "explain/manifest.h"
#include "explain/mask_import.h"
#include "explain/request_backend.h"
#include "explain/run_output.h"
#include "io/dataset_read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const record_kind kind = {"a plan", "plan_version", 1};

// ---- Making ------------------------------------------------------------------------------------------------------

typedef struct plan_maker {
    const asc_explain_job *job;
    asc_explain_options options; // of the job, with absolute paths
    char *model_path, *dataset_path, *out_path, *masks_path;
    asc_model *model;
    asc_dataset *dataset;
    explain_request request;
    int64_t first_position, n_rows;
    char *configuration;
    division division;
    division_cost cost;
} plan_maker;

static asc_status make_absolute(const char *path, char **out, asc_error *err)
{
    TRY(file_absolute(path, out, err));
    json_t *text = json_string(*out);
    json_decref(text);
    return text ? ASC_OK : fail(err, ASC_USAGE, "%s: a plan holds paths as UTF-8 only", path);
}

static asc_status check_job(const asc_explain_job *job, size_t n_tasks, asc_error *err)
{
    const char *const missing = !job->model_path ? "model_path" : !job->dataset_path ? "dataset_path" : !job->out_path ? "out_path" : NULL;
    if (missing)
        return fail(err, ASC_USAGE, "%s is NULL, expected a text", missing);
    if (n_tasks < 1 || n_tasks > MOST_TASKS)
        return fail(err, ASC_USAGE, "--tasks is %zu, expected 1 to %d", n_tasks, MOST_TASKS);
    if (job->options.export_masks)
        return fail(err, ASC_USAGE, "--export-masks does not go with a plan: it takes one run");
    return ASC_OK;
}

static asc_status resolve_paths(plan_maker *m, asc_error *err)
{
    const asc_explain_job *job = m->job;
    m->options = job->options;
    TRY(make_absolute(job->model_path, &m->model_path, err));
    TRY(make_absolute(job->dataset_path, &m->dataset_path, err));
    TRY(make_absolute(job->out_path, &m->out_path, err));
    if (!job->options.masks)
        return ASC_OK;
    TRY(make_absolute(job->options.masks, &m->masks_path, err));
    m->options.masks = m->masks_path;
    return ASC_OK;
}

static asc_status select_rows(plan_maker *m, asc_error *err)
{
    const int64_t n_rows = (int64_t)asc_dataset_describe(m->dataset)->n_rows;
    return request_select_rows(&m->options, n_rows, &m->first_position, &m->n_rows, err);
}

static void warn_open_backend(const plan_maker *m)
{
    const asc_log *log = &m->job->log;
    if (log->write && strcmp(m->options.backend, "auto") == 0 && m->request.backend != ASC_BACKEND_CUDA)
        log->write(log->user, ASC_LOG_INFO, "parts are sized for processors, as no GPU can be used here; --backend cuda sizes them for GPUs");
}

static asc_status open_inputs(plan_maker *m, asc_error *err)
{
    const asc_log *log = &m->job->log;
    const stop_check stop = {m->job->should_stop, m->job->stop_user};
    TRY(model_open(m->model_path, log, &stop, &m->model, err));
    TRY(dataset_open(m->dataset_path, &stop, &m->dataset, err));
    TRY(request_resolve_open(&m->options, m->model, asc_dataset_describe(m->dataset), log, &m->request, err));
    warn_open_backend(m);
    TRY(select_rows(m, err));
    TRY(asc_dataset_check(m->dataset, (size_t)m->first_position, (size_t)m->n_rows, err));
    return mask_import_check(&m->request, m->model, m->dataset, (size_t)m->first_position, (size_t)m->n_rows, err);
}

static asc_status configure(plan_maker *m, asc_error *err)
{
    uint8_t dataset_sha256[HASH_BYTES], hash[HASH_BYTES];
    TRY(dataset_hash(m->dataset, dataset_sha256, err));
    const manifest_facts facts = {
        .model = m->model,
        .request = &m->request,
        .dataset_sha256 = dataset_sha256,
        .first_position = m->first_position,
        .n_rows = m->n_rows,
    };
    return manifest_make(&facts, &m->configuration, hash, err);
}

static asc_status write_plan(const plan_maker *m, const char *path, asc_error *err)
{
    char *text = NULL;
    bool existed = false;
    json_t *object = json_pack("{s:o, s:o, s:s, s:s, s:s, s:I, s:I, s:f}", "options", plan_options_json(&m->options), "configuration",
                               json_loads(m->configuration, 0, NULL), "model_path", m->model_path, "dataset_path", m->dataset_path, "out_path",
                               m->out_path, "evaluations", (json_int_t)m->cost.evaluations, "tokens", (json_int_t)m->cost.tokens, "flops",
                               m->cost.flops);
    asc_status status = object ? record_set_division(object, &m->division, err)
                               : fail(err, ASC_USAGE, "the plan cannot be written: an option is no UTF-8, or there is not enough memory");
    if (status == ASC_OK)
        status = record_seal(object, &kind, &text, err);
    if (status == ASC_OK)
        status = m->job->options.force ? durable_write(path, text, strlen(text), err) : durable_write_new(path, text, strlen(text), &existed, err);
    if (existed) {
        (void)fail(err, ASC_CANNOT_CREATE, "%s exists", path);
        status = fail_hint(err, ASC_CANNOT_CREATE, "choose another name, or add --force to replace it");
    }
    free(text);
    json_decref(object);
    return status;
}

static void free_maker(plan_maker *m)
{
    division_free(&m->division);
    free(m->configuration);
    request_free(&m->request);
    asc_dataset_close(m->dataset);
    asc_model_close(m->model);
    free(m->masks_path);
    free(m->out_path);
    free(m->dataset_path);
    free(m->model_path);
}

// Neither an earlier plan nor an OUT that is there already shall be found out about only when the work is done.
static asc_status check_free(const plan_maker *m, const char *path, asc_error *err)
{
    struct stat facts;
    const char *const paths[] = {path, m->out_path};
    for (size_t i = 0; i < 2; i++) {
        if (m->job->options.force || lstat(paths[i], &facts) != 0)
            continue;
        (void)fail(err, ASC_CANNOT_CREATE, "%s exists", paths[i]);
        return fail_hint(err, ASC_CANNOT_CREATE, i ? "choose another --out" : "choose another name, or add --force to replace it");
    }
    return ASC_OK;
}

asc_status asc_plan_make(const asc_explain_job *job, size_t n_tasks, const char *path, asc_error *err)
{
    plan_maker m = {.job = job};
    TRY(check_job(job, n_tasks, err));
    asc_status status = resolve_paths(&m, err);
    if (status == ASC_OK)
        status = check_free(&m, path, err);
    if (status == ASC_OK)
        status = open_inputs(&m, err);
    if (status == ASC_OK)
        status = configure(&m, err);
    if (status == ASC_OK) {
        const division_plan plan = {&m.request, &m.model->config, m.dataset, m.first_position, m.n_rows, m.options.rows_per_part, n_tasks};
        status = division_make(&plan, &m.division, &m.cost, err);
    }
    if (status == ASC_OK)
        status = write_plan(&m, path, err);
    free_maker(&m);
    return status;
}

// ---- Reading -----------------------------------------------------------------------------------------------------

static asc_status read_info(const record_source *from, asc_plan *plan, asc_error *err)
{
    asc_plan_info *info = &plan->info;
    int64_t evaluations = 0, tokens = 0;
    const char *const *const paths[] = {&info->model_path, &info->dataset_path, &info->out_path};
    TRY(record_get_text(from, "model_path", false, &info->model_path, err));
    TRY(record_get_text(from, "dataset_path", false, &info->dataset_path, err));
    TRY(record_get_text(from, "out_path", false, &info->out_path, err));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if ((*paths[i])[0] != '/')
            return fail(err, ASC_MALFORMED, "%s: expected absolute paths, found '%.200s'", from->path, *paths[i]);
    TRY(record_get_integer(from, "evaluations", 0, INT64_MAX, &evaluations, err));
    TRY(record_get_integer(from, "tokens", 0, INT64_MAX, &tokens, err));
    info->evaluations = (uint64_t)evaluations;
    info->tokens = (uint64_t)tokens;
    info->flops = json_number_value(json_object_get(from->object, "flops"));
    info->n_parts = plan->division.n_parts;
    info->n_tasks = plan->division.n_tasks;
    info->n_rows = (size_t)(plan->division.starts[info->n_parts] - plan->division.starts[0]);
    return ASC_OK;
}

static asc_status read_plan(const record_source *from, asc_plan *plan, asc_error *err)
{
    record_source options, configuration;
    TRY(record_get_division(from, &plan->division, err));
    TRY(read_info(from, plan, err));
    TRY(record_get_object(from, "options", &options, err));
    TRY(plan_options_read(&options, &plan->options, err));
    TRY(record_get_object(from, "configuration", &configuration, err));
    plan->configuration = record_text(configuration.object);
    return plan->configuration ? ASC_OK : fail(err, ASC_OUT_OF_MEMORY, "not enough memory for a plan");
}

asc_status asc_plan_open(const char *path, asc_plan **out, asc_error *err)
{
    asc_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return fail_memory(err, "a plan", sizeof *plan);
    *out = NULL;
    asc_status status = record_read(path, &kind, &plan->json, err);
    if (status == ASC_OK) {
        const record_source from = {path, plan->json};
        status = read_plan(&from, plan, err);
        json_object_del(plan->json, "parts"); // the numbers are in the division by now
    }
    if (status == ASC_OK)
        *out = plan;
    else
        asc_plan_close(plan);
    return status;
}

void asc_plan_close(asc_plan *plan)
{
    if (!plan)
        return;
    free(plan->configuration);
    division_free(&plan->division);
    json_decref(plan->json);
    free(plan);
}

const asc_plan_info *asc_plan_describe(const asc_plan *plan)
{
    return &plan->info;
}

asc_status asc_plan_job(const asc_plan *plan, size_t task, asc_explain_job *job, asc_error *err)
{
    if (task >= plan->division.n_tasks)
        return fail(err, ASC_USAGE, "--task %zu: the plan has tasks 0 to %zu", task, plan->division.n_tasks - 1);
    *job = (asc_explain_job){
        .model_path = plan->info.model_path,
        .dataset_path = plan->info.dataset_path,
        .out_path = plan->info.out_path,
        .options = plan->options,
        .plan = plan,
        .task = task,
    };
    return ASC_OK;
}
