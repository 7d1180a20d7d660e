// See row_block.h.
#include "io/row_block.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef enum column_width { ONE, PER_TARGET, PER_CLASS } column_width;

typedef struct column_facts {
    const char *name;
    column_type type;
    column_width width;
} column_facts;

static const column_facts facts[N_BLOCK_COLUMNS] = {
    [BLOCK_IDS] = {"rows/id", COLUMN_UINT64, ONE},
    [BLOCK_POSITIONS] = {"rows/position", COLUMN_INT64, ONE},
    [BLOCK_EVALUATIONS] = {"evaluations", COLUMN_INT64, ONE},
    [BLOCK_STATUS] = {"status", COLUMN_UINT32, ONE},
    [BLOCK_OFFSETS] = {"features/offsets", COLUMN_INT64, ONE},
    [BLOCK_VALUES] = {"values", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_STD_ERRORS] = {"std_errors", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_BASE_VALUES] = {"base_values", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_OUTPUTS] = {"outputs", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_RESIDUALS] = {"efficiency_residual", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_TARGETS] = {"targets", COLUMN_INT32, PER_TARGET},
    [BLOCK_SCORES] = {"scores", COLUMN_FLOAT32, PER_CLASS},
    [BLOCK_INTERCEPTS] = {"lime/intercept", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_FIT_SCORES] = {"lime/score", COLUMN_FLOAT32, PER_TARGET},
    [BLOCK_LOCAL_PREDICTIONS] = {"lime/local_prediction", COLUMN_FLOAT32, PER_TARGET},
};

block_column block_columns_end(const merge_job *job)
{
    return job->n_fit ? N_BLOCK_COLUMNS : BLOCK_INTERCEPTS;
}

const char *block_column_name(block_column column)
{
    return facts[column].name;
}

static size_t width_of(const merge_job *job, block_column column)
{
    switch (facts[column].width) {
    case PER_TARGET: return job->n_targets;
    case PER_CLASS: return job->n_classes;
    case ONE: break;
    }
    return 1;
}

h5set_plan block_column_plan(const merge_job *job, block_column column, size_t n_features)
{
    const size_t n_rows = (size_t)job->n_rows;
    const bool is_float = facts[column].type == COLUMN_FLOAT32;
    h5set_plan plan = {
        .shape = {facts[column].type, n_rows, facts[column].width == ONE ? 0 : width_of(job, column)},
        .chunk = is_float ? H5SET_FLAT_PER_CHUNK : H5SET_ROWS_PER_CHUNK,
        .compress = !is_float,
    };
    if (column == BLOCK_VALUES || column == BLOCK_STD_ERRORS)
        plan.shape.n_rows = n_features;
    else if (column == BLOCK_OFFSETS)
        plan.shape.n_rows = n_rows + 1;
    return plan;
}

void row_block_clear(row_block *block)
{
    memset(block->used, 0, sizeof block->used);
}

void row_block_free(row_block *block)
{
    for (block_column column = 0; column < N_BLOCK_COLUMNS; column++)
        free(block->bytes[column]);
}

size_t row_block_bytes(const row_block *block)
{
    size_t bytes = 0;
    for (block_column column = 0; column < N_BLOCK_COLUMNS; column++)
        bytes += block->used[column];
    return bytes;
}

static size_t line_bytes(const merge_job *job, block_column column)
{
    const column_type type = facts[column].type;
    return width_of(job, column) * (type == COLUMN_INT64 || type == COLUMN_UINT64 ? sizeof(int64_t) : sizeof(int32_t));
}

size_t row_block_lines(const row_block *block, const merge_job *job, block_column column)
{
    return block->used[column] / line_bytes(job, column);
}

static asc_status reserve(row_block *block, block_column column, size_t more, asc_error *err)
{
    const size_t needed = block->used[column] + more;
    if (needed <= block->room[column])
        return ASC_OK;
    const size_t room = needed + needed / 4;
    uint8_t *grown = realloc(block->bytes[column], room);
    if (!grown)
        return fail_memory(err, "a column of results", room);
    block->bytes[column] = grown;
    block->room[column] = room;
    return ASC_OK;
}

// The sizes below fit: the part is in memory, and a block holds what it holds.
static asc_status reserve_part(row_block *block, const merge_job *job, const part_reader *part, asc_error *err)
{
    const size_t n_rows = (size_t)part_reader_header(part)->n_rows, n_features = part_reader_features(part);
    for (block_column column = 0; column < block_columns_end(job); column++) {
        const bool flat = column == BLOCK_VALUES || column == BLOCK_STD_ERRORS;
        const size_t n_lines = flat ? n_features : n_rows + (column == BLOCK_OFFSETS);
        TRY(reserve(block, column, n_lines * line_bytes(job, column), err));
    }
    return ASC_OK;
}

static asc_status check_row(const part_row *row, const merge_job *job, asc_error *err)
{
    bool known = row->evaluations >= 0 && row->n_features <= INT32_MAX;
    for (size_t target = 0; target < job->n_targets; target++)
        known &= row->targets[target] >= -1 && row->targets[target] < (int32_t)job->n_classes;
    if (known)
        return ASC_OK;
    return fail(err, ASC_MALFORMED, "%s: position %" PRId64 ": expected evaluations of at least 0, targets from -1 to %u, at most %d features",
                job->parts_folder, row->position, job->n_classes - 1, INT32_MAX);
}

static void put(row_block *block, block_column column, const void *source, size_t size)
{
    if (size > 0) // else there may be no column yet
        memcpy(block->bytes[column] + block->used[column], source, size);
    block->used[column] += size;
}

static void put_row(row_block *block, const merge_job *job, const part_row *row, int64_t feature_end)
{
    const size_t target_bytes = job->n_targets * sizeof(float), value_bytes = row->n_features * target_bytes;
    put(block, BLOCK_IDS, &row->id, sizeof row->id);
    put(block, BLOCK_POSITIONS, &row->position, sizeof row->position);
    put(block, BLOCK_EVALUATIONS, &row->evaluations, sizeof row->evaluations);
    put(block, BLOCK_STATUS, &row->status, sizeof row->status);
    put(block, BLOCK_OFFSETS, &feature_end, sizeof feature_end);
    put(block, BLOCK_VALUES, row->values, value_bytes);
    put(block, BLOCK_STD_ERRORS, row->std_errors, value_bytes);
    put(block, BLOCK_BASE_VALUES, row->base_values, target_bytes);
    put(block, BLOCK_OUTPUTS, row->outputs, target_bytes);
    put(block, BLOCK_RESIDUALS, row->efficiency_residual, target_bytes);
    put(block, BLOCK_TARGETS, row->targets, target_bytes);
    put(block, BLOCK_SCORES, row->scores, job->n_classes * sizeof(float));
    for (block_column column = BLOCK_INTERCEPTS; column < block_columns_end(job); column++)
        put(block, column, row->fit + (size_t)(column - BLOCK_INTERCEPTS) * job->n_targets, target_bytes);
}

asc_status row_block_add(row_block *block, const merge_job *job, const part_reader *part, int64_t *n_features, asc_error *err)
{
    const part_header *header = part_reader_header(part);
    const int64_t zero = 0;
    TRY(reserve_part(block, job, part, err));
    if (header->first_position == job->first_position)
        put(block, BLOCK_OFFSETS, &zero, sizeof zero);
    for (size_t i = 0; i < (size_t)header->n_rows; i++) {
        const part_row row = part_read(part, i);
        TRY(check_row(&row, job, err));
        *n_features += row.n_features;
        put_row(block, job, &row, *n_features);
    }
    return ASC_OK;
}
