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

typedef struct result_columns {
    h5set sets[N_BLOCK_COLUMNS];
    size_t n_done[N_BLOCK_COLUMNS];
    uint8_t *found; // owned: what was read last
    size_t room;
} result_columns;

static asc_status make_room(result_columns *columns, size_t bytes, asc_error *err)
{
    if (bytes <= columns->room)
        return ASC_OK;
    uint8_t *grown = realloc(columns->found, bytes);
    if (!grown)
        return fail_memory(err, "a column of results", bytes);
    columns->found = grown;
    columns->room = bytes;
    return ASC_OK;
}

// The lines of the result's column that follow those compared before.
static asc_status compare_column(const merge_job *job, result_columns *columns, const row_block *block, block_column column, asc_error *err)
{
    const h5set *set = &columns->sets[column];
    const size_t first = columns->n_done[column], n_lines = row_block_lines(block, job, column), bytes = block->used[column];
    if (n_lines > set->n_rows - first)
        return fail(err, ASC_IO_ERROR, "%s: '%s' read back has %zu entries, fewer than the parts", job->out_path, set->name, set->n_rows);
    TRY(make_room(columns, bytes, err));
    TRY(as_failed_write(h5set_read(set, first, n_lines, columns->found, err), err));
    if (bytes > 0 && memcmp(columns->found, block->bytes[column], bytes) != 0)
        return fail(err, ASC_IO_ERROR, "%s: '%s' read back is not what was written, in entries %zu to %zu", job->out_path, set->name, first,
                    first + n_lines);
    columns->n_done[column] += n_lines;
    return ASC_OK;
}

static asc_status open_columns(const merge_job *job, const h5file *copy, result_columns *columns, asc_error *err)
{
    for (block_column column = 0; column < block_columns_end(job); column++) {
        h5set_shape shape = block_column_plan(job, column, H5SET_ANY_ROWS).shape;
        TRY(h5set_open_as(copy, block_column_name(column), shape, &columns->sets[column], err));
    }
    return ASC_OK;
}

static asc_status compare_block(const merge_job *job, result_columns *columns, const row_block *block, asc_error *err)
{
    for (block_column column = 0; column < block_columns_end(job); column++)
        TRY(compare_column(job, columns, block, column, err));
    return ASC_OK;
}

static void close_columns(result_columns *columns)
{
    for (block_column column = 0; column < N_BLOCK_COLUMNS; column++)
        h5set_close(&columns->sets[column]);
    free(columns->found);
}

// The rows are the parts' rows, so that the digest of these is the digest of those.
static asc_status compare_end(const merge_job *job, const asc_result *result, const result_columns *columns, part_stream *parts,
                              asc_error *err)
{
    char expected[HASH_HEX_SIZE];
    for (block_column column = 0; column < block_columns_end(job); column++)
        if (columns->n_done[column] != columns->sets[column].n_rows)
            return fail(err, ASC_IO_ERROR, "%s: '%s' read back has %zu entries, expected %zu", job->out_path, columns->sets[column].name,
                        columns->sets[column].n_rows, columns->n_done[column]);
    part_stream_digest(parts, expected);
    if (strcmp(expected, result_stored_digest(result)) == 0)
        return ASC_OK;
    return fail(err, ASC_IO_ERROR, "%s: attribute 'digest' read back is not what was written", job->out_path);
}

static asc_status compare_parts(const merge_job *job, const asc_result *result, const h5file *copy, asc_error *err)
{
    part_stream *parts = NULL;
    const row_block *block = NULL;
    result_columns columns = {0};
    TRY(part_stream_open(job, &parts, err));
    asc_status status = as_failed_write(open_columns(job, copy, &columns, err), err);
    if (status == ASC_OK)
        status = part_stream_next(parts, &block, err);
    while (status == ASC_OK && block) {
        status = compare_block(job, &columns, block, err);
        if (status == ASC_OK)
            status = part_stream_next(parts, &block, err);
    }
    if (status == ASC_OK)
        status = compare_end(job, result, &columns, parts, err);
    close_columns(&columns);
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

static asc_status compare_with_dataset(const merge_job *job, const h5file *copy, asc_error *err)
{
    h5file *dataset = NULL;
    TRY(h5file_open(job->dataset_path, &dataset, err));
    asc_status status = merge_check_dataset(job, dataset, err);
    if (status == ASC_OK)
        status = compare_columns(job, dataset, copy, err);
    h5file_close(dataset);
    return status;
}

asc_status result_compare(const merge_job *job, const char *path, asc_error *err)
{
    asc_result *result = NULL;
    h5file *copy = NULL;
    TRY(as_failed_write(result_open_here(path, &result, err), err));
    asc_status status = compare_facts(job, result, err);
    if (status == ASC_OK)
        status = as_failed_write(h5file_open(path, &copy, err), err);
    if (status == ASC_OK)
        status = compare_parts(job, result, copy, err);
    if (status == ASC_OK)
        status = compare_with_dataset(job, copy, err);
    h5file_close(copy);
    asc_result_close(result);
    return status;
}
