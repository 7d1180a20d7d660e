#include "cuda/cuda.cuh"

asc_status cuda_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "attention_first: not written");
}
