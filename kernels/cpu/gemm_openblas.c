// gemm.h on OpenBLAS: cblas_sgemm with a fixed number of rows, and of columns padded to a multiple of 16.
//
// OpenBLAS is told once, for the whole process, to use one thread. Bias: out starts as the bias of every row
// and the product is added to it.
#include "cpu/cpu.h"

#include <cblas.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

// Large tiles, because OpenBLAS packs the weights again at every call. The Haswell and Zen kernels of 0.3.21
// add up the rows 6 to 11 of every dozen in another order whatever M is, so that only the smallest tile is
// left there: right, but slow.
static const gemm_tiles tile_candidates = {4, {192, 96, 48, 8}};

enum { COLUMN_MULTIPLE = 16 };

struct gemm {
    int unused; // OpenBLAS keeps its state to itself
};

struct gemm_stream {
    float *out; // [tile, n_columns] where n_out is no multiple of 16
    size_t n_floats;
};

struct gemm_weights {
    gemm_tiles tiles;
    size_t n_out, n_in, n_columns; // n_columns = n_out padded
    float *weight;                 // [n_columns, n_in]
    float *bias;                   // [n_columns]
};

asc_status gemm_open(asc_precision precision, gemm **out, asc_error *err)
{
    *out = NULL;
    if (precision == ASC_PRECISION_BF16) {
        (void)fail(err, ASC_NO_DEVICE, "bf16: this build's matrix library is OpenBLAS, which has no products in bf16 here");
        return fail_hint(err, ASC_NO_DEVICE, "use fp32, or build with oneDNN 2 (ASCRIBE_GEMM=onednn)");
    }
    *out = calloc(1, sizeof **out);
    if (!*out)
        return fail_memory(err, "matrix products", sizeof **out);
    openblas_set_num_threads(1);
    return ASC_OK;
}

void gemm_close(gemm *library)
{
    free(library);
}

void gemm_describe(const gemm *library, char *text, size_t size)
{
    (void)library;
    const char *config = openblas_get_config(); // "OpenBLAS 0.3.21 NO_LAPACKE ..."
    const char *space = strchr(config, ' ');
    const char *end = space ? strchr(space + 1, ' ') : NULL;
    const int length = (int)(end ? (size_t)(end - config) : strlen(config));
    snprintf(text, size, "%.*s, %s, f32, tiles up to %zu", length, config, openblas_get_corename(),
             tile_candidates.rows[0]);
}

asc_status gemm_stream_open(gemm *library, gemm_stream **out, asc_error *err)
{
    (void)library;
    *out = calloc(1, sizeof **out);
    return *out ? ASC_OK : fail_memory(err, "stream", sizeof **out);
}

void gemm_stream_close(gemm_stream *stream)
{
    if (!stream)
        return;
    free(stream->out);
    free(stream);
}

static asc_status fill_weights(gemm *library, gemm_weights *weights, const float *weight, const float *bias,
                               asc_error *err)
{
    const size_t n_out = weights->n_out, n_in = weights->n_in, n_columns = weights->n_columns;
    weights->weight = cpu_floats(n_columns * n_in);
    weights->bias = cpu_floats(n_columns);
    if (!weights->weight || !weights->bias)
        return fail_memory(err, "weights", (n_columns * n_in + n_columns) * sizeof *weight);
    memcpy(weights->weight, weight, n_out * n_in * sizeof *weight);
    memset(weights->weight + n_out * n_in, 0, (n_columns - n_out) * n_in * sizeof *weight);
    memset(weights->bias, 0, n_columns * sizeof *bias);
    if (bias)
        memcpy(weights->bias, bias, n_out * sizeof *bias);
    gemm_tiles kept;
    TRY(gemm_tiles_agreeing(library, weights, (gemm_shape){n_out, n_in}, &tile_candidates, &kept, err));
    weights->tiles = kept;
    return ASC_OK;
}

asc_status gemm_weights_create(gemm *library, size_t n_out, size_t n_in, const float *weight,
                               const float *bias, gemm_weights **out, asc_error *err)
{
    *out = NULL;
    if (n_out > INT_MAX - COLUMN_MULTIPLE || n_in > INT_MAX)
        return fail(err, ASC_INTERNAL, "matrix product of %zu by %zu: expected at most %d", n_out, n_in,
                    INT_MAX);
    gemm_weights *weights = calloc(1, sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    weights->tiles = tile_candidates;
    weights->n_out = n_out;
    weights->n_in = n_in;
    weights->n_columns = cpu_round_up(n_out, COLUMN_MULTIPLE);
    const asc_status status = fill_weights(library, weights, weight, bias, err);
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
    free(weights->bias);
    free(weights->weight);
    free(weights);
}

size_t gemm_next_tile(const gemm_weights *weights, size_t n_left)
{
    return gemm_tiles_next(&weights->tiles, n_left);
}

static asc_status grow_out(gemm_stream *stream, size_t n_floats, asc_error *err)
{
    if (n_floats <= stream->n_floats)
        return ASC_OK;
    free(stream->out);
    stream->n_floats = 0;
    stream->out = cpu_floats(n_floats);
    if (!stream->out)
        return fail_memory(err, "scratch of a matrix product", n_floats * sizeof(float));
    stream->n_floats = n_floats;
    return ASC_OK;
}

asc_status gemm_run(gemm_stream *stream, const gemm_weights *weights, size_t tile, const float *x, float *out,
                    asc_error *err)
{
    const size_t n_out = weights->n_out, n_in = weights->n_in, n_columns = weights->n_columns;
    const bool padded = n_columns != n_out;
    if (padded)
        TRY(grow_out(stream, tile * n_columns, err));
    float *result = padded ? stream->out : out;
    for (size_t row = 0; row < tile; row++)
        memcpy(result + row * n_columns, weights->bias, n_columns * sizeof *out);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)tile, (blasint)n_columns, (blasint)n_in, 1,
                x, (blasint)n_in, weights->weight, (blasint)n_in, 1, result, (blasint)n_columns);
    for (size_t row = 0; padded && row < tile; row++)
        memcpy(out + row * n_out, result + row * n_columns, n_out * sizeof *out);
    return ASC_OK;
}

// ---- The yardstick ----------------------------------------------------------------------------------------

size_t plain_count(void)
{
    return 1;
}

asc_status plain_prepare(gemm *library, plain_product *product, asc_error *err)
{
    (void)library, (void)product, (void)err;
    return ASC_OK;
}

asc_status plain_run(const plain_product *product, size_t way, asc_error *err)
{
    (void)way, (void)err;
    const blasint n_rows = (blasint)product->n_rows, n_out = (blasint)product->shape.n_out, n_in = (blasint)product->shape.n_in;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n_rows, n_out, n_in, 1, product->x, n_in, product->weight, n_in, 0, product->out,
                n_out);
    return ASC_OK;
}

void plain_release(plain_product *product)
{
    (void)product;
}
