#include "cuda/cuda.cuh"

asc_status cuda_attribute(asc_stream *stream, const attribute_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "attribute: not written");
}
