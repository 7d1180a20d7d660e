// The cuda backend: errors, buffers, the device, and the table.
//
// An operation only enqueues; stream_cuda.cu says where the host waits. What goes wrong on the device surfaces there: a fault that a
// kernel reported (ASC_INTERNAL), or an error of CUDA's (ASC_NO_DEVICE). After one of those the context is lost, and given up: every slot
// passes `guarded`, which from then on fails at once, and what is released only forgets; CUDA is not called again.
#include "cuda/cuda.cuh"
#include "cuda/device_cuda.h"
#include "cuda/gemm_cuda.h"
#include "cuda/memory_cuda.h"
#include "cuda/stream_cuda.h"

extern "C" {
#include "base/checked.h"
}

#include <stdio.h>
#include <stdlib.h>

// ---- Errors ------------------------------------------------------------------------------------------------------

static const char *const resume_hint =
    "the GPU's context is given up; the same command resumes the run. `dmesg` may tell of a hardware fault (Xid)";

asc_status cuda_check(cudaError_t outcome, const char *what, asc_error *err)
{
    if (outcome == cudaSuccess)
        return ASC_OK;
    if (outcome == cudaErrorMemoryAllocation) // which is no fault of the context
        outcome = cudaGetLastError();
    if (outcome == cudaErrorMemoryAllocation || outcome == cudaSuccess)
        return fail(err, ASC_OUT_OF_MEMORY, "GPU: %s: out of device memory", what);
    (void)fail(err, ASC_NO_DEVICE, "GPU: %s: %s", what, cudaGetErrorString(outcome));
    return fail_hint(err, ASC_NO_DEVICE, resume_hint);
}

asc_status cuda_launched(const asc_stream *stream, const char *kernel, asc_error *err)
{
    return cuda_device_of(stream)->planning ? ASC_OK : cuda_check(cudaGetLastError(), kernel, err);
}

asc_status cuda_check_shared(const cuda_device *device, size_t bytes, const char *what, asc_error *err)
{
    const size_t most = device->properties.sharedMemPerBlockOptin;
    if (bytes <= most)
        return ASC_OK;
    (void)fail(err, ASC_USAGE, "GPU: %s needs %zu KiB of shared memory for this model, this device (%s) has %zu KiB", what, (bytes + 1023) >> 10,
               device->properties.name, most >> 10);
    return fail_hint(err, ASC_USAGE, "take a precision of 16 bits, which needs half of it, or --backend cpu");
}

asc_status cuda_check_fault(int fault, asc_error *err)
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

// ---- The lost context ---------------------------------------------------------------------------------------------

bool cuda_is_lost(const cuda_device *device)
{
    return __atomic_load_n(&device->lost, __ATOMIC_ACQUIRE);
}

asc_status cuda_note(cuda_device *device, asc_status status)
{
    if (status == ASC_NO_DEVICE)
        __atomic_store_n(&device->lost, true, __ATOMIC_RELEASE);
    return status;
}

static cuda_device *device_of(const asc_backend *backend) { return static_cast<cuda_device *>(backend->impl); }

static asc_status refuse_lost(asc_error *err)
{
    (void)fail(err, ASC_NO_DEVICE, "GPU: an earlier error has cost the GPU's context");
    return fail_hint(err, ASC_NO_DEVICE, resume_hint);
}

static asc_status choose_device(const cuda_device *device, asc_error *err)
{
    return device->planning ? ASC_OK : cuda_check(cudaSetDevice(device->number), "choosing the device", err);
}

static asc_error *last_of(asc_error *err) { return err; }

template <typename First, typename... Rest> static asc_error *last_of(First, Rest... rest)
{
    return last_of(rest...);
}

// A slot that fails at once where the context is lost, and gives the context up when it fails for CUDA's sake. `rest` ends with the error.
template <auto slot> struct guarded;

template <typename Object, typename... Rest, asc_status (*slot)(Object *, Rest...)> struct guarded<slot> {
    static asc_status call(Object *object, Rest... rest)
    {
        cuda_device *device = device_of(object->backend);
        asc_error *err = last_of(rest...);
        if (cuda_is_lost(device))
            return refuse_lost(err);
        asc_status status = choose_device(device, err);
        if (status == ASC_OK)
            status = slot(object, rest...);
        return cuda_note(device, status);
    }
};

// ---- Buffers -----------------------------------------------------------------------------------------------------

size_t cuda_element_bytes(const cuda_device *device, asc_type type)
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
    cuda_device *device = device_of(buffer->backend);
    size_t bytes;
    if (!checked_multiply(buffer->count, cuda_element_bytes(device, buffer->type), &bytes))
        return fail_memory(err, "buffer", SIZE_MAX);
    return cuda_allocate(device, CUDA_ON_DEVICE, bytes, &buffer->data, "a buffer", err);
}

static void destroy_buffer(asc_buffer *buffer)
{
    cuda_release(device_of(buffer->backend), buffer->data);
}

// ---- Device ------------------------------------------------------------------------------------------------------

static void describe(cuda_device *device)
{
    static const char *const precisions[] = {"fp32", "tf32", "fp16", "bf16"};
    char product[128];
    gemm_cuda_describe(product, sizeof product);
    snprintf(device->kernel_set, sizeof device->kernel_set, "%s, sm_%d%d, %s; own kernels 1", product, device->properties.major,
             device->properties.minor, precisions[device->precision]);
}

static void close_device(asc_backend *backend)
{
    cuda_device *device = device_of(backend);
    gemm_cuda_close(device);
    cuda_memory_close(device);
    free(device);
}

static asc_status start(cuda_device *device, asc_error *err)
{
    void *fault;
    TRY(cuda_check_device(device->number, err));
    TRY(cuda_check(cudaSetDevice(device->number), "choosing the device", err));
    TRY(cuda_check(cudaGetDeviceProperties(&device->properties, device->number), "asking for the device's properties", err));
    TRY(cuda_check(cudaMemGetInfo(&device->free_bytes, &device->total_bytes), "asking for the device's memory", err));
    TRY(cuda_memory_open(device, err));
    TRY(cuda_allocate(device, CUDA_ON_DEVICE, sizeof(int), &fault, "opening the device", err));
    device->fault = static_cast<int *>(fault);
    if (device->planning)
        return ASC_OK;
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
    device->planning = backend->planning;
    device->precision = precision_of(backend->precision);
    const asc_status status = start(device, err);
    if (status != ASC_OK) {
        (void)cuda_note(device, status);
        close_device(backend);
        backend->impl = nullptr;
        return status;
    }
    describe(device);
    backend->kernel_set = device->kernel_set;
    return ASC_OK;
}

// A model's maps belong to the algorithms; the yardstick's, which several threads may make at once, do not.
static asc_status create_linear(asc_linear *linear, const double *weight, const double *bias, asc_error *err)
{
    TRY(cuda_linear_create(linear, weight, bias, err));
    const asc_status status = gemm_cuda_algorithms(device_of(linear->backend), &linear->backend->algorithms, err);
    if (status != ASC_OK)
        cuda_linear_destroy(linear);
    return status;
}

static asc_status propose_algorithms(asc_stream *stream, asc_error *err)
{
    TRY(gemm_cuda_propose(stream, err));
    return gemm_cuda_algorithms(device_of(stream->backend), &stream->backend->algorithms, err);
}

static asc_status obey_algorithms(asc_stream *stream, const char *algorithms, asc_error *err)
{
    TRY(gemm_cuda_obey(device_of(stream->backend), algorithms, err));
    return gemm_cuda_algorithms(device_of(stream->backend), &stream->backend->algorithms, err);
}

static void tell_memory(const asc_backend *backend, backend_memory *out)
{
    const cuda_device *device = device_of(backend);
    const cuda_memory_use use = cuda_memory_used(device);
    *out = {use.now, use.most, device->free_bytes, device->total_bytes};
}

static asc_backend_ops table(void)
{
    asc_backend_ops ops = {};
    ops.name = "cuda";
    ops.open = open_device;
    ops.close = close_device;
    ops.memory = tell_memory;
    ops.stream_create = guarded<cuda_stream_create>::call;
    ops.stream_sync = guarded<cuda_stream_sync>::call;
    ops.stream_wait = guarded<cuda_stream_wait>::call;
    ops.stream_destroy = cuda_stream_destroy;
    ops.stopwatch_create = guarded<cuda_stopwatch_create>::call;
    ops.stopwatch_destroy = cuda_stopwatch_destroy;
    ops.stopwatch_lap = guarded<cuda_stopwatch_lap>::call;
    ops.stopwatch_finish = guarded<cuda_stopwatch_finish>::call;
    ops.buffer_create = guarded<create_buffer>::call;
    ops.buffer_destroy = destroy_buffer;
    ops.upload = guarded<cuda_upload>::call;
    ops.download = guarded<cuda_download>::call;
    ops.fetch_create = guarded<cuda_fetch_create>::call;
    ops.fetch_destroy = cuda_fetch_destroy;
    ops.fetch_add = guarded<cuda_fetch_add>::call;
    ops.fetch_end = guarded<cuda_fetch_end>::call;
    ops.fetch_wait = guarded<cuda_fetch_wait>::call;
    ops.linear_create = guarded<create_linear>::call;
    ops.linear_destroy = cuda_linear_destroy;
    ops.propose_algorithms = guarded<propose_algorithms>::call;
    ops.obey_algorithms = guarded<obey_algorithms>::call;
    ops.gemm_rate = guarded<cuda_gemm_rate>::call;
    ops.relabel = guarded<cuda_relabel>::call;
    ops.row_masks = guarded<cuda_row_masks>::call;
    ops.pack = guarded<cuda_pack>::call;
    ops.embed = guarded<cuda_embed>::call;
    ops.linear = guarded<cuda_linear>::call;
    ops.attention = guarded<cuda_attention>::call;
    ops.attention_first = guarded<cuda_attention_first>::call;
    ops.add_norm = guarded<cuda_add_norm>::call;
    ops.pool_first = guarded<cuda_pool_first>::call;
    ops.record_full = guarded<cuda_record_full>::call;
    ops.values = guarded<cuda_values>::call;
    ops.attribute = guarded<cuda_attribute>::call;
    ops.solve = guarded<cuda_solve>::call;
    return ops;
}

extern "C" __attribute__((visibility("default"))) const asc_backend_module ascribe_backend_module;
const asc_backend_module ascribe_backend_module = {ASC_BACKEND_INTERFACE, table, cuda_count_devices, cuda_describe_device, cuda_check_device};
