// cuBLASLt's calls on host memory: plain loops, sums in float in ascending order. It is stricter than the library: it refuses what ours has
// promised not to use (unaligned operands, split sums, other epilogues than a bias), so that a test sees it.
#include "cublasLt.h"

#include "calls.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "streams.h"

#include <vector>

struct emulated_lt {
    int unused;
};

namespace {

cublasStatus_t enter(cublasStatus_t failure = CUBLAS_STATUS_INVALID_VALUE)
{
    return emulated_call(CUBLAS_STATUS_SUCCESS, failure);
}

size_t element_bytes(cudaDataType type) { return type == CUDA_R_32F ? 4 : 2; }

float load(const void *data, cudaDataType type, int64_t i)
{
    switch (type) {
    case CUDA_R_16F: return __half2float(static_cast<const __half *>(data)[i]);
    case CUDA_R_16BF: return __bfloat162float(static_cast<const __nv_bfloat16 *>(data)[i]);
    case CUDA_R_32F: break;
    }
    return static_cast<const float *>(data)[i];
}

void store(void *data, cudaDataType type, int64_t i, float x)
{
    switch (type) {
    case CUDA_R_16F: static_cast<__half *>(data)[i] = __float2half_rn(x); return;
    case CUDA_R_16BF: static_cast<__nv_bfloat16 *>(data)[i] = __float2bfloat16_rn(x); return;
    case CUDA_R_32F: static_cast<float *>(data)[i] = x; return;
    }
}

bool aligned(const void *data, const cublasLtMatrixLayoutOpaque_t *layout)
{
    const uintptr_t bytes = element_bytes(layout->type);
    return (uintptr_t)data % 16 == 0 && (uintptr_t)layout->ld * bytes % 16 == 0 && (uintptr_t)layout->batch_offset * bytes % 16 == 0;
}

// One column (all rows of the stored, transposed matrix) at a time, in float.
std::vector<float> columns(const void *data, const cublasLtMatrixLayoutOpaque_t *layout, int64_t first)
{
    std::vector<float> x(layout->rows * layout->cols);
    for (uint64_t j = 0; j < layout->cols; j++)
        for (uint64_t i = 0; i < layout->rows; i++)
            x[j * layout->rows + i] = load(data, layout->type, first + (int64_t)j * layout->ld + (int64_t)i);
    return x;
}

template <typename T> T value_of(const void *value)
{
    T x;
    std::memcpy(&x, value, sizeof x);
    return x;
}

struct Product {
    cublasLtMatmulDescOpaque_t desc;
    cublasLtMatrixLayoutOpaque_t a_layout, b_layout, d_layout;
    const void *a, *b;
    void *d;
};

// Of every sum the products in the order of k, in float; the sums of a column side by side.
void multiply(const Product &p)
{
    const uint64_t n_k = p.a_layout.rows, n_rows = p.d_layout.rows;
    for (int32_t batch = 0; batch < p.d_layout.batch_count; batch++) {
        const std::vector<float> w = columns(p.a, &p.a_layout, batch * p.a_layout.batch_offset), x = columns(p.b, &p.b_layout, batch * p.b_layout.batch_offset);
        std::vector<float> by_k(n_k * n_rows), sums(n_rows);
        for (uint64_t i = 0; i < n_rows; i++)
            for (uint64_t k = 0; k < n_k; k++)
                by_k[k * n_rows + i] = w[i * n_k + k];
        for (uint64_t j = 0; j < p.d_layout.cols; j++) {
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (uint64_t k = 0; k < n_k; k++)
                for (uint64_t i = 0; i < n_rows; i++)
                    sums[i] += by_k[k * n_rows + i] * x[j * n_k + k];
            for (uint64_t i = 0; i < n_rows; i++)
                store(p.d, p.d_layout.type, batch * p.d_layout.batch_offset + (int64_t)j * p.d_layout.ld + (int64_t)i,
                      sums[i] + load(p.desc.bias, p.d_layout.type, batch * p.desc.bias_stride + (int64_t)i));
        }
    }
}

} // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    *handle = nullptr;
    if (enter(CUBLAS_STATUS_EXECUTION_FAILED) != CUBLAS_STATUS_SUCCESS)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = new emulated_lt();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    delete handle;
    return enter(CUBLAS_STATUS_EXECUTION_FAILED);
}

size_t cublasLtGetVersion() { return 0; }

cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayout_t layout, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld)
{
    *layout = {type, rows, cols, ld, 1, 0};
    return enter();
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t which, const void *value,
                                                size_t bytes)
{
    if (which == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && bytes == 4)
        layout->batch_count = value_of<int32_t>(value);
    else if (which == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && bytes == 8)
        layout->batch_offset = value_of<int64_t>(value);
    else
        return CUBLAS_STATUS_INVALID_VALUE;
    return enter();
}

cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDesc_t desc, cublasComputeType_t, cudaDataType_t)
{
    *desc = {CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr, 0};
    return enter();
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t which, const void *value, size_t bytes)
{
    if (which == CUBLASLT_MATMUL_DESC_TRANSA && bytes == 4)
        desc->transa = (cublasOperation_t)value_of<int32_t>(value);
    else if (which == CUBLASLT_MATMUL_DESC_EPILOGUE && bytes == 4)
        desc->epilogue = (cublasLtEpilogue_t)value_of<uint32_t>(value);
    else if (which == CUBLASLT_MATMUL_DESC_BIAS_POINTER && bytes == 8)
        desc->bias = value_of<const void *>(value);
    else if (which == CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE && bytes == 8)
        desc->bias_stride = value_of<int64_t>(value);
    else
        return CUBLAS_STATUS_INVALID_VALUE;
    return enter();
}

cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreference_t preference)
{
    preference->reduction_schemes = 7;
    return enter();
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t which,
                                                    const void *value, size_t bytes)
{
    if (bytes != (which == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? 8 : 4))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (which == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
        preference->reduction_schemes = value_of<uint32_t>(value);
    return enter();
}

// The first one splits its sums, whatever the mask says, and cublasLtMatmul does not take it.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatmulPreference_t preference,
                                              int n_asked, cublasLtMatmulHeuristicResult_t *results, int *n_results)
{
    *n_results = n_asked < 2 ? n_asked : 2;
    for (int i = 0; i < *n_results; i++)
        results[i] = {{20 + i, i == 0 ? 4 : 1}, 1024, CUBLAS_STATUS_SUCCESS, 1};
    return preference->reduction_schemes == CUBLASLT_REDUCTION_SCHEME_NONE ? enter() : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t *algo,
                                       cublasLtMatmulHeuristicResult_t *result)
{
    *result = {*algo, 1024, CUBLAS_STATUS_SUCCESS, 1};
    return enter();
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t which, void *value,
                                                    size_t bytes, size_t *written)
{
    const int32_t found = which == CUBLASLT_ALGO_CONFIG_ID ? algo->id : which == CUBLASLT_ALGO_CONFIG_SPLITK_NUM ? algo->splits : 0;
    if (bytes != sizeof found)
        return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(value, &found, sizeof found);
    *written = sizeof found;
    return enter();
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                              const void *b, cublasLtMatrixLayout_t b_layout, const void *beta, const void *, cublasLtMatrixLayout_t, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspace_bytes,
                              cudaStream_t stream)
{
    if (desc->transa != CUBLAS_OP_T || desc->epilogue != CUBLASLT_EPILOGUE_BIAS || !desc->bias || *(const float *)alpha != 1 ||
        *(const float *)beta != 0 || algo->splits != 1 || !workspace || workspace_bytes < 1024)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (a_layout->rows != b_layout->rows || d_layout->rows != a_layout->cols || d_layout->cols != b_layout->cols || !aligned(a, a_layout) ||
        !aligned(b, b_layout) || !aligned(d, d_layout))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (enter(CUBLAS_STATUS_EXECUTION_FAILED) != CUBLAS_STATUS_SUCCESS)
        return CUBLAS_STATUS_EXECUTION_FAILED;
    const Product product = {*desc, *a_layout, *b_layout, *d_layout, a, b, d};
    emulated_enqueue(stream, true, [=]() { multiply(product); });
    return CUBLAS_STATUS_SUCCESS;
}
