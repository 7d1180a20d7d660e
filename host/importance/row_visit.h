// A slice of rows through the engine on one visit: each row's coalitions go in, its share of the sums comes out.
#ifndef ASCRIBE_IMPORTANCE_ROW_VISIT_H
#define ASCRIBE_IMPORTANCE_ROW_VISIT_H

#include <ascribe/importance.h>

#include "explain/engine.h"
#include "importance/grouping.h"
#include "importance/labels.h"
#include "importance/removal.h"
#include "importance/sage.h"

typedef struct row_visit {
    engine *engine;
    const label_source *labels;
    loss_kind loss;
    grouping *groups;
    sage_sums *sage;
    removal *removal; // of the first visit
    uint64_t seed;
    size_t number; // of the visit, from 0
    asc_importance_info *info; // rows are counted here on the first visit
} row_visit;

// Adds the rows in their order, so that sums have the same bits however they were computed.
// Rows at once, whose arrays have 4 million elements or so: long rows and many classes take few.
size_t row_visit_rows_at_once(const asc_dataset_info *data, size_t n_classes);

asc_status row_visit_do(const row_visit *visit, const asc_rows *rows, asc_error *err);

#endif
