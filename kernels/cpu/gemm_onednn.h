// What the files on oneDNN share: its engine, a product of one number of rows, and memory in its layouts.
//
// oneDNN runs on OpenMP, and some of its kernels cannot bear a signal: every call that may compute is made between onednn_enter and
// onednn_leave.
#ifndef ASCRIBE_CPU_GEMM_ONEDNN_H
#define ASCRIBE_CPU_GEMM_ONEDNN_H

#include "cpu/cpu.h"

#include <dnnl.h>

#include <signal.h>

struct gemm {
    dnnl_engine_t engine;
    asc_precision precision;
};

// out [n_rows, n_out] = x [n_rows, n_in] weight' (+ bias [1, n_out]), all but the weights row-major; rows of out may be apart.
typedef struct onednn_product {
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, weight, out, scratch;
} onednn_product;

typedef struct product_spec {
    size_t n_rows;
    gemm_shape shape;
    size_t out_stride;       // elements from one row of out to the next; 0: n_out
    asc_precision precision; // of x and weight; out and bias are float
    bool has_bias;
    const dnnl_memory_desc_t *layout; // of the weights; NULL: the library's choice
} product_spec;

// dnnl_success, or an error that names what was being done.
asc_status onednn_passed(dnnl_status_t status, const char *what, asc_error *err);

// What a call into the library changes of the calling thread, to be put back.
typedef struct onednn_call {
    int n_threads;
    sigset_t signals;
} onednn_call;

// One OpenMP thread, and signals wait, but those of faults: a handler that runs while gemm:jit computes (oneDNN 2.6 on AVX2, and with strided
// outputs on AVX-512) has been seen to end in a damaged heap, on a stack of its own too; test_gemm_signals.
void onednn_enter(onednn_call *call);
void onednn_leave(const onednn_call *call);

typedef struct matrix_spec {
    size_t n_rows, n_columns;
    asc_precision precision;
    dnnl_format_tag_t tag; // dnnl_ab where a stride is given
    size_t stride;         // elements from one row to the next; 0: they stand together
} matrix_spec;
asc_status onednn_matrix(dnnl_memory_desc_t *out, const matrix_spec *spec, asc_error *err);
asc_status onednn_product_create(gemm *library, const product_spec *spec, onednn_product *out, asc_error *err);
asc_status onednn_memory(gemm *library, const dnnl_memory_desc_t *layout, const void *data, dnnl_memory_t *out, asc_error *err);
// packed, in the given layout, = weight [n_out, n_in].
asc_status onednn_pack(gemm *library, gemm_shape shape, const float *weight, const dnnl_memory_desc_t *layout, dnnl_memory_t packed,
                       asc_error *err);

#endif
