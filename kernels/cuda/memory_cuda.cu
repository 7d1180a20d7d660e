// See memory_cuda.h.
#include "cuda/memory_cuda.h"

#include <pthread.h>
#include <stdlib.h>

enum { GRANULE = 512, STEPS_PER_DOUBLING = 8 };
static const size_t largest_rounded = (size_t)64 << 20; // what is larger is not made for many to share

typedef struct block {
    char *address;
    size_t bytes;
    cuda_memory_kind kind;
    bool used;
} block;

struct cuda_memory {
    pthread_mutex_t lock;
    block *blocks;
    size_t n_blocks, capacity;
    size_t now, most; // of the device
    size_t limit;     // bytes that a plan may take; else SIZE_MAX
    size_t planned;   // where the next block of a plan would be
};

asc_status cuda_memory_open(cuda_device *device, asc_error *err)
{
    cuda_memory *memory = static_cast<cuda_memory *>(calloc(1, sizeof *memory));
    if (!memory)
        return fail_memory(err, "the device's memory", sizeof *memory);
    pthread_mutex_init(&memory->lock, nullptr);
    memory->limit = device->planning ? device->free_bytes : SIZE_MAX;
    memory->planned = GRANULE;
    device->memory = memory;
    return ASC_OK;
}

// ---- Blocks; the lock is held -----------------------------------------------------------------------------------

// Sizes that are near each other become one, so that what was released fits the next.
static size_t round_size(size_t bytes)
{
    size_t step = GRANULE;
    if (bytes < largest_rounded)
        while (step * STEPS_PER_DOUBLING * 2 <= bytes)
            step *= 2;
    return bytes == 0 ? step : (bytes + step - 1) / step * step;
}

static block *find_free(cuda_memory *memory, cuda_memory_kind kind, size_t bytes)
{
    for (size_t i = 0; i < memory->n_blocks; i++)
        if (!memory->blocks[i].used && memory->blocks[i].kind == kind && memory->blocks[i].bytes == bytes)
            return &memory->blocks[i];
    return nullptr;
}

static void give_back(cuda_device *device, const block *b)
{
    if (device->planning)
        return;
    if (b->kind == CUDA_ON_DEVICE)
        CUDA_UNLESS_LOST(device, cudaFree(b->address));
    else
        CUDA_UNLESS_LOST(device, cudaFreeHost(b->address));
}

// Gives back what nobody uses; whether there was any.
static bool give_back_unused(cuda_device *device, cuda_memory_kind kind)
{
    cuda_memory *memory = device->memory;
    const size_t before = memory->n_blocks;
    size_t kept = 0;
    for (size_t i = 0; i < before; i++) {
        const block b = memory->blocks[i];
        if (b.used || b.kind != kind) {
            memory->blocks[kept++] = b;
            continue;
        }
        give_back(device, &b);
        memory->now -= kind == CUDA_ON_DEVICE ? b.bytes : 0;
    }
    memory->n_blocks = kept;
    return kept < before;
}

static cudaError_t ask(const cuda_device *device, cuda_memory_kind kind, size_t bytes, void **out)
{
    cuda_memory *memory = device->memory;
    if (!device->planning)
        return kind == CUDA_ON_DEVICE ? cudaMalloc(out, bytes) : cudaHostAlloc(out, bytes, cudaHostAllocDefault);
    if (kind == CUDA_ON_DEVICE && (memory->now > memory->limit || bytes > memory->limit - memory->now))
        return cudaErrorMemoryAllocation;
    *out = reinterpret_cast<void *>(memory->planned);
    memory->planned += bytes;
    return cudaSuccess;
}

static bool has_room(cuda_memory *memory)
{
    if (memory->n_blocks < memory->capacity)
        return true;
    const size_t capacity = memory->capacity ? 2 * memory->capacity : 64;
    block *blocks = static_cast<block *>(realloc(memory->blocks, capacity * sizeof *blocks));
    if (!blocks)
        return false;
    memory->blocks = blocks;
    memory->capacity = capacity;
    return true;
}

static asc_status take(cuda_device *device, cuda_memory_kind kind, size_t bytes, void **out, const char *what, asc_error *err)
{
    cuda_memory *memory = device->memory;
    block *found = find_free(memory, kind, bytes);
    if (found) {
        found->used = true;
        *out = found->address;
        return ASC_OK;
    }
    if (!has_room(memory))
        return fail_memory(err, what, memory->capacity * sizeof(block));
    cudaError_t outcome = ask(device, kind, bytes, out);
    if (outcome == cudaErrorMemoryAllocation && give_back_unused(device, kind))
        outcome = ask(device, kind, bytes, out);
    TRY(cuda_check(outcome, what, err));
    memory->blocks[memory->n_blocks++] = {static_cast<char *>(*out), bytes, kind, true};
    memory->now += kind == CUDA_ON_DEVICE ? bytes : 0;
    memory->most = memory->now > memory->most ? memory->now : memory->most;
    return ASC_OK;
}

// ---- Interface --------------------------------------------------------------------------------------------------

asc_status cuda_allocate(cuda_device *device, cuda_memory_kind kind, size_t bytes, void **out, const char *what, asc_error *err)
{
    *out = nullptr;
    if (bytes > SIZE_MAX / 2)
        return fail_memory(err, what, bytes);
    pthread_mutex_lock(&device->memory->lock);
    const asc_status status = take(device, kind, round_size(bytes), out, what, err);
    pthread_mutex_unlock(&device->memory->lock);
    return status;
}

void cuda_release(cuda_device *device, void *address)
{
    cuda_memory *memory = device->memory;
    if (!address)
        return;
    pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; i < memory->n_blocks; i++)
        if (memory->blocks[i].address == address)
            memory->blocks[i].used = false;
    pthread_mutex_unlock(&memory->lock);
}

void cuda_memory_trim(cuda_device *device)
{
    pthread_mutex_lock(&device->memory->lock);
    (void)give_back_unused(device, CUDA_ON_DEVICE);
    pthread_mutex_unlock(&device->memory->lock);
}

cuda_memory_use cuda_memory_used(const cuda_device *device)
{
    cuda_memory *memory = device->memory;
    pthread_mutex_lock(&memory->lock);
    const cuda_memory_use use = {memory->now, memory->most};
    pthread_mutex_unlock(&memory->lock);
    return use;
}

void cuda_memory_close(cuda_device *device)
{
    cuda_memory *memory = device->memory;
    if (!memory)
        return;
    for (size_t i = 0; i < memory->n_blocks; i++)
        give_back(device, &memory->blocks[i]);
    pthread_mutex_destroy(&memory->lock);
    free(memory->blocks);
    free(memory);
    device->memory = nullptr;
}
