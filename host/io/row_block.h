// Rows of parts turned into the columns of a result: what they are called, what is stored in them, and a block of them in memory.
#ifndef ASCRIBE_IO_ROW_BLOCK_H
#define ASCRIBE_IO_ROW_BLOCK_H

#include "io/h5file.h"
#include "io/merge.h"
#include "io/part.h"

typedef enum block_column {
    BLOCK_IDS,
    BLOCK_POSITIONS,
    BLOCK_EVALUATIONS,
    BLOCK_STATUS,
    BLOCK_OFFSETS, // features/offsets: a zero, then where each row's features end
    BLOCK_VALUES,
    BLOCK_STD_ERRORS,
    BLOCK_BASE_VALUES,
    BLOCK_OUTPUTS,
    BLOCK_RESIDUALS,
    BLOCK_TARGETS,
    BLOCK_SCORES,
    BLOCK_INTERCEPTS, // lime's, there when the parts have a fit
    BLOCK_FIT_SCORES,
    BLOCK_LOCAL_PREDICTIONS,
    N_BLOCK_COLUMNS
} block_column;

// The columns of this job are those before.
block_column block_columns_end(const merge_job *job);
const char *block_column_name(block_column column);
// How the result stores the column; n_features of all rows.
h5set_plan block_column_plan(const merge_job *job, block_column column, size_t n_features);

// Consecutive rows, whole parts of them. Zeroed = empty.
typedef struct row_block {
    uint8_t *bytes[N_BLOCK_COLUMNS]; // owned
    size_t used[N_BLOCK_COLUMNS], room[N_BLOCK_COLUMNS]; // bytes
} row_block;

void row_block_clear(row_block *block); // keeps its memory
void row_block_free(row_block *block);
size_t row_block_bytes(const row_block *block);
size_t row_block_lines(const row_block *block, const merge_job *job, block_column column); // elements of the column's first dimension

// Adds the rows of a part. *n_features: of all rows before, also of blocks before; grows. ASC_MALFORMED for a row that no reader would take.
asc_status row_block_add(row_block *block, const merge_job *job, const part_reader *part, int64_t *n_features, asc_error *err);

#endif
