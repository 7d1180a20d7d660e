// See auc.h.
#include "importance/auc.h"

#include <math.h>
#include <stdlib.h>

typedef struct ranked {
    double score;
    size_t row;
} ranked;

static int by_score(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    return (a->score > b->score) - (a->score < b->score);
}

static size_t count_positive(const auc_rows *rows, size_t score)
{
    size_t n = 0;
    for (size_t row = 0; row < rows->n_rows; row++)
        n += rows->positive[score * rows->n_rows + row];
    return n;
}

// Rows in ascending order of their score; equal ones share what stands below and above them.
static void take_components(const auc_rows *rows, size_t score, const ranked *sorted, double *components)
{
    const uint8_t *positive = rows->positive + score * rows->n_rows;
    const double n_positive = (double)count_positive(rows, score), n_negative = (double)rows->n_rows - n_positive;
    double positive_below = 0, negative_below = 0;
    for (size_t begin = 0, end; begin < rows->n_rows; begin = end) {
        double positive_equal = 0, negative_equal = 0;
        for (end = begin; end < rows->n_rows && sorted[end].score == sorted[begin].score; end++)
            *(positive[sorted[end].row] ? &positive_equal : &negative_equal) += 1;
        for (size_t i = begin; i < end; i++)
            components[sorted[i].row] = positive[sorted[i].row]
                                            ? (negative_below + negative_equal / 2) / n_negative
                                            : (n_positive - positive_below - positive_equal / 2) / n_positive;
        positive_below += positive_equal;
        negative_below += negative_equal;
    }
}

static double mean_of_positive(const auc_rows *rows, size_t score, const double *components)
{
    double sum = 0;
    for (size_t row = 0; row < rows->n_rows; row++)
        sum += rows->positive[score * rows->n_rows + row] ? components[row] : 0;
    return sum / (double)count_positive(rows, score);
}

asc_status auc_rank(const auc_rows *rows, const double *scores, double *components, double *area, asc_error *err)
{
    double sum = 0;
    size_t n_ranked = 0;
    ranked *sorted = malloc((rows->n_rows + 1) * sizeof *sorted);
    if (!sorted)
        return fail_memory(err, "the ranks of rows", rows->n_rows * sizeof *sorted);
    for (size_t score = 0; score < rows->n_scores; score++) {
        const size_t first = score * rows->n_rows, n_positive = count_positive(rows, score);
        if (n_positive == 0 || n_positive == rows->n_rows)
            continue;
        for (size_t row = 0; row < rows->n_rows; row++)
            sorted[row] = (ranked){scores[first + row], row};
        qsort(sorted, rows->n_rows, sizeof *sorted, by_score);
        take_components(rows, score, sorted, components + first);
        sum += mean_of_positive(rows, score, components + first);
        n_ranked++;
    }
    free(sorted);
    *area = n_ranked ? sum / (double)n_ranked : NAN;
    return ASC_OK;
}

// Of one score: the mean difference, and what a deviation from it is divided by, of positive and negative rows. 0 ranked: not ranked.
typedef struct score_facts {
    double difference, positive_root, negative_root;
} score_facts;

static double root(size_t n)
{
    return n < 2 ? NAN : sqrt((double)n * (double)(n - 1));
}

// Returns how many scores are ranked; the roots of the others are infinite, so that they add nothing.
static size_t measure_scores(const auc_rows *rows, const double *full, const double *changed, score_facts *facts)
{
    size_t n_ranked = 0;
    for (size_t score = 0; score < rows->n_scores; score++) {
        const size_t first = score * rows->n_rows, n_positive = count_positive(rows, score);
        facts[score] = (score_facts){0, INFINITY, INFINITY};
        if (n_positive == 0 || n_positive == rows->n_rows)
            continue;
        const double difference = mean_of_positive(rows, score, full + first) - mean_of_positive(rows, score, changed + first);
        facts[score] = (score_facts){difference, root(n_positive), root(rows->n_rows - n_positive)};
        n_ranked++;
    }
    return n_ranked;
}

asc_status auc_difference_error(const auc_rows *rows, const double *full, const double *changed, double *std_error, asc_error *err)
{
    double squares = 0;
    score_facts *facts = malloc((rows->n_scores + 1) * sizeof *facts);
    if (!facts)
        return fail_memory(err, "the areas of all classes", rows->n_scores * sizeof *facts);
    const size_t n_ranked = measure_scores(rows, full, changed, facts);
    for (size_t row = 0; row < rows->n_rows; row++) {
        double part = 0;
        for (size_t score = 0; score < rows->n_scores; score++) {
            const size_t at = score * rows->n_rows + row;
            if (isinf(facts[score].positive_root))
                continue;
            part += (full[at] - changed[at] - facts[score].difference) /
                    (rows->positive[at] ? facts[score].positive_root : facts[score].negative_root);
        }
        squares += part * part;
    }
    free(facts);
    *std_error = n_ranked ? sqrt(squares) / (double)n_ranked : NAN;
    return ASC_OK;
}
