// gemm_cuda_propose: the algorithms of cuBLASLt's products timed on the device, with the device's own clock.
//
// The rows that are timed are one tile of random numbers again and again, so that every tile of the result must be the same: an algorithm whose
// rows depend on how many they are, or on where among them they stand, is found out and left.
#include "cuda/gemm_lt.h"

#include <stdlib.h>
#include <string.h>

enum { REPEATS = 7 };

typedef struct trial {
    asc_stream *stream;
    const gemm_product *product;
    cublasLtMatmulDescOpaque_t operation;
    size_t n_rows, element_bytes;
    void *weight, *bias, *x, *out; // device: as for gemm_plan_create and gemm_run
    cudaEvent_t begin, end;
    char *alone, *among; // a tile of out each
} trial;

typedef struct candidate {
    gemm_algorithm algorithm;
    float ms;
} candidate;

static size_t tile_bytes(const trial *t, size_t extent)
{
    return (size_t)GEMM_TILE * t->product->shape.n_groups * extent * t->element_bytes;
}

// ---- Its memory ----------------------------------------------------------------------------------------------------

template <typename real> static void draw(uint32_t seed, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++)
        static_cast<real *>(out)[i] = from_float<real>(gemm_next_number(&seed));
}

// Random numbers to the device.
static asc_status fill(const trial *t, uint32_t seed, size_t count, void *to, asc_error *err)
{
    cudaStream_t stream = cuda_of(t->stream)->stream;
    void *drawn = calloc(count, t->element_bytes);
    if (!drawn)
        return fail_memory(err, "numbers to multiply", count * t->element_bytes);
    CUDA_BY_PRECISION(t->product->precision, draw<real>(seed, count, drawn));
    asc_status status = cuda_check(cudaMemcpyAsync(to, drawn, count * t->element_bytes, cudaMemcpyHostToDevice, stream), "sending numbers", err);
    if (status == ASC_OK)
        status = cuda_check(cudaStreamSynchronize(stream), "sending numbers", err);
    free(drawn);
    return status;
}

// The first tile of x becomes all the others.
static asc_status repeat_tile(const trial *t, asc_error *err)
{
    const size_t bytes = tile_bytes(t, t->product->shape.n_in), all = bytes * (t->n_rows / GEMM_TILE);
    char *x = static_cast<char *>(t->x);
    for (size_t done = bytes; done < all; done *= 2)
        TRY(cuda_check(cudaMemcpyAsync(x + done, x, done < all - done ? done : all - done, cudaMemcpyDeviceToDevice, cuda_of(t->stream)->stream),
                       "repeating rows", err));
    return ASC_OK;
}

static void release_rows(const trial *t, void **memory)
{
    cuda_release(cuda_device_of(t->stream), *memory);
    *memory = nullptr;
}

// x and out for as many rows as there is memory for, from the usual number down to a tile.
static asc_status take_rows(trial *t, asc_error *err)
{
    cuda_device *device = cuda_device_of(t->stream);
    const gemm_shape *shape = &t->product->shape;
    asc_status status = ASC_OUT_OF_MEMORY;
    size_t n_tiles = gemm_lt_usual_rows(device) / GEMM_TILE;
    for (; n_tiles > 0 && status == ASC_OUT_OF_MEMORY; n_tiles /= 2) {
        t->n_rows = n_tiles * GEMM_TILE;
        status = cuda_allocate(device, CUDA_ON_DEVICE, n_tiles * tile_bytes(t, shape->n_in), &t->x, "timing products", err);
        if (status == ASC_OK)
            status = cuda_allocate(device, CUDA_ON_DEVICE, n_tiles * tile_bytes(t, shape->n_out), &t->out, "timing products", err);
        if (status != ASC_OK)
            release_rows(t, &t->x);
    }
    return status;
}

static asc_status open_trial(trial *t, asc_error *err)
{
    cuda_device *device = cuda_device_of(t->stream);
    const gemm_shape *shape = &t->product->shape;
    const size_t n_bias = shape->n_groups * shape->n_out, n_weight = n_bias * shape->n_in, out_bytes = tile_bytes(t, shape->n_out);
    TRY(cuda_allocate(device, CUDA_ON_DEVICE, n_weight * t->element_bytes, &t->weight, "timing products", err));
    TRY(cuda_allocate(device, CUDA_ON_DEVICE, n_bias * t->element_bytes, &t->bias, "timing products", err));
    TRY(take_rows(t, err));
    t->alone = static_cast<char *>(malloc(2 * out_bytes));
    if (!t->alone)
        return fail_memory(err, "rows to compare", 2 * out_bytes);
    t->among = t->alone + out_bytes;
    TRY(cuda_check(cudaEventCreateWithFlags(&t->begin, cudaEventDefault), "making an event", err));
    TRY(cuda_check(cudaEventCreateWithFlags(&t->end, cudaEventDefault), "making an event", err));
    TRY(fill(t, 1, n_weight, t->weight, err));
    TRY(fill(t, 2, n_bias, t->bias, err));
    TRY(fill(t, 3, tile_bytes(t, shape->n_in) / t->element_bytes, t->x, err));
    TRY(repeat_tile(t, err));
    return gemm_lt_describe(t->product, t->bias, &t->operation, err);
}

static void close_trial(trial *t)
{
    cuda_device *device = cuda_device_of(t->stream);
    cudaEvent_t const events[] = {t->begin, t->end};
    void *const memory[] = {t->out, t->x, t->bias, t->weight};
    for (cudaEvent_t event : events)
        if (event)
            CUDA_UNLESS_LOST(device, cudaEventDestroy(event));
    for (void *block : memory)
        cuda_release(device, block);
    free(t->alone);
}

// ---- Its products --------------------------------------------------------------------------------------------------

static asc_status multiply(const trial *t, const gemm_algorithm *algorithm, size_t n_rows, asc_error *err)
{
    const gemm_call call = {t->product, &t->operation, &algorithm->algo, t->weight, t->x, t->out, n_rows};
    return gemm_lt_multiply(t->stream, &call, err);
}

static asc_status time_once(const trial *t, const gemm_algorithm *algorithm, float *ms, asc_error *err)
{
    cudaStream_t stream = cuda_of(t->stream)->stream;
    TRY(cuda_check(cudaEventRecord(t->begin, stream), "timing a product", err));
    TRY(multiply(t, algorithm, t->n_rows, err));
    TRY(cuda_check(cudaEventRecord(t->end, stream), "timing a product", err));
    TRY(cuda_check(cudaEventSynchronize(t->end), "timing a product", err));
    return cuda_check(cudaEventElapsedTime(ms, t->begin, t->end), "timing a product", err);
}

static int by_time(const void *a, const void *b)
{
    const float first = static_cast<const candidate *>(a)->ms, second = static_cast<const candidate *>(b)->ms;
    return (first > second) - (first < second);
}

static int by_value(const void *a, const void *b)
{
    const float first = *static_cast<const float *>(a), second = *static_cast<const float *>(b);
    return (first > second) - (first < second);
}

// The median of several, after one that does not count.
static asc_status time_product(const trial *t, candidate *c, asc_error *err)
{
    float ms[REPEATS];
    TRY(multiply(t, &c->algorithm, t->n_rows, err));
    for (int i = 0; i < REPEATS; i++)
        TRY(time_once(t, &c->algorithm, &ms[i], err));
    qsort(ms, REPEATS, sizeof *ms, by_value);
    c->ms = ms[REPEATS / 2];
    return ASC_OK;
}

// A tile of out.
static asc_status fetch(const trial *t, size_t tile, char *to, asc_error *err)
{
    const size_t bytes = tile_bytes(t, t->product->shape.n_out);
    cudaStream_t stream = cuda_of(t->stream)->stream;
    TRY(cuda_check(cudaMemcpyAsync(to, static_cast<char *>(t->out) + tile * bytes, bytes, cudaMemcpyDeviceToHost, stream), "comparing rows", err));
    return cuda_check(cudaStreamSynchronize(stream), "comparing rows", err);
}

// Whether a tile's bits are the same alone, and as the first and last of two, of three, and of all.
static asc_status keeps_bits(const trial *t, const gemm_algorithm *algorithm, bool *keeps, asc_error *err)
{
    const size_t n_tiles = t->n_rows / GEMM_TILE, counts[] = {2, 3, n_tiles};
    TRY(multiply(t, algorithm, GEMM_TILE, err));
    TRY(fetch(t, 0, t->alone, err));
    *keeps = true;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const size_t places[] = {0, counts[i] - 1};
        if (counts[i] > n_tiles)
            continue;
        TRY(multiply(t, algorithm, counts[i] * GEMM_TILE, err));
        for (size_t place : places) {
            TRY(fetch(t, place, t->among, err));
            *keeps = *keeps && memcmp(t->alone, t->among, tile_bytes(t, t->product->shape.n_out)) == 0;
        }
    }
    return ASC_OK;
}

static asc_status choose(const trial *t, candidate *candidates, size_t count, gemm_algorithm *out, asc_error *err)
{
    for (size_t i = 0; i < count; i++)
        TRY(time_product(t, &candidates[i], err));
    qsort(candidates, count, sizeof *candidates, by_time);
    for (size_t i = 0; i < count; i++) {
        bool keeps;
        TRY(keeps_bits(t, &candidates[i].algorithm, &keeps, err));
        if (!keeps)
            continue;
        *out = candidates[i].algorithm;
        return ASC_OK;
    }
    (void)fail(err, ASC_INTERNAL, "cuBLASLt: all %zu algorithms for %zu maps of %zu to %zu give rows that depend on their number", count,
               t->product->shape.n_groups, t->product->shape.n_in, t->product->shape.n_out);
    return fail_hint(err, ASC_INTERNAL, "results would not be reproducible; please report the device and the library's version");
}

static asc_status tune(asc_stream *stream, gemm_pinned *pinned, asc_error *err)
{
    cuda_device *device = cuda_device_of(stream);
    gemm_algorithm offered[GEMM_MOST_CANDIDATES];
    candidate candidates[GEMM_MOST_CANDIDATES];
    trial t = {};
    size_t count;
    TRY(gemm_lt_ask(device, &pinned->product, GEMM_MOST_CANDIDATES, offered, &count, err));
    for (size_t i = 0; i < count; i++)
        candidates[i] = {offered[i], 0};
    t.stream = stream;
    t.product = &pinned->product;
    t.element_bytes = gemm_lt_type(pinned->product.precision) == CUDA_R_32F ? sizeof(float) : sizeof(uint16_t);
    asc_status status = open_trial(&t, err);
    if (status == ASC_OK)
        status = choose(&t, candidates, count, &pinned->algorithm, err);
    else if (status == ASC_OUT_OF_MEMORY)
        status = ASC_OK; // the library's own choice stays
    (void)cuda_note(device, status);
    close_trial(&t);
    return status;
}

asc_status gemm_cuda_propose(asc_stream *stream, asc_error *err)
{
    cuda_device *device = cuda_device_of(stream);
    const gemm_device *gemm = gemm_of(device);
    asc_status status = ASC_OK;
    if (!gemm) // memory is counted
        return ASC_OK;
    for (size_t i = 0; i < gemm->n_pinned && status == ASC_OK; i++)
        status = tune(stream, gemm->pinned[i], err);
    cuda_memory_trim(device);
    return status;
}
