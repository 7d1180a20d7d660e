// Which coalitions of a row its faithfulness is measured on.
//
// For each order of its features: without the first k, and the first k alone, for the k of ERASER's fractions (DeYoung et al., "ERASER: a
// benchmark to evaluate rationalized NLP models", ACL 2020) and of the deletion and insertion curves (Petsiuk et al., "RISE", BMVC 2018).
// Equal ones are evaluated once.
#ifndef ASCRIBE_EVALUATE_ROW_PLAN_H
#define ASCRIBE_EVALUATE_ROW_PLAN_H

#include "coalition/row_design.h"

enum {
    PLAN_N_BINS = 5,
    PLAN_MOST_STEPS = 20, // of a curve: one feature each in rows of so many, else equal parts
    PLAN_MOST_POINTS = PLAN_MOST_STEPS + 1,
    PLAN_MOST_SIZES = PLAN_N_BINS + PLAN_MOST_POINTS,
    PLAN_MOST_RANDOM = 100,
};

// ERASER's fractions in per cent: 1, 5, 10, 20, 50.
extern const unsigned plan_bins[PLAN_N_BINS];

// How many features come first: of fraction f of n, ceil(f n); at point i of s steps, ceil(i n / s).
typedef struct plan_sizes {
    size_t n_features, n_points;
    size_t k[PLAN_MOST_SIZES]; // the bins, then the n_points points from 0 to n_features
} plan_sizes;
void plan_sizes_make(size_t n_features, plan_sizes *out); // n_features >= 1

// Descending phi, equal ones in the row's order. phi: every `stride`th of the array, finite.
asc_status plan_order(const float *phi, size_t stride, size_t n_features, uint32_t *order, asc_error *err);

// The place of a coalition in the row's design.
typedef struct plan_pair {
    uint32_t without; // the first k are absent
    uint32_t only;    // all others are
} plan_pair;

// Appends an order's coalitions to the design, which begins with the anchors, and says where they stand: pairs [PLAN_N_BINS + n_points].
// `table` holds what the design holds. `scratch`: 2 mask_words(n).
typedef struct plan_into {
    row_design *design;
    mask_table *table;
    uint64_t *scratch;
} plan_into;
void plan_append(const plan_sizes *sizes, const uint32_t *order, const plan_into *into, plan_pair *pairs);

// Coalitions of n_orders orders, at most, anchors apart.
size_t plan_most_coalitions(size_t n_orders);

#endif
