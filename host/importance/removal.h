// What becomes of the model when a group of words is removed from every row: sums over rows of the change of the loss and of being right, and, for
// the area under the ROC curve, the scores of whole rows and of those that the removal changes.
//
// The sums take memory for each group. The scores take 8 bytes for each score of each row and of each row that has each group, and are not
// kept where that is more than REMOVAL_MOST_BYTES.
#ifndef ASCRIBE_IMPORTANCE_REMOVAL_H
#define ASCRIBE_IMPORTANCE_REMOVAL_H

#include <ascribe/evaluate.h>

#include "base/stop.h"
#include "global/student.h"
#include "model/loss.h"

#define REMOVAL_MOST_BYTES ((size_t)256 << 20)

typedef struct removal removal;

// group_rows [n_groups]: at most so many rows have the group; n_rows: at most so many come. ASC_OUT_OF_MEMORY.
typedef struct removal_plan {
    loss_kind loss;
    size_t n_classes, n_groups, n_rows;
    const uint64_t *group_rows;
} removal_plan;
asc_status removal_create(const removal_plan *plan, removal **out, asc_error *err);
void removal_free(removal *r); // accepts NULL

// Whether areas will be known.
bool removal_has_scores(const removal *r);

// A row, with the logits of the whole row [C] and without each of its groups [n_players, C].
typedef struct removal_row {
    row_label label;
    size_t n_players;
    const uint32_t *groups;
    const double *full, *without;
} removal_row;
void removal_add(removal *r, const removal_row *row);

// The whole rows: share predicted right, area; NaN: none.
typedef struct removal_base {
    double accuracy, auc;
} removal_base;

// What a group's removal changes; NaN: not known. Intervals of loss and accuracy by Student's t over rows, of the area by the normal
// distribution, as DeLong's error is one for many rows.
typedef struct removal_drop {
    asc_mean log_loss, accuracy, auc;
} removal_drop;

// drops [n_groups]. ASC_STOPPED, ASC_OUT_OF_MEMORY.
asc_status removal_estimate(const removal *r, const stop_check *stop, removal_base *base, removal_drop *drops, asc_error *err);

#endif
