// See mask_export.h. Designs are pure functions of seed, row id, features and budget, so they are drawn a second time here rather than
// kept through the run: once to count, once to write.
#include "explain/mask_export.h"

#include "base/child.h"
#include "base/durable.h"
#include "explain/row_masks.h"
#include "io/dataset_read.h"
#include "shapes.h"

#include <ascribe/dataset.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_PER_SLICE = 1024 };

static asc_status fail_exists(const mask_export *job, const char *what, asc_error *err)
{
    (void)fail(err, ASC_CANNOT_CREATE, "%s exists%s", job->out_path, what);
    return fail_hint(err, ASC_CANNOT_CREATE, "choose another --export-masks, or add --force to replace it");
}

asc_status mask_export_check(const mask_export *job, asc_error *err)
{
    struct stat found, data;
    if (lstat(job->out_path, &found) != 0)
        return ASC_OK;
    if (!S_ISREG(found.st_mode) ||
        (stat(job->dataset_path, &data) == 0 && data.st_dev == found.st_dev && data.st_ino == found.st_ino))
        return fail(err, ASC_CANNOT_CREATE, "%s is no file that may be replaced, expected a name for the masks", job->out_path);
    return job->force || job->may_be_there ? ASC_OK : fail_exists(job, "", err);
}

// What happens to every row's design: it is counted, or written.
typedef struct export_pass {
    const mask_export *job;
    mask_plan plan;      // counted
    mask_writer *writer; // NULL in the counting pass
} export_pass;

static asc_status take_design(export_pass *pass, uint64_t id, const row_design *d, asc_error *err)
{
    const size_t n_words = mask_words(d->n_features);
    const bool full = d->weights[0] > 0, empty = d->weights[1] > 0;
    const size_t first = 2 - (size_t)full - (size_t)empty;
    if (full && !empty) { // the full coalition moves to the place before the others
        d->weights[1] = d->weights[0];
        memcpy(d->masks + n_words, d->masks, n_words * sizeof *d->masks);
    }
    const mask_row row = {d->count - first, d->n_draws, d->masks + first * n_words, d->weights + first};
    pass->plan.n_coalitions += row.count;
    return pass->writer ? mask_writer_append(pass->writer, id, d->n_features, &row, err) : ASC_OK;
}

static asc_status take_row(export_pass *pass, uint64_t id, size_t n_features, asc_error *err)
{
    const explain_request *request = pass->job->request;
    const mask_row none = {.n_draws = 1};
    pass->plan.n_rows++;
    pass->plan.n_words = mask_words(n_features) > pass->plan.n_words ? mask_words(n_features) : pass->plan.n_words;
    if (!request_draws_rows(request, n_features))
        return pass->writer ? mask_writer_append(pass->writer, id, n_features, &none, err) : ASC_OK;
    const size_t capacity = request_row_capacity(request, n_features);
    row_design d = {.n_features = n_features, .capacity = capacity};
    d.masks = malloc(capacity * mask_words(n_features) * sizeof *d.masks);
    d.weights = malloc(capacity * sizeof *d.weights);
    asc_status status = d.masks && d.weights ? row_masks_make(request, id, &d, err)
                                             : fail_memory(err, "the coalitions of a row", capacity * sizeof *d.masks);
    if (status == ASC_OK)
        status = take_design(pass, id, &d, err);
    free(d.weights);
    free(d.masks);
    return status;
}

static asc_status take_rows(export_pass *pass, asc_dataset *dataset, asc_error *err)
{
    const mask_export *job = pass->job;
    for (int64_t done = 0; done < job->n_rows; done += ROWS_PER_SLICE) {
        asc_rows *rows = NULL;
        const int64_t left = job->n_rows - done, count = left < ROWS_PER_SLICE ? left : ROWS_PER_SLICE;
        asc_status status = asc_dataset_read(dataset, (size_t)(job->first_position + done), (size_t)count, &rows, err);
        for (size_t row = 0; status == ASC_OK && row < (size_t)count; row++)
            status = take_row(pass, rows->id[row], (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]), err);
        asc_rows_free(rows);
        TRY(status);
    }
    return ASC_OK;
}

typedef struct export_task {
    const mask_export *job;
    const char *path;
} export_task;

static asc_status write_masks(void *context, asc_error *err)
{
    const export_task *task = context;
    const explain_request *request = task->job->request;
    export_pass pass = {.job = task->job};
    asc_dataset *dataset = NULL;
    uint8_t found[HASH_BYTES];
    TRY(asc_dataset_open(task->job->dataset_path, &dataset, err));
    TRY(dataset_hash(dataset, found, err));
    if (memcmp(found, task->job->dataset_sha256, sizeof found) != 0)
        return fail(err, ASC_MALFORMED, "%s: changed while it was being explained: no masks are written", task->job->dataset_path);
    TRY(take_rows(&pass, dataset, err));
    mask_plan plan = pass.plan;
    plan.method = request->method->name;
    plan.estimator = estimator_name(request->estimator);
    plan.seed = request->seed;
    TRY(mask_writer_create(task->path, &plan, &pass.writer, err));
    TRY(take_rows(&pass, dataset, err));
    TRY(mask_writer_finish(pass.writer, err));
    asc_dataset_close(dataset);
    return ASC_OK;
}

// *same: the file that is there holds what was written. Mask files have no times in them.
static asc_status compare_masks(const mask_export *job, const char *written, bool *same, asc_error *err)
{
    uint8_t found[HASH_BYTES], expected[HASH_BYTES];
    *same = false;
    if (job->force || access(job->out_path, F_OK) != 0)
        return ASC_OK;
    TRY(hash_file(job->out_path, found, err));
    TRY(hash_file(written, expected, err));
    *same = memcmp(found, expected, sizeof found) == 0;
    return *same ? ASC_OK : fail_exists(job, " and does not hold the masks of this run", err);
}

asc_status mask_export_run(const mask_export *job, asc_error *err)
{
    char *path = NULL;
    TRY(durable_temporary(job->out_path, &path, err));
    export_task task = {job, path};
    const child_job child = {
        .step = write_masks,
        .context = &task,
        .writes = true,
        .stop = job->request->stop,
        .dead = "the process that writes the masks",
        .dead_hint = "the result is kept: the same command tries again",
        .dead_status = ASC_IO_ERROR,
    };
    bool same = false;
    asc_status status = child_run(&child, err);
    if (status == ASC_OK)
        status = compare_masks(job, path, &same, err);
    if (status == ASC_OK && !same)
        status = durable_publish(path, job->out_path, err);
    else
        unlink(path);
    free(path);
    return status;
}
