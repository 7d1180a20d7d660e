// Plausibility: whether what is attributed most is what people marked (DeYoung et al., "ERASER", ACL 2020, rationale_benchmark/metrics.py).
#ifndef ASCRIBE_EVALUATE_PLAUSIBILITY_H
#define ASCRIBE_EVALUATE_PLAUSIBILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum plausibility_metric {
    PLAUSIBILITY_TOKEN_F1, // of the first k features against the marked ones
    PLAUSIBILITY_IOU_F1,   // of runs of features: one is found where intersection over union with a marked run is at least 1/2
    PLAUSIBILITY_AUPRC,    // area under precision over recall, by trapezoids from (0, 1), equal attributions at once
    N_PLAUSIBILITY,
} plausibility_metric;

typedef struct marked_row {
    size_t n_features;
    size_t k;               // how many features are taken, at least 1
    const uint8_t *marked;  // [n_features] 1 = in the rationale; at least one is
} marked_row;

// `phi`: every `stride`th is a feature's, which `order` sorts; NULL: none are equal. `scratch`: n_features bytes. Adds to sums [N_PLAUSIBILITY].
typedef struct ranked_row {
    const uint32_t *order;
    const float *phi;
    size_t stride;
    bool *scratch;
} ranked_row;
void plausibility_add(const marked_row *row, const ranked_row *ranked, double *sums);

// How many features to take of n where rationales take `mean_share` of their rows on average: that share, rounded up.
size_t plausibility_k(double mean_share, size_t n_features);

size_t plausibility_count(const uint8_t *marked, size_t n_features);

#endif
