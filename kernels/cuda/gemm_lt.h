// What the files on cuBLASLt share: products, their layouts, and the algorithms that the device's products are pinned to.
#ifndef ASCRIBE_CUDA_GEMM_LT_H
#define ASCRIBE_CUDA_GEMM_LT_H

#include "cuda/gemm_cuda.h"
#include "cuda/memory_cuda.h"
#include "gemm_choice.h"

#include <cublasLt.h>
#include <pthread.h>

static const size_t gemm_workspace_bytes = (size_t)32 << 20; // what NVIDIA recommends for sm_90

// What an algorithm is chosen for.
typedef struct gemm_product {
    cuda_precision precision;
    gemm_shape shape;
} gemm_product;

typedef struct gemm_algorithm {
    uint32_t config[GEMM_CONFIG_SIZE]; // of gemm_choice.h
    cublasLtMatmulAlgo_t algo;         // made from it
} gemm_algorithm;

// One for each product that was planned. In half precision also the same product in bfloat16, which rows that overflow are explained in.
typedef struct gemm_pinned {
    gemm_product product;
    gemm_algorithm algorithm;
} gemm_pinned;

typedef struct gemm_device {
    cublasLtHandle_t handle;
    pthread_mutex_t lock;  // of what follows
    gemm_pinned **pinned;  // ordered by precision and shape; what they point to stays where it is
    size_t n_pinned;
    char *text; // of gemm_cuda_algorithms
} gemm_device; // cuda_device.gemm

static inline gemm_device *gemm_of(const cuda_device *device)
{
    return static_cast<gemm_device *>(device->gemm);
}

// The matrices of one call.
typedef struct gemm_layouts {
    cublasLtMatrixLayoutOpaque_t weight, x, out;
} gemm_layouts;

asc_status gemm_lt_check(cublasStatus_t outcome, const char *what, asc_error *err);
cudaDataType gemm_lt_type(cuda_precision precision);
cublasComputeType_t gemm_lt_compute(cuda_precision precision);
asc_status gemm_lt_lay_out(const gemm_product *product, size_t n_rows, gemm_layouts *out, asc_error *err);
asc_status gemm_lt_describe(const gemm_product *product, const void *bias, cublasLtMatmulDescOpaque_t *out, asc_error *err);

// out = x W' + b on the stream, n_rows rows.
typedef struct gemm_call {
    const gemm_product *product;
    const cublasLtMatmulDescOpaque_t *operation;
    const cublasLtMatmulAlgo_t *algo;
    const void *weight, *x;
    void *out;
    size_t n_rows;
} gemm_call;
asc_status gemm_lt_multiply(asc_stream *stream, const gemm_call *call, asc_error *err);

// Rows at which algorithms are asked for and timed: a tile for each multiprocessor.
size_t gemm_lt_usual_rows(const cuda_device *device);

// Up to `most` algorithms in the library's own order, the one it thinks fastest first, that keep sums whole, need no more than the workspace, and
// take the usual number of rows and a single tile. ASC_NO_DEVICE where there is none.
enum { GEMM_MOST_CANDIDATES = 16 };
asc_status gemm_lt_ask(const cuda_device *device, const gemm_product *product, size_t most, gemm_algorithm *out, size_t *count, asc_error *err);

// The device's algorithm for the product, by the library's own choice if there is none yet. Keeps its place. Several threads may ask.
asc_status gemm_lt_pin(const cuda_device *device, const gemm_product *product, const gemm_pinned **out, asc_error *err);


#endif
