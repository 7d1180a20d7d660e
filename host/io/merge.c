// The merge: two child processes (child.h) around one temporary file, and the rename.
#include "io/merge.h"

#include "base/durable.h"
#include "io/child.h"
#include "io/merge_private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

asc_status merge_part_path(const char *parts_folder, int64_t index, char **path, asc_error *err)
{
    const size_t size = strlen(parts_folder) + 48;
    *path = malloc(size);
    if (!*path)
        return fail_memory(err, "the name of a part", size);
    snprintf(*path, size, "%s/part-%08" PRId64 ".part", parts_folder, index);
    return ASC_OK;
}

static asc_status check_part(const merge_job *job, const char *path, const part_header *header,
                             int64_t first_position, asc_error *err)
{
    const int64_t end = job->first_position + job->n_rows;
    if (header->n_targets != job->n_targets || header->n_classes != job->n_classes || header->n_fit != job->n_fit)
        return fail(err, ASC_MALFORMED, "%s: expected %u targets, %u classes, %u numbers of a fit; found %u, %u, %u", path,
                    job->n_targets, job->n_classes, job->n_fit, header->n_targets, header->n_classes, header->n_fit);
    if (header->first_position != first_position || header->n_rows < 1 ||
        header->n_rows > end - first_position)
        return fail(err, ASC_MALFORMED,
                    "%s: expected rows from %" PRId64 " on, up to %" PRId64 "; found %" PRId64
                    " rows from %" PRId64,
                    path, first_position, end, header->n_rows, header->first_position);
    return ASC_OK;
}

asc_status merge_open_part(const merge_job *job, int64_t index, int64_t first_position, part_reader **out,
                           asc_error *err)
{
    char *path = NULL;
    part_reader *part = NULL;
    part_header expected = {.index = index};
    memcpy(expected.manifest_hash, job->manifest_hash, HASH_BYTES);
    TRY(merge_part_path(job->parts_folder, index, &path, err));
    asc_status status = part_open(path, &expected, &part, err);
    if (status == ASC_OK)
        status = check_part(job, path, part_reader_header(part), first_position, err);
    free(path);
    if (status == ASC_OK)
        *out = part;
    else
        part_close(part);
    return status;
}

asc_status merge_check_end(const merge_job *job, int64_t n_rows_seen, asc_error *err)
{
    if (n_rows_seen != job->n_rows)
        return fail(err, ASC_MALFORMED, "%s: expected parts of %" PRId64 " rows in all, found %" PRId64,
                    job->parts_folder, job->n_rows, n_rows_seen);
    return ASC_OK;
}

typedef struct merge_task {
    asc_status (*step)(const merge_job *job, const char *path, asc_error *err);
    const merge_job *job;
    const char *path;
} merge_task;

static asc_status run_task(void *context, asc_error *err)
{
    const merge_task *task = context;
    return task->step(task->job, task->path, err);
}

asc_status merge_run(const merge_job *job, asc_error *err)
{
    assert(job->n_rows > 0 && job->n_parts > 0 && job->first_position >= 0);
    assert(job->n_targets > 0 && job->n_classes > 0);
    char *path = NULL;
    TRY(durable_temporary(job->out_path, &path, err));
    static const char hint[] = "the parts are kept: the same command tries the merge again";
    merge_task write = {result_write, job, path}, compare = {result_compare, job, path};
    asc_status status = child_run(run_task, &write, (child_words){"writes the result", hint}, err);
    if (status == ASC_OK)
        status = child_run(run_task, &compare, (child_words){"compares the result", hint}, err);
    if (status == ASC_OK)
        status = durable_publish(path, job->out_path, err);
    else
        unlink(path);
    free(path);
    return status;
}
