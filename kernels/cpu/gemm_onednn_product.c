// Products of one number of rows, and memory in oneDNN's layouts; see gemm_onednn.h.
#include "cpu/gemm_onednn.h"

#include <pthread.h>

// Of the OpenMP API; declared here because <omp.h> comes with the compiler and the library with oneDNN.
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int n_threads);

asc_status onednn_passed(dnnl_status_t status, const char *what, asc_error *err)
{
    if (status == dnnl_success)
        return ASC_OK;
    if (status == dnnl_out_of_memory)
        return fail(err, ASC_OUT_OF_MEMORY, "oneDNN: %s: out of memory", what);
    return fail(err, ASC_INTERNAL, "oneDNN: %s failed with status %d", what, (int)status);
}

void onednn_enter(onednn_call *call)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &call->signals);
    call->n_threads = omp_get_max_threads();
    if (call->n_threads != 1)
        omp_set_num_threads(1);
}

void onednn_leave(const onednn_call *call)
{
    if (call->n_threads != 1)
        omp_set_num_threads(call->n_threads);
    pthread_sigmask(SIG_SETMASK, &call->signals, NULL);
}

asc_status onednn_matrix(dnnl_memory_desc_t *out, const matrix_spec *spec, asc_error *err)
{
    const dnnl_dims_t dims = {(dnnl_dim_t)spec->n_rows, (dnnl_dim_t)spec->n_columns};
    const dnnl_data_type_t type = spec->precision == ASC_PRECISION_BF16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t strides = {(dnnl_dim_t)spec->stride, 1};
    return onednn_passed(spec->stride > 0 ? dnnl_memory_desc_init_by_strides(out, 2, dims, type, strides)
                                          : dnnl_memory_desc_init_by_tag(out, 2, dims, type, spec->tag),
                         "describing a matrix", err);
}

asc_status onednn_memory(gemm *library, const dnnl_memory_desc_t *layout, const void *data, dnnl_memory_t *out, asc_error *err)
{
    return onednn_passed(dnnl_memory_create(out, layout, library->engine, (void *)(uintptr_t)data), "wrapping memory", err);
}

// Strict float whatever the environment asks for, and scratchpads that belong to streams.
static asc_status create_attributes(dnnl_primitive_attr_t *out, asc_error *err)
{
    TRY(onednn_passed(dnnl_primitive_attr_create(out), "creating attributes", err));
    asc_status status = onednn_passed(dnnl_primitive_attr_set_fpmath_mode(*out, dnnl_fpmath_mode_strict), "asking for float", err);
    if (status == ASC_OK)
        status = onednn_passed(dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user),
                               "asking for a scratchpad of our own", err);
    if (status != ASC_OK)
        dnnl_primitive_attr_destroy(*out);
    return status;
}

// The primitive description; x, weight and out of `product` are set.
static asc_status describe_product(gemm *library, const product_spec *spec, const onednn_product *product, dnnl_primitive_desc_t *out,
                                   asc_error *err)
{
    dnnl_matmul_desc_t matmul;
    dnnl_memory_desc_t bias;
    dnnl_primitive_attr_t attributes;
    TRY(onednn_matrix(&bias, &(matrix_spec){1, spec->shape.n_out, ASC_PRECISION_FULL, dnnl_ab, 0}, err));
    TRY(onednn_passed(dnnl_matmul_desc_init(&matmul, &product->x, &product->weight, spec->has_bias ? &bias : NULL, &product->out),
                      "describing a product", err));
    TRY(create_attributes(&attributes, err));
    const asc_status status = onednn_passed(dnnl_primitive_desc_create(out, &matmul, attributes, library->engine, NULL),
                                            "choosing a product's kernel", err);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

asc_status onednn_product_create(gemm *library, const product_spec *spec, onednn_product *out, asc_error *err)
{
    const size_t n_rows = spec->n_rows, n_out = spec->shape.n_out, n_in = spec->shape.n_in;
    dnnl_primitive_desc_t description = NULL;
    *out = (onednn_product){0};
    TRY(onednn_matrix(&out->x, &(matrix_spec){n_rows, n_in, spec->precision, dnnl_ab, 0}, err));
    TRY(onednn_matrix(&out->out, &(matrix_spec){n_rows, n_out, ASC_PRECISION_FULL, dnnl_ab, spec->out_stride}, err));
    if (spec->layout)
        out->weight = *spec->layout;
    else
        TRY(onednn_matrix(&out->weight, &(matrix_spec){n_in, n_out, spec->precision, dnnl_format_tag_any, 0}, err));
    TRY(describe_product(library, spec, out, &description, err));
    out->weight = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    out->scratch = *dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    const asc_status status = onednn_passed(dnnl_primitive_create(&out->primitive, description), "creating a product", err);
    dnnl_primitive_desc_destroy(description);
    return status;
}

// What a reordering takes, made and released together.
typedef struct reordering {
    dnnl_memory_t original;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
} reordering;

static asc_status reorder(gemm *library, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to, reordering *r, dnnl_memory_t packed,
                          asc_error *err)
{
    dnnl_engine_t engine = library->engine;
    TRY(onednn_passed(dnnl_reorder_primitive_desc_create(&r->description, from, engine, to, engine, NULL),
                      "describing the reordering of weights", err));
    TRY(onednn_passed(dnnl_primitive_create(&r->primitive, r->description), "creating the reordering of weights", err));
    TRY(onednn_passed(dnnl_stream_create(&r->stream, engine, dnnl_stream_default_flags), "opening a stream", err));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, r->original}, {DNNL_ARG_TO, packed}};
    TRY(onednn_passed(dnnl_primitive_execute(r->primitive, r->stream, 2, arguments), "reordering weights", err));
    return onednn_passed(dnnl_stream_wait(r->stream), "reordering weights", err);
}

asc_status onednn_pack(gemm *library, gemm_shape shape, const float *weight, const dnnl_memory_desc_t *layout, dnnl_memory_t packed,
                       asc_error *err)
{
    dnnl_memory_desc_t from;
    reordering r = {0};
    TRY(onednn_matrix(&from, &(matrix_spec){shape.n_in, shape.n_out, ASC_PRECISION_FULL, dnnl_ba, 0}, err));
    TRY(onednn_memory(library, &from, weight, &r.original, err));
    const asc_status status = reorder(library, &from, layout, &r, packed, err);
    dnnl_stream_destroy(r.stream);
    dnnl_primitive_destroy(r.primitive);
    dnnl_primitive_desc_destroy(r.description);
    dnnl_memory_destroy(r.original);
    return status;
}
