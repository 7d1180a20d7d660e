// See loss.h.
#include "model/loss.h"

#include <math.h>

const char *const loss_names[] = {"cross_entropy", "binary_cross_entropy", "squared_error"};

static double log_sum_exp(const double *logits, size_t n_classes)
{
    double largest = -INFINITY, sum = 0;
    for (size_t c = 0; c < n_classes; c++)
        largest = fmax(largest, logits[c]);
    for (size_t c = 0; c < n_classes; c++)
        sum += exp(logits[c] - largest);
    return largest + log(sum);
}

double loss_of(loss_kind kind, const double *logits, size_t n_classes, row_label label)
{
    double sum = 0;
    switch (kind) {
    case LOSS_CROSS_ENTROPY: return log_sum_exp(logits, n_classes) - logits[label.class_index];
    case LOSS_SQUARED_ERROR: return (logits[0] - label.number) * (logits[0] - label.number);
    case LOSS_BINARY_CROSS_ENTROPY:
        for (size_t c = 0; c < n_classes; c++)
            sum += fmax(logits[c], 0) - (label.classes[c] ? logits[c] : 0) + log1p(exp(-fabs(logits[c])));
        return sum;
    }
    return NAN;
}

size_t loss_top_class(const double *logits, size_t n_classes)
{
    size_t top = 0;
    for (size_t c = 1; c < n_classes; c++)
        top = logits[c] > logits[top] ? c : top;
    return top;
}

bool loss_is_right(loss_kind kind, const double *logits, size_t n_classes, row_label label)
{
    if (kind != LOSS_BINARY_CROSS_ENTROPY)
        return loss_top_class(logits, n_classes) == (size_t)label.class_index;
    for (size_t c = 0; c < n_classes; c++)
        if ((logits[c] > 0) != (label.classes[c] != 0))
            return false;
    return true;
}

size_t loss_n_scores(loss_kind kind, size_t n_classes)
{
    if (kind == LOSS_SQUARED_ERROR)
        return 0;
    return kind == LOSS_CROSS_ENTROPY && n_classes == 2 ? 1 : n_classes;
}

void loss_scores(loss_kind kind, const double *logits, size_t n_classes, double *scores)
{
    const size_t n_scores = loss_n_scores(kind, n_classes);
    if (kind == LOSS_CROSS_ENTROPY && n_scores == 1) {
        scores[0] = logits[1] - logits[0];
        return;
    }
    const double shift = kind == LOSS_CROSS_ENTROPY ? log_sum_exp(logits, n_classes) : 0;
    for (size_t c = 0; c < n_scores; c++)
        scores[c] = logits[c] - shift;
}

bool loss_is_positive(loss_kind kind, size_t n_classes, row_label label, size_t score)
{
    if (kind == LOSS_BINARY_CROSS_ENTROPY)
        return label.classes[score] != 0;
    return (size_t)label.class_index == (loss_n_scores(kind, n_classes) == 1 ? 1 : score);
}
