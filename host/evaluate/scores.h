// From the values of a row's coalitions to its faithfulness, and from all rows to means with their 95 % intervals.
#ifndef ASCRIBE_EVALUATE_SCORES_H
#define ASCRIBE_EVALUATE_SCORES_H

#include <ascribe/evaluate.h>

#include "evaluate/plausibility.h"
#include "evaluate/row_plan.h"

// One order of a row's features, or the mean over random ones. In the order of `scores_names`: with v the probability of the predicted class,
// comprehensiveness v(all) - v(without the first k) and sufficiency v(all) - v(the first k alone) at each fraction and their mean over the
// fractions (AOPC); the areas under the curves v(without the first k) and v(the first k alone) over k / n, by trapezoids;
// plausibility (plausibility.h), NaN where the row has no rationale.
typedef struct order_scores {
    float metrics[ASC_EVALUATION_METRICS];
    float deletion[PLAN_MOST_POINTS], insertion[PLAN_MOST_POINTS]; // NaN beyond the row's points
} order_scores;

typedef struct row_scores {
    uint64_t id;
    int32_t class_index; // the predicted class
    uint32_t n_features;
    float output, base_value;          // v(all), v(empty)
    float fractions[PLAN_MOST_POINTS]; // k / n of the curves' points, NaN beyond
    order_scores attribution, random;
} row_scores;

enum { SCORES_PLAUSIBILITY = ASC_EVALUATION_METRICS - N_PLAUSIBILITY }; // the first of those metrics

extern const char *const scores_names[ASC_EVALUATION_METRICS];
extern const bool scores_higher_is_better[ASC_EVALUATION_METRICS];

// Scores of a row from v(S) of its design. pairs: [n_orders, PLAN_MOST_SIZES], the attributions' order first, then at least one random one.
typedef struct scores_input {
    const plan_sizes *sizes;
    const plan_pair *pairs;
    size_t n_orders;
    const double *values;
    const double *plausibility; // [2, N_PLAUSIBILITY]: the attributions' and the sums over random orders; NULL: the row has no rationale
} scores_input;
void scores_of_row(const scores_input *input, row_scores *out); // id and class are left alone

// Means over rows, which are the sample: standard error s / sqrt(n), interval by Student's t of n - 1 degrees, NaN below two rows. Rows
// without a metric are left out of its mean. Fills metrics and curves.
void scores_summarise(const row_scores *rows, size_t n_rows, asc_evaluation_summary *summary);

#endif
