// Which algorithms cuBLASLt's products have: what the library offers, made anew from its configuration, so that another process can make the same.
//
// An algorithm comes from the heuristics as an opaque value. Its configuration is read, and everything from here on uses the algorithm that is
// made from that: its number, then what differs from the library's defaults, sums never split.
#include "cuda/gemm_lt.h"

#include <stdlib.h>
#include <string.h>

// Of gemm_choice.config; `bytes` as the library wants each.
typedef struct config_field {
    cublasLtMatmulAlgoConfigAttributes_t attribute;
    size_t bytes;
} config_field;
static const config_field fields[GEMM_CONFIG_SIZE] = {
    {CUBLASLT_ALGO_CONFIG_ID, 4},            {CUBLASLT_ALGO_CONFIG_TILE_ID, 4},       {CUBLASLT_ALGO_CONFIG_STAGES_ID, 4},
    {CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, 4}, {CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, 4}, {CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, 2},
    {CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, 2},
};

// What is asked of an algorithm.
typedef struct question {
    const gemm_device *gemm;
    cuda_precision precision;
    cublasLtMatmulDescOpaque_t operation;
    gemm_layouts usual, tile;
} question;

size_t gemm_lt_usual_rows(const cuda_device *device)
{
    const int n_multiprocessors = device->properties.multiProcessorCount;
    return (size_t)(n_multiprocessors > 0 ? n_multiprocessors : 1) * GEMM_TILE;
}

static asc_status pose(const cuda_device *device, const gemm_product *product, question *q, asc_error *err)
{
    q->gemm = gemm_of(device);
    q->precision = product->precision;
    TRY(gemm_lt_describe(product, nullptr, &q->operation, err));
    TRY(gemm_lt_lay_out(product, gemm_lt_usual_rows(device), &q->usual, err));
    return gemm_lt_lay_out(product, GEMM_TILE, &q->tile, err);
}

// ---- One algorithm -------------------------------------------------------------------------------------------------

// Whether the library takes it; what it says of an algorithm that it does not know here is no error.
static asc_status judge(cublasStatus_t outcome, bool *takes, asc_error *err)
{
    *takes = outcome == CUBLAS_STATUS_SUCCESS;
    if (outcome == CUBLAS_STATUS_NOT_SUPPORTED || outcome == CUBLAS_STATUS_INVALID_VALUE || outcome == CUBLAS_STATUS_ARCH_MISMATCH)
        return ASC_OK;
    return gemm_lt_check(outcome, "asking of an algorithm", err);
}

// 0, the library's default, where the algorithm has no such attribute.
static asc_status read_field(const cublasLtMatmulAlgo_t *algo, config_field field, uint32_t *value, asc_error *err)
{
    size_t written;
    bool known;
    *value = 0;
    TRY(judge(cublasLtMatmulAlgoConfigGetAttribute(algo, field.attribute, value, field.bytes, &written), &known, err));
    if (!known)
        *value = 0;
    return ASC_OK;
}

static asc_status configure(const question *q, gemm_algorithm *a, bool *takes, asc_error *err)
{
    const uint32_t whole[] = {1, CUBLASLT_REDUCTION_SCHEME_NONE};
    const cublasLtMatmulAlgoConfigAttributes_t sums[] = {CUBLASLT_ALGO_CONFIG_SPLITK_NUM, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME};
    const cudaDataType type = gemm_lt_type(q->precision);
    TRY(judge(cublasLtMatmulAlgoInit(q->gemm->handle, gemm_lt_compute(q->precision), CUDA_R_32F, type, type, type, type, (int)a->config[0], &a->algo),
              takes, err));
    for (size_t i = 0; *takes && i < sizeof sums / sizeof *sums; i++)
        TRY(judge(cublasLtMatmulAlgoConfigSetAttribute(&a->algo, sums[i], &whole[i], sizeof whole[i]), takes, err));
    for (size_t i = 1; *takes && i < GEMM_CONFIG_SIZE; i++)
        if (a->config[i] != 0)
            TRY(judge(cublasLtMatmulAlgoConfigSetAttribute(&a->algo, fields[i].attribute, &a->config[i], fields[i].bytes), takes, err));
    return ASC_OK;
}

static asc_status check_rows(const question *q, const gemm_layouts *rows, const gemm_algorithm *a, bool *takes, asc_error *err)
{
    cublasLtMatmulDescOpaque_t *operation = const_cast<cublasLtMatmulDescOpaque_t *>(&q->operation); // these are only read
    gemm_layouts *at = const_cast<gemm_layouts *>(rows);
    cublasLtMatmulHeuristicResult_t found;
    TRY(judge(cublasLtMatmulAlgoCheck(q->gemm->handle, operation, &at->weight, &at->x, &at->out, &at->out, &a->algo, &found), takes, err));
    *takes = *takes && found.workspaceSize <= gemm_workspace_bytes;
    return ASC_OK;
}

// Makes a->algo of a->config.
static asc_status make(const question *q, gemm_algorithm *a, bool *takes, asc_error *err)
{
    TRY(configure(q, a, takes, err));
    if (*takes)
        TRY(check_rows(q, &q->usual, a, takes, err));
    if (*takes)
        TRY(check_rows(q, &q->tile, a, takes, err));
    return ASC_OK;
}

// The same as what the heuristics found, if sums stay whole in it.
static asc_status make_like(const question *q, const cublasLtMatmulHeuristicResult_t *like, gemm_algorithm *a, bool *takes, asc_error *err)
{
    const config_field splits = {CUBLASLT_ALGO_CONFIG_SPLITK_NUM, 4}, scheme = {CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, 4};
    uint32_t n_splits, reduction;
    *takes = false;
    if (like->state != CUBLAS_STATUS_SUCCESS)
        return ASC_OK;
    TRY(read_field(&like->algo, splits, &n_splits, err));
    TRY(read_field(&like->algo, scheme, &reduction, err));
    if (n_splits > 1 || reduction != CUBLASLT_REDUCTION_SCHEME_NONE)
        return ASC_OK;
    for (size_t i = 0; i < GEMM_CONFIG_SIZE; i++)
        TRY(read_field(&like->algo, fields[i], &a->config[i], err));
    return make(q, a, takes, err);
}

// ---- What is offered -----------------------------------------------------------------------------------------------

static asc_status prefer(cublasLtMatmulPreferenceOpaque_t *preference, asc_error *err)
{
    const uint32_t no_splits = CUBLASLT_REDUCTION_SCHEME_NONE, alignment = CUDA_ALIGNMENT;
    const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
    };
    cublasStatus_t outcome = cublasLtMatmulPreferenceInit(preference);
    if (outcome == CUBLAS_STATUS_SUCCESS)
        outcome = cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &gemm_workspace_bytes,
                                                       sizeof gemm_workspace_bytes);
    if (outcome == CUBLAS_STATUS_SUCCESS)
        outcome = cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &no_splits, sizeof no_splits);
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments && outcome == CUBLAS_STATUS_SUCCESS; i++)
        outcome = cublasLtMatmulPreferenceSetAttribute(preference, alignments[i], &alignment, sizeof alignment);
    return gemm_lt_check(outcome, "stating preferences", err);
}

asc_status gemm_lt_ask(const cuda_device *device, const gemm_product *product, size_t most, gemm_algorithm *out, size_t *count, asc_error *err)
{
    question q;
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t found[GEMM_MOST_CANDIDATES];
    int n_found = 0;
    *count = 0;
    TRY(pose(device, product, &q, err));
    TRY(prefer(&preference, err));
    TRY(gemm_lt_check(cublasLtMatmulAlgoGetHeuristic(q.gemm->handle, &q.operation, &q.usual.weight, &q.usual.x, &q.usual.out, &q.usual.out,
                                                     &preference, GEMM_MOST_CANDIDATES, found, &n_found),
                      "asking for algorithms", err));
    for (int i = 0; i < n_found && *count < most; i++) {
        bool takes;
        TRY(make_like(&q, &found[i], &out[*count], &takes, err));
        *count += takes;
    }
    if (*count > 0)
        return ASC_OK;
    return fail(err, ASC_NO_DEVICE, "cuBLASLt: no algorithm for %zu maps of %zu to %zu that keeps sums whole, of %d", product->shape.n_groups,
                product->shape.n_in, product->shape.n_out, n_found);
}

// ---- What is pinned; the lock is held ------------------------------------------------------------------------------

static gemm_choice choice_of(const gemm_product *product, const gemm_algorithm *algorithm)
{
    static const char *const words[] = {"fp32", "tf32", "fp16", "bf16"};
    const gemm_shape *shape = &product->shape;
    gemm_choice choice = {};
    strcpy(choice.precision, words[product->precision]);
    const uint32_t numbers[3] = {(uint32_t)shape->n_groups, (uint32_t)shape->n_out, (uint32_t)shape->n_in};
    memcpy(choice.shape, numbers, sizeof numbers);
    if (algorithm)
        memcpy(choice.config, algorithm->config, sizeof choice.config);
    return choice;
}

// As their order is: negative, 0 or positive.
static int compare(const gemm_product *a, const gemm_product *b)
{
    const size_t ours[] = {(size_t)a->precision, a->shape.n_groups, a->shape.n_out, a->shape.n_in};
    const size_t theirs[] = {(size_t)b->precision, b->shape.n_groups, b->shape.n_out, b->shape.n_in};
    for (size_t i = 0; i < 4; i++)
        if (ours[i] != theirs[i])
            return ours[i] < theirs[i] ? -1 : 1;
    return 0;
}

static asc_status insert(gemm_device *gemm, size_t at, const gemm_pinned *made, asc_error *err)
{
    const size_t bytes = (gemm->n_pinned + 1) * sizeof *gemm->pinned;
    gemm_pinned **list = static_cast<gemm_pinned **>(realloc(gemm->pinned, bytes));
    if (!list)
        return fail_memory(err, "cuBLASLt's algorithms", bytes);
    gemm->pinned = list;
    gemm_pinned *kept = static_cast<gemm_pinned *>(malloc(sizeof *kept));
    if (!kept)
        return fail_memory(err, "cuBLASLt's algorithms", sizeof *kept);
    *kept = *made;
    memmove(list + at + 1, list + at, (gemm->n_pinned - at) * sizeof *list);
    list[at] = kept;
    gemm->n_pinned++;
    return ASC_OK;
}

static asc_status pin(const cuda_device *device, const gemm_product *product, const gemm_pinned **out, asc_error *err)
{
    gemm_device *gemm = gemm_of(device);
    size_t at = 0, count;
    while (at < gemm->n_pinned && compare(&gemm->pinned[at]->product, product) < 0)
        at++;
    if (at == gemm->n_pinned || compare(&gemm->pinned[at]->product, product) != 0) {
        gemm_pinned made = {*product, {}};
        TRY(gemm_lt_ask(device, product, 1, &made.algorithm, &count, err));
        TRY(insert(gemm, at, &made, err));
    }
    *out = gemm->pinned[at];
    return ASC_OK;
}

asc_status gemm_lt_pin(const cuda_device *device, const gemm_product *product, const gemm_pinned **out, asc_error *err)
{
    const gemm_product again = {CUDA_BF16, product->shape};
    const gemm_pinned *unused;
    pthread_mutex_lock(&gemm_of(device)->lock);
    asc_status status = pin(device, product, out, err);
    if (status == ASC_OK && product->precision == CUDA_FP16)
        status = pin(device, &again, &unused, err);
    pthread_mutex_unlock(&gemm_of(device)->lock);
    return status;
}

// ---- As text -------------------------------------------------------------------------------------------------------

static asc_status write_text(gemm_device *gemm, asc_error *err)
{
    const size_t bytes = gemm->n_pinned * GEMM_CHOICE_TEXT_SIZE + 1;
    char *text = static_cast<char *>(realloc(gemm->text, bytes)), *end = text;
    if (!text)
        return fail_memory(err, "cuBLASLt's algorithms", bytes);
    gemm->text = text;
    *end = '\0';
    for (size_t i = 0; i < gemm->n_pinned; i++) {
        const gemm_choice choice = choice_of(&gemm->pinned[i]->product, &gemm->pinned[i]->algorithm);
        if (i > 0)
            *end++ = ' ';
        gemm_choice_write(&choice, end);
        end += strlen(end);
    }
    return ASC_OK;
}

asc_status gemm_cuda_algorithms(const cuda_device *device, const char **out, asc_error *err)
{
    gemm_device *gemm = gemm_of(device);
    *out = "";
    if (!gemm) // memory is counted
        return ASC_OK;
    pthread_mutex_lock(&gemm->lock);
    const asc_status status = write_text(gemm, err);
    if (status == ASC_OK)
        *out = gemm->text;
    pthread_mutex_unlock(&gemm->lock);
    return status;
}

// One product's algorithm of the text.
static asc_status obey_one(const cuda_device *device, const gemm_product *product, const char *algorithms, gemm_algorithm *out, asc_error *err)
{
    gemm_choice choice = choice_of(product, nullptr);
    char words[GEMM_CHOICE_TEXT_SIZE];
    question q;
    bool takes;
    if (!gemm_choice_find(algorithms, &choice)) {
        gemm_choice_write(&choice, words);
        return fail(err, ASC_DIFFERENT_RUN, "cuBLASLt: expected an algorithm for %.*s, found none", (int)strcspn(words, "="), words);
    }
    memcpy(out->config, choice.config, sizeof out->config);
    TRY(pose(device, product, &q, err));
    TRY(make(&q, out, &takes, err));
    if (takes)
        return ASC_OK;
    gemm_choice_write(&choice, words);
    return fail(err, ASC_DIFFERENT_RUN, "cuBLASLt %zu does not take %s on this device (%s)", cublasLtGetVersion(), words, device->properties.name);
}

asc_status gemm_cuda_obey(const cuda_device *device, const char *algorithms, asc_error *err)
{
    gemm_device *gemm = gemm_of(device);
    if (!gemm) // memory is counted
        return ASC_OK;
    const size_t bytes = (gemm->n_pinned + 1) * sizeof(gemm_algorithm);
    gemm_algorithm *made = static_cast<gemm_algorithm *>(malloc(bytes));
    if (!made)
        return fail_memory(err, "cuBLASLt's algorithms", bytes);
    asc_status status = ASC_OK;
    for (size_t i = 0; i < gemm->n_pinned && status == ASC_OK; i++)
        status = obey_one(device, &gemm->pinned[i]->product, algorithms, &made[i], err);
    for (size_t i = 0; i < gemm->n_pinned && status == ASC_OK; i++)
        gemm->pinned[i]->algorithm = made[i];
    free(made);
    return status;
}
