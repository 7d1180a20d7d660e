// The cuda backend: its device, its memory and its streams, and the table.
//
// An operation only enqueues; a transfer to the host and stream_sync wait. What goes wrong on the device surfaces there: a fault that a
// kernel reported (ASC_INTERNAL), or an error of CUDA's. After one of those the context is lost: every later call fails as well, and
// nothing is retried (ASC_NO_DEVICE).
#include "cuda/cuda.cuh"
#include "cuda/device_cuda.h"
#include "cuda/gemm_cuda.h"

extern "C" {
#include "base/checked.h"
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Errors ------------------------------------------------------------------------------------------------------

asc_status cuda_check(cudaError_t outcome, const char *what, asc_error *err)
{
    if (outcome == cudaSuccess)
        return ASC_OK;
    if (outcome == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError(); // running out of memory is no fault of the context
        return fail(err, ASC_OUT_OF_MEMORY, "GPU: %s: out of device memory", what);
    }
    (void)fail(err, ASC_NO_DEVICE, "GPU: %s: %s", what, cudaGetErrorString(outcome));
    return fail_hint(err, ASC_NO_DEVICE, "the GPU's context is given up; the same command resumes the run. `dmesg` may tell of a hardware fault (Xid)");
}

asc_status cuda_launched(const char *kernel, asc_error *err)
{
    return cuda_check(cudaGetLastError(), kernel, err);
}

static asc_status check_fault(int fault, asc_error *err)
{
    static const char *const words[] = {
        "", "an index out of bounds", "offsets that fall or end elsewhere", "a sequence of unexpected length", "an unexpected number of tokens",
        "coalitions that are no walks", "normal equations without a solution",
    };
    if (fault == CUDA_FAULT_NONE)
        return ASC_OK;
    if (fault < 0 || fault >= CUDA_FAULTS)
        return fail(err, ASC_INTERNAL, "a kernel found something unknown (%d)", fault);
    return fail(err, ASC_INTERNAL, "a kernel found %s", words[fault]);
}

// ---- Streams -----------------------------------------------------------------------------------------------------

static asc_status sync_stream(asc_stream *stream, asc_error *err)
{
    int fault = CUDA_FAULT_NONE;
    cuda_stream *own = cuda_of(stream);
    TRY(cuda_check(cudaMemcpyAsync(&fault, cuda_device_of(stream)->fault, sizeof fault, cudaMemcpyDeviceToHost, own->stream),
                   "asking for faults", err));
    TRY(cuda_check(cudaStreamSynchronize(own->stream), "waiting for the device", err));
    if (fault != CUDA_FAULT_NONE) // said once
        TRY(cuda_check(cudaMemsetAsync(cuda_device_of(stream)->fault, 0, sizeof fault, own->stream), "taking back a fault", err));
    return check_fault(fault, err);
}

static void destroy_stream(asc_stream *stream)
{
    cuda_stream *own = cuda_of(stream);
    if (own->stream)
        (void)cudaStreamSynchronize(own->stream); // what is enqueued uses what is released here
    gemm_cuda_stream_close(stream);
    cudaFreeHost(own->staging);
    cudaFree(own->scratch);
    if (own->stream)
        cudaStreamDestroy(own->stream);
    free(own);
    stream->impl = nullptr;
}

static asc_status create_stream(asc_stream *stream, asc_error *err)
{
    cuda_stream *own = static_cast<cuda_stream *>(calloc(1, sizeof *own));
    if (!own)
        return fail_memory(err, "stream", sizeof *own);
    stream->impl = own;
    asc_status status = cuda_check(cudaSetDevice(cuda_device_of(stream)->number), "choosing the device", err);
    if (status == ASC_OK)
        status = cuda_check(cudaStreamCreateWithFlags(&own->stream, cudaStreamNonBlocking), "opening a stream", err);
    if (status == ASC_OK)
        status = gemm_cuda_stream_open(stream, err);
    if (status != ASC_OK)
        destroy_stream(stream);
    return status;
}

asc_status cuda_scratch(asc_stream *stream, size_t bytes, void **out, asc_error *err)
{
    cuda_stream *own = cuda_of(stream);
    if (bytes > own->scratch_bytes) {
        TRY(cuda_check(cudaStreamSynchronize(own->stream), "growing a stream's scratch", err));
        (void)cudaFree(own->scratch);
        own->scratch = nullptr;
        own->scratch_bytes = 0;
        TRY(cuda_check(cudaMalloc(&own->scratch, bytes), "growing a stream's scratch", err));
        own->scratch_bytes = bytes;
    }
    *out = own->scratch;
    return ASC_OK;
}

static asc_status staging(asc_stream *stream, size_t bytes, void **out, asc_error *err)
{
    cuda_stream *own = cuda_of(stream);
    // The transfer before may still read it.
    TRY(cuda_check(cudaStreamSynchronize(own->stream), "waiting for a transfer", err));
    if (bytes > own->staging_bytes) {
        (void)cudaFreeHost(own->staging);
        own->staging = nullptr;
        own->staging_bytes = 0;
        TRY(cuda_check(cudaHostAlloc(&own->staging, bytes, cudaHostAllocDefault), "pinning host memory", err));
        own->staging_bytes = bytes;
    }
    *out = own->staging;
    return ASC_OK;
}

// ---- Memory ------------------------------------------------------------------------------------------------------

static size_t element_bytes(const cuda_device *device, asc_type type)
{
    switch (type) {
    case ASC_REAL: return device->precision == CUDA_FP32 || device->precision == CUDA_TF32 ? sizeof(float) : sizeof(uint16_t);
    case ASC_I32: return sizeof(int32_t);
    case ASC_F64:
    case ASC_U64: return sizeof(uint64_t);
    }
    return sizeof(uint64_t);
}

static asc_status create_buffer(asc_buffer *buffer, asc_error *err)
{
    const cuda_device *device = static_cast<const cuda_device *>(buffer->backend->impl);
    size_t bytes;
    if (!checked_multiply(buffer->count, element_bytes(device, buffer->type), &bytes))
        return fail_memory(err, "buffer", SIZE_MAX);
    TRY(cuda_check(cudaSetDevice(device->number), "choosing the device", err));
    if (cudaMalloc(&buffer->data, bytes ? bytes : 1) == cudaSuccess)
        return ASC_OK;
    (void)cudaGetLastError(); // running out of memory is no fault of the context
    return fail(err, ASC_OUT_OF_MEMORY, "GPU: not enough device memory for %zu bytes", bytes);
}

static void destroy_buffer(asc_buffer *buffer)
{
    cudaFree(buffer->data);
}

static void *address_of(asc_view view, size_t bytes)
{
    return static_cast<char *>(view.buffer->data) + view.first * bytes;
}

template <typename real> static void convert_to(void *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        static_cast<real *>(to)[i] = from_float<real>(from[i]);
}

template <typename real> static void convert_from(double *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = to_float(static_cast<const real *>(from)[i]);
}

static asc_status upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err)
{
    const asc_type type = to.buffer->type;
    const size_t bytes = element_bytes(cuda_device_of(stream), type);
    void *pinned;
    if (count == 0)
        return ASC_OK;
    TRY(staging(stream, count * bytes, &pinned, err));
    if (type == ASC_REAL)
        CUDA_BY_REAL(stream, convert_to<real>(pinned, static_cast<const float *>(from), count));
    else
        memcpy(pinned, from, count * bytes);
    return cuda_check(cudaMemcpyAsync(address_of(to, bytes), pinned, count * bytes, cudaMemcpyHostToDevice, cuda_of(stream)->stream),
                      "copying to the device", err);
}

static asc_status download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err)
{
    const asc_type type = from.buffer->type;
    const size_t bytes = element_bytes(cuda_device_of(stream), type);
    void *pinned;
    if (count == 0)
        return sync_stream(stream, err);
    TRY(staging(stream, count * bytes, &pinned, err));
    TRY(cuda_check(cudaMemcpyAsync(pinned, address_of(from, bytes), count * bytes, cudaMemcpyDeviceToHost, cuda_of(stream)->stream),
                   "copying from the device", err));
    TRY(sync_stream(stream, err));
    if (type == ASC_REAL)
        CUDA_BY_REAL(stream, convert_from<real>(static_cast<double *>(to), pinned, count));
    else
        memcpy(to, pinned, count * bytes);
    return ASC_OK;
}

// ---- Device ------------------------------------------------------------------------------------------------------

void cuda_describe(cuda_device *device)
{
    static const char *const precisions[] = {"fp32", "tf32", "fp16", "bf16"};
    char product[128];
    gemm_cuda_describe(device, product, sizeof product);
    snprintf(device->kernel_set, sizeof device->kernel_set, "%s, sm_%d%d, %s; own kernels 1", product, device->properties.major,
             device->properties.minor, precisions[device->precision]);
}

static void close_device(asc_backend *backend)
{
    cuda_device *device = static_cast<cuda_device *>(backend->impl);
    gemm_cuda_close(device);
    cudaFree(device->fault);
    free(device);
}

static asc_status start(cuda_device *device, asc_error *err)
{
    TRY(cuda_check_device(device->number, err));
    TRY(cuda_check(cudaSetDevice(device->number), "choosing the device", err));
    TRY(cuda_check(cudaGetDeviceProperties(&device->properties, device->number), "asking for the device's properties", err));
    void *fault;
    TRY(cuda_check(cudaMalloc(&fault, sizeof(int)), "opening the device", err));
    device->fault = static_cast<int *>(fault);
    TRY(cuda_check(cudaMemsetAsync(fault, 0, sizeof(int), nullptr), "opening the device", err));
    TRY(cuda_check(cudaStreamSynchronize(nullptr), "opening the device", err));
    return gemm_cuda_open(device, err);
}

static cuda_precision precision_of(asc_precision precision)
{
    switch (precision) {
    case ASC_PRECISION_FULL: return CUDA_FP32;
    case ASC_PRECISION_BF16: return CUDA_BF16;
    case ASC_PRECISION_FP16: return CUDA_FP16;
    case ASC_PRECISION_TF32: return CUDA_TF32;
    }
    return CUDA_FP32;
}

static asc_status open_device(asc_backend *backend, asc_error *err)
{
    cuda_device *device = static_cast<cuda_device *>(calloc(1, sizeof *device));
    if (!device)
        return fail_memory(err, "cuda backend", sizeof *device);
    backend->impl = device;
    device->number = backend->device;
    device->precision = precision_of(backend->precision);
    const asc_status status = start(device, err);
    if (status != ASC_OK) {
        close_device(backend);
        backend->impl = nullptr;
        return status;
    }
    cuda_describe(device);
    backend->kernel_set = device->kernel_set;
    return ASC_OK;
}

static asc_backend_ops table(void)
{
    asc_backend_ops ops = {};
    ops.name = "cuda";
    ops.open = open_device;
    ops.close = close_device;
    ops.stream_create = create_stream;
    ops.stream_sync = sync_stream;
    ops.stream_destroy = destroy_stream;
    ops.buffer_create = create_buffer;
    ops.buffer_destroy = destroy_buffer;
    ops.upload = upload;
    ops.download = download;
    ops.linear_create = cuda_linear_create;
    ops.linear_destroy = cuda_linear_destroy;
    ops.gemm_rate = cuda_gemm_rate;
    ops.relabel = cuda_relabel;
    ops.row_masks = cuda_row_masks;
    ops.pack = cuda_pack;
    ops.embed = cuda_embed;
    ops.linear = cuda_linear;
    ops.attention = cuda_attention;
    ops.attention_first = cuda_attention_first;
    ops.add_norm = cuda_add_norm;
    ops.pool_first = cuda_pool_first;
    ops.record_full = cuda_record_full;
    ops.values = cuda_values;
    ops.attribute = cuda_attribute;
    ops.solve = cuda_solve;
    return ops;
}

extern "C" __attribute__((visibility("default"))) const asc_backend_module ascribe_backend_module;
const asc_backend_module ascribe_backend_module = {ASC_BACKEND_INTERFACE, table, cuda_count_devices, cuda_describe_device, cuda_check_device};
