// Which tile sizes of a matrix product may be mixed: those that give equal rows equal bits at every place.
//
// Seen with oneDNN 2.6: its AVX-512 kernels give a row the same bits for every M; its AVX2 kernels handle six
// rows at a time and one to three rows left over in another order. Seen with OpenBLAS 0.3.21: SkylakeX
// differs at small M only, Haswell from place to place.
#include "cpu/cpu.h"

#include <string.h>

// The smallest tile of at least n_rows rows; the largest one when n_rows is more.
static size_t tile_above(const gemm_tiles *tiles, size_t n_rows)
{
    size_t i = tiles->n - 1;
    while (i > 0 && tiles->rows[i] < n_rows)
        i--;
    return tiles->rows[i];
}

size_t gemm_tiles_next(const gemm_tiles *tiles, size_t n_left)
{
    const size_t above = tile_above(tiles, n_left);
    size_t i = 0;
    while (i < tiles->n && tiles->rows[i] > n_left)
        i++;
    if (i == tiles->n)
        return above;
    const size_t below = tiles->rows[i], n_rest = n_left - below;
    return n_rest == 0 || below + tile_above(tiles, n_rest) < above ? below : above;
}

// n numbers in (-1, 1) that use all bits of a float: a 64-bit linear congruential generator (Knuth's MMIX
// constants).
static void fill_random(float *x, size_t n)
{
    uint64_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(int32_t)(state >> 32) * 0x1p-31f;
    }
}

static bool rows_equal(const float *out, size_t n_rows, const float *expected, size_t n_out)
{
    for (size_t row = 0; row < n_rows; row++)
        if (memcmp(out + row * n_out, expected, n_out * sizeof *out) != 0)
            return false;
    return true;
}

asc_status gemm_tiles_agreeing(gemm *library, const gemm_weights *weights, gemm_shape shape,
                               const gemm_tiles *candidates, gemm_tiles *agreeing, asc_error *err)
{
    asc_status status = ASC_OK;
    gemm_stream *stream = NULL;
    const size_t n_rows = candidates->rows[0];
    float *x = cpu_floats(n_rows * shape.n_in);
    float *out = cpu_floats(n_rows * shape.n_out);
    float *expected = cpu_floats(shape.n_out);
    agreeing->n = 0;
    if (!x || !out || !expected) {
        status =
            fail_memory(err, "check of the matrix product", n_rows * (shape.n_in + shape.n_out) * sizeof *x);
        goto done;
    }
    fill_random(x, shape.n_in);
    for (size_t row = 1; row < n_rows; row++)
        memcpy(x + row * shape.n_in, x, shape.n_in * sizeof *x);
    status = gemm_stream_open(library, &stream, err);
    for (size_t i = 0; i < candidates->n && status == ASC_OK; i++) {
        status = gemm_run(stream, weights, candidates->rows[i], x, out, err);
        if (agreeing->n == 0)
            memcpy(expected, out, shape.n_out * sizeof *out);
        if (status == ASC_OK && rows_equal(out, candidates->rows[i], expected, shape.n_out))
            agreeing->rows[agreeing->n++] = candidates->rows[i];
    }
    if (status == ASC_OK && agreeing->n == 0)
        status =
            fail(err, ASC_NO_DEVICE,
                 "matrix product of %zu by %zu: expected equal rows to give equal bits at every place, found "
                 "differences with every tile size",
                 shape.n_out, shape.n_in);
done:
    gemm_stream_close(stream);
    free(expected);
    free(out);
    free(x);
    return status;
}
