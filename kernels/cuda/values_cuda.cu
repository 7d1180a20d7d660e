#include "cuda/cuda.cuh"

asc_status cuda_record_full(asc_stream *stream, const record_full_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "record_full: not written");
}

asc_status cuda_values(asc_stream *stream, const values_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "values: not written");
}
