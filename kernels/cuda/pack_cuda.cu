#include "cuda/cuda.cuh"

asc_status cuda_pack(asc_stream *stream, const pack_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "pack: not written");
}
