// The loss of a prediction, and whether it is right.
#ifndef ASCRIBE_MODEL_LOSS_H
#define ASCRIBE_MODEL_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum loss_kind {
    LOSS_CROSS_ENTROPY,        // softmax, one class: -log p(class), nats
    LOSS_BINARY_CROSS_ENTROPY, // sigmoids, several labels: sum over classes of -log p(applies or not), nats
    LOSS_SQUARED_ERROR,        // one output, a number
} loss_kind;

extern const char *const loss_names[];

// What a row's outputs are held against.
typedef struct row_label {
    int32_t class_index;   // of LOSS_CROSS_ENTROPY
    const uint8_t *classes; // [C] of LOSS_BINARY_CROSS_ENTROPY: 1 = applies
    double number;         // of LOSS_SQUARED_ERROR
} row_label;

// logits [n_classes], finite.
double loss_of(loss_kind kind, const double *logits, size_t n_classes, row_label label);

// The class of the largest logit, the lowest index on ties.
size_t loss_top_class(const double *logits, size_t n_classes);

// One class: the largest logit, the lowest index on ties. Several: exactly those with a positive logit. Not for LOSS_SQUARED_ERROR.
bool loss_is_right(loss_kind kind, const double *logits, size_t n_classes, row_label label);

// What classes are ranked by, the larger the likelier; [n_scores] of n_scores = loss_n_scores: of two classes the second one's alone, by the
// difference of the logits, of several each by the log of its probability, of several labels each by its logit.
size_t loss_n_scores(loss_kind kind, size_t n_classes);
void loss_scores(loss_kind kind, const double *logits, size_t n_classes, double *scores);
// Whether the row is one of those that score number `score` ranks first.
bool loss_is_positive(loss_kind kind, size_t n_classes, row_label label, size_t score);

#endif
