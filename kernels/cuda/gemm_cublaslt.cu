// gemm_cuda.h on cuBLASLt.
//
// cuBLASLt counts columns first: what is out [T, n_out] here is a matrix of n_out rows and T columns there, = W x + b with W transposed, and its
// bias runs along its rows, as the bias epilogue wants it. (Its GELU epilogue is the tanh form and is never used.)
//
// The heuristics are asked once for each shape, at REFERENCE_ROWS rows, for algorithms that do not split sums; the first one that also
// takes a single tile is kept for all calls. So the choice depends on the shape, the library and the GPU alone, and gemm_cuda_describe tells it.
#include "cuda/gemm_cuda.h"

#include "cuda/memory_cuda.h"

#include <cublasLt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { REFERENCE_ROWS = 16384, MOST_CANDIDATES = 16 };
static const size_t WORKSPACE_BYTES = (size_t)32 << 20; // what NVIDIA recommends for sm_90

typedef struct choice {
    gemm_shape shape;
    cublasLtMatmulAlgo_t algo;
} choice;

typedef struct gemm_device {
    cublasLtHandle_t handle;
    pthread_mutex_t lock; // of the choices
    choice *choices;
    size_t n_choices;
} gemm_device; // cuda_device.gemm

struct gemm_plan {
    gemm_shape shape;
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatmulAlgo_t algo;
    const void *weight;
};

// The matrices of one call.
typedef struct layouts {
    cublasLtMatrixLayoutOpaque_t weight, x, out;
} layouts;

static asc_status check(cublasStatus_t outcome, const char *what, asc_error *err)
{
    if (outcome == CUBLAS_STATUS_SUCCESS)
        return ASC_OK;
    if (outcome == CUBLAS_STATUS_ALLOC_FAILED)
        return fail(err, ASC_OUT_OF_MEMORY, "cuBLASLt: %s: out of memory", what);
    return fail(err, ASC_NO_DEVICE, "cuBLASLt: %s: status %d", what, (int)outcome);
}

static gemm_device *gemm_of(const cuda_device *device)
{
    return static_cast<gemm_device *>(device->gemm);
}

// ---- Device and stream ---------------------------------------------------------------------------------------------

asc_status gemm_cuda_open(cuda_device *device, asc_error *err)
{
    gemm_device *gemm = static_cast<gemm_device *>(calloc(1, sizeof *gemm));
    if (!gemm)
        return fail_memory(err, "cuBLASLt", sizeof *gemm);
    const asc_status status = check(cublasLtCreate(&gemm->handle), "opening", err);
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
    free(gemm->choices);
    free(gemm);
    device->gemm = nullptr;
}

asc_status gemm_cuda_stream_open(asc_stream *stream, asc_error *err)
{
    return cuda_allocate(cuda_device_of(stream), CUDA_ON_DEVICE, WORKSPACE_BYTES, &cuda_of(stream)->gemm, "cuBLASLt's workspace", err);
}

void gemm_cuda_stream_close(asc_stream *stream)
{
    cuda_release(cuda_device_of(stream), cuda_of(stream)->gemm);
    cuda_of(stream)->gemm = nullptr;
}

// ---- What is multiplied --------------------------------------------------------------------------------------------

static cudaDataType type_of(cuda_precision precision)
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
    TRY(check(cublasLtMatrixLayoutInit(layout, type, of->height, of->count, (int64_t)of->stride), "describing a matrix", err));
    TRY(check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n_batches, sizeof n_batches), "counting groups", err));
    return check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset, sizeof offset),
                 "placing groups", err);
}

static asc_status lay_out_all(cuda_precision precision, const gemm_shape *shape, size_t n_rows, layouts *out, asc_error *err)
{
    const size_t n_groups = shape->n_groups, n_in = shape->n_in, n_out = shape->n_out;
    const cudaDataType type = type_of(precision);
    const columns weight = {n_in, n_out, n_in, n_out * n_in};
    const columns x = {n_in, n_rows, n_groups * n_in, n_in}, result = {n_out, n_rows, n_groups * n_out, n_out};
    TRY(lay_out(&out->weight, type, n_groups, &weight, err));
    TRY(lay_out(&out->x, type, n_groups, &x, err));
    return lay_out(&out->out, type, n_groups, &result, err);
}

static asc_status set(cublasLtMatmulDescOpaque_t *operation, cublasLtMatmulDescAttributes_t which, const void *value, size_t bytes,
                      asc_error *err)
{
    return check(cublasLtMatmulDescSetAttribute(operation, which, value, bytes), "describing a product", err);
}

static asc_status describe_operation(cuda_precision precision, const void *bias, gemm_plan *plan, asc_error *err)
{
    const cublasComputeType_t compute = precision == CUDA_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    const int32_t transposed = CUBLAS_OP_T;
    const uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    const int64_t bias_stride = (int64_t)plan->shape.n_out;
    TRY(check(cublasLtMatmulDescInit(&plan->operation, compute, CUDA_R_32F), "describing a product", err));
    TRY(set(&plan->operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed, err));
    TRY(set(&plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue, err));
    TRY(set(&plan->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias, err));
    return set(&plan->operation, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, &bias_stride, sizeof bias_stride, err);
}

// ---- The choice ----------------------------------------------------------------------------------------------------

static int32_t property(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t which)
{
    int32_t value = -1;
    size_t written;
    return cublasLtMatmulAlgoConfigGetAttribute(algo, which, &value, sizeof value, &written) == CUBLAS_STATUS_SUCCESS ? value : -1;
}

static asc_status prefer(cublasLtMatmulPreferenceOpaque_t *preference, asc_error *err)
{
    const uint32_t no_splits = CUBLASLT_REDUCTION_SCHEME_NONE, alignment = CUDA_ALIGNMENT;
    const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
    };
    cublasStatus_t outcome = cublasLtMatmulPreferenceInit(preference);
    if (outcome == CUBLAS_STATUS_SUCCESS)
        outcome = cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE_BYTES,
                                                       sizeof WORKSPACE_BYTES);
    if (outcome == CUBLAS_STATUS_SUCCESS)
        outcome = cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &no_splits, sizeof no_splits);
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments && outcome == CUBLAS_STATUS_SUCCESS; i++)
        outcome = cublasLtMatmulPreferenceSetAttribute(preference, alignments[i], &alignment, sizeof alignment);
    return check(outcome, "stating preferences", err);
}

static bool takes(const gemm_device *gemm, gemm_plan *plan, layouts *tile, const cublasLtMatmulHeuristicResult_t *candidate)
{
    cublasLtMatmulHeuristicResult_t found;
    if (candidate->state != CUBLAS_STATUS_SUCCESS || candidate->workspaceSize > WORKSPACE_BYTES ||
        property(&candidate->algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) > 1 ||
        property(&candidate->algo, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) != CUBLASLT_REDUCTION_SCHEME_NONE)
        return false;
    const cublasStatus_t outcome = cublasLtMatmulAlgoCheck(gemm->handle, &plan->operation, &tile->weight, &tile->x, &tile->out, &tile->out,
                                                           &candidate->algo, &found);
    return outcome == CUBLAS_STATUS_SUCCESS && found.workspaceSize <= WORKSPACE_BYTES;
}

static asc_status ask(const cuda_device *device, gemm_plan *plan, asc_error *err)
{
    const gemm_device *gemm = gemm_of(device);
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t candidates[MOST_CANDIDATES];
    layouts usual, tile;
    int n_candidates = 0;
    TRY(prefer(&preference, err));
    TRY(lay_out_all(device->precision, &plan->shape, REFERENCE_ROWS, &usual, err));
    TRY(lay_out_all(device->precision, &plan->shape, GEMM_TILE, &tile, err));
    TRY(check(cublasLtMatmulAlgoGetHeuristic(gemm->handle, &plan->operation, &usual.weight, &usual.x, &usual.out, &usual.out, &preference,
                                             MOST_CANDIDATES, candidates, &n_candidates),
              "asking for algorithms", err));
    for (int i = 0; i < n_candidates; i++)
        if (takes(gemm, plan, &tile, &candidates[i])) {
            plan->algo = candidates[i].algo;
            return ASC_OK;
        }
    return fail(err, ASC_NO_DEVICE, "cuBLASLt: no algorithm for %zu maps of %zu to %zu that keeps sums whole", plan->shape.n_groups,
                plan->shape.n_in, plan->shape.n_out);
}

// The device's choice for the plan's shape, made now if there is none. The lock is held.
static asc_status choose(const cuda_device *device, gemm_plan *plan, asc_error *err)
{
    gemm_device *gemm = gemm_of(device);
    const gemm_shape *shape = &plan->shape;
    for (size_t i = 0; i < gemm->n_choices; i++) {
        const choice *known = &gemm->choices[i];
        if (known->shape.n_groups == shape->n_groups && known->shape.n_out == shape->n_out && known->shape.n_in == shape->n_in) {
            plan->algo = known->algo;
            return ASC_OK;
        }
    }
    TRY(ask(device, plan, err));
    const size_t bytes = (gemm->n_choices + 1) * sizeof(choice);
    choice *choices = static_cast<choice *>(realloc(gemm->choices, bytes));
    if (!choices)
        return fail_memory(err, "cuBLASLt's choices", bytes);
    choices[gemm->n_choices] = {*shape, plan->algo};
    gemm->choices = choices;
    gemm->n_choices++;
    return ASC_OK;
}

// FNV-1a over a choice. The digest of all is their sum, so that the order in which they were made does not matter.
static uint64_t digest(const choice *c)
{
    uint64_t hash = 14695981039346656037u;
    const unsigned char *parts[] = {reinterpret_cast<const unsigned char *>(&c->shape), reinterpret_cast<const unsigned char *>(&c->algo)};
    const size_t sizes[] = {sizeof c->shape, sizeof c->algo};
    for (size_t part = 0; part < 2; part++)
        for (size_t i = 0; i < sizes[part]; i++)
            hash = (hash ^ parts[part][i]) * 1099511628211u;
    return hash;
}

void gemm_cuda_describe(const cuda_device *device, char *text, size_t size)
{
    gemm_device *gemm = gemm_of(device);
    uint64_t sum = 0;
    if (!gemm) { // a plan
        snprintf(text, size, "cuBLASLt");
        return;
    }
    pthread_mutex_lock(&gemm->lock);
    for (size_t i = 0; i < gemm->n_choices; i++)
        sum += digest(&gemm->choices[i]);
    snprintf(text, size, "cuBLASLt %zu, tile %d, %zu algorithms %016llx", cublasLtGetVersion(), GEMM_TILE, gemm->n_choices,
             (unsigned long long)sum);
    pthread_mutex_unlock(&gemm->lock);
}

// ---- Plans ---------------------------------------------------------------------------------------------------------

asc_status gemm_plan_create(cuda_device *device, gemm_shape shape, const void *weight, const void *bias, gemm_plan **out, asc_error *err)
{
    *out = nullptr;
    gemm_plan *plan = static_cast<gemm_plan *>(calloc(1, sizeof *plan));
    if (!plan)
        return fail_memory(err, "cuBLASLt's plan", sizeof *plan);
    plan->shape = shape;
    plan->weight = weight;
    asc_status status = device->planning ? ASC_OK : describe_operation(device->precision, bias, plan, err);
    if (status == ASC_OK && !device->planning) {
        pthread_mutex_lock(&gemm_of(device)->lock);
        status = choose(device, plan, err);
        pthread_mutex_unlock(&gemm_of(device)->lock);
    }
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
    const cuda_device *device = cuda_device_of(stream);
    const float one = 1, zero = 0;
    layouts at;
    if (device->planning)
        return ASC_OK;
    cublasLtMatmulDescOpaque_t *operation = const_cast<cublasLtMatmulDescOpaque_t *>(&plan->operation); // is only read
    TRY(lay_out_all(device->precision, &plan->shape, n_rows, &at, err));
    return check(cublasLtMatmul(gemm_of(device)->handle, operation, &one, plan->weight, &at.weight, x, &at.x, &zero, out, &at.out, out,
                                &at.out, &plan->algo, cuda_of(stream)->gemm, WORKSPACE_BYTES, cuda_of(stream)->stream),
                 "multiplying", err);
}
