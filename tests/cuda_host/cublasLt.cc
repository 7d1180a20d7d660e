// cuBLASLt's calls on host memory: plain loops, sums in float. It is stricter than the library: it refuses what ours has promised not to use
// (unaligned operands, split sums, other epilogues than a bias), so that a test sees it. Its algorithms differ in the order of their sums.
#include "cublasLt.h"

#include "calls.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "streams.h"

#include <atomic>
#include <mutex>
#include <set>
#include <vector>

struct emulated_lt {
    int unused;
};

namespace {

// An algorithm that is offered, in this order.
struct Algorithm {
    cublasLtMatmulAlgo_t algo;
    size_t workspace_bytes;
    uint64_t least_columns; // that it takes
};
// id, tile, splits, reduction, swizzle, custom option, stages, inner shape, cluster shape
const Algorithm offered[] = {
    {{{20, 20, 4, 0, 0, 0, 0, 0, 0}}, 1024, 1},                   // splits its sums, whatever the mask says
    {{{25, 20, 1, 2, 0, 0, 0, 0, 0}}, 1024, 1},                   // reduces
    {{{26, 20, 1, 0, 0, 0, 0, 0, 0}}, (size_t)64 << 20, 1},       // large workspace
    {{{27, 20, 1, 0, 0, 0, 0, 0, 0}}, 1024, 129},                 // takes no single tile
    {{{EMULATED_ASCENDING, 18, 1, 0, 0, 0, 5, 0, 0}}, 1024, 1},
    {{{EMULATED_DESCENDING, 21, 1, 0, 1, 3, 4, 2, 7}}, 1024, 1},
    {{{EMULATED_BY_COLUMNS, 22, 1, 0, 0, 1, 0, 0, 3}}, 1024, 1},
};
std::atomic<int> fastest{EMULATED_ASCENDING}, refused{0};

bool is_refused(uint32_t id)
{
    return (int)id == refused || (refused == -1 && (id == EMULATED_ASCENDING || id == EMULATED_DESCENDING));
}

const Algorithm *find(const cublasLtMatmulAlgo_t *algo)
{
    for (const Algorithm &a : offered)
        if (a.algo.config[0] == algo->config[0] && !is_refused(algo->config[0]))
            return &a;
    return nullptr;
}

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
    uint32_t id;
    cublasLtMatmulDescOpaque_t desc;
    cublasLtMatrixLayoutOpaque_t a_layout, b_layout, d_layout;
    const void *a, *b;
    void *d;
};

// [n_k, n_i] of [n_i, n_k].
std::vector<float> turned(const std::vector<float> &w, uint64_t n_i, uint64_t n_k)
{
    std::vector<float> t(w.size());
    for (uint64_t i = 0; i < n_i; i++)
        for (uint64_t k = 0; k < n_k; k++)
            t[k * n_i + i] = w[i * n_k + k];
    return t;
}

// One column of sums over k, each in the algorithm's order: ascending; descending and rounded on the way, so that bfloat16 shows it too; or
// ascending, and too large beyond one tile of columns.
void sum_products(const Product &p, const float *w, const float *x, std::vector<float> &sums)
{
    const uint64_t n_k = p.a_layout.rows, n_i = p.d_layout.rows;
    const bool descending = p.id == EMULATED_DESCENDING, by_columns = p.id == EMULATED_BY_COLUMNS && p.d_layout.cols > 128;
    float *sum = sums.data();
    for (uint64_t i = 0; i < n_i; i++)
        sum[i] = descending ? 0x1p-12f : by_columns ? 0.125f : 0;
    for (uint64_t step = 0; step < n_k; step++) {
        const uint64_t k = descending ? n_k - 1 - step : step;
        const float *row = w + k * n_i;
        for (uint64_t i = 0; i < n_i; i++)
            sum[i] += row[i] * x[k];
    }
}

void multiply(const Product &p)
{
    const uint64_t n_k = p.a_layout.rows, n_i = p.d_layout.rows;
    std::vector<float> sums(n_i);
    for (int32_t batch = 0; batch < p.d_layout.batch_count; batch++) {
        const std::vector<float> w = turned(columns(p.a, &p.a_layout, batch * p.a_layout.batch_offset), n_i, n_k);
        const std::vector<float> x = columns(p.b, &p.b_layout, batch * p.b_layout.batch_offset);
        for (uint64_t j = 0; j < p.d_layout.cols; j++) {
            sum_products(p, w.data(), &x[j * n_k], sums);
            for (uint64_t i = 0; i < n_i; i++)
                store(p.d, p.d_layout.type, batch * p.d_layout.batch_offset + (int64_t)j * p.d_layout.ld + (int64_t)i,
                      sums[i] + load(p.desc.bias, p.d_layout.type, batch * p.desc.bias_stride + (int64_t)i));
        }
    }
}

std::mutex handles_lock;
std::set<cublasLtHandle_t> handles;

} // namespace

void emulated_forget_handles()
{
    std::lock_guard<std::mutex> lock(handles_lock);
    for (cublasLtHandle_t handle : handles)
        delete handle;
    handles.clear();
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    *handle = nullptr;
    if (enter(CUBLAS_STATUS_EXECUTION_FAILED) != CUBLAS_STATUS_SUCCESS)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    std::lock_guard<std::mutex> lock(handles_lock);
    *handle = new emulated_lt();
    handles.insert(*handle);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    {
        std::lock_guard<std::mutex> lock(handles_lock);
        handles.erase(handle);
        delete handle;
    }
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

void emulate_products(int fastest_id, int refused_id)
{
    fastest = fastest_id;
    refused = refused_id;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatmulPreference_t preference,
                                              int n_asked, cublasLtMatmulHeuristicResult_t *results, int *n_results)
{
    const int n_offered = sizeof offered / sizeof *offered;
    *n_results = n_asked < n_offered ? n_asked : n_offered;
    for (int i = 0; i < *n_results; i++)
        results[i] = {offered[i].algo, offered[i].workspace_bytes, CUBLAS_STATUS_SUCCESS, 1};
    return preference->reduction_schemes == CUBLASLT_REDUCTION_SCHEME_NONE ? enter() : CUBLAS_STATUS_NOT_SUPPORTED;
}

// Takes nothing but what is offered, whole.
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d, const cublasLtMatmulAlgo_t *algo,
                                       cublasLtMatmulHeuristicResult_t *result)
{
    const Algorithm *found = find(algo);
    if (!found || d->cols < found->least_columns || std::memcmp(&found->algo, algo, sizeof *algo) != 0)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    *result = {*algo, found->workspace_bytes, CUBLAS_STATUS_SUCCESS, 1};
    return enter(CUBLAS_STATUS_EXECUTION_FAILED);
}

cublasStatus_t cublasLtMatmulAlgoInit(cublasLtHandle_t, cublasComputeType_t, cudaDataType_t, cudaDataType_t a, cudaDataType_t b,
                                      cudaDataType_t c, cudaDataType_t d, int id, cublasLtMatmulAlgo_t *algo)
{
    *algo = {{(uint32_t)id, 0, 1, 0, 0, 0, 0, 0, 0}};
    return !find(algo) || a != b || b != c || c != d ? CUBLAS_STATUS_NOT_SUPPORTED : enter(CUBLAS_STATUS_EXECUTION_FAILED);
}

static size_t config_bytes(cublasLtMatmulAlgoConfigAttributes_t which)
{
    return which == CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID || which == CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID ? 2 : 4;
}

cublasStatus_t cublasLtMatmulAlgoConfigSetAttribute(cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t which, const void *value,
                                                    size_t bytes)
{
    if (which == CUBLASLT_ALGO_CONFIG_ID || bytes != config_bytes(which))
        return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&algo->config[which], value, bytes);
    return enter(CUBLAS_STATUS_EXECUTION_FAILED);
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t which, void *value,
                                                    size_t bytes, size_t *written)
{
    if (bytes != config_bytes(which))
        return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(value, &algo->config[which], bytes);
    *written = bytes;
    return enter(CUBLAS_STATUS_EXECUTION_FAILED);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                              const void *b, cublasLtMatrixLayout_t b_layout, const void *beta, const void *, cublasLtMatrixLayout_t, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspace_bytes,
                              cudaStream_t stream)
{
    if (desc->transa != CUBLAS_OP_T || desc->epilogue != CUBLASLT_EPILOGUE_BIAS || !desc->bias || *(const float *)alpha != 1 ||
        *(const float *)beta != 0 || !find(algo) || algo->config[CUBLASLT_ALGO_CONFIG_SPLITK_NUM] != 1 || !workspace || workspace_bytes < 1024)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (a_layout->rows != b_layout->rows || d_layout->rows != a_layout->cols || d_layout->cols != b_layout->cols || !aligned(a, a_layout) ||
        !aligned(b, b_layout) || !aligned(d, d_layout))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (enter(CUBLAS_STATUS_EXECUTION_FAILED) != CUBLAS_STATUS_SUCCESS)
        return CUBLAS_STATUS_EXECUTION_FAILED;
    const Product product = {algo->config[0], *desc, *a_layout, *b_layout, *d_layout, a, b, d};
    emulated_enqueue(stream, true, [=]() {
        multiply(product);
        emulated_pass_time((int)product.id == fastest ? 0 : 1000);
    });
    return CUBLAS_STATUS_SUCCESS;
}
