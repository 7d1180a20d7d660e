// Relabelling: each row's own permutation of the features, and the design's coalitions seen through it. The same bits as ref.
//
// relabel: permutations [R, M], a thread a row. row_masks: masks [R, S, W], a thread a word; neighbouring threads hold neighbouring
// coalitions of one row, so that they read the same places of its permutation.
#include "cuda/cuda.cuh"

#include "philox.h"
#include "shapes.h"

enum { THREADS = 256 };

struct relabel_view {
    size_t n_rows, n_features;
    bool identity;
    uint64_t seed;
    const uint64_t *row_ids;
    int *permutations;
};

static __global__ void relabel_kernel(relabel_view view)
{
    const size_t row = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (row >= view.n_rows)
        return;
    int *permutation = view.permutations + row * view.n_features;
    if (!view.identity)
        philox_relabel(view.seed, view.row_ids[row], (int)view.n_features, permutation);
    else
        for (size_t i = 0; i < view.n_features; i++)
            permutation[i] = (int)i;
}

asc_status cuda_relabel(asc_stream *stream, const relabel_args *args, asc_error *err)
{
    const relabel_view view = {args->n_rows, args->n_features, args->identity, args->seed, cuda_data<uint64_t>(args->row_ids),
                               cuda_data<int>(args->permutations)};
    CUDA_LAUNCH(relabel_kernel, cuda_blocks(args->n_rows, THREADS), THREADS, 0, stream, view);
    return cuda_launched(stream, "relabel", err);
}

struct masks_view {
    size_t n_rows, n_features, n_coalitions, n_words;
    const uint64_t *design_masks;
    const int *permutations;
    uint64_t *masks;
    int *fault;
};

static __global__ void row_masks_kernel(masks_view view)
{
    const size_t index = (size_t)blockIdx.x * THREADS + threadIdx.x;
    const size_t s = index % view.n_coalitions, w = index / view.n_coalitions % view.n_words, row = index / view.n_coalitions / view.n_words;
    if (row >= view.n_rows)
        return;
    const int *permutation = view.permutations + row * view.n_features;
    const uint64_t *design_mask = view.design_masks + s * view.n_words;
    const size_t first = w * ASC_MASK_BITS, end = first + ASC_MASK_BITS;
    const size_t n_bits = (end < view.n_features ? end : view.n_features) - first;
    uint64_t mask = 0;
    for (size_t bit = 0; bit < n_bits; bit++) {
        const int column = permutation[first + bit];
        if (column < 0 || (size_t)column >= view.n_features)
            *view.fault = CUDA_FAULT_INDEX;
        else
            mask |= (uint64_t)mask_has(design_mask, (size_t)column) << bit;
    }
    view.masks[(row * view.n_coalitions + s) * view.n_words + w] = mask;
}

asc_status cuda_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err)
{
    const masks_view view = {args->n_rows,
                             args->n_features,
                             args->n_coalitions,
                             mask_words(args->n_features),
                             cuda_data<uint64_t>(args->design_masks),
                             cuda_data<int>(args->permutations),
                             cuda_data<uint64_t>(args->masks),
                             cuda_device_of(stream)->fault};
    const size_t n_masks = args->n_rows * args->n_coalitions * view.n_words;
    CUDA_LAUNCH(row_masks_kernel, cuda_blocks(n_masks, THREADS), THREADS, 0, stream, view);
    return cuda_launched(stream, "row_masks", err);
}
