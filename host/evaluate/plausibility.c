// See plausibility.h.
#include "evaluate/plausibility.h"

#include <math.h>
#include <string.h>

size_t plausibility_k(double mean_share, size_t n_features)
{
    const double k = ceil(mean_share * (double)n_features - 1e-9);
    return k < 1 ? 1 : k > (double)n_features ? n_features : (size_t)k;
}

size_t plausibility_count(const uint8_t *marked, size_t n_features)
{
    size_t count = 0;
    for (size_t i = 0; i < n_features; i++)
        count += marked[i];
    return count;
}

static double f1(double precision, double recall)
{
    return precision > 0 && recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

static double token_f1(const marked_row *row, const bool *taken)
{
    size_t both = 0;
    for (size_t i = 0; i < row->n_features; i++)
        both += taken[i] && row->marked[i];
    return f1((double)both / (double)row->k, (double)both / (double)plausibility_count(row->marked, row->n_features));
}

// Neighbouring features that are all in a set: [begin, end), both at n behind the last.
typedef struct run {
    size_t begin, end;
} run;

static bool is_in(const marked_row *row, const bool *taken, size_t i)
{
    return taken ? taken[i] : row->marked[i] != 0;
}

// Of the marked features where `taken` is NULL.
static run next_run(const marked_row *row, const bool *taken, size_t from)
{
    run r = {from, from};
    while (r.begin < row->n_features && !is_in(row, taken, r.begin))
        r.begin++;
    for (r.end = r.begin; r.end < row->n_features && is_in(row, taken, r.end);)
        r.end++;
    return r;
}

static bool is_found(const marked_row *row, run taken)
{
    for (run r = next_run(row, NULL, 0); r.begin < r.end; r = next_run(row, NULL, r.end)) {
        const size_t begin = r.begin > taken.begin ? r.begin : taken.begin, end = r.end < taken.end ? r.end : taken.end;
        const size_t both = end > begin ? end - begin : 0;
        if (2 * both >= r.end - r.begin + taken.end - taken.begin - both)
            return true;
    }
    return false;
}

static double iou_f1(const marked_row *row, const bool *taken)
{
    size_t n_found = 0, n_taken = 0, n_marked = 0;
    for (run r = next_run(row, taken, 0); r.begin < r.end; r = next_run(row, taken, r.end), n_taken++)
        n_found += is_found(row, r);
    for (run r = next_run(row, NULL, 0); r.begin < r.end; r = next_run(row, NULL, r.end))
        n_marked++;
    return f1((double)n_found / (double)n_taken, (double)n_found / (double)n_marked);
}

static double auprc(const marked_row *row, const ranked_row *ranked)
{
    const double n_marked = (double)plausibility_count(row->marked, row->n_features);
    double area = 0, recall = 0, precision = 1, both = 0;
    for (size_t i = 0; i < row->n_features; i++) {
        const uint32_t feature = ranked->order[i];
        both += row->marked[feature];
        if (ranked->phi && i + 1 < row->n_features && ranked->phi[feature * ranked->stride] == ranked->phi[ranked->order[i + 1] * ranked->stride])
            continue;
        const double next_recall = both / n_marked, next_precision = both / (double)(i + 1);
        area += (next_recall - recall) * (precision + next_precision) / 2;
        recall = next_recall;
        precision = next_precision;
    }
    return area;
}

void plausibility_add(const marked_row *row, const ranked_row *ranked, double *sums)
{
    memset(ranked->scratch, 0, row->n_features * sizeof *ranked->scratch);
    for (size_t i = 0; i < row->k; i++)
        ranked->scratch[ranked->order[i]] = true;
    sums[PLAUSIBILITY_TOKEN_F1] += token_f1(row, ranked->scratch);
    sums[PLAUSIBILITY_IOU_F1] += iou_f1(row, ranked->scratch);
    sums[PLAUSIBILITY_AUPRC] += auprc(row, ranked);
}
