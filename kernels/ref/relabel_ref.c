// Relabelling: each row's own permutation of the features, and the design's coalitions seen through it.
//
// relabel: permutations [R, M], Fisher-Yates on Philox(seed; PHILOX_RELABEL, row id), see philox.h; or the
// identity.
//
// row_masks: masks [R, S, W], feature i of row r is in its coalition s when design column permutations[r, i]
// is.
#include "ref/ref.h"

#include "philox.h"

#include <string.h>

asc_status ref_relabel(asc_stream *stream, const relabel_args *args, asc_error *err)
{
    (void)stream, (void)err;
    const size_t n_features = args->n_features;
    for (size_t row = 0; row < args->n_rows; row++) {
        int32_t *permutation = i32_data(args->permutations) + row * n_features;
        if (!args->identity)
            philox_relabel(args->seed, u64_data(args->row_ids)[row], (int32_t)n_features, permutation);
        else
            for (size_t i = 0; i < n_features; i++)
                permutation[i] = (int32_t)i;
    }
    return ASC_OK;
}

asc_status ref_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err)
{
    (void)stream;
    const size_t n_features = args->n_features, n_words = mask_words(n_features);
    const int32_t *permutations = i32_data(args->permutations);
    TRY(ref_check_indexes("row_masks: permutations", permutations, args->n_rows * n_features, 0, n_features,
                          err));
    for (size_t row = 0; row < args->n_rows; row++) {
        for (size_t s = 0; s < args->n_coalitions; s++) {
            const uint64_t *design_mask = u64_data(args->design_masks) + s * n_words;
            uint64_t *mask = u64_data(args->masks) + (row * args->n_coalitions + s) * n_words;
            memset(mask, 0, n_words * sizeof *mask);
            for (size_t i = 0; i < n_features; i++)
                if (mask_has(design_mask, (size_t)permutations[row * n_features + i]))
                    mask_add(mask, i);
        }
    }
    return ASC_OK;
}
