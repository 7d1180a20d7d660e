// Matrix products out = x W' + b of the cuda backend: what it needs of cuBLASLt. Implemented by gemm_cublaslt.cu.
//
// A row's bits depend on that row and the weights alone: a product has one algorithm, whatever the number of rows, it never splits a sum, and rows
// come in whole tiles. Which one that is says gemm_cuda_algorithms: the library's own choice for the shape at first, then what was the fastest
// here (gemm_cuda_propose), or what is to be obeyed (gemm_cuda_obey).
#ifndef ASCRIBE_CUDA_GEMM_CUDA_H
#define ASCRIBE_CUDA_GEMM_CUDA_H

#include "cuda/cuda.cuh"

enum { GEMM_TILE = 128 }; // rows come in multiples of it

// The library's handle belongs to the device, its workspace to the stream.
asc_status gemm_cuda_open(cuda_device *device, asc_error *err);
void gemm_cuda_close(cuda_device *device); // does nothing where it was not opened
asc_status gemm_cuda_stream_open(asc_stream *stream, asc_error *err);
void gemm_cuda_stream_close(asc_stream *stream); // does nothing where it was not opened

// What decides the bits beside the algorithms: the library and its version. At most `size` bytes with the NUL.
void gemm_cuda_describe(char *text, size_t size);

// The algorithms of all products that were planned so far, as in gemm_choice.h; "" where a plan only counts memory. Valid until it is asked for
// anew.
asc_status gemm_cuda_algorithms(const cuda_device *device, const char **out, asc_error *err);
// Times what the library offers for each of them, and takes the fastest whose rows have the same bits in one tile, in several and in many. Nobody
// else uses the device. Where memory is short fewer rows are timed, at last none.
asc_status gemm_cuda_propose(asc_stream *stream, asc_error *err);
// Takes those of a text, and all or none of them. ASC_DIFFERENT_RUN names the one that it lacks or that the library does not take here.
asc_status gemm_cuda_obey(const cuda_device *device, const char *algorithms, asc_error *err);

// n_groups maps side by side.
typedef struct gemm_shape {
    size_t n_groups, n_out, n_in;
} gemm_shape;

// In [-1, 1), by a linear congruence: for products that are timed, which zeros would let the device do faster than data.
static inline float gemm_next_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state * 0x1p-31f;
}

// A product with its algorithm, weights and bias. Read only: several streams may run it at once. Every address, and every extent in bytes, must
// be a multiple of CUDA_ALIGNMENT.
typedef struct gemm_plan gemm_plan;

// weight: device, REAL [G, n_out, n_in]; bias: device, REAL [G, n_out]. Both stay the caller's and must outlive the plan. ASC_NO_DEVICE where the
// library knows no way.
asc_status gemm_plan_create(cuda_device *device, gemm_shape shape, const void *weight, const void *bias, gemm_plan **out, asc_error *err);
void gemm_plan_destroy(gemm_plan *plan); // accepts NULL

// out [n_rows, G, n_out] = x [n_rows, G, n_in] W' + b, REAL on the device, n_rows a multiple of GEMM_TILE. Sums and bias in float, one rounding.
asc_status gemm_run(asc_stream *stream, const gemm_plan *plan, const void *x, size_t n_rows, void *out, asc_error *err);

#endif
