#include "cuda/cuda.cuh"

asc_status cuda_linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "linear: not written");
}

asc_status cuda_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err)
{
    (void)linear, (void)weight, (void)bias;
    return fail(err, ASC_INTERNAL, "linear_create: not written");
}

void cuda_linear_destroy(asc_linear *linear)
{
    (void)linear;
}
