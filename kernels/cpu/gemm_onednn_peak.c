// The yardstick's products on oneDNN: a matmul with packed weights, and dnnl_sgemm.
#include "cpu/gemm_onednn.h"

enum { WAY_PACKED, WAY_SGEMM, N_WAYS };

// Of one product.
typedef struct packed_product {
    gemm *library;
    onednn_product product;
    dnnl_stream_t stream;
    float *weight, *scratch;
    dnnl_memory_t x_memory, weight_memory, out_memory, scratch_memory;
} packed_product;

size_t plain_count(void)
{
    return N_WAYS;
}

static float *floats_for(const dnnl_memory_desc_t *layout)
{
    return cpu_floats((dnnl_memory_desc_get_size(layout) + sizeof(float) - 1) / sizeof(float));
}

static asc_status fill_packed(packed_product *packed, const plain_product *from, asc_error *err)
{
    gemm *library = packed->library;
    const onednn_product *product = &packed->product;
    TRY(onednn_product_create(library, &(product_spec){.n_rows = from->n_rows, .shape = from->shape}, &packed->product, err));
    packed->weight = floats_for(&product->weight);
    packed->scratch = floats_for(&product->scratch);
    if (!packed->weight || !packed->scratch)
        return fail_memory(err, "measuring the matrix product", dnnl_memory_desc_get_size(&product->weight));
    TRY(onednn_memory(library, &product->x, from->x, &packed->x_memory, err));
    TRY(onednn_memory(library, &product->weight, packed->weight, &packed->weight_memory, err));
    TRY(onednn_memory(library, &product->out, from->out, &packed->out_memory, err));
    TRY(onednn_memory(library, &product->scratch, packed->scratch, &packed->scratch_memory, err));
    TRY(onednn_passed(dnnl_stream_create(&packed->stream, library->engine, dnnl_stream_default_flags), "opening a stream", err));
    return onednn_pack(library, from->shape, from->weight, &product->weight, packed->weight_memory, err);
}

asc_status plain_prepare(gemm *library, plain_product *product, asc_error *err)
{
    packed_product *packed = calloc(1, sizeof *packed);
    if (!packed)
        return fail_memory(err, "measuring the matrix product", sizeof *packed);
    product->ready = packed;
    packed->library = library;
    onednn_call call;
    onednn_enter(&call);
    const asc_status status = fill_packed(packed, product, err);
    onednn_leave(&call);
    return status;
}

static asc_status run_packed(const packed_product *packed, asc_error *err)
{
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, packed->x_memory},
        {DNNL_ARG_WEIGHTS, packed->weight_memory},
        {DNNL_ARG_DST, packed->out_memory},
        {DNNL_ARG_SCRATCHPAD, packed->scratch_memory},
    };
    TRY(onednn_passed(dnnl_primitive_execute(packed->product.primitive, packed->stream, 4, arguments), "a product", err));
    return onednn_passed(dnnl_stream_wait(packed->stream), "a product", err);
}

asc_status plain_run(const plain_product *product, size_t way, asc_error *err)
{
    const dnnl_dim_t n_rows = (dnnl_dim_t)product->n_rows, n_out = (dnnl_dim_t)product->shape.n_out, n_in = (dnnl_dim_t)product->shape.n_in;
    onednn_call call;
    onednn_enter(&call);
    asc_status status;
    if (way == WAY_PACKED)
        status = run_packed(product->ready, err);
    else
        status = onednn_passed(dnnl_sgemm('N', 'T', n_rows, n_out, n_in, 1, product->x, n_in, product->weight, n_in, 0, product->out, n_out),
                               "a product", err);
    onednn_leave(&call);
    return status;
}

void plain_release(plain_product *product)
{
    packed_product *packed = product->ready;
    if (!packed)
        return;
    dnnl_memory_destroy(packed->scratch_memory);
    dnnl_memory_destroy(packed->out_memory);
    dnnl_memory_destroy(packed->weight_memory);
    dnnl_memory_destroy(packed->x_memory);
    dnnl_stream_destroy(packed->stream);
    dnnl_primitive_destroy(packed->product.primitive);
    free(packed->scratch);
    free(packed->weight);
    free(packed);
}
