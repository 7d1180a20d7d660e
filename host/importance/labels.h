// A dataset's labels as what a model's outputs are held against.
#ifndef ASCRIBE_IMPORTANCE_LABELS_H
#define ASCRIBE_IMPORTANCE_LABELS_H

#include "explain/request.h"
#include "model/loss.h"

// Which loss the model and the labels call for. ASC_USAGE says why there is none: no labels, ones of another kind than the model's outputs, label
// names that are not its classes. `path`: of the dataset.
typedef struct label_source {
    const explain_request *request; // resolved, with the label names' classes
    const asc_model *model;
    const asc_dataset_info *data;
    const char *path;
} label_source;
asc_status labels_choose_loss(const label_source *source, loss_kind *loss, asc_error *err);

// The label of a row; false: it has none. classes [C]: the caller's memory for LOSS_BINARY_CROSS_ENTROPY, which *out points to.
bool labels_of_row(const label_source *source, loss_kind loss, const asc_rows *rows, size_t row, uint8_t *classes, row_label *out);

#endif
