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

typedef struct comparison {
    const merge_job *job;
    part_stream *parts;
    asc_result *result;
    h5file *copy, *dataset;
    h5set sets[N_BLOCK_COLUMNS]; // of the copy
    size_t n_done[N_BLOCK_COLUMNS]; // lines of them that agree
    uint8_t *found; // what was read last
    size_t room;
    copied_column *columns;
    size_t n_columns, n_compared;
} comparison;

static asc_status open_files(comparison *c, const char *path, asc_error *err)
{
    const merge_job *job = c->job;
    TRY(part_stream_open(job, part_open_again, &c->parts, err));
    TRY(as_failed_write(result_open_here(path, &c->result, err), err));
    TRY(compare_facts(job, c->result, err));
    TRY(as_failed_write(h5file_open(path, &c->copy, err), err));
    for (block_column column = 0; column < block_columns_end(job); column++) {
        const h5set_shape shape = block_column_plan(job, column, H5SET_ANY_ROWS).shape;
        TRY(as_failed_write(h5set_open_as(c->copy, block_column_name(column), shape, &c->sets[column], err), err));
    }
    TRY(h5file_open(job->dataset_path, &c->dataset, err));
    TRY(merge_check_dataset(job, c->dataset, err));
    return result_copy_list(c->dataset, job, &c->columns, &c->n_columns, err);
}

static asc_status make_room(comparison *c, size_t bytes, asc_error *err)
{
    if (bytes <= c->room)
        return ASC_OK;
    uint8_t *grown = realloc(c->found, bytes);
    if (!grown)
        return fail_memory(err, "a column of results", bytes);
    c->found = grown;
    c->room = bytes;
    return ASC_OK;
}

// The lines of the result's column that follow those compared before.
static asc_status compare_lines(comparison *c, const row_block *block, block_column column, asc_error *err)
{
    const h5set *set = &c->sets[column];
    const size_t first = c->n_done[column], n_lines = row_block_lines(block, c->job, column), bytes = block->used[column];
    if (n_lines > set->n_rows - first)
        return fail(err, ASC_IO_ERROR, "%s: '%s' read back has %zu entries, fewer than the parts", c->job->out_path, set->name, set->n_rows);
    TRY(make_room(c, bytes, err));
    TRY(as_failed_write(h5set_read(set, first, n_lines, c->found, err), err));
    if (bytes > 0 && memcmp(c->found, block->bytes[column], bytes) != 0)
        return fail(err, ASC_IO_ERROR, "%s: '%s' read back is not what was written, in entries %zu to %zu", c->job->out_path, set->name,
                    first, first + n_lines);
    c->n_done[column] += n_lines;
    return ASC_OK;
}

static asc_status compare_block(comparison *c, const row_block *block, asc_error *err)
{
    for (block_column column = 0; column < block_columns_end(c->job); column++)
        TRY(compare_lines(c, block, column, err));
    return ASC_OK;
}

static asc_status compare_next_column(comparison *c, asc_error *err)
{
    if (c->n_compared == c->n_columns)
        return ASC_OK;
    return result_compare_column(c->dataset, &c->columns[c->n_compared++], c->copy, err);
}

// The rows are the parts' rows, so that the digest of these is the digest of those.
static asc_status compare_end(const comparison *c, asc_error *err)
{
    char expected[HASH_HEX_SIZE];
    for (block_column column = 0; column < block_columns_end(c->job); column++)
        if (c->n_done[column] != c->sets[column].n_rows)
            return fail(err, ASC_IO_ERROR, "%s: '%s' read back has %zu entries, expected %zu", c->job->out_path, c->sets[column].name,
                        c->sets[column].n_rows, c->n_done[column]);
    part_stream_digest(c->parts, expected);
    if (strcmp(expected, result_stored_digest(c->result)) == 0)
        return ASC_OK;
    return fail(err, ASC_IO_ERROR, "%s: attribute 'digest' read back is not what was written", c->job->out_path);
}

// The dataset's columns come between the blocks, while the parts' reader is at the next.
static asc_status compare_all(comparison *c, asc_error *err)
{
    const row_block *block = NULL;
    TRY(part_stream_next(c->parts, &block, err));
    while (block) {
        TRY(compare_block(c, block, err));
        TRY(compare_next_column(c, err));
        TRY(part_stream_next(c->parts, &block, err));
    }
    while (c->n_compared < c->n_columns)
        TRY(compare_next_column(c, err));
    return compare_end(c, err);
}

static void close_files(comparison *c)
{
    free(c->columns);
    free(c->found);
    h5file_close(c->dataset);
    for (block_column column = 0; column < N_BLOCK_COLUMNS; column++)
        h5set_close(&c->sets[column]);
    h5file_close(c->copy);
    asc_result_close(c->result);
    part_stream_close(c->parts);
}

asc_status result_compare(const merge_job *job, const char *path, asc_error *err)
{
    comparison c = {.job = job};
    asc_status status = open_files(&c, path, err);
    if (status == ASC_OK)
        status = compare_all(&c, err);
    close_files(&c);
    return status;
}
