#include "cuda/cuda.cuh"

asc_status cuda_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "embed: not written");
}
