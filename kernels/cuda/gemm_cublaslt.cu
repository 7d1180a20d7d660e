#include "cuda/gemm_cuda.h"

#include <stdio.h>

asc_status gemm_cuda_open(cuda_device *device, asc_error *err)
{
    (void)device, (void)err;
    return ASC_OK;
}

void gemm_cuda_close(cuda_device *device)
{
    (void)device;
}

asc_status gemm_cuda_stream_open(asc_stream *stream, asc_error *err)
{
    (void)stream, (void)err;
    return ASC_OK;
}

void gemm_cuda_stream_close(asc_stream *stream)
{
    (void)stream;
}

void gemm_cuda_describe(const cuda_device *device, char *text, size_t size)
{
    (void)device;
    snprintf(text, size, "cuBLASLt");
}
