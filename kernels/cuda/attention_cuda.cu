#include "cuda/cuda.cuh"

asc_status cuda_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "attention: not written");
}
