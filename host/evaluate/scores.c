// See scores.h.
#include "evaluate/scores.h"

#include "global/student.h"

#include <assert.h>
#include <math.h>

enum { COMPREHENSIVENESS_AOPC, SUFFICIENCY_AOPC, DELETION_AUC, INSERTION_AUC, COMPREHENSIVENESS, SUFFICIENCY = COMPREHENSIVENESS + PLAN_N_BINS };
_Static_assert((int)SUFFICIENCY + PLAN_N_BINS == (int)SCORES_PLAUSIBILITY, "every metric has a name");
_Static_assert((int)PLAN_MOST_POINTS == (int)ASC_EVALUATION_POINTS, "the mean curve has as many points as the longest");

const char *const scores_names[ASC_EVALUATION_METRICS] = {
    "comprehensiveness_aopc", "sufficiency_aopc",       "deletion_auc",           "insertion_auc",          "comprehensiveness@0.01",
    "comprehensiveness@0.05", "comprehensiveness@0.10", "comprehensiveness@0.20", "comprehensiveness@0.50", "sufficiency@0.01",
    "sufficiency@0.05",       "sufficiency@0.10",       "sufficiency@0.20",       "sufficiency@0.50",
    "token_f1",               "iou_f1",                 "auprc",
};
const bool scores_higher_is_better[ASC_EVALUATION_METRICS] = {
    [COMPREHENSIVENESS_AOPC] = true, [INSERTION_AUC] = true, true, true, true, true, true, [SCORES_PLAUSIBILITY] = true, true, true};

// ---- One row -----------------------------------------------------------------------------------------------------

// In double until all orders are in.
typedef struct order_sums {
    double metrics[ASC_EVALUATION_METRICS], deletion[PLAN_MOST_POINTS], insertion[PLAN_MOST_POINTS];
} order_sums;

static void add_bins(const scores_input *input, const plan_pair *pairs, order_sums *sums)
{
    const double full = input->values[0];
    for (size_t bin = 0; bin < PLAN_N_BINS; bin++) {
        const double comprehensiveness = full - input->values[pairs[bin].without], sufficiency = full - input->values[pairs[bin].only];
        sums->metrics[COMPREHENSIVENESS + bin] += comprehensiveness;
        sums->metrics[SUFFICIENCY + bin] += sufficiency;
        sums->metrics[COMPREHENSIVENESS_AOPC] += comprehensiveness / PLAN_N_BINS;
        sums->metrics[SUFFICIENCY_AOPC] += sufficiency / PLAN_N_BINS;
    }
}

static void add_curves(const scores_input *input, const plan_pair *pairs, order_sums *sums)
{
    const plan_sizes *sizes = input->sizes;
    const size_t *k = sizes->k + PLAN_N_BINS;
    const plan_pair *points = pairs + PLAN_N_BINS;
    for (size_t i = 0; i < sizes->n_points; i++) {
        sums->deletion[i] += input->values[points[i].without];
        sums->insertion[i] += input->values[points[i].only];
        if (i == 0)
            continue;
        const double half_width = (double)(k[i] - k[i - 1]) / (double)sizes->n_features / 2;
        sums->metrics[DELETION_AUC] += half_width * (input->values[points[i].without] + input->values[points[i - 1].without]);
        sums->metrics[INSERTION_AUC] += half_width * (input->values[points[i].only] + input->values[points[i - 1].only]);
    }
}

static void take_mean(const order_sums *sums, size_t n_orders, size_t n_points, order_scores *out)
{
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        out->metrics[m] = (float)(sums->metrics[m] / (double)n_orders);
    for (size_t i = 0; i < PLAN_MOST_POINTS; i++) {
        out->deletion[i] = i < n_points ? (float)(sums->deletion[i] / (double)n_orders) : NAN;
        out->insertion[i] = i < n_points ? (float)(sums->insertion[i] / (double)n_orders) : NAN;
    }
}

static void add_plausibility(const double *given, order_sums *sums)
{
    for (size_t i = 0; i < N_PLAUSIBILITY; i++)
        sums->metrics[SCORES_PLAUSIBILITY + i] = given ? given[i] : NAN;
}

static void score_orders(const scores_input *input, size_t first, size_t end, order_scores *out)
{
    order_sums sums = {0};
    add_plausibility(input->plausibility ? input->plausibility + (first > 0 ? N_PLAUSIBILITY : 0) : NULL, &sums);
    for (size_t order = first; order < end; order++) {
        add_bins(input, input->pairs + order * PLAN_MOST_SIZES, &sums);
        add_curves(input, input->pairs + order * PLAN_MOST_SIZES, &sums);
    }
    take_mean(&sums, end - first, input->sizes->n_points, out);
}

void scores_of_row(const scores_input *input, row_scores *out)
{
    const plan_sizes *sizes = input->sizes;
    assert(input->n_orders >= 2);
    out->n_features = (uint32_t)sizes->n_features;
    out->output = (float)input->values[0];
    out->base_value = (float)input->values[1];
    for (size_t i = 0; i < PLAN_MOST_POINTS; i++)
        out->fractions[i] = i < sizes->n_points ? (float)((double)sizes->k[PLAN_N_BINS + i] / (double)sizes->n_features) : NAN;
    score_orders(input, 0, 1, &out->attribution);
    score_orders(input, 1, input->n_orders, &out->random);
}

// ---- All rows ----------------------------------------------------------------------------------------------------

typedef double row_number(const row_scores *row, size_t metric);

static double of_attribution(const row_scores *row, size_t metric)
{
    return (double)row->attribution.metrics[metric];
}

static double of_random(const row_scores *row, size_t metric)
{
    return (double)row->random.metrics[metric];
}

static double of_difference(const row_scores *row, size_t metric)
{
    return of_attribution(row, metric) - of_random(row, metric);
}

// Over the rows that have it.
static student_mean mean_of(const row_scores *rows, size_t n_rows, row_number *number, size_t metric)
{
    double sum = 0, squares = 0;
    student_mean out = {NAN, NAN, NAN};
    size_t n = 0;
    for (size_t row = 0; row < n_rows; row++)
        if (!isnan(number(&rows[row], metric))) {
            sum += number(&rows[row], metric);
            n++;
        }
    if (n > 0)
        out.mean = sum / (double)n;
    out.degrees = (double)n - 1;
    if (n < 2)
        return out;
    for (size_t row = 0; row < n_rows; row++) {
        const double deviation = number(&rows[row], metric) - out.mean;
        squares += isnan(deviation) ? 0 : deviation * deviation;
    }
    out.std_error = sqrt(squares / (double)(n - 1) / (double)n);
    return out;
}

static asc_mean estimate(const student_table *student, const row_scores *rows, size_t n_rows, row_number *number, size_t metric)
{
    return student_interval(student, mean_of(rows, n_rows, number, metric));
}

static size_t count_rows(const row_scores *rows, size_t n_rows, size_t metric)
{
    size_t n = 0;
    for (size_t row = 0; row < n_rows; row++)
        n += isnan(rows[row].attribution.metrics[metric]) ? 0 : 1;
    return n;
}

// The curve at `fraction`, straight between the row's points.
static double curve_at(const row_scores *row, const float *curve, double fraction)
{
    size_t i = 1;
    while (i + 1 < PLAN_MOST_POINTS && (double)row->fractions[i] < fraction && !isnan(row->fractions[i + 1]))
        i++;
    const double left = (double)row->fractions[i - 1], right = (double)row->fractions[i];
    return (double)curve[i - 1] + ((double)curve[i] - (double)curve[i - 1]) * (fraction - left) / (right - left);
}

static void add_curve_points(const row_scores *row, double fraction, size_t point, double weight, asc_evaluation_summary *summary)
{
    summary->deletion[point] += weight * curve_at(row, row->attribution.deletion, fraction);
    summary->insertion[point] += weight * curve_at(row, row->attribution.insertion, fraction);
    summary->random_deletion[point] += weight * curve_at(row, row->random.deletion, fraction);
    summary->random_insertion[point] += weight * curve_at(row, row->random.insertion, fraction);
}

void scores_summarise(const row_scores *rows, size_t n_rows, asc_evaluation_summary *summary)
{
    student_table student;
    student_table_fill(&student);
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        summary->metrics[m] = (asc_evaluation_metric){
            .name = scores_names[m],
            .higher_is_better = scores_higher_is_better[m],
            .n_rows = count_rows(rows, n_rows, m),
            .attribution = estimate(&student, rows, n_rows, of_attribution, m),
            .random = estimate(&student, rows, n_rows, of_random, m),
            .difference = estimate(&student, rows, n_rows, of_difference, m),
        };
    for (size_t point = 0; point < ASC_EVALUATION_POINTS; point++) {
        const double fraction = (double)point / (ASC_EVALUATION_POINTS - 1);
        summary->fractions[point] = fraction;
        summary->deletion[point] = summary->insertion[point] = n_rows > 0 ? 0 : NAN;
        summary->random_deletion[point] = summary->random_insertion[point] = n_rows > 0 ? 0 : NAN;
        for (size_t row = 0; row < n_rows; row++)
            add_curve_points(&rows[row], fraction, point, 1 / (double)n_rows, summary);
    }
}
