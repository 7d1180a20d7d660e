// See run_merge.h, and ascribe/plan.h for asc_merge.
#include "explain/run_merge.h"

#include <ascribe/result.h>

#include "base/clock.h"
#include "explain/parts_check.h"
#include "explain/plan_private.h"
#include "explain/run_locate.h"
#include "explain/run_output.h"
#include "explain/run_progress.h"
#include "io/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Beginning of a name in the folder of parts for the unfinished result; *base = NULL where OUT is on another disk, where it cannot be renamed
// from: a folder that is a link or a mount, or an OUT elsewhere. The caller frees it.
static asc_status temporary_base(const run_merge *merge, char **base, asc_error *err)
{
    const char *slash = strrchr(merge->out_path, '/');
    char *parent = slash ? strndup(merge->out_path, (size_t)(slash - merge->out_path) + 1) : strdup(".");
    struct stat link, folder, out;
    *base = NULL;
    const bool same_disk = parent && lstat(merge->folder->path, &link) == 0 && S_ISDIR(link.st_mode) && stat(merge->folder->path, &folder) == 0 &&
                           stat(parent, &out) == 0 && folder.st_dev == out.st_dev;
    free(parent);
    return same_disk ? run_folder_join(merge->folder, "result", base, err) : ASC_OK;
}

static merge_job job_of(const run_merge *merge, const char *run_text, const char *base)
{
    const run_record *record = merge->record;
    const division *d = &record->division;
    merge_job job = {
        .parts_folder = merge->folder->path,
        .n_parts = (int64_t)d->n_parts,
        .dataset_path = merge->facts->dataset_path,
        .first_position = d->starts[0],
        .n_rows = d->starts[d->n_parts] - d->starts[0],
        .n_targets = record->n_targets,
        .n_classes = record->n_classes,
        .n_fit = record->n_fit,
        .class_names = record->class_names,
        .manifest = record->manifest,
        .run = run_text,
        .method = record->method,
        .estimator = record->estimator,
        .output = record->output,
        .policy = record->policy,
        .granularity = record->granularity,
        .keep_text = merge->keep_text,
        .out_path = merge->out_path,
        .keep_existing = merge->keep_existing,
        .temporary_base = base,
        .stop = merge->stop,
    };
    memcpy(job.dataset_sha256, record->dataset_sha256, sizeof job.dataset_sha256);
    memcpy(job.manifest_hash, record->manifest_hash, sizeof job.manifest_hash);
    return job;
}

static asc_status describe(const run_merge *merge, const parts_sum *sum, char **text, asc_error *err)
{
    run_facts facts = *merge->facts;
    facts.kernel_sets = sum->report.kernel_sets;
    facts.n_parts = merge->record->division.n_parts;
    facts.n_tasks = merge->record->division.n_tasks;
    return manifest_describe_run(&facts, text, err);
}

// A part that was found wrong on the way: names all that are, instead of the first.
static asc_status name_wrong_parts(const parts_look *look, asc_status status, asc_error *err)
{
    parts_sum sum;
    parts_look whole = *look;
    asc_error named = {.status = ASC_OK};
    const bool by_a_part = status == ASC_MALFORMED || status == ASC_NOT_FOUND || status == ASC_DIFFERENT_RUN;
    whole.whole = true;
    if (!by_a_part || parts_look_over(&whole, &sum, &named) != ASC_FAILED_CHECK || sum.report.n_with_state[ASC_PART_PRESENT] == sum.report.n_parts)
        return status;
    if (err)
        *err = named;
    return ASC_FAILED_CHECK;
}

static uint64_t file_bytes(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && facts.st_size > 0 ? (uint64_t)facts.st_size : 0;
}

asc_status run_merge_parts(const run_merge *merge, asc_merge_summary *summary, asc_error *err)
{
    const parts_look look = {.folder = merge->folder, .record = merge->record, .stop = merge->stop};
    parts_sum sum;
    char *run_text = NULL, *base = NULL;
    TRY(parts_look_over(&look, &sum, err));
    TRY(describe(merge, &sum, &run_text, err));
    asc_status status = temporary_base(merge, &base, err);
    if (status == ASC_OK) {
        const merge_job job = job_of(merge, run_text, base);
        status = merge_run(&job, err);
        if (status != ASC_OK)
            status = name_wrong_parts(&look, status, err);
    }
    if (status == ASC_OK && summary) {
        summary->n_parts = sum.report.n_parts;
        summary->n_rows = sum.report.n_rows;
        summary->n_values = sum.n_values;
        summary->bytes_read = sum.bytes;
        summary->bytes_written = file_bytes(merge->out_path);
    }
    if (status == ASC_OK && !merge->keep_parts)
        run_folder_clear(merge->folder);
    free(base);
    free(run_text);
    return status;
}

static void note_part(void *user, const char *name, run_file kind, size_t index)
{
    bool *found = user;
    (void)name, (void)index;
    *found |= kind == RUN_FILE_PART || kind == RUN_FILE_RECORD;
}

static bool has_parts(const run_folder *folder)
{
    bool found = false;
    run_folder_list(folder, note_part, &found);
    return found;
}

// Is this what is left of the merged run: its record and whatever parts, or nothing that matters?
static bool may_be_removed(const run_folder *folder, const char *record_path, const uint8_t manifest_hash[HASH_BYTES])
{
    run_record record = {0};
    const bool is_ours = !has_parts(folder) || (run_record_read(record_path, &record, NULL) == ASC_OK &&
                                        memcmp(record.manifest_hash, manifest_hash, HASH_BYTES) == 0);
    run_record_free(&record);
    return is_ours;
}

void run_remove_merged(run_folder *folder, const char *out_path, const uint8_t manifest_hash[HASH_BYTES])
{
    const run_claim claim = {.role = RUN_ROLE_MERGE};
    asc_verify_report report;
    char *path = NULL;
    struct stat facts;
    if (stat(folder->path, &facts) != 0 || run_folder_join(folder, RUN_RECORD_NAME, &path, NULL) != ASC_OK)
        return;
    if (run_folder_take(folder, &claim, NULL) == ASC_OK && may_be_removed(folder, path, manifest_hash)) {
        const asc_status verified = asc_result_verify(out_path, &report, NULL);
        if (verified == ASC_OK || (verified == ASC_FAILED_CHECK && report.digest_matches))
            run_folder_clear(folder);
    }
    run_folder_release(folder);
    free(path);
}

// ---- asc_merge ---------------------------------------------------------------------------------------------------

typedef struct merger {
    const asc_merge_job *job;
    asc_merge_summary *summary;
    run_place place;
    run_output output;
    const char *out_path, *dataset_path;
    stop_check stop;
    double start_s;
} merger;

// What the tasks did by their last words, which may be missing.
static void add_up_tasks(const merger *m, run_facts *facts)
{
    const division *d = &m->place.record.division;
    facts->n_rows = (size_t)(d->starts[d->n_parts] - d->starts[0]);
    for (size_t task = 0; task < d->n_tasks; task++) {
        run_progress progress;
        double age_s;
        if (!run_progress_read(&m->place.folder, task, &progress, &age_s))
            continue;
        facts->evaluations += progress.evaluations;
        facts->tokens += progress.tokens;
        facts->elapsed_s += progress.elapsed_s;
    }
}

static asc_status merge_place(merger *m, asc_error *err)
{
    const asc_merge_job *job = m->job;
    const run_record *record = &m->place.record;
    run_facts facts = {.command = job->command, .model_path = record->model_path, .dataset_path = m->dataset_path};
    const run_merge merge = {
        .folder = &m->place.folder,
        .record = record,
        .out_path = m->out_path,
        .keep_text = record->keep_text,
        .keep_existing = !job->force,
        .keep_parts = job->keep_parts,
        .facts = &facts,
        .stop = m->stop,
    };
    add_up_tasks(m, &facts);
    run_folder_sweep(&m->place.folder, 0, 0);
    TRY(stop_poll(&m->stop, err));
    if (job->progress) {
        const asc_progress now = {.phase = "merging", .n_rows = facts.n_rows, .remaining_s = -1};
        job->progress(job->progress_user, &now);
    }
    return run_merge_parts(&merge, m->summary, err);
}

// The paths, from the job or from the run; ASC_USAGE where neither has them.
static asc_status choose_paths(merger *m, asc_error *err)
{
    m->out_path = m->job->out_path ? m->job->out_path : m->place.out_path;
    m->dataset_path = m->job->dataset_path ? m->job->dataset_path : m->place.record.dataset_path;
    if (!m->out_path)
        return fail(err, ASC_USAGE, "%s: its name does not end in .parts, so that the result needs a name (out_path, --out)", m->place.folder.path);
    if (!m->dataset_path)
        return fail(err, ASC_USAGE, "the run does not say where its dataset is: it needs a name (--data)");
    return ASC_OK;
}

static asc_status check_output(merger *m, asc_error *err)
{
    const run_output_wish wish = {
        .path = m->out_path,
        .dataset_path = m->dataset_path,
        .manifest = m->place.record.manifest,
        .manifest_hash = m->place.record.manifest_hash,
        .with_text = m->place.record.keep_text,
        .force = m->job->force,
    };
    TRY(run_output_read(m->out_path, &m->stop, &m->output, err));
    return run_output_check(&m->output, &wish, &m->summary->already_complete, err);
}

// The run, or what is `missing` of it, is gone: either all is done, and OUT is what the plan says, or nothing has begun.
static asc_status merge_nothing(merger *m, const char *missing, asc_error *err)
{
    const asc_plan *plan = m->place.plan;
    char words[600];
    const char *out_path = m->job->out_path ? m->job->out_path : m->place.out_path;
    TRY(run_output_read(out_path, &m->stop, &m->output, err));
    if (!m->output.manifest)
        return fail(err, ASC_FAILED_CHECK, "%.500s is not there: all %zu parts are missing, no task has begun", missing,
                    plan->division.n_parts);
    const manifest_pair pair = {"the plan", plan->configuration, m->output.manifest, true};
    m->summary->already_complete = manifest_differences(&pair, words, sizeof words) == 0;
    if (m->summary->already_complete)
        return ASC_OK;
    return fail(err, ASC_FAILED_CHECK, "%.300s is not there, and %.300s is the result of another run", missing, out_path);
}

// A merge that was killed at its very end has left the folder, and nothing in it that matters.
static asc_status merge_without_record(merger *m, asc_error *err)
{
    char *path = NULL;
    run_folder *folder = &m->place.folder;
    TRY(run_folder_join(folder, RUN_RECORD_NAME, &path, err));
    const asc_status status = merge_nothing(m, path, err);
    if (status == ASC_OK && !m->job->keep_parts && !has_parts(folder))
        run_folder_clear(folder);
    free(path);
    return status;
}

// The folder is there.
static asc_status merge_folder(merger *m, asc_error *err)
{
    const run_claim claim = {.role = RUN_ROLE_MERGE};
    TRY(run_folder_take(&m->place.folder, &claim, err));
    asc_status status = run_locate_record(&m->place, err);
    if (status == ASC_NOT_FOUND && m->place.plan)
        return merge_without_record(m, err);
    TRY(status);
    TRY(choose_paths(m, err));
    TRY(check_output(m, err));
    if (!m->summary->already_complete)
        return merge_place(m, err);
    run_folder_release(&m->place.folder);
    if (!m->job->keep_parts)
        run_remove_merged(&m->place.folder, m->out_path, m->place.record.manifest_hash);
    return ASC_OK;
}

asc_status asc_merge(const asc_merge_job *job, asc_merge_summary *summary, asc_error *err)
{
    merger m = {.job = job, .summary = summary, .stop = {job->should_stop, job->stop_user}, .start_s = clock_seconds()};
    struct stat facts;
    *summary = (asc_merge_summary){0};
    if (!job->run_path)
        return fail(err, ASC_USAGE, "run_path is NULL, expected a plan or a folder of parts");
    asc_status status = run_locate(job->run_path, &m.place, err);
    const bool is_gone = status == ASC_OK && m.place.plan && stat(m.place.folder.path, &facts) != 0;
    if (status == ASC_OK)
        status = is_gone ? merge_nothing(&m, m.place.folder.path, err) : merge_folder(&m, err);
    summary->elapsed_s = clock_seconds() - m.start_s;
    run_output_free(&m.output);
    run_locate_free(&m.place);
    return status;
}
