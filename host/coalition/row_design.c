// What all designs of single rows share: anchors, appending, and finding equal masks; see row_design.h.
#include "coalition/row_design.h"

#include "base/checked.h"
#include "shapes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void row_design_begin(row_design *d)
{
    const size_t n_words = mask_words(d->n_features);
    assert(d->n_features >= 1 && d->capacity >= 2);
    memset(d->masks, 0, 2 * n_words * sizeof *d->masks);
    for (size_t i = 0; i < d->n_features; i++)
        mask_add(d->masks, i);
    d->weights[0] = d->weights[1] = 0;
    d->count = 2;
    d->n_draws = 0;
}

void row_design_append(row_design *d, const uint64_t *mask, double weight)
{
    const size_t n_words = mask_words(d->n_features);
    assert(d->count < d->capacity);
    memcpy(d->masks + d->count * n_words, mask, n_words * sizeof *mask);
    d->weights[d->count++] = weight;
}

asc_status mask_table_open(size_t n_features, size_t capacity, mask_table *out, asc_error *err)
{
    size_t n_slots = 64;
    while (n_slots < 2 * capacity)
        n_slots *= 2;
    *out = (mask_table){.n_words = mask_words(n_features), .n_slots = n_slots};
    out->slots = calloc(n_slots, sizeof *out->slots);
    return out->slots ? ASC_OK : fail_memory(err, "the coalitions of a row", n_slots * sizeof *out->slots);
}

void mask_table_close(mask_table *table)
{
    free(table->slots);
    *table = (mask_table){0};
}

// The finaliser of splitmix64 over the words: where a mask is looked for, nothing more.
static uint64_t scatter(const uint64_t *mask, size_t n_words)
{
    uint64_t hash = 0;
    for (size_t w = 0; w < n_words; w++) {
        hash = (hash ^ mask[w]) + UINT64_C(0x9E3779B97F4A7C15);
        hash = (hash ^ hash >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        hash = (hash ^ hash >> 27) * UINT64_C(0x94D049BB133111EB);
        hash ^= hash >> 31;
    }
    return hash;
}

size_t mask_table_put(mask_table *table, const row_design *d, const uint64_t *mask)
{
    const size_t n_words = table->n_words;
    size_t slot = scatter(mask, n_words) & (table->n_slots - 1);
    while (table->slots[slot]) {
        const size_t found = table->slots[slot] - 1;
        if (memcmp(d->masks + found * n_words, mask, n_words * sizeof *mask) == 0)
            return found;
        slot = (slot + 1) & (table->n_slots - 1);
    }
    table->slots[slot] = (uint32_t)d->count + 1;
    return d->count;
}
