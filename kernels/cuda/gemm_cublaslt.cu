// gemm_cuda.h on cuBLASLt: handle, plans and products; gemm_choose_cuda.cu chooses their algorithms, gemm_tune_cuda.cu times them.
//
// cuBLASLt counts columns first: what is out [T, n_out] here is a matrix of n_out rows and T columns there, = W x + b with W transposed, and its
// bias runs along its rows, as the bias epilogue wants it. (Its GELU epilogue is the tanh form and is never used.)
#include "cuda/gemm_lt.h"

#include <stdio.h>
#include <stdlib.h>

struct gemm_plan {
    const gemm_pinned *pinned; // the device's
    cublasLtMatmulDescOpaque_t operation;
    const void *weight;
};

asc_status gemm_lt_check(cublasStatus_t outcome, const char *what, asc_error *err)
{
    if (outcome == CUBLAS_STATUS_SUCCESS)
        return ASC_OK;
    if (outcome == CUBLAS_STATUS_ALLOC_FAILED)
        return fail(err, ASC_OUT_OF_MEMORY, "cuBLASLt: %s: out of memory", what);
    return fail(err, ASC_NO_DEVICE, "cuBLASLt: %s: status %d", what, (int)outcome);
}

// ---- Device and stream ---------------------------------------------------------------------------------------------

asc_status gemm_cuda_open(cuda_device *device, asc_error *err)
{
    gemm_device *gemm = static_cast<gemm_device *>(calloc(1, sizeof *gemm));
    if (!gemm)
        return fail_memory(err, "cuBLASLt", sizeof *gemm);
    const asc_status status = gemm_lt_check(cublasLtCreate(&gemm->handle), "opening", err);
    if (status != ASC_OK) {
        free(gemm);
        return status;
    }
    pthread_mutex_init(&gemm->lock, nullptr);
    device->gemm = gemm;
    return ASC_OK;
}

void gemm_cuda_close(cuda_device *device)
{
    gemm_device *gemm = gemm_of(device);
    if (!gemm)
        return;
    CUDA_UNLESS_LOST(device, cublasLtDestroy(gemm->handle));
    pthread_mutex_destroy(&gemm->lock);
    for (size_t i = 0; i < gemm->n_pinned; i++)
        free(gemm->pinned[i]);
    free(gemm->pinned);
    free(gemm->text);
    free(gemm);
    device->gemm = nullptr;
}

asc_status gemm_cuda_stream_open(asc_stream *stream, asc_error *err)
{
    return cuda_allocate(cuda_device_of(stream), CUDA_ON_DEVICE, gemm_workspace_bytes, &cuda_of(stream)->gemm, "cuBLASLt's workspace", err);
}

void gemm_cuda_stream_close(asc_stream *stream)
{
    cuda_release(cuda_device_of(stream), cuda_of(stream)->gemm);
    cuda_of(stream)->gemm = nullptr;
}

void gemm_cuda_describe(char *text, size_t size)
{
    snprintf(text, size, "cuBLASLt %zu, tile %d", cublasLtGetVersion(), GEMM_TILE);
}

// ---- What is multiplied --------------------------------------------------------------------------------------------

cudaDataType gemm_lt_type(cuda_precision precision)
{
    switch (precision) {
    case CUDA_FP16: return CUDA_R_16F;
    case CUDA_BF16: return CUDA_R_16BF;
    case CUDA_FP32:
    case CUDA_TF32: break;
    }
    return CUDA_R_32F;
}

// Stored columns of `height` elements, `stride` apart; those of the next group begin `group_stride` elements later.
typedef struct columns {
    size_t height, count, stride, group_stride;
} columns;

static asc_status lay_out(cublasLtMatrixLayoutOpaque_t *layout, cudaDataType type, size_t n_groups, const columns *of, asc_error *err)
{
    const int32_t n_batches = (int32_t)n_groups;
    const int64_t offset = (int64_t)of->group_stride;
    TRY(gemm_lt_check(cublasLtMatrixLayoutInit(layout, type, of->height, of->count, (int64_t)of->stride), "describing a matrix", err));
    TRY(gemm_lt_check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n_batches, sizeof n_batches), "counting groups", err));
    return gemm_lt_check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset, sizeof offset),
                 "placing groups", err);
}

asc_status gemm_lt_lay_out(const gemm_product *product, size_t n_rows, gemm_layouts *out, asc_error *err)
{
    const size_t n_groups = product->shape.n_groups, n_in = product->shape.n_in, n_out = product->shape.n_out;
    const cudaDataType type = gemm_lt_type(product->precision);
    const columns weight = {n_in, n_out, n_in, n_out * n_in};
    const columns x = {n_in, n_rows, n_groups * n_in, n_in}, result = {n_out, n_rows, n_groups * n_out, n_out};
    TRY(lay_out(&out->weight, type, n_groups, &weight, err));
    TRY(lay_out(&out->x, type, n_groups, &x, err));
    return lay_out(&out->out, type, n_groups, &result, err);
}

static asc_status set(cublasLtMatmulDescOpaque_t *operation, cublasLtMatmulDescAttributes_t which, const void *value, size_t bytes,
                      asc_error *err)
{
    return gemm_lt_check(cublasLtMatmulDescSetAttribute(operation, which, value, bytes), "describing a product", err);
}

cublasComputeType_t gemm_lt_compute(cuda_precision precision)
{
    return precision == CUDA_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

asc_status gemm_lt_describe(const gemm_product *product, const void *bias, cublasLtMatmulDescOpaque_t *out, asc_error *err)
{
    const int32_t transposed = CUBLAS_OP_T;
    const uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    const int64_t bias_stride = (int64_t)product->shape.n_out;
    TRY(gemm_lt_check(cublasLtMatmulDescInit(out, gemm_lt_compute(product->precision), CUDA_R_32F), "describing a product", err));
    TRY(set(out, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed, err));
    TRY(set(out, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue, err));
    TRY(set(out, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias, err));
    return set(out, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, &bias_stride, sizeof bias_stride, err);
}

asc_status gemm_lt_multiply(asc_stream *stream, const gemm_call *call, asc_error *err)
{
    const float one = 1, zero = 0;
    gemm_layouts at;
    cublasLtMatmulDescOpaque_t *operation = const_cast<cublasLtMatmulDescOpaque_t *>(call->operation); // is only read
    TRY(gemm_lt_lay_out(call->product, call->n_rows, &at, err));
    return gemm_lt_check(cublasLtMatmul(gemm_of(cuda_device_of(stream))->handle, operation, &one, call->weight, &at.weight, call->x, &at.x, &zero,
                                        call->out, &at.out, call->out, &at.out, call->algo, cuda_of(stream)->gemm, gemm_workspace_bytes,
                                        cuda_of(stream)->stream),
                         "multiplying", err);
}

// ---- Plans ---------------------------------------------------------------------------------------------------------

asc_status gemm_plan_create(cuda_device *device, gemm_shape shape, const void *weight, const void *bias, gemm_plan **out, asc_error *err)
{
    const gemm_product product = {device->precision, shape};
    *out = nullptr;
    gemm_plan *plan = static_cast<gemm_plan *>(calloc(1, sizeof *plan));
    if (!plan)
        return fail_memory(err, "cuBLASLt's plan", sizeof *plan);
    plan->weight = weight;
    asc_status status = device->planning ? ASC_OK : gemm_lt_describe(&product, bias, &plan->operation, err);
    if (status == ASC_OK && !device->planning)
        status = gemm_lt_pin(device, &product, &plan->pinned, err);
    if (status != ASC_OK) {
        free(plan);
        return status;
    }
    *out = plan;
    return ASC_OK;
}

void gemm_plan_destroy(gemm_plan *plan)
{
    free(plan);
}

asc_status gemm_run(asc_stream *stream, const gemm_plan *plan, const void *x, size_t n_rows, void *out, asc_error *err)
{
    if (cuda_device_of(stream)->planning)
        return ASC_OK;
    const gemm_call call = {&plan->pinned->product, &plan->operation, &plan->pinned->algorithm.algo, plan->weight, x, out, n_rows};
    return gemm_lt_multiply(stream, &call, err);
}
