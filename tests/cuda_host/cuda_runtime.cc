// The runtime's calls on host memory; each counts, and can be made to fail (emulate_fail).
#include "cuda_runtime.h"

#include "calls.h"
#include "streams.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace {

const size_t PATTERN_BYTES = 1 << 20; // of new memory; not all, because workspaces are large and often opened

struct Block {
    size_t bytes;
    bool on_host;
};

std::atomic<unsigned> n_calls, failing_call, n_calls_after_loss, n_frees;
std::atomic<bool> for_ever, lost;
std::atomic<int> driver_version{13000}, n_devices{1}, compute_major{9};
std::atomic<size_t> memory_bytes{(size_t)4 << 30}, n_bytes, most_bytes;
std::mutex memory_lock;
std::map<char *, Block> blocks; // by address
enum { RUNTIME_VERSION = 13000 };

cudaError_t enter(cudaError_t failure)
{
    return emulated_call(cudaSuccess, failure);
}

cudaError_t allocate(void **memory, size_t bytes, bool on_host)
{
    *memory = nullptr;
    if (enter(cudaErrorMemoryAllocation) != cudaSuccess || (!on_host && n_bytes + bytes > memory_bytes))
        return cudaErrorMemoryAllocation;
    char *block = static_cast<char *>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
    if (!block)
        return cudaErrorMemoryAllocation;
    std::lock_guard<std::mutex> lock(memory_lock);
    std::memset(block, 0xFF, bytes < PATTERN_BYTES ? bytes : PATTERN_BYTES);
    blocks[block] = {bytes, on_host};
    n_bytes += on_host ? 0 : bytes;
    most_bytes = n_bytes > most_bytes ? n_bytes.load() : most_bytes.load();
    *memory = block;
    return cudaSuccess;
}

// Freeing waits for everything, as CUDA's does.
cudaError_t release(void *memory)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    if (!memory || outcome != cudaSuccess)
        return outcome;
    n_frees++;
    emulated_finish_all();
    std::lock_guard<std::mutex> lock(memory_lock);
    const auto found = blocks.find(static_cast<char *>(memory));
    if (found == blocks.end()) {
        std::fprintf(stderr, "emulated runtime: freed what it never allocated\n");
        std::abort();
    }
    n_bytes -= found->second.on_host ? 0 : found->second.bytes;
    blocks.erase(found);
    std::free(memory);
    return outcome;
}

bool is_pinned(const void *address)
{
    std::lock_guard<std::mutex> lock(memory_lock);
    char *at = const_cast<char *>(static_cast<const char *>(address));
    auto after = blocks.upper_bound(at);
    if (after == blocks.begin())
        return false;
    --after;
    return after->second.on_host && at < after->first + after->second.bytes;
}

} // namespace

bool emulated_is_sticky(int failure)
{
    const int of_blas[] = {3, 7}; // CUBLAS_STATUS_ALLOC_FAILED, CUBLAS_STATUS_INVALID_VALUE: nothing was launched
    return failure != cudaErrorMemoryAllocation && failure != cudaErrorInsufficientDriver && failure != cudaErrorNoDevice &&
           failure != of_blas[0] && failure != of_blas[1];
}

bool emulated_call_fails(bool is_sticky)
{
    const unsigned call = ++n_calls, failing = failing_call;
    if (lost) {
        n_calls_after_loss++;
        return true;
    }
    const bool fails = failing && (call == failing || (for_ever && call > failing));
    if (fails && is_sticky)
        lost = true;
    return fails;
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

size_t emulate_live_allocations()
{
    std::lock_guard<std::mutex> lock(memory_lock);
    return blocks.size() + emulated_live_streams();
}

size_t emulate_most_bytes(bool reset)
{
    const size_t found = most_bytes;
    if (reset)
        most_bytes = n_bytes.load();
    return found;
}

unsigned emulate_frees() { return n_frees; }
bool emulate_is_lost() { return lost; }
unsigned emulate_calls_after_loss() { return n_calls_after_loss; }

void emulate_new_context()
{
    emulated_forget_streams();
    emulated_forget_handles();
    std::lock_guard<std::mutex> lock(memory_lock);
    for (const auto &block : blocks)
        std::free(block.first);
    blocks.clear();
    n_bytes = 0;
    n_calls_after_loss = 0;
    lost = false;
}

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
    properties->sharedMemPerBlockOptin = (compute_major >= 9 ? 227 : 99) << 10; // as of 9.0, and of 8.6 and 8.9
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

cudaError_t cudaMalloc(void **memory, size_t bytes) { return allocate(memory, bytes, false); }
cudaError_t cudaFree(void *memory) { return release(memory); }
cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned) { return allocate(memory, bytes, true); }
cudaError_t cudaFreeHost(void *memory) { return release(memory); }

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    *free_bytes = memory_bytes > n_bytes ? memory_bytes - n_bytes : 0;
    *total_bytes = memory_bytes;
    return enter(cudaErrorLaunchFailure);
}

// Memory of the host that is not pinned is read before the call returns; what is written to such memory is there when it returns.
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    if (outcome != cudaSuccess || bytes == 0)
        return outcome;
    if (kind == cudaMemcpyHostToDevice && !is_pinned(from)) {
        const char *first = static_cast<const char *>(from);
        const std::vector<char> held(first, first + bytes);
        emulated_enqueue(stream, false, [=]() { std::memcpy(to, held.data(), bytes); });
        return outcome;
    }
    emulated_enqueue(stream, false, [=]() { std::memcpy(to, from, bytes); });
    if (kind == cudaMemcpyDeviceToHost && !is_pinned(to))
        emulated_finish(stream);
    return outcome;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    if (outcome == cudaSuccess)
        emulated_enqueue(stream, false, [=]() { std::memset(memory, value, bytes); });
    return outcome;
}

cudaError_t cudaGetLastError() { return enter(cudaErrorLaunchFailure); }
cudaError_t emulated_set_shared(const void *kernel, size_t bytes)
{
    const cudaError_t outcome = enter(cudaErrorLaunchFailure);
    if (outcome == cudaSuccess)
        emulate_allow_shared(kernel, bytes);
    return outcome;
}


const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    }
    return "unknown error";
}
