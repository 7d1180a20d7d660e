// The arrays of an `ascribe-evaluation` v1: rows/, attribution/ and random/ have a line for each row, all/ one for each metric, curves/ one for
// each point. Once, for writing and reading.
#ifndef ASCRIBE_EVALUATE_EVALUATION_COLUMNS_H
#define ASCRIBE_EVALUATE_EVALUATION_COLUMNS_H

#include "evaluate/scores.h"
#include "io/column_type.h"

#define EVALUATION_FORMAT "ascribe-evaluation"

// A member of row_scores, asc_evaluation_metric or asc_evaluation_summary.
typedef struct member_column {
    const char *name;
    column_type type;
    size_t n_columns, offset;
} member_column;

enum { EVALUATION_ROW_COLUMNS = 28, EVALUATION_METRIC_COLUMNS = 12, EVALUATION_CURVES = 5 };
extern const member_column evaluation_row_columns[EVALUATION_ROW_COLUMNS];
extern const member_column evaluation_metric_columns[EVALUATION_METRIC_COLUMNS];
extern const member_column evaluation_curves[EVALUATION_CURVES]; // [ASC_EVALUATION_POINTS]

// Attributes that are counts of rows, as members of the summary.
enum { EVALUATION_COUNTS = 6 };
extern const member_column evaluation_counts[EVALUATION_COUNTS];

#endif
