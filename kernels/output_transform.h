// From the logits of one sequence to the value that is explained, always in double: shared by all backends.
//
// Softmax and log-odds subtract the largest logit first, so no finite logit overflows. Log-odds come straight
// from the logits, log(p / (1 - p)) = z_t - log(sum over the other classes of exp z), and never form 1 - p.
// NaN and infinite logits make values that are not finite; op_attribute reports them.
#ifndef ASCRIBE_OUTPUT_TRANSFORM_H
#define ASCRIBE_OUTPUT_TRANSFORM_H

#include "backend.h"
#include "both.h"

#include <math.h>

// One sequence's C logits as a backend stores them; the other pointer is NULL.
typedef struct logit_row {
    const double *in_double;
    const float *in_float;
} logit_row;

ASC_BOTH double logit_at(logit_row row, size_t class_index)
{
    return row.in_double ? row.in_double[class_index] : (double)row.in_float[class_index];
}

// The class with the largest logit: the lowest index on ties; the first NaN when there is one.
ASC_BOTH size_t output_argmax(logit_row row, size_t n_classes)
{
    size_t best = 0;
    for (size_t c = 1; c < n_classes && !isnan(logit_at(row, best)); c++)
        if (isnan(logit_at(row, c)) || logit_at(row, c) > logit_at(row, best))
            best = c;
    return best;
}

// log(sum of exp z) over all classes but `left_out` (n_classes: none). -inf when no class is left.
ASC_BOTH double output_log_sum(logit_row row, size_t n_classes, size_t left_out)
{
    double largest = -INFINITY;
    for (size_t c = 0; c < n_classes; c++) {
        if (c == left_out)
            continue;
        if (isnan(logit_at(row, c)))
            return NAN;
        if (logit_at(row, c) > largest)
            largest = logit_at(row, c);
    }
    if (isinf(largest) && largest < 0)
        return largest;
    double sum = 0;
    for (size_t c = 0; c < n_classes; c++)
        if (c != left_out)
            sum += exp(logit_at(row, c) - largest);
    return largest + log(sum);
}

// shap's logit link clips p to [1e-15, 1 - 1e-15]; the same bound on log(p / (1 - p)). NaN stays NaN.
ASC_BOTH double output_clip_log_odds(double log_odds)
{
    const double bound = log1p(-1e-15) - log(1e-15);
    if (log_odds > bound)
        return bound;
    return log_odds < -bound ? -bound : log_odds;
}

// The explained value of class `target` < n_classes.
ASC_BOTH double output_value(logit_row row, size_t n_classes, size_t target, asc_output output,
                                  bool sigmoid)
{
    const double z = logit_at(row, target);
    switch (output) {
    case ASC_OUTPUT_LOGIT: return z;
    case ASC_OUTPUT_PROBABILITY:
        return sigmoid ? 1 / (1 + exp(-z)) : exp(z - output_log_sum(row, n_classes, n_classes));
    case ASC_OUTPUT_LOGODDS:
        return output_clip_log_odds(sigmoid ? z : z - output_log_sum(row, n_classes, target));
    }
    return NAN;
}

#endif
