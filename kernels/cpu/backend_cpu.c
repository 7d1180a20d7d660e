// The cpu backend: its table, its memory (plain host memory, REAL = float) and its streams. Slots that touch
// no REAL data are ref's. A stream works in the thread that calls it.
#include "cpu/cpu.h"

#include "base/checked.h"
#include "libm_digest.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

// Large arrays ask for huge pages: a product touches a page for every row, and a virtual machine pays twice for each that is not at hand.
float *cpu_floats(size_t n)
{
    size_t bytes;
    void *floats = NULL;
    if (!checked_multiply(n, sizeof(float), &bytes))
        return NULL;
    const bool large = bytes >= HUGE_PAGE;
    if (posix_memalign(&floats, large ? HUGE_PAGE : ALIGNMENT, bytes > 0 ? bytes : 1) != 0)
        return NULL;
    if (large)
        (void)madvise(floats, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); // a wish; without it everything works as well
    return floats;
}

asc_status cpu_scratch(asc_stream *stream, size_t n, float **out, asc_error *err)
{
    cpu_stream *own = stream->impl;
    if (n > own->n_scratch) {
        free(own->scratch);
        own->n_scratch = 0;
        own->scratch = cpu_floats(n);
        if (!own->scratch)
            return fail_memory(err, "scratch of a stream", n * sizeof(float));
        own->n_scratch = n;
    }
    *out = own->scratch;
    return ASC_OK;
}

asc_status cpu_check_index(const char *name, int64_t index, int64_t least, size_t end, asc_error *err)
{
    if (index >= least && index < (int64_t)end)
        return ASC_OK;
    return fail(err, ASC_INTERNAL, "%s: found %lld, expected at least %lld and less than %zu", name,
                (long long)index, (long long)least, end);
}

asc_status cpu_check_shared(const char *name, const shared_rows *rows, size_t n_tokens, asc_error *err)
{
    for (size_t t = 0; rows->source.buffer && t < n_tokens; t++)
        TRY(cpu_check_index(name, cpu_i32(rows->source)[t], 0, rows->n_rows, err));
    return ASC_OK;
}

// ---- Device and streams -----------------------------------------------------------------------------------

static asc_status open_cpu(asc_backend *backend, asc_error *err)
{
    char product[200];
    cpu_device *device = calloc(1, sizeof *device);
    if (!device)
        return fail_memory(err, "cpu backend", sizeof *device);
    const asc_status status = gemm_open(backend->precision, &device->gemm, err);
    if (status != ASC_OK) {
        free(device);
        return status;
    }
    gemm_describe(device->gemm, product, sizeof product);
    // Our own loops give the same bits on every instruction set: their version is all that counts. Values and scores in double call libm.
    snprintf(device->kernel_set, sizeof device->kernel_set, "%s; own loops 2; libm %08x", product, libm_digest());
    backend->kernel_set = device->kernel_set;
    backend->impl = device;
    return ASC_OK;
}

static void close_cpu(asc_backend *backend)
{
    cpu_device *device = backend->impl;
    gemm_close(device->gemm);
    free(device);
}

static asc_status create_stream(asc_stream *stream, asc_error *err)
{
    const cpu_device *device = stream->backend->impl;
    cpu_stream *own = calloc(1, sizeof *own);
    if (!own)
        return fail_memory(err, "stream", sizeof *own);
    const asc_status status = gemm_stream_open(device->gemm, &own->gemm, err);
    if (status != ASC_OK)
        free(own);
    else
        stream->impl = own;
    return status;
}

static asc_status sync_stream(asc_stream *stream, asc_error *err)
{
    (void)stream, (void)err;
    return ASC_OK;
}

static void destroy_stream(asc_stream *stream)
{
    cpu_stream *own = stream->impl;
    gemm_stream_close(own->gemm);
    free(own->scratch);
    free(own);
}

static asc_status gemm_rate(asc_stream *stream, double *flops_per_s, asc_error *err)
{
    const cpu_device *device = stream->backend->impl;
    return gemm_peak(device->gemm, flops_per_s, err);
}

// ---- Memory -----------------------------------------------------------------------------------------------

static size_t element_bytes(asc_type type)
{
    switch (type) {
    case ASC_REAL:
    case ASC_I32: return 4;
    case ASC_F64:
    case ASC_U64: return 8;
    }
    return 8;
}

static asc_status create_buffer(asc_buffer *buffer, asc_error *err)
{
    size_t bytes;
    if (!checked_multiply(buffer->count, element_bytes(buffer->type), &bytes))
        return fail_memory(err, "buffer", SIZE_MAX);
    buffer->data = cpu_floats(bytes / sizeof(float));
    return buffer->data ? ASC_OK : fail_memory(err, "buffer", bytes);
}

static void destroy_buffer(asc_buffer *buffer)
{
    free(buffer->data);
}

static asc_status upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err)
{
    (void)stream, (void)err;
    const size_t bytes = element_bytes(to.buffer->type);
    memcpy(view_data(to, bytes), from, count * bytes);
    return ASC_OK;
}

static asc_status download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err)
{
    (void)stream, (void)err;
    const size_t bytes = element_bytes(from.buffer->type);
    if (from.buffer->type != ASC_REAL) {
        memcpy(to, view_data(from, bytes), count * bytes);
        return ASC_OK;
    }
    double *values = to;
    for (size_t i = 0; i < count; i++)
        values[i] = cpu_real(from)[i];
    return ASC_OK;
}

asc_backend_ops backend_cpu_ops(void)
{
    asc_backend_ops ops = backend_ref_ops();
    ops.name = "cpu";
    ops.has_bf16 = true;
    ops.open = open_cpu;
    ops.close = close_cpu;
    ops.stream_create = create_stream;
    ops.stream_sync = sync_stream;
    ops.stream_destroy = destroy_stream;
    ops.buffer_create = create_buffer;
    ops.buffer_destroy = destroy_buffer;
    ops.upload = upload;
    ops.download = download;
    ops.linear_create = cpu_linear_create;
    ops.linear_destroy = cpu_linear_destroy;
    ops.gemm_rate = gemm_rate;
    ops.embed = cpu_embed;
    ops.linear = cpu_linear;
    ops.attention = cpu_attention;
    ops.attention_first = cpu_attention_first;
    ops.add_norm = cpu_add_norm;
    ops.pool_first = cpu_pool_first;
    ops.record_full = cpu_record_full;
    ops.values = cpu_values;
    return ops;
}
