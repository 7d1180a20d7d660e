// The merge: two child processes around one temporary file, and the rename.
#include "io/merge.h"

#include "base/child.h"
#include "base/durable.h"
#include "io/h5file.h"
#include "io/merge_private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { LARGE_BYTES = 1 << 20, KEPT_BYTES = 2 << 20 }; // LARGE: more than a chunk of HDF5's

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

asc_status merge_open_part(const merge_job *job, part_opener *opener, int64_t index, int64_t first_position, part_reader **out,
                           asc_error *err)
{
    char *path = NULL;
    part_reader *part = NULL;
    part_header expected = {.index = index};
    memcpy(expected.manifest_hash, job->manifest_hash, HASH_BYTES);
    TRY(merge_part_path(job->parts_folder, index, &path, err));
    asc_status status = opener(path, &expected, &part, err);
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

asc_status merge_check_dataset(const merge_job *job, const h5file *dataset, asc_error *err)
{
    uint8_t found[HASH_BYTES];
    TRY(hash_file(job->dataset_path, found, err));
    TRY(h5file_check_path(dataset, err));
    if (memcmp(found, job->dataset_sha256, HASH_BYTES) == 0)
        return ASC_OK;
    fail(err, ASC_DIFFERENT_RUN, "%s: the dataset has changed since the run began", job->dataset_path);
    return fail_hint(err, ASC_DIFFERENT_RUN, "put the dataset back and run the same command again, or explain the new one to another --out");
}

static asc_status publish(const merge_job *job, const char *path, asc_error *err)
{
    struct stat facts;
    if (!job->keep_existing || lstat(job->out_path, &facts) != 0)
        return durable_publish(path, job->out_path, err);
    unlink(path);
    fail(err, ASC_CANNOT_CREATE, "%s appeared while the run was under way", job->out_path);
    return fail_hint(err, ASC_CANNOT_CREATE, "the parts are kept: move that file away, or add --force, and run the same command again");
}

typedef asc_status merge_step(const merge_job *job, const char *path, asc_error *err);

typedef struct step_call {
    merge_step *step;
    const merge_job *job;
    const char *path;
} step_call;

// Parts come and go in two threads: what is large and freed is given back, instead of staying in the heap of each; what is small stays, or every
// chunk would cost the system's work for fresh pages. In the child only.
static void give_memory_back(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}

static asc_status call_step(void *context, asc_error *err)
{
    const step_call *call = context;
    give_memory_back();
    h5_silence_begin();
    return call->step(call->job, call->path, err);
}

static asc_status run_step(merge_step *step, const char *who, const merge_job *job, const char *path,
                           asc_error *err)
{
    char name[512];
    snprintf(name, sizeof name, "%.400s: %s", job->out_path, who);
    const child_job child = {
        .step = call_step,
        .context = &(step_call){step, job, path},
        .writes = true,
        .stop = job->stop,
        .dead = name,
        .dead_hint = "the parts are kept: the same command tries the merge again",
        .dead_status = ASC_IO_ERROR,
        .killed_status = ASC_IO_ERROR,
    };
    return child_run(&child, err);
}

asc_status merge_run(const merge_job *job, asc_error *err)
{
    assert(job->n_rows > 0 && job->n_parts > 0 && job->first_position >= 0);
    assert(job->n_targets > 0 && job->n_classes > 0);
    char *path = NULL;
    TRY(durable_temporary(job->temporary_base ? job->temporary_base : job->out_path, &path, err));
    asc_status status = run_step(result_write, "the process that writes the result", job, path, err);
    if (status == ASC_OK)
        status = run_step(result_compare, "the process that compares the result", job, path, err);
    if (status == ASC_OK)
        status = publish(job, path, err);
    else
        unlink(path);
    free(path);
    return status;
}
