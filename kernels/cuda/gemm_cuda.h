// Matrix products out = x W' + b of the cuda backend: what it needs of cuBLASLt. Implemented by gemm_cublaslt.cu.
#ifndef ASCRIBE_CUDA_GEMM_CUDA_H
#define ASCRIBE_CUDA_GEMM_CUDA_H

#include "cuda/cuda.cuh"

// The library's handle belongs to the device, its workspace to the stream.
asc_status gemm_cuda_open(cuda_device *device, asc_error *err);
void gemm_cuda_close(cuda_device *device); // does nothing where it was not opened
asc_status gemm_cuda_stream_open(asc_stream *stream, asc_error *err);
void gemm_cuda_stream_close(asc_stream *stream); // does nothing where it was not opened

// What decides the bits: library, version, algorithms. At most `size` bytes with the NUL.
void gemm_cuda_describe(const cuda_device *device, char *text, size_t size);

#endif
