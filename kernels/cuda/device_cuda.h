// The GPUs of this machine. Implemented by device_cuda.cu.
#ifndef ASCRIBE_CUDA_DEVICE_CUDA_H
#define ASCRIBE_CUDA_DEVICE_CUDA_H

#include "cuda/cuda.cuh"

// As asc_backend_module has them.
asc_status cuda_count_devices(size_t *count, asc_error *err);
asc_status cuda_describe_device(int number, gpu_facts *facts, asc_error *err);
asc_status cuda_check_device(int number, asc_error *err);

// The slot gemm_rate. Implemented by gemm_rate_cuda.cu.
asc_status cuda_gemm_rate(asc_stream *stream, double *flops_per_s, asc_error *err);

#endif
