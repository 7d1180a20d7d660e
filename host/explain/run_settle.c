// What a run is, once and for all: its record in OUT.parts. See run_private.h.
#include "explain/run_private.h"

#include "explain/plan_private.h"
#include "explain/run_record.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_SIZE = 900 };

static void look_for_part(void *user, const char *name, run_file kind, size_t index)
{
    char *found = user;
    (void)index;
    if (kind == RUN_FILE_PART)
        memcpy(found, name, strlen(name) + 1);
}

static asc_status fail_unknown_part(const run *r, const char *name)
{
    (void)fail(r->err, ASC_DIFFERENT_RUN, "%s holds %s but no " RUN_RECORD_NAME ": an older version of ascribe wrote it, or another program",
               r->folder.path, name);
    return fail_hint(r->err, ASC_DIFFERENT_RUN, "remove %.300s, or add --force to start over", r->folder.path);
}

static asc_status divide_rows(run *r, division *out)
{
    division_cost cost;
    const division_plan plan = {&r->request, &r->model->config, r->dataset, r->first_position, r->n_rows, r->job->options.rows_per_part, 1};
    return division_make(&plan, out, &cost, r->err);
}

// The plan's, so that all tasks agree; a copy.
static asc_status copy_division(const division *from, division *out, asc_error *err)
{
    *out = (division){.n_parts = from->n_parts, .n_tasks = from->n_tasks};
    out->starts = malloc((from->n_parts + 1) * sizeof *out->starts);
    out->tasks = malloc((from->n_tasks + 1) * sizeof *out->tasks);
    if (!out->starts || !out->tasks) {
        division_free(out);
        return fail_memory(err, "the list of parts", (from->n_parts + 1) * sizeof *out->starts);
    }
    memcpy(out->starts, from->starts, (from->n_parts + 1) * sizeof *out->starts);
    memcpy(out->tasks, from->tasks, (from->n_tasks + 1) * sizeof *out->tasks);
    return ASC_OK;
}

// A plan is of this dataset, this model and these options.
static asc_status check_plan(const run *r)
{
    const asc_plan *plan = r->job->plan;
    char words[WORDS_SIZE];
    const manifest_pair pair = {"the plan", plan->configuration, r->manifest, true};
    if (manifest_differences(&pair, words, sizeof words) == 0)
        return ASC_OK;
    (void)fail(r->err, ASC_DIFFERENT_RUN, "%s", words);
    return fail_hint(r->err, ASC_DIFFERENT_RUN, "put back what the plan was made of, or make a new plan");
}

static asc_status hint_other(const run *r)
{
    if (r->job->plan)
        return fail_hint(r->err, ASC_DIFFERENT_RUN, "finish that run, or remove %.300s to start over", r->folder.path);
    return fail_hint(r->err, ASC_DIFFERENT_RUN, "finish that run, remove %.300s, or add --force to start over", r->folder.path);
}

static asc_status fail_different(const run *r, const run_record *there)
{
    char words[WORDS_SIZE];
    const manifest_pair pair = {"the run", there->manifest, r->manifest, false};
    (void)manifest_differences(&pair, words, sizeof words);
    (void)fail(r->err, ASC_DIFFERENT_RUN, "%.250s belongs to another run: %s", r->folder.path, words);
    return hint_other(r);
}

// The run's algorithms are obeyed, whatever is the fastest here.
static asc_status obey(run *r, const run_record *there, const char *algorithms)
{
    TRY(run_describe(r, algorithms));
    if (memcmp(there->manifest_hash, r->manifest_hash, HASH_BYTES) != 0)
        return fail_different(r, there);
    if (!algorithms)
        return ASC_OK;
    const asc_status status = engine_obey(r->engine, algorithms, r->err);
    if (status != ASC_DIFFERENT_RUN)
        return status;
    (void)fail_context(r->err, status, "%.250s belongs to another run: gemm_algorithms", r->folder.path);
    return hint_other(r);
}

// Takes the division out of the record.
static asc_status adopt(run *r, run_record *there)
{
    const asc_plan *plan = r->job->plan;
    char *algorithms = NULL;
    TRY(manifest_algorithms(there->manifest, &algorithms, r->err));
    const asc_status status = obey(r, there, algorithms);
    free(algorithms);
    TRY(status);
    if (plan && !division_same_parts(&there->division, &plan->division)) {
        (void)fail(r->err, ASC_DIFFERENT_RUN, "%s: the run is divided into %zu parts, the plan into %zu others", r->folder.path,
                   there->division.n_parts, plan->division.n_parts);
        return fail_hint(r->err, ASC_DIFFERENT_RUN, "finish it with the command that began it, or remove that folder to start over");
    }
    division_free(&r->division);
    r->division = there->division;
    there->division = (division){0};
    return ASC_OK;
}

static asc_status read_record(run *r, const char *path, bool *found)
{
    run_record there;
    asc_status status = run_record_read(path, &there, r->err);
    *found = status != ASC_NOT_FOUND;
    if (status == ASC_OK)
        status = adopt(r, &there);
    else if (status == ASC_MALFORMED)
        (void)fail_hint(r->err, status, "remove %.300s, or add --force to start over", r->folder.path);
    run_record_free(&there);
    return *found ? status : ASC_OK;
}

static asc_status write_record(run *r, const char *path)
{
    // A task may work with copies on its own machine; the merge needs the originals.
    const asc_plan_info *const plan = r->job->plan ? asc_plan_describe(r->job->plan) : NULL;
    bool existed = false, found = false;
    const run_record_facts facts = {
        .manifest = r->manifest,
        .granularity = asc_dataset_describe(r->dataset)->granularity,
        .model_path = plan ? plan->model_path : r->job->model_path,
        .dataset_path = plan ? plan->dataset_path : r->job->dataset_path,
        .class_names = (const char *const *)r->model->class_names,
        .n_targets = r->request.n_targets,
        .n_classes = r->model->n_classes,
        .n_fit = r->request.method->n_fit,
        .keep_text = r->job->options.keep_text,
        .division = &r->division,
    };
    TRY(run_record_write(path, &facts, &existed, r->err));
    if (!existed)
        return ASC_OK;
    TRY(read_record(r, path, &found)); // another task was faster
    return found ? ASC_OK : fail(r->err, ASC_NOT_FOUND, "%s cannot be read", path);
}

// The record comes before the first part and goes after the last: parts without one were written by something else, or since the record was
// looked for.
static asc_status find_record(run *r, const char *path, bool *found)
{
    char name[RUN_NAME_SIZE] = "";
    TRY(read_record(r, path, found));
    if (*found)
        return ASC_OK;
    run_folder_list(&r->folder, look_for_part, name);
    if (!name[0])
        return ASC_OK;
    TRY(read_record(r, path, found));
    return *found ? ASC_OK : fail_unknown_part(r, name);
}

// Once for the whole run. Where its parts may come from several kernel sets each has the library's own choice, which its library and device decide.
static asc_status choose_algorithms(run *r)
{
    if (r->job->options.allow_mixed)
        return ASC_OK;
    TRY(engine_propose(r->engine, r->err));
    return run_describe(r, engine_algorithms(r->engine));
}

// Finds the record, or makes the division that there is to be.
static asc_status settle_folder(run *r, const char *path, bool write)
{
    const bool starts_over = r->job->options.force && !write; // an estimate of what begins with an empty folder
    bool found = false;
    if (!starts_over)
        TRY(find_record(r, path, &found));
    if (found)
        return ASC_OK;
    TRY(r->job->plan ? copy_division(&r->job->plan->division, &r->division, r->err) : divide_rows(r, &r->division));
    if (!write)
        return ASC_OK;
    TRY(choose_algorithms(r));
    return write_record(r, path);
}

static void take_share(run *r)
{
    const asc_plan *plan = r->job->plan;
    const division *d = &r->division;
    r->first_part = plan ? plan->division.tasks[r->job->task] : 0;
    r->end_part = plan ? plan->division.tasks[r->job->task + 1] : d->n_parts;
    r->share_first = d->starts[r->first_part];
    r->share_rows = d->starts[r->end_part] - r->share_first;
}

asc_status run_settle(run *r, bool write)
{
    char *path = NULL;
    asc_status status = ASC_OK;
    if (r->job->plan)
        TRY(check_plan(r));
    if (r->folder.path) {
        TRY(run_folder_join(&r->folder, RUN_RECORD_NAME, &path, r->err));
        status = settle_folder(r, path, write);
        free(path);
    } else {
        status = divide_rows(r, &r->division);
    }
    if (status == ASC_OK)
        take_share(r);
    r->keeps_progress = status == ASC_OK && write;
    return status;
}
