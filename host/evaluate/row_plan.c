// See row_plan.h.
#include "evaluate/row_plan.h"

#include "shapes.h"

#include <stdlib.h>
#include <string.h>

const unsigned plan_bins[PLAN_N_BINS] = {1, 5, 10, 20, 50};

void plan_sizes_make(size_t n_features, plan_sizes *out)
{
    const size_t n_steps = n_features < PLAN_MOST_STEPS ? n_features : PLAN_MOST_STEPS;
    *out = (plan_sizes){.n_features = n_features, .n_points = n_steps + 1};
    for (size_t bin = 0; bin < PLAN_N_BINS; bin++)
        out->k[bin] = (plan_bins[bin] * n_features + 99) / 100;
    for (size_t i = 0; i <= n_steps; i++)
        out->k[PLAN_N_BINS + i] = (i * n_features + n_steps - 1) / n_steps;
}

typedef struct ranked {
    float phi;
    uint32_t feature;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->phi != y->phi)
        return x->phi > y->phi ? -1 : 1;
    return x->feature < y->feature ? -1 : 1;
}

asc_status plan_order(const float *phi, size_t stride, size_t n_features, uint32_t *order, asc_error *err)
{
    ranked *all = malloc(n_features * sizeof *all);
    if (!all)
        return fail_memory(err, "the order of a row's features", n_features * sizeof *all);
    for (size_t i = 0; i < n_features; i++)
        all[i] = (ranked){phi[i * stride], (uint32_t)i};
    qsort(all, n_features, sizeof *all, compare_ranked);
    for (size_t i = 0; i < n_features; i++)
        order[i] = all[i].feature;
    free(all);
    return ASC_OK;
}

static uint32_t put(const plan_into *into, const uint64_t *mask)
{
    const size_t at = mask_table_put(into->table, into->design, mask);
    if (at == into->design->count)
        row_design_append(into->design, mask, 0);
    return (uint32_t)at;
}

void plan_append(const plan_sizes *sizes, const uint32_t *order, const plan_into *into, plan_pair *pairs)
{
    const size_t n_words = mask_words(sizes->n_features);
    uint64_t *only = into->scratch, *without = only + n_words;
    for (size_t i = 0; i < PLAN_N_BINS + sizes->n_points; i++) {
        memset(only, 0, n_words * sizeof *only);
        for (size_t j = 0; j < sizes->k[i]; j++)
            mask_add(only, order[j]);
        for (size_t w = 0; w < n_words; w++)
            without[w] = into->design->masks[w] & ~only[w];
        pairs[i] = (plan_pair){put(into, without), put(into, only)};
    }
}

size_t plan_most_coalitions(size_t n_orders)
{
    return n_orders * 2 * PLAN_MOST_SIZES;
}
