#include "cuda/cuda.cuh"

asc_status cuda_relabel(asc_stream *stream, const relabel_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "relabel: not written");
}

asc_status cuda_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "row_masks: not written");
}
