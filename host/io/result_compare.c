// Re-reading a result that was just written and comparing it with parts and dataset, bit for bit: what HDF5
// says about its own writing is not believed (after a full disk it reports success and reads back zeros:
// measured).
#include "io/merge_private.h"

#include "io/part_stream.h"
#include "io/result_read.h"

#include <stdlib.h>
#include <string.h>

// Whatever is wrong with a file that we have just written is a failed write.
static asc_status as_failed_write(asc_status status, asc_error *err)
{
    if (status == ASC_OK || status == ASC_OUT_OF_MEMORY)
        return status;
    fail_context(err, ASC_IO_ERROR, "the result cannot be read back");
    if (err)
        err->status = ASC_IO_ERROR;
    return ASC_IO_ERROR;
}

static bool same(const void *a, const void *b, size_t count)
{
    return count == 0 || memcmp(a, b, count * sizeof(float)) == 0;
}

// The name of the first member that differs; NULL when the rows are the same, NaN bits included.
static const char *difference(const part_row *expected, const part_row *found, const merge_job *job)
{
    const size_t n_targets = job->n_targets;
    if (found->n_features != expected->n_features)
        return "features/offsets";
    const size_t n_values = expected->n_features * n_targets;
    const struct {
        const char *name;
        bool agrees;
    } members[] = {
        {"rows/id", found->id == expected->id},
        {"rows/position", found->position == expected->position},
        {"evaluations", found->evaluations == expected->evaluations},
        {"status", found->status == expected->status},
        {"values", same(found->values, expected->values, n_values)},
        {"std_errors", same(found->std_errors, expected->std_errors, n_values)},
        {"base_values", same(found->base_values, expected->base_values, n_targets)},
        {"outputs", same(found->outputs, expected->outputs, n_targets)},
        {"efficiency_residual", same(found->efficiency_residual, expected->efficiency_residual, n_targets)},
        {"targets", same(found->targets, expected->targets, n_targets)},
        {"scores", same(found->scores, expected->scores, job->n_classes)},
        {"lime", same(found->fit, expected->fit, job->n_fit * n_targets)},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!members[i].agrees)
            return members[i].name;
    }
    return NULL;
}

static asc_status compare_rows(const merge_job *job, const part_reader *part, const asc_result_info *info,
                               const asc_result_rows *rows, asc_error *err)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        const part_row expected = part_read(part, i);
        const part_row found = result_row(info, rows, i);
        const char *name = difference(&expected, &found, job);
        if (name)
            return fail(err, ASC_IO_ERROR, "%s: position %lld: '%s' read back is not what was written",
                        job->out_path, (long long)expected.position, name);
    }
    return ASC_OK;
}

static asc_status compare_part(const merge_job *job, asc_result *result, const part_reader *part, asc_error *err)
{
    asc_result_rows *rows = NULL;
    const part_header *header = part_reader_header(part);
    const size_t first = (size_t)(header->first_position - job->first_position);
    TRY(as_failed_write(asc_result_read(result, first, (size_t)header->n_rows, &rows, err), err));
    const asc_status status = compare_rows(job, part, asc_result_describe(result), rows, err);
    asc_result_rows_free(rows);
    return status;
}

// The rows are the parts' rows, so that the digest of these is the digest of those.
static asc_status compare_digest(const merge_job *job, const asc_result *result, part_stream *parts, asc_error *err)
{
    char expected[HASH_HEX_SIZE];
    part_stream_digest(parts, expected);
    if (strcmp(expected, result_stored_digest(result)) == 0)
        return ASC_OK;
    return fail(err, ASC_IO_ERROR, "%s: attribute 'digest' read back is not what was written", job->out_path);
}

static asc_status compare_parts(const merge_job *job, asc_result *result, asc_error *err)
{
    part_stream *parts = NULL;
    part_reader *part = NULL;
    TRY(part_stream_open(job, &parts, err));
    asc_status status = part_stream_next(parts, &part, err);
    while (status == ASC_OK && part) {
        status = compare_part(job, result, part, err);
        part_close(part);
        part = NULL;
        if (status == ASC_OK)
            status = part_stream_next(parts, &part, err);
    }
    if (status == ASC_OK)
        status = compare_digest(job, result, parts, err);
    part_stream_close(parts);
    return status;
}

static asc_status compare_facts(const merge_job *job, const asc_result *result, asc_error *err)
{
    char hash[HASH_HEX_SIZE];
    const asc_result_info *info = asc_result_describe(result);
    hash_hex(job->manifest_hash, hash);
    const char *const texts[][3] = {
        {"manifest_hash", hash, info->manifest_hash},
        {"manifest", job->manifest, info->manifest},
        {"run", job->run, info->run},
        {"method", job->method, info->method},
        {"estimator", job->estimator, info->estimator},
        {"output", job->output, info->output},
        {"policy", job->policy, info->policy},
        {"granularity", job->granularity, info->granularity},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i][1], texts[i][2]) != 0)
            return fail(err, ASC_IO_ERROR, "%s: attribute '%s' read back is not what was written",
                        job->out_path, texts[i][0]);
    }
    if (info->has_lime != (job->n_fit > 0))
        return fail(err, ASC_IO_ERROR, "%s: group 'lime' read back is not what was written", job->out_path);
    if (info->n_rows != (size_t)job->n_rows || info->n_targets != job->n_targets ||
        info->n_classes != job->n_classes)
        return fail(err, ASC_IO_ERROR,
                    "%s: expected %lld rows, %u targets, %u classes; read back %zu, %zu, %zu", job->out_path,
                    (long long)job->n_rows, job->n_targets, job->n_classes, info->n_rows, info->n_targets,
                    info->n_classes);
    for (size_t i = 0; i < info->n_classes; i++) {
        if (strcmp(info->class_names[i], job->class_names[i]) != 0)
            return fail(err, ASC_IO_ERROR, "%s: class name %zu read back is not what was written",
                        job->out_path, i);
    }
    return ASC_OK;
}

static asc_status compare_columns(const merge_job *job, const h5file *dataset, const h5file *copy,
                                  asc_error *err)
{
    copied_column *columns = NULL;
    size_t n_columns = 0;
    asc_status status = result_copy_list(dataset, job, &columns, &n_columns, err);
    for (size_t i = 0; i < n_columns && status == ASC_OK; i++)
        status = result_compare_column(dataset, &columns[i], copy, err);
    free(columns);
    return status;
}

static asc_status compare_with_dataset(const merge_job *job, const char *path, asc_error *err)
{
    h5file *dataset = NULL, *copy = NULL;
    asc_status status = h5file_open(job->dataset_path, &dataset, err);
    if (status == ASC_OK)
        status = merge_check_dataset(job, dataset, err);
    if (status == ASC_OK)
        status = as_failed_write(h5file_open(path, &copy, err), err);
    if (status == ASC_OK)
        status = compare_columns(job, dataset, copy, err);
    h5file_close(copy);
    h5file_close(dataset);
    return status;
}

asc_status result_compare(const merge_job *job, const char *path, asc_error *err)
{
    asc_result *result = NULL;
    TRY(as_failed_write(result_open_here(path, &result, err), err));
    asc_status status = compare_facts(job, result, err);
    if (status == ASC_OK)
        status = compare_parts(job, result, err);
    asc_result_close(result);
    return status == ASC_OK ? compare_with_dataset(job, path, err) : status;
}
