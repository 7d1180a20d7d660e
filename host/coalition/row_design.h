// Designs that belong to one row: its coalitions and their weights, drawn as a pure function of (seed, row id, n, budget).
//
// Coalition 0 is the full one, coalition 1 the empty one, whatever their weights; the others follow in the order of
// drawing. What lies beyond `count` is undefined.
#ifndef ASCRIBE_COALITION_ROW_DESIGN_H
#define ASCRIBE_COALITION_ROW_DESIGN_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Of one row; twice as many draws and more must stay below PHILOX_MOST_DRAWS.
enum { ROW_DESIGN_MOST_BUDGET = 1 << 22 };

// Memory of the caller's, `capacity` coalitions of it.
typedef struct row_design {
    size_t n_features; // n >= 1
    size_t capacity;   // at least 2
    size_t count;      // coalitions in use
    size_t n_draws;    // samples that the peer's own table would hold
    uint64_t *masks;   // [capacity, mask_words(n)]
    double *weights;   // [capacity]
} row_design;

typedef struct row_draw {
    uint64_t seed, row_id;
    size_t n_features;
    size_t budget; // 1 ... ROW_DESIGN_MOST_BUDGET
} row_draw;

// Sets the two anchors, with weight 0, and count = 2.
void row_design_begin(row_design *d);

// Appends a coalition.
void row_design_append(row_design *d, const uint64_t *mask, double weight);

// ---- shap's KernelExplainer (kernel_shap.c): n >= 2, capacity budget + 2 ----

// Every coalition of the sizes that the budget can enumerate, in shap's order, then random ones of the other sizes with their
// complements; a coalition drawn again costs nothing and weighs more. The random numbers are ours.
asc_status kernel_shap_draw(const row_draw *draw, row_design *out, asc_error *err);

// A uniform order of the features, n >= 1, `order` [n]: Fisher-Yates from the top, as philox_relabel, on the stream (seed; purpose, row id,
// number). Of `draw` the budget is not read.
void row_order_draw(const row_draw *draw, uint32_t purpose, uint32_t number, uint32_t *order);

// ---- Antithetic walks (walks.c): n >= 2, capacity budget + 2 ----

// budget / (2 (n - 1)) walks, at least one must fit, laid out as ASC_SOLVE_WALKS expects; weights are 1.
asc_status walks_draw(const row_draw *draw, row_design *out, asc_error *err);

// Evaluations of one walk and its way back.
static inline size_t walks_length(size_t n_features)
{
    return 2 * (n_features - 1);
}

// ---- lime's text sampler (lime_samples.c): n >= 1, capacity lime_capacity ----

// `budget` samples besides the row itself: a number of features to remove, uniform in 1 ... n, then which. Equal ones are one coalition
// with the sum of their weights, the row itself is coalition 0.
asc_status lime_draw(const row_draw *draw, row_design *out, asc_error *err);
size_t lime_capacity(size_t n_features, size_t budget);

// ---- Finding equal masks ----

typedef struct mask_table {
    size_t n_words, n_slots;
    uint32_t *slots; // coalition number + 1, 0 = free
} mask_table;

asc_status mask_table_open(size_t n_features, size_t capacity, mask_table *out, asc_error *err);
void mask_table_close(mask_table *table);
// The coalition among those put before that equals `mask`, or d->count when there is none; then that number is taken as the mask's own,
// and the caller appends it.
size_t mask_table_put(mask_table *table, const row_design *d, const uint64_t *mask);

#endif
