// Antithetic walks: a uniform order of the features, switched on one by one and off again in the same order (Mitchell et al., "Sampling
// permutations for Shapley value estimation", JMLR 2022; shap's PermutationExplainer).
//
// The coalition after j features have been switched off is the complement of that after j were switched on, so a walk is n - 1
// complement pairs: the prefix of j features, and the rest.
#include "coalition/row_design.h"

#include "philox.h"
#include "shapes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void row_order_draw(const row_draw *draw, uint32_t purpose, uint32_t number, uint32_t *order)
{
    philox_stream stream = philox_open_draw(draw->seed, purpose, draw->row_id, number);
    for (uint32_t i = 0; i < draw->n_features; i++)
        order[i] = i;
    for (uint32_t i = (uint32_t)draw->n_features - 1; i > 0; i--) {
        const uint32_t j = philox_below(&stream, i + 1);
        const uint32_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}

asc_status walks_draw(const row_draw *draw, row_design *out, asc_error *err)
{
    const size_t n = draw->n_features, n_words = mask_words(n), n_walks = draw->budget / walks_length(n);
    assert(n >= 2 && n_walks >= 1 && out->capacity >= 2 + n_walks * walks_length(n));
    uint32_t *order = malloc(n * sizeof *order);
    uint64_t *masks = malloc(2 * n_words * sizeof *masks);
    asc_status status = ASC_OK;
    if (!order || !masks) {
        status = fail_memory(err, "the walks of a row", n * sizeof *order);
        goto done;
    }
    row_design_begin(out);
    for (size_t walk = 0; walk < n_walks; walk++) {
        row_order_draw(draw, PHILOX_WALK, (uint32_t)walk, order);
        memset(masks, 0, n_words * sizeof *masks);
        for (size_t j = 0; j + 1 < n; j++) {
            mask_add(masks, order[j]);
            for (size_t w = 0; w < n_words; w++)
                masks[n_words + w] = out->masks[w] & ~masks[w];
            row_design_append(out, masks, 1);
            row_design_append(out, masks + n_words, 1);
        }
    }
    out->n_draws = out->count - 2;
done:
    free(masks);
    free(order);
    return status;
}
