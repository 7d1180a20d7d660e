// A slice of rows through the engine on one visit: each row's coalitions go in, its share of the sums comes out.
#ifndef ASCRIBE_IMPORTANCE_ROW_WORK_H
#define ASCRIBE_IMPORTANCE_ROW_WORK_H

#include <ascribe/importance.h>

#include "explain/engine.h"
#include "importance/grouping.h"
#include "importance/labels.h"
#include "importance/removal.h"
#include "importance/sage.h"

typedef struct row_work {
    engine *engine;
    const label_source *labels;
    loss_kind loss;
    grouping *groups;
    sage_sums *sage;
    removal *removal; // of visit 0
    uint64_t seed;
    size_t visit;
    asc_importance_info *info; // rows are counted here on visit 0
} row_work;

// Adds the rows in their order, so that sums have the same bits however they were computed.
asc_status row_work_do(const row_work *work, const asc_rows *rows, asc_error *err);

#endif
