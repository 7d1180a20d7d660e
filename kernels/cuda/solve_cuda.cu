#include "cuda/cuda.cuh"

asc_status cuda_solve(asc_stream *stream, const solve_args *args, asc_error *err)
{
    (void)stream, (void)args;
    return fail(err, ASC_INTERNAL, "solve: not written");
}
