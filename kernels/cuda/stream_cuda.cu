// Streams of the cuda backend: order, scratch, and transfers that the host does not wait for.
//
// An upload goes through the next slot of a ring of pinned memory; its event says when the slot may be written again, so that the host runs up to
// SLOTS uploads ahead of the device. What comes back goes into pinned memory of its own (asc_fetch) with an event behind it. The host waits for
// whole streams only in stream_sync, in buffer_download and when scratch grows.
#include "cuda/stream_cuda.h"

#include "cuda/gemm_cuda.h"
#include "cuda/memory_cuda.h"

#include <stdlib.h>
#include <string.h>

// ---- Life --------------------------------------------------------------------------------------------------------

static asc_status make_event(cudaEvent_t *event, asc_error *err)
{
    return cuda_check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "making an event", err);
}

static void destroy_event(cuda_device *device, cudaEvent_t event)
{
    if (event)
        CUDA_UNLESS_LOST(device, cudaEventDestroy(event));
}

static asc_status open_stream(cuda_stream *own, asc_error *err)
{
    TRY(cuda_check(cudaStreamCreateWithFlags(&own->stream, cudaStreamNonBlocking), "opening a stream", err));
    TRY(make_event(&own->reached, err));
    for (int i = 0; i < CUDA_SLOTS; i++)
        TRY(make_event(&own->slots[i].read, err));
    return ASC_OK;
}

asc_status cuda_stream_create(asc_stream *stream, asc_error *err)
{
    cuda_device *device = cuda_device_of(stream);
    cuda_stream *own = static_cast<cuda_stream *>(calloc(1, sizeof *own));
    void *fault = nullptr;
    if (!own)
        return fail_memory(err, "stream", sizeof *own);
    stream->impl = own;
    asc_status status = device->planning ? ASC_OK : open_stream(own, err);
    if (status == ASC_OK)
        status = cuda_allocate(device, CUDA_PINNED, sizeof(int), &fault, "opening a stream", err);
    own->fault = static_cast<int *>(fault);
    if (status == ASC_OK)
        status = gemm_cuda_stream_open(stream, err);
    if (cuda_note(device, status) != ASC_OK)
        cuda_stream_destroy(stream);
    return status;
}

void cuda_stream_destroy(asc_stream *stream)
{
    cuda_stream *own = cuda_of(stream);
    cuda_device *device = cuda_device_of(stream);
    if (own->stream)
        CUDA_UNLESS_LOST(device, cudaStreamSynchronize(own->stream)); // what is enqueued uses what is released here
    gemm_cuda_stream_close(stream);
    for (int i = 0; i < CUDA_SLOTS; i++) {
        cuda_release(device, own->slots[i].memory);
        destroy_event(device, own->slots[i].read);
    }
    cuda_release(device, own->fault);
    cuda_release(device, own->scratch);
    destroy_event(device, own->reached);
    if (own->stream)
        CUDA_UNLESS_LOST(device, cudaStreamDestroy(own->stream));
    free(own);
    stream->impl = nullptr;
}

// ---- Waiting and order -------------------------------------------------------------------------------------------

static asc_status take_back_fault(asc_stream *stream, asc_error *err) // it is said once
{
    return cuda_check(cudaMemsetAsync(cuda_device_of(stream)->fault, 0, sizeof(int), cuda_of(stream)->stream), "taking back a fault", err);
}

static asc_status ask_fault(asc_stream *stream, int *pinned, asc_error *err)
{
    return cuda_check(cudaMemcpyAsync(pinned, cuda_device_of(stream)->fault, sizeof(int), cudaMemcpyDeviceToHost, cuda_of(stream)->stream),
                      "asking for faults", err);
}

asc_status cuda_stream_sync(asc_stream *stream, asc_error *err)
{
    cuda_stream *own = cuda_of(stream);
    if (cuda_device_of(stream)->planning)
        return ASC_OK;
    TRY(ask_fault(stream, own->fault, err));
    TRY(cuda_check(cudaStreamSynchronize(own->stream), "waiting for the device", err));
    if (*own->fault == CUDA_FAULT_NONE)
        return ASC_OK;
    TRY(take_back_fault(stream, err));
    return cuda_check_fault(*own->fault, err);
}

asc_status cuda_stream_wait(asc_stream *stream, asc_stream *other, asc_error *err)
{
    const cuda_stream *first = cuda_of(other);
    if (cuda_device_of(stream)->planning)
        return ASC_OK;
    TRY(cuda_check(cudaEventRecord(first->reached, first->stream), "marking a stream", err));
    return cuda_check(cudaStreamWaitEvent(cuda_of(stream)->stream, first->reached, 0), "ordering two streams", err);
}

asc_status cuda_scratch(asc_stream *stream, size_t bytes, void **out, asc_error *err)
{
    cuda_stream *own = cuda_of(stream);
    cuda_device *device = cuda_device_of(stream);
    if (bytes > own->scratch_bytes) {
        if (!device->planning)
            TRY(cuda_check(cudaStreamSynchronize(own->stream), "growing a stream's scratch", err));
        cuda_release(device, own->scratch);
        own->scratch = nullptr;
        own->scratch_bytes = 0;
        TRY(cuda_allocate(device, CUDA_ON_DEVICE, bytes, &own->scratch, "growing a stream's scratch", err));
        own->scratch_bytes = bytes;
    }
    *out = own->scratch;
    return ASC_OK;
}

// ---- Uploads -----------------------------------------------------------------------------------------------------

// The next slot, once the device has read it.
static asc_status next_slot(asc_stream *stream, cuda_slot **out, asc_error *err)
{
    cuda_stream *own = cuda_of(stream);
    cuda_slot *slot = &own->slots[own->next_slot];
    own->next_slot = (own->next_slot + 1) % CUDA_SLOTS;
    if (!slot->memory)
        TRY(cuda_allocate(cuda_device_of(stream), CUDA_PINNED, CUDA_SLOT_BYTES, &slot->memory, "pinning host memory", err));
    else
        TRY(cuda_check(cudaEventSynchronize(slot->read), "waiting for an upload", err));
    *out = slot;
    return ASC_OK;
}

template <typename real> static void convert_to(void *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        static_cast<real *>(to)[i] = from_float<real>(from[i]);
}

// At most a slot; `from` in the host's type.
static asc_status upload_piece(asc_stream *stream, asc_type type, void *to, const void *from, size_t count, asc_error *err)
{
    const size_t bytes = count * cuda_element_bytes(cuda_device_of(stream), type);
    cuda_slot *slot;
    TRY(next_slot(stream, &slot, err));
    if (type == ASC_REAL)
        CUDA_BY_REAL(stream, convert_to<real>(slot->memory, static_cast<const float *>(from), count));
    else
        memcpy(slot->memory, from, bytes);
    TRY(cuda_check(cudaMemcpyAsync(to, slot->memory, bytes, cudaMemcpyHostToDevice, cuda_of(stream)->stream), "copying to the device", err));
    return cuda_check(cudaEventRecord(slot->read, cuda_of(stream)->stream), "marking an upload", err);
}

asc_status cuda_upload(asc_stream *stream, asc_view to, const void *from, size_t count, asc_error *err)
{
    const asc_type type = to.buffer->type;
    const size_t bytes = cuda_element_bytes(cuda_device_of(stream), type), host_bytes = type == ASC_REAL ? sizeof(float) : bytes;
    const size_t most = CUDA_SLOT_BYTES / bytes;
    char *address = static_cast<char *>(view_data(to, bytes));
    if (cuda_device_of(stream)->planning)
        return ASC_OK;
    for (size_t i = 0; i < count; i += most)
        TRY(upload_piece(stream, type, address + i * bytes, static_cast<const char *>(from) + i * host_bytes,
                         count - i < most ? count - i : most, err));
    return ASC_OK;
}

// ---- The way back ------------------------------------------------------------------------------------------------

template <typename real> static void convert_from(double *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = to_float(static_cast<const real *>(from)[i]);
}

static asc_status copy_back(asc_stream *stream, asc_view from, void *pinned, size_t bytes, asc_error *err)
{
    const void *address = view_data(from, cuda_element_bytes(cuda_device_of(stream), from.buffer->type));
    return cuda_check(cudaMemcpyAsync(pinned, address, bytes, cudaMemcpyDeviceToHost, cuda_of(stream)->stream), "copying from the device", err);
}

static asc_status download_pinned(asc_stream *stream, asc_view from, void *to, size_t count, void *pinned, asc_error *err)
{
    const asc_type type = from.buffer->type;
    const size_t bytes = count * cuda_element_bytes(cuda_device_of(stream), type);
    TRY(copy_back(stream, from, pinned, bytes, err));
    TRY(cuda_stream_sync(stream, err));
    if (type == ASC_REAL)
        CUDA_BY_REAL(stream, convert_from<real>(static_cast<double *>(to), pinned, count));
    else
        memcpy(to, pinned, bytes);
    return ASC_OK;
}

asc_status cuda_download(asc_stream *stream, asc_view from, void *to, size_t count, asc_error *err)
{
    cuda_device *device = cuda_device_of(stream);
    const asc_type type = from.buffer->type;
    void *pinned;
    if (device->planning) {
        memset(to, 0, count * (type == ASC_I32 ? sizeof(int32_t) : sizeof(double)));
        return ASC_OK;
    }
    TRY(cuda_allocate(device, CUDA_PINNED, count * cuda_element_bytes(device, type), &pinned, "pinning host memory", err));
    const asc_status status = download_pinned(stream, from, to, count, pinned, err);
    cuda_release(device, pinned);
    return status;
}

typedef struct cuda_fetch {
    cudaEvent_t arrived;
    asc_stream *stream;
    int *fault; // behind the data
} cuda_fetch; // asc_fetch.impl

static size_t fault_place(const asc_fetch *fetch)
{
    return (fetch->capacity + CUDA_ALIGNMENT - 1) / CUDA_ALIGNMENT * CUDA_ALIGNMENT;
}

asc_status cuda_fetch_create(asc_fetch *fetch, asc_error *err)
{
    cuda_device *device = static_cast<cuda_device *>(fetch->backend->impl);
    cuda_fetch *own = static_cast<cuda_fetch *>(calloc(1, sizeof *own));
    if (!own)
        return fail_memory(err, "fetch", sizeof *own);
    fetch->impl = own;
    asc_status status = device->planning ? ASC_OK : make_event(&own->arrived, err);
    if (status == ASC_OK && device->planning)
        status = (fetch->data = calloc(1, fetch->capacity + 1)) ? ASC_OK : fail_memory(err, "fetch", fetch->capacity);
    else if (status == ASC_OK)
        status = cuda_allocate(device, CUDA_PINNED, fault_place(fetch) + sizeof(int), &fetch->data, "pinning host memory", err);
    if (cuda_note(device, status) != ASC_OK)
        cuda_fetch_destroy(fetch);
    else
        own->fault = reinterpret_cast<int *>(static_cast<char *>(fetch->data) + fault_place(fetch));
    return status;
}

void cuda_fetch_destroy(asc_fetch *fetch)
{
    cuda_device *device = static_cast<cuda_device *>(fetch->backend->impl);
    cuda_fetch *own = static_cast<cuda_fetch *>(fetch->impl);
    if (device->planning)
        free(fetch->data);
    else
        cuda_release(device, fetch->data);
    destroy_event(device, own->arrived);
    free(own);
}

asc_status cuda_fetch_add(asc_stream *stream, asc_fetch *fetch, asc_view from, size_t count, size_t at, asc_error *err)
{
    const size_t bytes = count * cuda_element_bytes(cuda_device_of(stream), from.buffer->type);
    return cuda_device_of(stream)->planning ? ASC_OK : copy_back(stream, from, static_cast<char *>(fetch->data) + at, bytes, err);
}

asc_status cuda_fetch_end(asc_stream *stream, asc_fetch *fetch, asc_error *err)
{
    cuda_fetch *own = static_cast<cuda_fetch *>(fetch->impl);
    own->stream = stream;
    if (cuda_device_of(stream)->planning)
        return ASC_OK;
    TRY(ask_fault(stream, own->fault, err));
    return cuda_check(cudaEventRecord(own->arrived, cuda_of(stream)->stream), "marking what is fetched", err);
}

asc_status cuda_fetch_wait(asc_fetch *fetch, asc_error *err)
{
    const cuda_fetch *own = static_cast<const cuda_fetch *>(fetch->impl);
    if (static_cast<const cuda_device *>(fetch->backend->impl)->planning)
        return ASC_OK;
    TRY(cuda_check(cudaEventSynchronize(own->arrived), "waiting for results", err));
    if (*own->fault == CUDA_FAULT_NONE)
        return ASC_OK;
    TRY(take_back_fault(own->stream, err));
    return cuda_check_fault(*own->fault, err);
}
