// The neighbourhood that lime draws around a text (Ribeiro, Singh, Guestrin, KDD 2016; LimeTextExplainer): how many features are removed
// is uniform in 1 ... n, all of them possible; which ones, uniform. A sample with k of n features kept lies at the cosine distance
// d = 100 (1 - sqrt(k / n)) and weighs sqrt(exp(-d^2 / 25^2)).
#include "coalition/row_design.h"

#include "coalition/design.h"
#include "philox.h"
#include "shapes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double kernel_width = 25;

size_t lime_capacity(size_t n_features, size_t budget)
{
    const size_t full = design_full_budget(n_features);
    return 2 + (budget < full ? budget : full);
}

static double sample_weight(size_t n_kept, size_t n_features)
{
    const double distance = 100 * (1 - sqrt((double)n_kept / (double)n_features));
    return sqrt(exp(-(distance * distance) / (kernel_width * kernel_width)));
}

// One sample's mask; returns how many features it keeps. `order` is scratch.
static size_t draw_sample(const row_draw *draw, uint32_t number, uint32_t *order, uint64_t *mask)
{
    const uint32_t n = (uint32_t)draw->n_features;
    philox_stream stream = philox_open_draw(draw->seed, PHILOX_LIME, draw->row_id, number);
    const uint32_t n_removed = 1 + philox_below(&stream, n);
    memset(mask, 0, mask_words(n) * sizeof *mask);
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = 0; i < n_removed; i++) {
        const uint32_t j = i + philox_below(&stream, n - i);
        const uint32_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (uint32_t i = n_removed; i < n; i++)
        mask_add(mask, order[i]);
    return n - n_removed;
}

asc_status lime_draw(const row_draw *draw, row_design *out, asc_error *err)
{
    const size_t n = draw->n_features, n_words = mask_words(n);
    assert(n >= 1 && out->capacity >= lime_capacity(n, draw->budget));
    mask_table table = {0};
    uint32_t *order = malloc(n * sizeof *order);
    uint64_t *mask = malloc(n_words * sizeof *mask);
    asc_status status = order && mask ? mask_table_open(n, out->capacity, &table, err) : fail_memory(err, "a sample", n * sizeof *order);
    if (status != ASC_OK)
        goto done;
    row_design_begin(out);
    out->count = 1;
    (void)mask_table_put(&table, out, out->masks + n_words);
    out->count = 2;
    out->weights[0] = sample_weight(n, n);
    for (size_t number = 0; number < draw->budget; number++) {
        const size_t n_kept = draw_sample(draw, (uint32_t)number, order, mask);
        const size_t at = mask_table_put(&table, out, mask);
        if (at == out->count)
            row_design_append(out, mask, 0);
        out->weights[at] += sample_weight(n_kept, n);
    }
    out->n_draws = draw->budget + 1;
done:
    mask_table_close(&table);
    free(mask);
    free(order);
    return status;
}
