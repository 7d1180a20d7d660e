// gemm.h on oneDNN: one matmul primitive per tile size, weights reordered once to the layout that the largest
// tile prefers and shared by the smaller ones.
//
// Primitives and weights are read-only when used (scratchpads belong to streams), so streams share them.
// oneDNN runs on OpenMP: every call into it is made with one OpenMP thread, and the calling thread's own
// setting is put back.
#include "cpu/cpu.h"

#include <dnnl.h>
#include <stdio.h>
#include <string.h>

// Of the OpenMP API; declared here because <omp.h> comes with the compiler and the library with oneDNN.
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int n_threads);

// 192 is as fast as any M; 48 and 16 keep the padding small. All leave 0, 4 or 5 rows over from blocks of
// six.
static const gemm_tiles tile_candidates = {3, {192, 48, 16}};

struct gemm {
    dnnl_engine_t engine;
};

struct gemm_stream {
    gemm *library;
    dnnl_stream_t stream;
    float *scratch;
    size_t scratch_bytes;
};

// One tile size: x, out and scratchpad descriptions belong to the primitive.
typedef struct tile_kernel {
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, out, scratch;
    size_t scratch_bytes;
} tile_kernel;

struct gemm_weights {
    gemm *library;
    gemm_tiles tiles;
    tile_kernel kernels[GEMM_MOST_TILES]; // parallel to tiles
    dnnl_memory_desc_t layout;            // of the packed weights
    float *packed, *bias;
    dnnl_memory_t packed_memory, bias_memory;
};

// What describes the weights while they are made.
typedef struct source {
    gemm_shape shape;
    dnnl_memory_desc_t weight, bias;
} source;

static asc_status passed(dnnl_status_t status, const char *what, asc_error *err)
{
    if (status == dnnl_success)
        return ASC_OK;
    if (status == dnnl_out_of_memory)
        return fail(err, ASC_OUT_OF_MEMORY, "oneDNN: %s: out of memory", what);
    return fail(err, ASC_INTERNAL, "oneDNN: %s failed with status %d", what, (int)status);
}

static int enter_single_thread(void)
{
    const int n_threads = omp_get_max_threads();
    if (n_threads != 1)
        omp_set_num_threads(1);
    return n_threads;
}

static void leave_single_thread(int n_threads)
{
    if (n_threads != 1)
        omp_set_num_threads(n_threads);
}

// ---- Library and streams ----------------------------------------------------------------------------------

asc_status gemm_open(gemm **out, asc_error *err)
{
    *out = NULL;
    gemm *library = calloc(1, sizeof *library);
    if (!library)
        return fail_memory(err, "matrix products", sizeof *library);
    const asc_status status =
        passed(dnnl_engine_create(&library->engine, dnnl_cpu, 0), "opening the engine", err);
    if (status != ASC_OK)
        free(library);
    else
        *out = library;
    return status;
}

void gemm_close(gemm *library)
{
    if (!library)
        return;
    dnnl_engine_destroy(library->engine);
    free(library);
}

static const char *isa_name(dnnl_cpu_isa_t isa)
{
    switch (isa) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx2_vnni: return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
    default: return "plain";
    }
}

void gemm_describe(const gemm *library, char *text, size_t size)
{
    (void)library;
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, size, "oneDNN %d.%d.%d, %s, f32, tiles up to %zu", version->major, version->minor,
             version->patch, isa_name(dnnl_get_effective_cpu_isa()), tile_candidates.rows[0]);
}

asc_status gemm_stream_open(gemm *library, gemm_stream **out, asc_error *err)
{
    *out = NULL;
    gemm_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return fail_memory(err, "stream", sizeof *stream);
    stream->library = library;
    const asc_status status =
        passed(dnnl_stream_create(&stream->stream, library->engine, dnnl_stream_default_flags),
               "opening a stream", err);
    if (status != ASC_OK)
        free(stream);
    else
        *out = stream;
    return status;
}

void gemm_stream_close(gemm_stream *stream)
{
    if (!stream)
        return;
    dnnl_stream_destroy(stream->stream);
    free(stream->scratch);
    free(stream);
}

static asc_status grow_scratch(gemm_stream *stream, size_t bytes, asc_error *err)
{
    if (bytes <= stream->scratch_bytes)
        return ASC_OK;
    free(stream->scratch);
    stream->scratch_bytes = 0;
    stream->scratch = cpu_floats((bytes + sizeof(float) - 1) / sizeof(float));
    if (!stream->scratch)
        return fail_memory(err, "scratch of a matrix product", bytes);
    stream->scratch_bytes = bytes;
    return ASC_OK;
}

// ---- Weights ----------------------------------------------------------------------------------------------

static asc_status describe_matrix(dnnl_memory_desc_t *out, size_t n_rows, size_t n_columns,
                                  dnnl_format_tag_t tag, asc_error *err)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)n_rows, (dnnl_dim_t)n_columns};
    return passed(dnnl_memory_desc_init_by_tag(out, 2, dims, dnnl_f32, tag), "describing a matrix", err);
}

// The primitive description of one tile. `layout` of the weights: with dnnl_format_kind_any the library's
// choice.
static asc_status describe_product(const gemm_weights *weights, const source *from, const tile_kernel *kernel,
                                   const dnnl_memory_desc_t *layout, dnnl_primitive_desc_t *out,
                                   asc_error *err)
{
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attributes = NULL;
    asc_status status = passed(dnnl_primitive_attr_create(&attributes), "creating attributes", err);
    if (status != ASC_OK)
        return status;
    // Strict float whatever the environment asks for.
    status = passed(dnnl_primitive_attr_set_fpmath_mode(attributes, dnnl_fpmath_mode_strict),
                    "asking for float", err);
    if (status == ASC_OK)
        status = passed(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
                        "asking for a scratchpad of our own", err);
    if (status == ASC_OK)
        status = passed(dnnl_matmul_desc_init(&product, &kernel->x, layout, &from->bias, &kernel->out),
                        "describing a product", err);
    if (status == ASC_OK)
        status = passed(dnnl_primitive_desc_create(out, &product, attributes, weights->library->engine, NULL),
                        "choosing a product's kernel", err);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

// Makes the kernel of tile i; the first one decides the layout of the weights.
static asc_status create_kernel(gemm_weights *weights, const source *from, size_t i, asc_error *err)
{
    tile_kernel *kernel = &weights->kernels[i];
    dnnl_memory_desc_t layout = weights->layout;
    dnnl_primitive_desc_t description = NULL;
    TRY(describe_matrix(&kernel->x, tile_candidates.rows[i], from->shape.n_in, dnnl_ab, err));
    TRY(describe_matrix(&kernel->out, tile_candidates.rows[i], from->shape.n_out, dnnl_ab, err));
    if (i == 0)
        TRY(describe_matrix(&layout, from->shape.n_in, from->shape.n_out, dnnl_format_tag_any, err));
    TRY(describe_product(weights, from, kernel, &layout, &description, err));
    weights->layout = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    kernel->scratch = *dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    kernel->scratch_bytes = dnnl_memory_desc_get_size(&kernel->scratch);
    const asc_status status =
        passed(dnnl_primitive_create(&kernel->primitive, description), "creating a product", err);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static asc_status create_memory(const gemm_weights *weights, const dnnl_memory_desc_t *layout,
                                const void *data, dnnl_memory_t *out, asc_error *err)
{
    return passed(dnnl_memory_create(out, layout, weights->library->engine, (void *)(uintptr_t)data),
                  "wrapping memory", err);
}

// packed = weight in the kernels' layout.
static asc_status pack_weight(gemm_weights *weights, const source *from, const float *weight, asc_error *err)
{
    dnnl_memory_t original = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_engine_t engine = weights->library->engine;
    asc_status status = create_memory(weights, &from->weight, weight, &original, err);
    if (status == ASC_OK)
        status = passed(dnnl_reorder_primitive_desc_create(&description, &from->weight, engine,
                                                           &weights->layout, engine, NULL),
                        "describing the reordering of weights", err);
    if (status == ASC_OK)
        status =
            passed(dnnl_primitive_create(&reorder, description), "creating the reordering of weights", err);
    if (status == ASC_OK)
        status =
            passed(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "opening a stream", err);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, original}, {DNNL_ARG_TO, weights->packed_memory}};
    if (status == ASC_OK)
        status = passed(dnnl_primitive_execute(reorder, stream, 2, arguments), "reordering weights", err);
    if (status == ASC_OK)
        status = passed(dnnl_stream_wait(stream), "reordering weights", err);
    dnnl_stream_destroy(stream);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(description);
    dnnl_memory_destroy(original);
    return status;
}

static asc_status copy_weights(gemm_weights *weights, const source *from, const float *weight,
                               const float *bias, asc_error *err)
{
    const size_t packed_bytes = dnnl_memory_desc_get_size(&weights->layout), n_out = from->shape.n_out;
    weights->packed = cpu_floats((packed_bytes + sizeof(float) - 1) / sizeof(float));
    weights->bias = cpu_floats(n_out);
    if (!weights->packed || !weights->bias)
        return fail_memory(err, "weights", packed_bytes + n_out * sizeof *bias);
    if (bias)
        memcpy(weights->bias, bias, n_out * sizeof *bias);
    else
        memset(weights->bias, 0, n_out * sizeof *bias);
    TRY(create_memory(weights, &from->bias, weights->bias, &weights->bias_memory, err));
    TRY(create_memory(weights, &weights->layout, weights->packed, &weights->packed_memory, err));
    return pack_weight(weights, from, weight, err);
}

// Drops the kernels of tiles that are not kept; `kept` is a part of the present tiles in the same order.
static void keep_tiles(gemm_weights *weights, const gemm_tiles *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < weights->tiles.n; i++) {
        const tile_kernel kernel = weights->kernels[i];
        if (n < kept->n && kept->rows[n] == weights->tiles.rows[i])
            weights->kernels[n++] = kernel;
        else
            dnnl_primitive_destroy(kernel.primitive);
    }
    weights->tiles = *kept;
}

static asc_status fill_weights(gemm_weights *weights, const source *from, const float *weight,
                               const float *bias, asc_error *err)
{
    gemm_tiles kept;
    for (size_t i = 0; i < tile_candidates.n; i++) {
        weights->tiles.n = i + 1;
        weights->tiles.rows[i] = tile_candidates.rows[i];
        TRY(create_kernel(weights, from, i, err));
    }
    TRY(copy_weights(weights, from, weight, bias, err));
    TRY(gemm_tiles_agreeing(weights->library, weights, from->shape, &tile_candidates, &kept, err));
    keep_tiles(weights, &kept);
    return ASC_OK;
}

asc_status gemm_weights_create(gemm *library, size_t n_out, size_t n_in, const float *weight,
                               const float *bias, gemm_weights **out, asc_error *err)
{
    *out = NULL;
    source from = {.shape = {n_out, n_in}};
    TRY(describe_matrix(&from.weight, n_in, n_out, dnnl_ba, err));
    TRY(describe_matrix(&from.bias, 1, n_out, dnnl_ab, err));
    gemm_weights *weights = calloc(1, sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    weights->library = library;
    const int n_threads = enter_single_thread();
    const asc_status status = fill_weights(weights, &from, weight, bias, err);
    leave_single_thread(n_threads);
    if (status != ASC_OK)
        gemm_weights_destroy(weights);
    else
        *out = weights;
    return status;
}

void gemm_weights_destroy(gemm_weights *weights)
{
    if (!weights)
        return;
    dnnl_memory_destroy(weights->packed_memory);
    dnnl_memory_destroy(weights->bias_memory);
    free(weights->bias);
    free(weights->packed);
    for (size_t i = 0; i < weights->tiles.n; i++)
        dnnl_primitive_destroy(weights->kernels[i].primitive);
    free(weights);
}

// ---- Running ----------------------------------------------------------------------------------------------

size_t gemm_next_tile(const gemm_weights *weights, size_t n_left)
{
    return gemm_tiles_next(&weights->tiles, n_left);
}

asc_status gemm_run(gemm_stream *stream, const gemm_weights *weights, size_t tile, const float *x, float *out,
                    asc_error *err)
{
    size_t i = 0;
    while (weights->tiles.rows[i] != tile)
        i++;
    const tile_kernel *kernel = &weights->kernels[i];
    TRY(grow_scratch(stream, kernel->scratch_bytes, err));
    dnnl_memory_t x_memory = NULL, out_memory = NULL, scratch_memory = NULL;
    const int n_threads = enter_single_thread();
    asc_status status = create_memory(weights, &kernel->x, x, &x_memory, err);
    if (status == ASC_OK)
        status = create_memory(weights, &kernel->out, out, &out_memory, err);
    if (status == ASC_OK)
        status = create_memory(weights, &kernel->scratch, stream->scratch, &scratch_memory, err);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, x_memory},
        {DNNL_ARG_WEIGHTS, weights->packed_memory},
        {DNNL_ARG_DST, out_memory},
        {DNNL_ARG_BIAS, weights->bias_memory},
        {DNNL_ARG_SCRATCHPAD, scratch_memory},
    };
    if (status == ASC_OK)
        status =
            passed(dnnl_primitive_execute(kernel->primitive, stream->stream, 5, arguments), "a product", err);
    if (status == ASC_OK)
        status = passed(dnnl_stream_wait(stream->stream), "a product", err);
    dnnl_memory_destroy(scratch_memory);
    dnnl_memory_destroy(out_memory);
    dnnl_memory_destroy(x_memory);
    leave_single_thread(n_threads);
    return status;
}
