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
std::atomic<int> driver_version{13000}, n_devices{1}, compute_major{9};
std::atomic<size_t> memory_bytes{(size_t)4 << 30}, n_bytes;
enum { RUNTIME_VERSION = 13000 };

cudaError_t enter(cudaError_t failure)
{
    return emulated_call(cudaSuccess, failure);
}

cudaError_t allocate(void **memory, size_t bytes)
{
    *memory = nullptr;
    if (enter(cudaErrorMemoryAllocation) != cudaSuccess || n_bytes + bytes > memory_bytes)
        return cudaErrorMemoryAllocation;
    char *block = static_cast<char *>(std::aligned_alloc(256, (bytes + 256 + 255) / 256 * 256));
    if (!block)
        return cudaErrorMemoryAllocation;
    std::memcpy(block, &bytes, sizeof bytes); // in front of what is handed out
    *memory = block + 256;
    std::memset(*memory, 0xFF, bytes < PATTERN_BYTES ? bytes : PATTERN_BYTES);
    n_bytes += bytes;
    ++n_live;
    return cudaSuccess;
}

cudaError_t release(void *memory)
{
    if (memory) {
        char *block = static_cast<char *>(memory) - 256;
        size_t bytes;
        std::memcpy(&bytes, block, sizeof bytes);
        n_bytes -= bytes;
        --n_live;
        std::free(block);
    }
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

void emulate_machine(int driver, int devices, int major, size_t bytes)
{
    driver_version = driver;
    n_devices = devices;
    compute_major = major;
    memory_bytes = bytes;
}

unsigned emulate_calls() { return n_calls; }
size_t emulate_live_allocations() { return n_live; }

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = n_devices;
    if (driver_version < RUNTIME_VERSION)
        return cudaErrorInsufficientDriver;
    return n_devices == 0 ? cudaErrorNoDevice : enter(cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device)
{
    return device < n_devices ? enter(cudaErrorInvalidDevice) : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
    *properties = cudaDeviceProp();
    std::snprintf(properties->name, sizeof properties->name, "emulated");
    properties->totalGlobalMem = memory_bytes;
    properties->major = compute_major;
    properties->multiProcessorCount = 2;
    properties->sharedMemPerBlockOptin = 227 << 10;
    return enter(cudaErrorInvalidDevice);
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = driver_version;
    return enter(cudaErrorLaunchFailure);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = RUNTIME_VERSION;
    return enter(cudaErrorLaunchFailure);
}

cudaError_t cudaMalloc(void **memory, size_t bytes) { return allocate(memory, bytes); }
cudaError_t cudaFree(void *memory) { return release(memory); }
cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned) { return allocate(memory, bytes); }
cudaError_t cudaFreeHost(void *memory) { return release(memory); }

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    *free_bytes = memory_bytes > n_bytes ? memory_bytes - n_bytes : 0;
    *total_bytes = memory_bytes;
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
