// The runtime's calls on host memory; each counts, and can be made to fail (emulate_fail).
#include "cuda_runtime.h"

#include "calls.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

struct emulated_stream {
    int unused;
};

namespace {

const size_t PATTERN_BYTES = 1 << 20; // of new memory; not all, because workspaces are large and often opened

std::atomic<unsigned> n_calls, failing_call;
std::atomic<bool> for_ever;
std::atomic<size_t> n_live;

cudaError_t enter(cudaError_t failure)
{
    return emulated_call(cudaSuccess, failure);
}

cudaError_t allocate(void **memory, size_t bytes)
{
    *memory = nullptr;
    if (enter(cudaErrorMemoryAllocation) != cudaSuccess)
        return cudaErrorMemoryAllocation;
    *memory = std::aligned_alloc(256, (bytes + 256) / 256 * 256);
    if (!*memory)
        return cudaErrorMemoryAllocation;
    std::memset(*memory, 0xFF, bytes < PATTERN_BYTES ? bytes : PATTERN_BYTES);
    ++n_live;
    return cudaSuccess;
}

cudaError_t release(void *memory)
{
    n_live -= memory != nullptr;
    std::free(memory);
    return enter(cudaErrorLaunchFailure);
}

} // namespace

bool emulated_call_fails()
{
    const unsigned call = ++n_calls, failing = failing_call;
    return failing && (call == failing || (for_ever && call > failing));
}

void emulate_fail(unsigned at, bool forever)
{
    n_calls = 0;
    failing_call = at;
    for_ever = forever;
}

unsigned emulate_calls() { return n_calls; }
size_t emulate_live_allocations() { return n_live; }

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return enter(cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device)
{
    return device == 0 ? enter(cudaErrorInvalidDevice) : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
    *properties = cudaDeviceProp();
    std::snprintf(properties->name, sizeof properties->name, "emulated");
    properties->totalGlobalMem = (size_t)4 << 30;
    properties->major = 9;
    properties->multiProcessorCount = 2;
    properties->sharedMemPerBlockOptin = 227 << 10;
    return enter(cudaErrorInvalidDevice);
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = 13000;
    return enter(cudaErrorLaunchFailure);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = 13000;
    return enter(cudaErrorLaunchFailure);
}

cudaError_t cudaMalloc(void **memory, size_t bytes) { return allocate(memory, bytes); }
cudaError_t cudaFree(void *memory) { return release(memory); }
cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned) { return allocate(memory, bytes); }
cudaError_t cudaFreeHost(void *memory) { return release(memory); }

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    *free_bytes = (size_t)3 << 30;
    *total_bytes = (size_t)4 << 30;
    return enter(cudaErrorLaunchFailure);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    if (outcome == cudaSuccess && bytes > 0)
        std::memcpy(to, from, bytes);
    return outcome;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    if (outcome == cudaSuccess)
        std::memset(memory, value, bytes);
    return outcome;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    *stream = nullptr;
    if (enter(cudaErrorMemoryAllocation) != cudaSuccess)
        return cudaErrorMemoryAllocation;
    *stream = new emulated_stream();
    ++n_live;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) { return enter(cudaErrorLaunchFailure); }

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    n_live -= stream != nullptr;
    delete stream;
    return enter(cudaErrorLaunchFailure);
}

cudaError_t cudaGetLastError() { return enter(cudaErrorLaunchFailure); }
cudaError_t emulated_set_shared(size_t) { return enter(cudaErrorLaunchFailure); }

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    }
    return "unknown error";
}
