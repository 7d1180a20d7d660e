// gemm.h on oneDNN: one matmul primitive per tile size, weights reordered once to the layout that the largest
// tile prefers and shared by the smaller ones. Wide maps in float are cut into slices of outputs, one product each. For those, whose rows of
// outputs stand apart, oneDNN 2.6 takes gemm:jit and not brg:avx512_core, which reads the weights of 64 outputs from the second cache
// for every six rows: 4 to 5 % faster for all of a model. No sum is cut.
//
// Primitives and weights are read-only when used (scratchpads belong to streams), so streams share them.
#include "cpu/gemm_onednn.h"

#include <stdio.h>
#include <string.h>

// 192 is as fast as any M; the others keep the padding small. All but 32 (two) and 16 (four) leave no rows over from blocks of six.
static const gemm_tiles tile_candidates = {8, {192, 96, 48, 32, 24, 16, 12, 6}};

enum { SLICE_STEP = 64, LEAST_SLICE = 192, MOST_SLICE = 384 }; // outputs of a slice

struct gemm_stream {
    gemm *library;
    dnnl_stream_t stream;
    float *scratch;
    size_t scratch_bytes;
    uint16_t *rounded; // a tile's x in bf16
    size_t n_rounded;
};

// Outputs [i slice_width, (i + 1) slice_width) of a map.
typedef struct weights_slice {
    dnnl_memory_t packed, bias;
} weights_slice;

struct gemm_weights {
    gemm *library;
    gemm_shape shape;
    gemm_tiles tiles;
    onednn_product products[GEMM_MOST_TILES]; // of one slice, parallel to tiles
    float *packed, *bias;
    size_t n_slices, slice_width;
    weights_slice *slices; // [n_slices]
};

// ---- Library and streams ----------------------------------------------------------------------------------

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

// bf16 without the processor's instructions would be emulated: right, but slower than float everywhere.
static asc_status check_precision(asc_precision precision, asc_error *err)
{
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    if (precision != ASC_PRECISION_BF16 || (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16)
        return ASC_OK;
    (void)fail(err, ASC_NO_DEVICE, "bf16: expected a processor with avx512_core_bf16 or AMX, oneDNN finds %s", isa_name(isa));
    return fail_hint(err, ASC_NO_DEVICE, "use fp32, which is faster on this processor");
}

asc_status gemm_open(asc_precision precision, gemm **out, asc_error *err)
{
    *out = NULL;
    TRY(check_precision(precision, err));
    gemm *library = calloc(1, sizeof *library);
    if (!library)
        return fail_memory(err, "matrix products", sizeof *library);
    library->precision = precision;
    const asc_status status =
        onednn_passed(dnnl_engine_create(&library->engine, dnnl_cpu, 0), "opening the engine", err);
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

void gemm_describe(const gemm *library, char *text, size_t size)
{
    const dnnl_version_t *version = dnnl_version();
    const bool is_bf16 = library->precision == ASC_PRECISION_BF16;
    const int used = snprintf(text, size, "oneDNN %d.%d.%d, %s, %s, tiles up to %zu", version->major, version->minor, version->patch,
                              isa_name(dnnl_get_effective_cpu_isa()), is_bf16 ? "bf16" : "f32", tile_candidates.rows[0]);
    if (!is_bf16 && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, " by %d", MOST_SLICE);
}

asc_status gemm_stream_open(gemm *library, gemm_stream **out, asc_error *err)
{
    *out = NULL;
    gemm_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return fail_memory(err, "stream", sizeof *stream);
    stream->library = library;
    const asc_status status =
        onednn_passed(dnnl_stream_create(&stream->stream, library->engine, dnnl_stream_default_flags),
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
    free(stream->rounded);
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

// The widest slices that divide n_out outputs; n_out where there are none, and in bf16, which stays with brg.
static size_t choose_slice_width(asc_precision precision, size_t n_out)
{
    for (size_t width = MOST_SLICE; width >= LEAST_SLICE && precision != ASC_PRECISION_BF16; width -= SLICE_STEP)
        if (n_out % width == 0)
            return width;
    return n_out;
}

// Makes the product of tile i; the first one decides the layout of the weights.
static asc_status create_product(gemm_weights *weights, size_t i, asc_error *err)
{
    const product_spec spec = {
        .n_rows = tile_candidates.rows[i],
        .shape = {weights->slice_width, weights->shape.n_in},
        .out_stride = weights->shape.n_out,
        .precision = weights->library->precision,
        .has_bias = true,
        .layout = i > 0 ? &weights->products[0].weight : NULL,
    };
    TRY(onednn_product_create(weights->library, &spec, &weights->products[i], err));
    weights->tiles.n = i + 1;
    weights->tiles.rows[i] = spec.n_rows;
    return ASC_OK;
}

// weight [slice_width, n_in] to packed, both of slice i.
static asc_status pack_slice(gemm_weights *weights, size_t i, const float *weight, float *packed, asc_error *err)
{
    const dnnl_memory_desc_t *layout = &weights->products[0].weight;
    const size_t width = weights->slice_width;
    weights_slice *slice = &weights->slices[i];
    dnnl_memory_desc_t bias_layout;
    TRY(onednn_matrix(&bias_layout, &(matrix_spec){1, width, ASC_PRECISION_FULL, dnnl_ab, 0}, err));
    TRY(onednn_memory(weights->library, &bias_layout, weights->bias + i * width, &slice->bias, err));
    TRY(onednn_memory(weights->library, layout, packed, &slice->packed, err));
    return onednn_pack(weights->library, (gemm_shape){width, weights->shape.n_in}, weight, layout, slice->packed, err);
}

static asc_status copy_weights(gemm_weights *weights, const float *weight, const float *bias, asc_error *err)
{
    const size_t packed_bytes = dnnl_memory_desc_get_size(&weights->products[0].weight), n_out = weights->shape.n_out;
    const size_t n_packed = cpu_round_up(packed_bytes, 64) / sizeof(float), n_weights = weights->slice_width * weights->shape.n_in;
    weights->packed = cpu_floats(weights->n_slices * n_packed);
    weights->bias = cpu_floats(n_out);
    weights->slices = calloc(weights->n_slices, sizeof *weights->slices);
    if (!weights->packed || !weights->bias || !weights->slices)
        return fail_memory(err, "weights", weights->n_slices * packed_bytes + n_out * sizeof *bias);
    if (bias)
        memcpy(weights->bias, bias, n_out * sizeof *bias);
    else
        memset(weights->bias, 0, n_out * sizeof *bias);
    for (size_t i = 0; i < weights->n_slices; i++)
        TRY(pack_slice(weights, i, weight + i * n_weights, weights->packed + i * n_packed, err));
    return ASC_OK;
}

// Drops the products of tiles that are not kept; `kept` is a part of the present tiles in the same order.
static void keep_tiles(gemm_weights *weights, const gemm_tiles *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < weights->tiles.n; i++) {
        const onednn_product product = weights->products[i];
        if (n < kept->n && kept->rows[n] == weights->tiles.rows[i])
            weights->products[n++] = product;
        else
            dnnl_primitive_destroy(product.primitive);
    }
    weights->tiles = *kept;
}

static asc_status fill_weights(gemm_weights *weights, const float *weight, const float *bias, asc_error *err)
{
    gemm_tiles kept;
    weights->slice_width = choose_slice_width(weights->library->precision, weights->shape.n_out);
    weights->n_slices = weights->shape.n_out / weights->slice_width;
    for (size_t i = 0; i < tile_candidates.n; i++)
        TRY(create_product(weights, i, err));
    TRY(copy_weights(weights, weight, bias, err));
    TRY(gemm_tiles_agreeing(weights->library, weights, weights->shape, &tile_candidates, &kept, err));
    keep_tiles(weights, &kept);
    return ASC_OK;
}

asc_status gemm_weights_create(gemm *library, size_t n_out, size_t n_in, const float *weight,
                               const float *bias, gemm_weights **out, asc_error *err)
{
    *out = NULL;
    gemm_weights *weights = calloc(1, sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    weights->library = library;
    weights->shape = (gemm_shape){n_out, n_in};
    onednn_call call;
    onednn_enter(&call);
    const asc_status status = fill_weights(weights, weight, bias, err);
    onednn_leave(&call);
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
    for (size_t i = 0; weights->slices && i < weights->n_slices; i++) {
        dnnl_memory_destroy(weights->slices[i].packed);
        dnnl_memory_destroy(weights->slices[i].bias);
    }
    free(weights->slices);
    free(weights->bias);
    free(weights->packed);
    for (size_t i = 0; i < weights->tiles.n; i++)
        dnnl_primitive_destroy(weights->products[i].primitive);
    free(weights);
}

// ---- Running ----------------------------------------------------------------------------------------------

size_t gemm_next_tile(const gemm_weights *weights, size_t n_left)
{
    return gemm_tiles_next(&weights->tiles, n_left);
}

// To nearest, ties to even; NaN stays NaN.
CPU_CLONES
static void round_to_bf16(const float *x, size_t n, uint16_t *rounded)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const uint32_t quiet = bits >> 16 | 0x40, nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
        rounded[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : nearest);
    }
}

// What the library is to read instead of x [n].
static asc_status round_input(gemm_stream *stream, const float *x, size_t n, const void **out, asc_error *err)
{
    *out = x;
    if (stream->library->precision != ASC_PRECISION_BF16)
        return ASC_OK;
    if (n > stream->n_rounded) {
        free(stream->rounded);
        stream->n_rounded = 0;
        stream->rounded = (uint16_t *)cpu_floats((n + 1) / 2);
        if (!stream->rounded)
            return fail_memory(err, "input of a matrix product", n * sizeof *stream->rounded);
        stream->n_rounded = n;
    }
    round_to_bf16(x, n, stream->rounded);
    *out = stream->rounded;
    return ASC_OK;
}

// What a product reads and works in, the same for all slices.
typedef struct run_memory {
    dnnl_memory_t x, scratch;
} run_memory;

// The library's objects for memory are made for every product: that costs less than keeping and finding them.
static asc_status run_slice(gemm_stream *stream, const onednn_product *product, const weights_slice *slice, const run_memory *memory,
                            float *out, asc_error *err)
{
    dnnl_memory_t out_memory;
    TRY(onednn_memory(stream->library, &product->out, out, &out_memory, err));
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, memory->x},
        {DNNL_ARG_WEIGHTS, slice->packed},
        {DNNL_ARG_DST, out_memory},
        {DNNL_ARG_BIAS, slice->bias},
        {DNNL_ARG_SCRATCHPAD, memory->scratch},
    };
    asc_status status = onednn_passed(dnnl_primitive_execute(product->primitive, stream->stream, 5, arguments), "a product", err);
    if (status == ASC_OK)
        status = onednn_passed(dnnl_stream_wait(stream->stream), "a product", err);
    dnnl_memory_destroy(out_memory);
    return status;
}

asc_status gemm_run(gemm_stream *stream, const gemm_weights *weights, size_t tile, const float *x, float *out,
                    asc_error *err)
{
    size_t i = 0;
    while (weights->tiles.rows[i] != tile)
        i++;
    const onednn_product *product = &weights->products[i];
    gemm *library = weights->library;
    const void *input;
    run_memory memory = {0};
    TRY(grow_scratch(stream, dnnl_memory_desc_get_size(&product->scratch), err));
    TRY(round_input(stream, x, tile * weights->shape.n_in, &input, err));
    onednn_call call;
    onednn_enter(&call);
    asc_status status = onednn_memory(library, &product->x, input, &memory.x, err);
    if (status == ASC_OK)
        status = onednn_memory(library, &product->scratch, stream->scratch, &memory.scratch, err);
    for (size_t s = 0; s < weights->n_slices && status == ASC_OK; s++)
        status = run_slice(stream, product, &weights->slices[s], &memory, out + s * weights->slice_width, err);
    dnnl_memory_destroy(memory.scratch);
    dnnl_memory_destroy(memory.x);
    onednn_leave(&call);
    return status;
}
