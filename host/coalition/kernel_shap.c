// The coalitions and weights of shap's KernelExplainer (Lundberg & Lee, NIPS 2017; shap 0.51, shap/explainers/_kernel.py), with our own
// random numbers.
//
// Sizes 1 ... ceil((n-1)/2) weigh (n - 1) / (s (n - s)), twice that where size n - s is another one ("paired"), together 1. From the smallest
// on, a size is enumerated while what is left of the budget, times its share of what is left of the weight, reaches the number of its
// coalitions. The rest of the budget goes to random coalitions of the other sizes, each with its complement; at most four draws for each
// evaluation left. Their weights, the numbers of times they were drawn, are scaled to the weight left.
#include "coalition/row_design.h"

#include "philox.h"
#include "shapes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct sampler {
    const row_draw *draw;
    row_design *out;
    size_t n_sizes, n_paired;
    size_t n_enumerated; // sizes
    double *weight;      // [n_sizes]
    double *left;        // [n_sizes]: scratch; then cumulative shares of the sizes that are drawn
    uint32_t *order;     // [n]
    uint64_t *mask, *complement;
} sampler;

static void free_sampler(sampler *s)
{
    free(s->mask);
    free(s->order);
    free(s->weight);
}

static asc_status open_sampler(sampler *s, asc_error *err)
{
    const size_t n = s->draw->n_features, n_words = mask_words(n);
    s->n_sizes = n / 2;
    s->n_paired = (n - 1) / 2;
    s->weight = malloc(2 * s->n_sizes * sizeof *s->weight);
    s->order = malloc(n * sizeof *s->order);
    s->mask = calloc(2 * n_words, sizeof *s->mask);
    if (!s->weight || !s->order || !s->mask)
        return fail_memory(err, "the coalitions of a row", n * (sizeof *s->order + sizeof *s->weight));
    s->left = s->weight + s->n_sizes;
    s->complement = s->mask + n_words;
    double sum = 0;
    for (size_t i = 0; i < s->n_sizes; i++) {
        const double size = (double)(i + 1);
        s->weight[i] = ((double)n - 1) / (size * ((double)n - size)) * (i < s->n_paired ? 2 : 1);
        sum += s->weight[i];
    }
    for (size_t i = 0; i < s->n_sizes; i++)
        s->weight[i] /= sum;
    return ASC_OK;
}

static double binomial(size_t n, size_t k)
{
    double value = 1;
    for (size_t i = 1; i <= k; i++)
        value = value * (double)(n - k + i) / (double)i;
    return rint(value);
}

static void complement_mask(sampler *s)
{
    for (size_t w = 0; w < mask_words(s->draw->n_features); w++)
        s->complement[w] = s->out->masks[w] & ~s->mask[w];
}

// mask = the features order[0 ... size).
static void make_mask(sampler *s, size_t size)
{
    memset(s->mask, 0, mask_words(s->draw->n_features) * sizeof *s->mask);
    for (size_t i = 0; i < size; i++)
        mask_add(s->mask, s->order[i]);
    complement_mask(s);
}

// The next combination in lexicographic order; false after the last.
static bool next_combination(uint32_t *chosen, size_t size, size_t n)
{
    size_t i = size;
    while (i > 0 && chosen[i - 1] == n - size + i - 1)
        i--;
    if (i == 0)
        return false;
    chosen[i - 1]++;
    for (; i < size; i++)
        chosen[i] = chosen[i - 1] + 1;
    return true;
}

static void enumerate_size(sampler *s, size_t size, double weight)
{
    for (size_t i = 0; i < size; i++)
        s->order[i] = (uint32_t)i;
    do {
        make_mask(s, size);
        row_design_append(s->out, s->mask, weight);
        if (size <= s->n_paired)
            row_design_append(s->out, s->complement, weight);
    } while (next_combination(s->order, size, s->draw->n_features));
}

static void enumerate_sizes(sampler *s)
{
    const size_t n = s->draw->n_features;
    double budget_left = (double)s->draw->budget;
    memcpy(s->left, s->weight, s->n_sizes * sizeof *s->left);
    for (size_t i = 0; i < s->n_sizes; i++) {
        const size_t size = i + 1;
        const double sides = i < s->n_paired ? 2 : 1, n_subsets = binomial(n, size) * sides;
        if (!(budget_left * s->left[i] / n_subsets >= 1 - 1e-8))
            return;
        s->n_enumerated++;
        budget_left -= n_subsets;
        if (s->left[i] < 1) {
            const double rest = 1 - s->left[i];
            for (size_t j = 0; j < s->n_sizes; j++)
                s->left[j] /= rest;
        }
        enumerate_size(s, size, s->weight[i] / binomial(n, size) / sides);
    }
}

// Cumulative shares of the sizes that are not enumerated, a paired one counting once.
static void make_shares(sampler *s)
{
    double sum = 0;
    for (size_t i = s->n_enumerated; i < s->n_sizes; i++) {
        sum += s->weight[i] / (i < s->n_paired ? 2 : 1);
        s->left[i] = sum;
    }
    for (size_t i = s->n_enumerated; i < s->n_sizes; i++)
        s->left[i] /= sum;
    s->left[s->n_sizes - 1] = 1;
}

// Draw `number`: a size, then that many features in the first places of `order`.
static size_t draw_subset(sampler *s, uint32_t number)
{
    const uint32_t n = (uint32_t)s->draw->n_features;
    philox_stream stream = philox_open_draw(s->draw->seed, PHILOX_SHAP, s->draw->row_id, number);
    const double where = philox_uniform(&stream);
    size_t i = s->n_enumerated;
    while (where >= s->left[i])
        i++;
    for (uint32_t j = 0; j < n; j++)
        s->order[j] = j;
    for (uint32_t j = 0; j <= i; j++) {
        const uint32_t other = j + philox_below(&stream, n - j);
        const uint32_t held = s->order[j];
        s->order[j] = s->order[other];
        s->order[other] = held;
    }
    return i + 1;
}

static void draw_rest(sampler *s, mask_table *table)
{
    row_design *out = s->out;
    const size_t n_fixed = out->count, end = s->draw->budget + 2;
    const size_t n_draws = 4 * (end - n_fixed);
    double sum = 0, weight_left = 0;
    for (size_t number = 0; out->count < end && number < n_draws; number++) {
        const size_t size = draw_subset(s, (uint32_t)number);
        make_mask(s, size);
        const size_t at = mask_table_put(table, out, s->mask);
        const bool is_new = at == out->count, paired = size <= s->n_paired;
        if (is_new)
            row_design_append(out, s->mask, 1);
        else
            out->weights[at] += 1;
        if (is_new && paired && out->count < end)
            row_design_append(out, s->complement, 1);
        else if (!is_new && paired)
            out->weights[at + 1] += 1;
    }
    for (size_t i = s->n_enumerated; i < s->n_sizes; i++)
        weight_left += s->weight[i];
    for (size_t c = n_fixed; c < out->count; c++)
        sum += out->weights[c];
    for (size_t c = n_fixed; c < out->count; c++)
        out->weights[c] *= weight_left / sum;
}

asc_status kernel_shap_draw(const row_draw *draw, row_design *out, asc_error *err)
{
    assert(draw->n_features >= 2 && draw->budget >= 1 && out->capacity >= draw->budget + 2);
    mask_table table = {0};
    sampler s = {.draw = draw, .out = out};
    asc_status status = open_sampler(&s, err);
    if (status == ASC_OK)
        status = mask_table_open(draw->n_features, out->capacity, &table, err);
    if (status != ASC_OK)
        goto done;
    row_design_begin(out);
    enumerate_sizes(&s);
    if (s.n_enumerated < s.n_sizes) {
        make_shares(&s);
        draw_rest(&s, &table);
    }
    out->n_draws = draw->budget;
done:
    mask_table_close(&table);
    free_sampler(&s);
    return status;
}
