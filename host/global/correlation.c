// Spearman by ranks, Kendall by counting exchanges of a merge sort (Knight, J. Am. Stat. Assoc. 61, 1966); see correlation.h.
#include "global/correlation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct pair {
    double x, y;
    double x_rank, y_rank;
} pair;

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_x_then_y(const void *left, const void *right)
{
    const pair *a = left, *b = right;
    const int order = compare_numbers(a->x, b->x);
    return order ? order : compare_numbers(a->y, b->y);
}

static int by_y(const void *left, const void *right)
{
    return compare_numbers(((const pair *)left)->y, ((const pair *)right)->y);
}

static double pairs_of(size_t n)
{
    return (double)n * ((double)n - 1) / 2;
}

// Average ranks of pairs that are sorted by y; returns how many pairs of them are tied.
static double rank_y(pair *pairs, size_t n)
{
    double tied = 0;
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && pairs[end].y == pairs[first].y;)
            end++;
        for (size_t i = first; i < end; i++)
            pairs[i].y_rank = (double)(first + end + 1) / 2;
        tied += pairs_of(end - first);
    }
    return tied;
}

// The same for x; *both: pairs that are tied in x and y.
static double rank_x(pair *pairs, size_t n, double *both)
{
    double tied = 0;
    *both = 0;
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && pairs[end].x == pairs[first].x;)
            end++;
        for (size_t i = first, same; i < end; i = same) {
            for (same = i; same < end && pairs[same].y == pairs[i].y; same++)
                pairs[same].x_rank = (double)(first + end + 1) / 2;
            *both += pairs_of(same - i);
        }
        tied += pairs_of(end - first);
    }
    return tied;
}

// Sorts by y, stable, and counts the exchanges that this takes.
static double count_exchanges(pair *pairs, pair *spare, size_t n)
{
    double exchanges = 0;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t begin = 0; begin < n; begin += 2 * width) {
            const size_t middle = begin + width < n ? begin + width : n, end = begin + 2 * width < n ? begin + 2 * width : n;
            size_t left = begin, right = middle;
            for (size_t to = begin; to < end; to++) {
                const bool take_right = right < end && (left == middle || pairs[right].y < pairs[left].y);
                exchanges += take_right ? (double)(middle - left) : 0;
                spare[to] = take_right ? pairs[right++] : pairs[left++];
            }
        }
        memcpy(pairs, spare, n * sizeof *pairs);
    }
    return exchanges;
}

static double correlation_of_ranks(const pair *pairs, size_t n)
{
    const double mean = ((double)n + 1) / 2;
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = pairs[i].x_rank - mean, y = pairs[i].y_rank - mean;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

asc_status rank_correlations(const double *x, const double *y, size_t n, double *spearman, double *kendall, asc_error *err)
{
    pair *pairs = malloc((2 * n + 1) * sizeof *pairs);
    double both = 0;
    if (!pairs)
        return fail_memory(err, "pairs of numbers", 2 * n * sizeof *pairs);
    for (size_t i = 0; i < n; i++)
        pairs[i] = (pair){x[i], y[i], 0, 0};
    qsort(pairs, n, sizeof *pairs, by_y);
    const double y_tied = rank_y(pairs, n);
    qsort(pairs, n, sizeof *pairs, by_x_then_y);
    const double x_tied = rank_x(pairs, n, &both);
    *spearman = correlation_of_ranks(pairs, n);
    const double discordant = count_exchanges(pairs, pairs + n, n), all = pairs_of(n);
    const double scale = sqrt((all - x_tied) * (all - y_tied));
    *kendall = n > 1 && scale > 0 ? (all - x_tied - y_tied + both - 2 * discordant) / scale : NAN;
    free(pairs);
    return ASC_OK;
}
