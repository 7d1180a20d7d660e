// Matrix products out = x W' + b in float, whose rows do not know of each other: what the cpu backend needs
// of a vendor library. Exactly one of gemm_onednn.c and gemm_openblas.c is compiled in.
//
// Libraries choose the order of a sum by the number of rows M and by a row's place among them, so calls are
// made in tiles: a few fixed values of M. When weights are created, gemm_tiles.c runs every tile size on
// equal rows and keeps those whose rows all have the same bits. Work on a gemm_stream happens in the calling
// thread alone.
#ifndef ASCRIBE_CPU_GEMM_H
#define ASCRIBE_CPU_GEMM_H

#include "backend.h"

#include <stddef.h>

typedef struct gemm gemm;                 // the library, one per backend
typedef struct gemm_stream gemm_stream;   // one thread's handles and scratch
typedef struct gemm_weights gemm_weights; // read-only, shared by all streams

// What gemm_run multiplies in; gemm_peak is of float always. ASC_NO_DEVICE when the library has no fast bf16 on this processor.
asc_status gemm_open(asc_precision precision, gemm **out, asc_error *err);
void gemm_close(gemm *library); // accepts NULL
// What decides the bits: library, version, kernels, tiles. At most `size` bytes with the NUL.
void gemm_describe(const gemm *library, char *text, size_t size);

asc_status gemm_stream_open(gemm *library, gemm_stream **out, asc_error *err);
void gemm_stream_close(gemm_stream *stream); // accepts NULL

// weight [n_out, n_in] row-major, bias [n_out] or NULL for zeros; both are copied, the weights rounded to the precision. ASC_NO_DEVICE when the
// library's kernels on this machine give a row other bits at another place.
asc_status gemm_weights_create(gemm *library, size_t n_out, size_t n_in, const float *weight,
                               const float *bias, gemm_weights **out, asc_error *err);
void gemm_weights_destroy(gemm_weights *weights); // accepts NULL

// The rows of the tile to run next when n_left > 0 rows are left; more than n_left when the caller must pad.
size_t gemm_next_tile(const gemm_weights *weights, size_t n_left);

// One tile: x [tile, n_in], out [tile, n_out], tile as gemm_next_tile gave it.
asc_status gemm_run(gemm_stream *stream, const gemm_weights *weights, size_t tile, const float *x, float *out,
                    asc_error *err);

// The best rate, in operations a second, of the library's own float products with n_rows rows free to choose: the yardstick for gemm_run.
// At most about 0.3 s.
asc_status gemm_peak(gemm *library, double *flops_per_s, asc_error *err);

// ---- For gemm_<library>.c ---------------------------------------------------------------------------------

enum { GEMM_MOST_TILES = 8 };

// Tile sizes in falling order.
typedef struct gemm_tiles {
    size_t n, rows[GEMM_MOST_TILES];
} gemm_tiles;

// See gemm_next_tile.
size_t gemm_tiles_next(const gemm_tiles *tiles, size_t n_left);

// Runs every tile of `weights`, whose own tiles are `candidates`, on copies of one random row x [n_in].
// `agreeing`: the largest tile whose rows are all alike, and the smaller ones whose rows equal those.
// ASC_NO_DEVICE when there is none.
typedef struct gemm_shape {
    size_t n_out, n_in;
} gemm_shape;
asc_status gemm_tiles_agreeing(gemm *library, const gemm_weights *weights, gemm_shape shape,
                               const gemm_tiles *candidates, gemm_tiles *agreeing, asc_error *err);

// out [n_rows, n_out] = x [n_rows, n_in] weight' without bias or tiles, in each way that the library offers.
typedef struct plain_product {
    size_t n_rows;
    gemm_shape shape;
    const float *x, *weight; // weight [n_out, n_in]
    float *out;
    void *ready; // what plain_prepare made
} plain_product;
size_t plain_count(void); // ways
asc_status plain_prepare(gemm *library, plain_product *product, asc_error *err);
asc_status plain_run(const plain_product *product, size_t way, asc_error *err); // way < plain_count()
void plain_release(plain_product *product); // also after plain_prepare failed

#endif
