// asc_importance_make: opens model and dataset, chooses the groups, passes over the rows until the values are exact enough, estimates and writes.
#include <ascribe/importance.h>

#include "base/clock.h"
#include "explain/manifest.h"
#include "importance/importance_file.h"
#include "importance/row_game.h"
#include "importance/row_visit.h"
#include "io/column_file.h"
#include "io/dataset_read.h"

#include <jansson.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct asc_importance {
    asc_importance_info info;
    asc_group_importance *groups; // [info.n_groups]
    char *names;                  // back to back, each with a NUL
};

typedef struct making {
    const asc_importance_job *job;
    asc_importance_info *info;
    asc_error *err;
    asc_model *model;
    asc_dataset *dataset;
    explain_request request;
    label_source labels;
    loss_kind loss;
    grouping *groups;
    engine *engine;
    sage_sums sage;
    removal *removal;
    int64_t first, n_rows; // of the dataset
    size_t rows_done;      // of this pass
    bool has_rest;         // of a dry run: some word is in no group
    double start_s, pass_start_s;
    char dataset_sha256[HASH_HEX_SIZE];
} making;

asc_importance_job asc_importance_job_default(void)
{
    return (asc_importance_job){
        .min_rows = 5, .top = 100, .most_passes = 20, .convergence = 0.025, .options = asc_explain_options_default()};
}

// ---- Opening -----------------------------------------------------------------------------------------------------

static asc_status check_job(const asc_importance_job *job, asc_error *err)
{
    if (!job->model_path || !job->dataset_path)
        return fail(err, ASC_USAGE, "%s is NULL, expected a text", job->model_path ? "dataset_path" : "model_path");
    if (job->min_rows < 1)
        return fail(err, ASC_USAGE, "--min-rows is 0, expected at least 1");
    if (job->most_passes < 1 || job->most_passes > ROW_GAME_MOST_VISITS)
        return fail(err, ASC_USAGE, "--passes is %zu, expected 1 to %d", job->most_passes, ROW_GAME_MOST_VISITS);
    if (!(job->convergence > 0) || !isfinite(job->convergence))
        return fail(err, ASC_USAGE, "--convergence is %g, expected a finite number above 0", job->convergence);
    if (!job->out_path || job->dry_run)
        return ASC_OK;
    return column_file_check(&(column_file){.path = job->out_path, .force = job->force}, err);
}

static asc_status resolve(making *m)
{
    const asc_explain_options defaults = asc_explain_options_default();
    asc_explain_options options = m->job->options;
    options.method = defaults.method;
    options.estimator = defaults.estimator;
    options.budget = defaults.budget;
    options.output = "logit";
    options.target = "predicted";
    options.masks = options.export_masks = NULL;
    TRY(request_resolve(&options, m->model, asc_dataset_describe(m->dataset), NULL, &m->request, m->err));
    request_give_all(&m->request, m->model->n_classes, ROW_GAME_MOST_PER_PLAYER);
    return ASC_OK;
}

static asc_status open_inputs(making *m)
{
    const asc_importance_job *job = m->job;
    const stop_check stop = {job->should_stop, job->stop_user};
    const grouping_rule rule = {job->groups_path, job->fold_case, job->min_rows, job->top};
    uint8_t digest[HASH_BYTES];
    TRY(check_job(job, m->err));
    TRY(grouping_create(&rule, &m->groups, m->err)); // its file may be at fault: said before anything takes long
    TRY(model_open(job->model_path, &job->log, &stop, &m->model, m->err));
    TRY(dataset_open(job->dataset_path, &stop, &m->dataset, m->err));
    TRY(dataset_hash(m->dataset, digest, m->err));
    hash_hex(digest, m->dataset_sha256);
    TRY(resolve(m));
    m->labels = (label_source){&m->request, m->model, asc_dataset_describe(m->dataset), job->dataset_path};
    TRY(labels_choose_loss(&m->labels, &m->loss, m->err));
    m->info->loss = loss_names[m->loss];
    TRY(request_select_rows(&job->options, (int64_t)m->labels.data->n_rows, &m->first, &m->n_rows, m->err));
    m->info->n_rows = (size_t)m->n_rows;
    m->info->backend = request_backend_name(&m->request);
    return asc_dataset_check(m->dataset, (size_t)m->first, (size_t)m->n_rows, m->err);
}

static asc_status open_engine(making *m)
{
    const size_t longest = m->labels.data->max_row_tokens, n_max_tokens = m->model->config.n_max_tokens;
    const engine_config config = {
        .model = m->model,
        .request = &m->request,
        .n_workers = request_n_workers(&m->request, m->job->options.n_workers),
        .step_tokens = m->job->options.step_tokens,
        .max_row_tokens = longest < n_max_tokens ? longest : n_max_tokens,
        .log = m->job->log,
    };
    return engine_create(&config, &m->engine, m->err);
}

// ---- Passes ------------------------------------------------------------------------------------------------------

static void report(void *context)
{
    const making *m = context;
    const engine_work work = m->engine ? engine_work_done(m->engine) : (engine_work){0};
    const double now_s = clock_seconds();
    const size_t n_rows = (size_t)m->n_rows;
    const asc_progress now = {
        .phase = !m->engine ? "counting words" : m->sage.n_visits == 0 ? "first pass" : "another pass",
        .rows_done = m->rows_done,
        .n_rows = n_rows,
        .evaluations_done = work.evaluations,
        .tokens_done = work.tokens,
        .elapsed_s = now_s - m->start_s,
        .remaining_s = m->rows_done ? (now_s - m->pass_start_s) * (double)(n_rows - m->rows_done) / (double)m->rows_done : -1,
    };
    if (m->job->progress)
        m->job->progress(m->job->progress_user, &now);
}

typedef asc_status slice_task(making *m, const asc_rows *rows);

static asc_status each_slice(making *m, slice_task *task)
{
    const size_t at_once = row_visit_rows_at_once(m->labels.data, m->model->n_classes);
    m->rows_done = 0;
    m->pass_start_s = clock_seconds();
    while (m->rows_done < (size_t)m->n_rows) {
        const size_t left = (size_t)m->n_rows - m->rows_done, count = left < at_once ? left : at_once;
        asc_rows *rows = NULL;
        TRY(stop_poll(&m->request.stop, m->err));
        TRY(asc_dataset_read(m->dataset, (size_t)m->first + m->rows_done, count, &rows, m->err));
        const asc_status status = task(m, rows);
        asc_rows_free(rows);
        TRY(status);
        m->rows_done += count;
        report(m);
    }
    return ASC_OK;
}

static bool counts(const making *m, const asc_rows *rows, size_t row, uint8_t *classes)
{
    row_label label;
    return labels_of_row(&m->labels, m->loss, rows, row, classes, &label) && rows->feature_offsets[row + 1] > rows->feature_offsets[row];
}

static asc_status count_words(making *m, const asc_rows *rows)
{
    uint8_t *classes = calloc(m->model->n_classes, 1);
    asc_status status = classes ? ASC_OK : fail_memory(m->err, "the labels of a row", m->model->n_classes);
    for (size_t row = 0; status == ASC_OK && row < rows->n_rows; row++)
        if (counts(m, rows, row, classes))
            status = grouping_count(m->groups, rows, row, m->err);
    free(classes);
    return status;
}

// Of a dry run: what the first pass would evaluate.
static asc_status count_coalitions(making *m, const asc_rows *rows)
{
    const size_t n_features = (size_t)rows->feature_offsets[rows->n_rows];
    uint32_t *scratch = malloc((2 * n_features + 1) * sizeof *scratch);
    uint8_t *classes = calloc(m->model->n_classes, 1);
    asc_status status = scratch && classes ? ASC_OK : fail_memory(m->err, "the groups of rows", n_features * sizeof *scratch);
    for (size_t row = 0; status == ASC_OK && row < rows->n_rows; row++) {
        size_t n_players = 0;
        if (!counts(m, rows, row, classes))
            continue;
        status = grouping_players(m->groups, rows, row, scratch, scratch + n_features, &n_players, m->err);
        if (status == ASC_OK)
            m->info->evaluations += row_game_n_coalitions(n_players, 0);
        for (size_t i = 0; status == ASC_OK && i < n_players; i++)
            m->has_rest |= scratch[i] == grouping_describe(m->groups).n_groups - 1;
    }
    free(classes);
    free(scratch);
    return status;
}

static asc_status plan_first_pass(making *m)
{
    TRY(each_slice(m, count_coalitions));
    m->info->n_groups -= !m->has_rest;
    return ASC_OK;
}

static asc_status choose_groups(making *m)
{
    TRY(each_slice(m, count_words));
    TRY(grouping_choose(m->groups, m->err));
    const grouping_facts facts = grouping_describe(m->groups);
    m->info->n_words = facts.n_words;
    m->info->n_unknown_words = facts.n_unknown_words;
    m->info->n_groups = facts.n_groups;
    return ASC_OK;
}

static asc_status visit(making *m, const asc_rows *rows)
{
    const row_visit now = {m->engine, &m->labels, m->loss, m->groups, &m->sage, m->removal, m->job->options.seed, m->sage.n_visits, m->info};
    return row_visit_do(&now, rows, m->err);
}

static asc_status pass_over_rows(making *m)
{
    const grouping_facts facts = grouping_describe(m->groups);
    const removal_plan plan = {m->loss, m->model->n_classes, facts.n_groups, (size_t)m->n_rows, facts.n_rows};
    TRY(sage_create(facts.n_groups, &m->sage, m->err));
    TRY(removal_create(&plan, &m->removal, m->err));
    TRY(open_engine(m));
    engine_set_tick(m->engine, report, m);
    do {
        TRY(each_slice(m, visit));
        m->sage.n_visits++;
        if (m->info->n_evaluated == 0)
            return fail(m->err, ASC_USAGE, "%s: none of the %zu selected rows can be evaluated: %zu without a label, %zu without features, %zu that "
                        "the model cannot read, %zu with outputs that are no numbers", m->job->dataset_path, m->info->n_rows, m->info->n_unlabelled,
                        m->info->n_no_features, m->info->n_unreadable, m->info->n_non_finite);
        m->info->ratio = sage_ratio(&m->sage);
        m->info->converged = m->info->ratio < m->job->convergence;
    } while (!m->info->converged && m->sage.n_visits < m->job->most_passes);
    m->info->n_passes = m->sage.n_visits;
    const engine_work work = engine_work_done(m->engine);
    m->info->evaluations = work.evaluations;
    m->info->tokens = work.tokens;
    return ASC_OK;
}

// ---- Estimates ---------------------------------------------------------------------------------------------------

static int by_sage(const void *left, const void *right)
{
    const asc_group_importance *a = left, *b = right;
    if (a->sage.mean != b->sage.mean)
        return a->sage.mean > b->sage.mean ? -1 : 1;
    return strcmp(a->name, b->name);
}

static asc_status allocate_groups(const grouping_facts *facts, asc_importance *out, asc_error *err)
{
    size_t n_bytes = 0;
    for (size_t g = 0; g < facts->n_groups; g++)
        n_bytes += facts->name_sizes[g] + 1;
    out->names = malloc(n_bytes);
    out->groups = calloc(facts->n_groups, sizeof *out->groups);
    if (!out->names || !out->groups)
        return fail_memory(err, "the importance of groups", facts->n_groups * sizeof *out->groups);
    char *name = out->names;
    for (size_t g = 0; g < facts->n_groups; g++) {
        out->groups[g].name = memcpy(name, facts->names[g], facts->name_sizes[g] + 1);
        out->groups[g].name_size = facts->name_sizes[g];
        name += facts->name_sizes[g] + 1;
    }
    out->info.groups = out->groups;
    return ASC_OK;
}

static void fill_group(const making *m, const student_table *student, size_t group, const removal_drop *drop, asc_group_importance *out)
{
    const sage_value value = sage_estimate(&m->sage, group);
    out->n_rows = m->sage.n_rows[group];
    out->sage = student_interval(student, (student_mean){value.value, value.population_error, (double)m->info->n_evaluated - 1});
    out->sampling_error = value.sampling_error;
    out->log_loss = drop->log_loss;
    out->accuracy = drop->accuracy;
    out->auc = drop->auc;
}

static asc_status estimate(making *m, asc_importance *out)
{
    const grouping_facts facts = grouping_describe(m->groups);
    student_table student;
    removal_base base;
    student_table_fill(&student);
    removal_drop *drops = malloc(facts.n_groups * sizeof *drops);
    asc_status status = drops ? allocate_groups(&facts, out, m->err) : fail_memory(m->err, "the effects of removals", facts.n_groups * sizeof *drops);
    if (status == ASC_OK)
        status = removal_estimate(m->removal, &m->request.stop, &base, drops, m->err);
    if (status == ASC_OK) {
        for (size_t g = 0; g < facts.n_groups; g++)
            fill_group(m, &student, g, &drops[g], &out->groups[g]);
        qsort(out->groups, facts.n_groups - 1, sizeof *out->groups, by_sage); // the rest stays last
        m->info->n_groups -= out->groups[facts.n_groups - 1].n_rows == 0;     // or is nothing
        m->info->loss_full = sage_loss_full(&m->sage);
        m->info->loss_empty = sage_loss_empty(&m->sage);
        m->info->accuracy = base.accuracy;
        m->info->auc = base.auc;
    }
    free(drops);
    return status;
}

static void warn(const making *m)
{
    const asc_log *log = &m->job->log;
    char message[200];
    if (!log->write)
        return;
    if (m->loss != LOSS_SQUARED_ERROR && !removal_has_scores(m->removal))
        log->write(log->user, ASC_LOG_WARNING, "the area under the ROC curve is left out: its scores would take more than 256 MiB (--top, --limit)");
    if (m->info->converged)
        return;
    snprintf(message, sizeof message, "not converged after %zu passes: the largest standard error is %.3g of the range of the values, not below %.3g (--passes)",
             m->info->n_passes, m->info->ratio, m->job->convergence);
    log->write(log->user, ASC_LOG_WARNING, message);
}

// ---- Writing -----------------------------------------------------------------------------------------------------

static char *settings_text(const making *m)
{
    const asc_model_info *model = asc_model_describe(m->model);
    const asc_importance_job *job = m->job;
    const char *algorithms = engine_algorithms(m->engine);
    json_t *classes = json_array();
    for (size_t c = 0; c < model->n_classes; c++)
        json_array_append_new(classes, json_string(model->class_names[c]));
    json_t *object = json_pack(
        "{s:{s:o, s:s, s:s, s:s}, s:{s:s, s:I, s:I}, s:o, s:s, s:s, s:s, s:s*, s:s, s:I, s:b, s:o, s:I, s:I, s:I, s:f, s:s, s:s, s:s, s:s}", "model",
        "path", manifest_path(job->model_path), "architecture", model->architecture, "weights_sha256", model->weights_sha256, "config_sha256", model->config_sha256,
        "dataset", "sha256", m->dataset_sha256, "first_row", (json_int_t)m->first, "n_rows", (json_int_t)m->n_rows, "classes", classes, "policy",
        request_policy_name(&m->request), "backend", engine_backend(m->engine), "kernel_set", engine_kernel_set(m->engine), "gemm_algorithms",
        algorithms[0] ? algorithms : NULL, "precision",
        request_precision_name(&m->request), "seed", (json_int_t)job->options.seed, "fold_case", (int)job->fold_case, "groups",
        job->groups_path ? manifest_path(job->groups_path) : json_null(), "min_rows", (json_int_t)job->min_rows, "top", (json_int_t)job->top, "passes",
        (json_int_t)job->most_passes, "convergence", job->convergence, "estimator", "two antithetic orders of a row's groups each pass", "std_error_sampling",
        "of the drawn orders, for these rows", "std_error_population", "of rows and orders, the rows as a sample", "interval",
        "95 %: Student's t over rows; AUC: DeLong, normal");
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    return text;
}

static void close_inputs(making *m)
{
    engine_destroy(m->engine);
    m->engine = NULL;
    asc_dataset_close(m->dataset);
    m->dataset = NULL;
}

// The writer is a fork: threads and open files go first.
static asc_status write_out(making *m)
{
    if (!m->job->out_path)
        return ASC_OK;
    char *settings = settings_text(m);
    close_inputs(m);
    const importance_file file = {m->job->out_path, m->job->force, m->request.stop, settings, m->info};
    const asc_status status = settings ? importance_file_write(&file, m->err) : fail_memory(m->err, "the settings", 1024);
    free(settings);
    return status;
}

static asc_status make(making *m, asc_importance *out)
{
    TRY(open_inputs(m));
    TRY(choose_groups(m));
    if (m->job->dry_run)
        return plan_first_pass(m);
    TRY(pass_over_rows(m));
    TRY(estimate(m, out));
    warn(m);
    return write_out(m);
}

asc_status asc_importance_make(const asc_importance_job *job, asc_importance **out, asc_error *err)
{
    asc_error own = {.status = ASC_OK};
    *out = NULL;
    asc_importance *made = calloc(1, sizeof *made);
    if (!made)
        return fail_memory(err, "the importance", sizeof *made);
    made->info = (asc_importance_info){.loss = "", .backend = "", .loss_full = NAN, .loss_empty = NAN, .accuracy = NAN, .auc = NAN, .ratio = NAN};
    making m = {.job = job, .info = &made->info, .err = err ? err : &own, .start_s = clock_seconds()};
    const asc_status status = make(&m, made);
    made->info.elapsed_s = clock_seconds() - m.start_s;
    close_inputs(&m);
    removal_free(m.removal);
    sage_free(&m.sage);
    grouping_free(m.groups);
    request_free(&m.request);
    asc_model_close(m.model);
    if (status == ASC_OK)
        *out = made;
    else
        asc_importance_close(made);
    return status;
}

const asc_importance_info *asc_importance_describe(const asc_importance *importance)
{
    return &importance->info;
}

void asc_importance_close(asc_importance *importance)
{
    if (!importance)
        return;
    free(importance->groups);
    free(importance->names);
    free(importance);
}
