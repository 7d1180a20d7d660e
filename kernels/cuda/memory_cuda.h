// Memory of the device and pinned memory of the host. What is released is kept for the next one who asks for as much: CUDA's own release
// waits for the whole device, and the steady state of a run needs none. Implemented by memory_cuda.cu.
//
// Released memory may go to another stream at once, so whoever releases it has waited for the work that uses it, or makes nothing more
// until all streams that use it are gone.
#ifndef ASCRIBE_CUDA_MEMORY_CUDA_H
#define ASCRIBE_CUDA_MEMORY_CUDA_H

#include "cuda/cuda.cuh"

typedef enum cuda_memory_kind { CUDA_ON_DEVICE, CUDA_PINNED } cuda_memory_kind;

asc_status cuda_memory_open(cuda_device *device, asc_error *err);
void cuda_memory_close(cuda_device *device); // gives all of it back; does nothing where it was not opened

// At least `bytes`, aligned to 256, contents undefined. `what` is for messages. ASC_OUT_OF_MEMORY.
asc_status cuda_allocate(cuda_device *device, cuda_memory_kind kind, size_t bytes, void **out, const char *what, asc_error *err);
void cuda_release(cuda_device *device, void *address); // accepts NULL

// Bytes of the device that are held now, and the most that were at one time.
typedef struct cuda_memory_use {
    size_t now, most;
} cuda_memory_use;
cuda_memory_use cuda_memory_used(const cuda_device *device);

// Gives the device back what nobody uses: after work whose sizes do not come again.
void cuda_memory_trim(cuda_device *device);

#endif
