// How well the model predicts the labels that a dataset has.
#ifndef ASCRIBE_EXPLAIN_ACCURACY_H
#define ASCRIBE_EXPLAIN_ACCURACY_H

#include <ascribe/dataset.h>
#include <ascribe/explain.h>

#include "explain/request.h"

// Adds row `row` of the slice with its scores [n_classes] to the summary. One class: right when its score is the largest, the lowest
// index on ties. Several classes: right when exactly those score above 0.5; only where scores are sigmoids and every label name is a
// class. A number: its distance to the score of a model with one output. Rows without label or with scores that are no numbers do not count.
void accuracy_count(const explain_request *request, const asc_rows *rows, size_t row, const float *scores, size_t n_classes,
                    asc_explain_summary *summary);

#endif
