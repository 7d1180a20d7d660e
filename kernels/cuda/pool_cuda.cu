#include "cuda/cuda.cuh"

asc_status cuda_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "pool_first: not written");
}
