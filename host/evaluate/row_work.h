// A slice of rows through the engine: their coalitions go in, their scores come out.
#ifndef ASCRIBE_EVALUATE_ROW_WORK_H
#define ASCRIBE_EVALUATE_ROW_WORK_H

#include <ascribe/result.h>

#include "evaluate/scores.h"
#include "explain/engine.h"

typedef struct row_work {
    engine *engine;
    const asc_result_info *info;
    size_t n_orders; // random ones and the attributions'
    uint64_t seed;
    double mean_share; // of a row's features in its rationale, over the dataset's rows that have one
} row_work;

// Evaluates the rows, which are the same in both slices, counts them in `summary` and writes those that have scores from
// scores[summary->n_evaluated] on: room for all of them is the caller's care.
asc_status row_work_do(const row_work *work, const asc_rows *rows, const asc_result_rows *found, row_scores *scores,
                       asc_evaluation_summary *summary, asc_error *err);

#endif
