// Writing `ascribe-result` v1 from the parts of a run and the dataset, in one pass over blocks of rows.
//
// No step cleans up HDF5 objects after a failure: closing a file that could not be written loses rows
// silently or crashes (libhdf5 1.10, measured), so whoever calls this reports the error and ends its process.
#include "io/merge_private.h"
#include "io/part_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { SPACE_OF_METADATA = 128 << 10 };

typedef struct result_writer {
    const merge_job *job;
    h5file *dataset;
    h5file *out;
    h5set source_ids, source_features; // of the dataset: the parts must fit them
    h5set sets[N_BLOCK_COLUMNS];
    copied_column *columns;
    size_t n_columns, n_copied;
    int64_t first_feature; // of the dataset's, where the selection begins
    size_t n_features; // of all rows
    part_stream *parts;
    size_t space_needed; // bytes on disk, about
} result_writer;

static asc_status open_dataset(result_writer *w, asc_error *err)
{
    int64_t ends[2] = {0, 0};
    const size_t first = (size_t)w->job->first_position, count = (size_t)w->job->n_rows;
    TRY(h5file_open(w->job->dataset_path, &w->dataset, err));
    TRY(h5file_check_format(w->dataset, "ascribe-dataset", 1, err));
    TRY(result_copy_list(w->dataset, w->job, &w->columns, &w->n_columns, err));
    const h5set_shape ids = {COLUMN_UINT64, H5SET_ANY_ROWS, 0};
    TRY(h5set_open_as(w->dataset, "rows/id", ids, &w->source_ids, err));
    const h5set_shape offsets = {COLUMN_INT64, w->source_ids.n_rows + 1, 0};
    TRY(h5set_open_as(w->dataset, "features/offsets", offsets, &w->source_features, err));
    if (first > w->source_ids.n_rows || count > w->source_ids.n_rows - first)
        return fail(err, ASC_DIFFERENT_RUN, "%s: expected rows %zu to %zu, found a dataset of %zu rows",
                    w->job->dataset_path, first, first + count, w->source_ids.n_rows);
    TRY(h5set_read(&w->source_features, first, 1, &ends[0], err));
    TRY(h5set_read(&w->source_features, first + count, 1, &ends[1], err));
    if (ends[0] < 0 || ends[1] < ends[0])
        return fail(err, ASC_MALFORMED,
                    "%s: dataset 'features/offsets': expected rising offsets, found %lld before %lld",
                    w->job->dataset_path, (long long)ends[0], (long long)ends[1]);
    w->first_feature = ends[0];
    w->n_features = (size_t)(ends[1] - ends[0]);
    return merge_check_dataset(w->job, w->dataset, err);
}

// Floats are stored as they are; of the compressed per-row numbers half is counted.
static asc_status count_space(result_writer *w, asc_error *err)
{
    const double n_rows = (double)w->job->n_rows, n_targets = w->job->n_targets;
    double bytes =
        8.0 * (double)w->n_features * n_targets + n_rows * ((12.0 + 4.0 * w->job->n_fit) * n_targets + 4.0 * w->job->n_classes);
    bytes += n_rows * (4.0 * n_targets + 36) / 2;
    for (size_t i = 0; i < w->n_columns; i++) {
        size_t copied = 0;
        TRY(result_copy_bytes(w->dataset, &w->columns[i], &copied, err));
        bytes += (double)copied;
    }
    w->space_needed = (size_t)(bytes * 1.05) + SPACE_OF_METADATA;
    return ASC_OK;
}

// Free bytes of the file system that holds `path`; false when it cannot be told.
static bool free_space(const char *path, size_t *bytes)
{
    struct statvfs disk;
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) + 1 : 1;
    char *folder = slash ? strndup(path, length) : strdup(".");
    const bool known = folder && statvfs(folder, &disk) == 0;
    free(folder);
    if (known)
        *bytes = (size_t)disk.f_bavail * (size_t)disk.f_frsize;
    return known;
}

static asc_status fail_full(const result_writer *w, const char *words, size_t n_free, asc_error *err)
{
    fail(err, ASC_IO_ERROR, "%s: %s: about %zu bytes are needed, %zu are free", w->job->out_path, words,
         w->space_needed, n_free);
    return fail_hint(err, ASC_IO_ERROR,
                     "make room there, then run the same command again: the parts are kept");
}

static asc_status check_space(const result_writer *w, asc_error *err)
{
    size_t n_free = 0;
    if (!free_space(w->job->out_path, &n_free) || n_free >= w->space_needed)
        return ASC_OK;
    return fail_full(w, "not enough room on the disk", n_free, err);
}

static asc_status create_columns(result_writer *w, asc_error *err)
{
    for (block_column column = 0; column < block_columns_end(w->job); column++)
        TRY(h5set_create(w->out, block_column_name(column), block_column_plan(w->job, column, w->n_features), &w->sets[column], err));
    return ASC_OK;
}

// The dataset must still be the one that the block's rows were made of.
static asc_status check_source(const result_writer *w, const row_block *block, asc_error *err)
{
    const size_t n_rows = row_block_lines(block, w->job, BLOCK_IDS), n_ends = row_block_lines(block, w->job, BLOCK_OFFSETS);
    const uint64_t *expected_ids = (const uint64_t *)(const void *)block->bytes[BLOCK_IDS];
    const int64_t *ends = (const int64_t *)(const void *)block->bytes[BLOCK_OFFSETS] + (n_ends - n_rows);
    const int64_t *positions = (const int64_t *)(const void *)block->bytes[BLOCK_POSITIONS];
    const size_t first = (size_t)positions[0];
    uint64_t *ids = NULL;
    int64_t *offsets = NULL;
    TRY(h5set_read_new(&w->source_ids, first, n_rows, &ids, err));
    asc_status status = h5set_read_new(&w->source_features, first, n_rows + 1, &offsets, err);
    for (size_t i = 0; i < n_rows && status == ASC_OK; i++) {
        if (ids[i] != expected_ids[i] || offsets[i + 1] - w->first_feature != ends[i])
            status = fail(err, ASC_DIFFERENT_RUN,
                          "%s: row %zu is not the row that was explained (id %llu): the dataset has changed",
                          w->job->dataset_path, first + i, (unsigned long long)expected_ids[i]);
    }
    free(offsets);
    free(ids);
    return status;
}

static asc_status copy_next(result_writer *w, asc_error *err)
{
    if (w->n_copied == w->n_columns)
        return ASC_OK;
    return result_copy_column(w->dataset, &w->columns[w->n_copied++], w->out, err);
}

static asc_status append_block(result_writer *w, const row_block *block, asc_error *err)
{
    TRY(check_source(w, block, err));
    for (block_column column = 0; column < block_columns_end(w->job); column++)
        TRY(h5set_append(&w->sets[column], row_block_lines(block, w->job, column), block->bytes[column], err));
    return ASC_OK;
}

// The copied columns come between the blocks: there the parts' reader, which has more to do, gains on this thread.
static asc_status append_blocks(result_writer *w, asc_error *err)
{
    const row_block *block = NULL;
    TRY(part_stream_next(w->parts, &block, err));
    while (block) {
        TRY(append_block(w, block, err));
        TRY(copy_next(w, err));
        TRY(part_stream_next(w->parts, &block, err));
    }
    while (w->n_copied < w->n_columns)
        TRY(copy_next(w, err));
    return ASC_OK;
}

static asc_status finish_columns(result_writer *w, asc_error *err)
{
    for (block_column column = 0; column < block_columns_end(w->job); column++)
        TRY(h5set_finish(&w->sets[column], err));
    return ASC_OK;
}

static asc_status write_class_names(result_writer *w, asc_error *err)
{
    const size_t n_classes = w->job->n_classes;
    size_t longest = 1;
    h5set set;
    for (size_t i = 0; i < n_classes; i++) {
        const size_t length = strlen(w->job->class_names[i]);
        longest = length > longest ? length : longest;
    }
    const h5set_plan plan = {{COLUMN_TEXT, n_classes, 0}, longest, H5SET_ROWS_PER_CHUNK, true};
    char *names = calloc(n_classes, longest + 1);
    if (!names)
        return fail_memory(err, "class names", n_classes * (longest + 1));
    for (size_t i = 0; i < n_classes; i++)
        strcpy(names + i * (longest + 1), w->job->class_names[i]);
    asc_status status = h5set_create(w->out, "class_names", plan, &set, err);
    if (status == ASC_OK)
        status = h5set_append(&set, n_classes, names, err);
    if (status == ASC_OK)
        status = h5set_finish(&set, err);
    free(names);
    return status;
}

// Who the file is and what it was made with; `complete` goes last.
static asc_status write_attributes(result_writer *w, asc_error *err)
{
    char digest_hex[HASH_HEX_SIZE], manifest_hex[HASH_HEX_SIZE];
    const merge_job *job = w->job;
    part_stream_digest(w->parts, digest_hex);
    hash_hex(job->manifest_hash, manifest_hex);
    const char *const texts[][2] = {
        {"format", "ascribe-result"},    {"format_version", "1.0"},   {"created_by", RESULT_CREATED_BY},
        {"manifest_hash", manifest_hex}, {"manifest", job->manifest}, {"run", job->run},
        {"digest", digest_hex},          {"method", job->method},     {"estimator", job->estimator},
        {"output", job->output},         {"policy", job->policy},     {"granularity", job->granularity},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(h5file_write_text(w->out, texts[i][0], texts[i][1], err));
    TRY(h5file_write_int(w->out, "n_classes", job->n_classes, err));
    TRY(h5file_write_int(w->out, "n_targets", job->n_targets, err));
    return h5file_write_int(w->out, "complete", 1, err);
}

static asc_status write_file(result_writer *w, const char *path, asc_error *err)
{
    TRY(h5file_create(path, &w->out, err));
    TRY(create_columns(w, err));
    TRY(append_blocks(w, err));
    TRY(finish_columns(w, err));
    TRY(write_class_names(w, err));
    TRY(write_attributes(w, err));
    return h5file_finish(w->out, err);
}

// A failure that was a full disk says how much was needed.
static asc_status explain_failure(const result_writer *w, asc_status status, asc_error *err)
{
    size_t n_free = 0;
    const bool full =
        err && (strstr(err->message, "No space left") || strstr(err->message, "quota exceeded"));
    if (!full || !free_space(w->job->out_path, &n_free))
        return status;
    char words[512];
    snprintf(words, sizeof words, "the disk is full (%.400s)", err->message);
    return fail_full(w, words, n_free, err);
}

asc_status result_write(const merge_job *job, const char *path, asc_error *err)
{
    result_writer w = {.job = job};
    TRY(part_stream_open(job, part_open, &w.parts, err));
    TRY(open_dataset(&w, err));
    TRY(count_space(&w, err));
    TRY(check_space(&w, err));
    const asc_status status = write_file(&w, path, err);
    if (status != ASC_OK)
        return explain_failure(&w, status, err);
    part_stream_close(w.parts);
    h5set_close(&w.source_features);
    h5set_close(&w.source_ids);
    h5file_close(w.dataset);
    free(w.columns);
    return ASC_OK;
}
