// What the files of the cuda backend share: its slots, device and stream, typed access to views, launching, and errors.
//
// REAL is the precision's storage type: float (fp32, tf32), half (fp16) or bfloat16 (bf16); kernels are templates over it, compute in
// float, and are picked by CUDA_BY_REAL. F64 stays double. Every sum has a fixed order that neither the grid nor a neighbour changes, and
// nothing uses float atomics. Work is enqueued on the stream's own CUDA stream; faults surface in stream_sync.
//
// Every file also compiles for the host with the headers of tests/cuda_host, where the same cases that a GPU runs are run on threads
// that are emulated: hence CUDA_LAUNCH and CUDA_SHARED instead of CUDA's own syntax, and no warp-synchronous assumptions without a
// mask or barrier.
#ifndef ASCRIBE_CUDA_CUDA_CUH
#define ASCRIBE_CUDA_CUDA_CUH

extern "C" {
#include "backend_ops.h"
#include "base/fail.h"
}

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#ifdef __CUDACC__
#define CUDA_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
    ((void)(cuda_device_of(stream)->planning || (kernel<<<grid, block, shared_bytes, cuda_of(stream)->stream>>>(__VA_ARGS__), true)))
#define CUDA_SHARED(type, name)                                       \
    extern __shared__ __align__(16) unsigned char cuda_shared_bytes[]; \
    type *name = reinterpret_cast<type *>(cuda_shared_bytes)
#else
#define CUDA_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
    ((void)(cuda_device_of(stream)->planning ||                                                                                  \
            (emulate_launch(cuda_of(stream)->stream, grid, block, shared_bytes, emulate_thread(kernel, __VA_ARGS__)), true)))
#define CUDA_SHARED(type, name) type *name = static_cast<type *>(emulate_shared())
#endif

typedef enum cuda_precision { CUDA_FP32, CUDA_TF32, CUDA_FP16, CUDA_BF16 } cuda_precision;

typedef struct cuda_memory cuda_memory; // of memory_cuda.h

typedef struct cuda_device {
    int number;
    bool planning; // nothing is done on the device: memory is counted as the same calls would allocate it
    bool lost;     // cuda_is_lost
    cuda_precision precision;
    size_t free_bytes, total_bytes; // of the device, as it was opened
    cuda_memory *memory;
    cudaDeviceProp properties;
    int *fault; // on the device: 0, or what a kernel found wrong (cuda_fault); checked by stream_sync
    void *gemm; // of gemm_cuda.h
    char kernel_set[256];
} cuda_device; // asc_backend.impl

enum { CUDA_SLOTS = 8, CUDA_SLOT_BYTES = 1 << 20 };

// Pinned memory of an upload.
typedef struct cuda_slot {
    void *memory;     // [CUDA_SLOT_BYTES], made when it is first used
    cudaEvent_t read; // by the device
} cuda_slot;

typedef struct cuda_stream {
    cudaStream_t stream;
    cudaEvent_t reached; // for other streams: what was enqueued here so far
    void *gemm; // of gemm_cuda.h
    void *scratch;
    size_t scratch_bytes;
    cuda_slot slots[CUDA_SLOTS];
    int next_slot;
    int *fault; // pinned, for the device's
} cuda_stream; // asc_stream.impl

// What kernels find wrong with the contents of index arrays: they report and leave the place alone, and the next stream_sync fails.
enum cuda_fault {
    CUDA_FAULT_NONE,
    CUDA_FAULT_INDEX,   // an index out of bounds
    CUDA_FAULT_OFFSETS, // offsets that fall, or do not end where they should
    CUDA_FAULT_LENGTH,  // a sequence longer than was said, or empty where it must not be
    CUDA_FAULT_COUNT,   // packing gave another number of tokens than was said
    CUDA_FAULT_WALKS,   // coalitions that are no walks
    CUDA_FAULT_SYSTEM,  // normal equations without a solution: weights that are not finite
    CUDA_FAULTS,
};

static inline cuda_device *cuda_device_of(const asc_stream *stream)
{
    return static_cast<cuda_device *>(stream->backend->impl);
}

static inline cuda_stream *cuda_of(const asc_stream *stream)
{
    return static_cast<cuda_stream *>(stream->impl);
}

template <typename T> static inline T *cuda_data(asc_view view)
{
    return view.buffer ? static_cast<T *>(view.buffer->data) + view.first : nullptr;
}

enum { CUDA_ALIGNMENT = 16 }; // bytes: what the widest loads, and cuBLASLt's fast kernels, ask of an address

static inline bool cuda_is_aligned(const void *address)
{
    return reinterpret_cast<uintptr_t>(address) % CUDA_ALIGNMENT == 0;
}

// ASC_OK, ASC_OUT_OF_MEMORY or, for what the context does not survive, ASC_NO_DEVICE; `what` says what was being done.
asc_status cuda_check(cudaError_t outcome, const char *what, asc_error *err);

// What a kernel reported, as an error.
asc_status cuda_check_fault(int fault, asc_error *err);

// Whether an error has cost the context: then it is given up, and no call of CUDA's is made any more.
bool cuda_is_lost(const cuda_device *device);
// Gives it up when `status` says so; returns the status.
asc_status cuda_note(cuda_device *device, asc_status status);
// For releasing, which reports nothing: makes the call unless the context is lost, which it is when the call fails.
#define CUDA_UNLESS_LOST(device, call) \
    ((void)(!cuda_is_lost(device) && (call) != 0 && cuda_note(device, ASC_NO_DEVICE)))

// After a launch: whether it was accepted.
asc_status cuda_launched(const asc_stream *stream, const char *kernel, asc_error *err);

size_t cuda_element_bytes(const cuda_device *device, asc_type type);

// Whether the device has as much shared memory for a block (99 KiB on compute capability 8.6 and 8.9, 227 KiB on 9.0): ASC_USAGE.
asc_status cuda_check_shared(const cuda_device *device, size_t bytes, const char *what, asc_error *err);

// A kernel that uses more than 48 KiB of dynamic shared memory must be allowed it first.
template <typename Kernel>
static inline asc_status cuda_allow_shared(const asc_stream *stream, Kernel kernel, size_t bytes, const char *what, asc_error *err)
{
    if (bytes <= (size_t)48 << 10 || cuda_device_of(stream)->planning)
        return ASC_OK;
    TRY(cuda_check_shared(cuda_device_of(stream), bytes, what, err));
    return cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes), what, err);
}

// The stream's scratch on the device, at least `bytes`, aligned to 256, contents undefined, until the next call on this stream.
asc_status cuda_scratch(asc_stream *stream, size_t bytes, void **out, asc_error *err);

// Runs `statement` with the type `real` = REAL of the precision, or of the stream's.
#define CUDA_BY_REAL(stream, statement) CUDA_BY_PRECISION(cuda_device_of(stream)->precision, statement)
#define CUDA_BY_PRECISION(of, statement)                                 \
    do {                                                                 \
        switch (of) {                                                    \
        case CUDA_FP32:                                                  \
        case CUDA_TF32: { typedef float real; statement; break; }        \
        case CUDA_FP16: { typedef __half real; statement; break; }       \
        case CUDA_BF16: { typedef __nv_bfloat16 real; statement; break; } \
        }                                                                \
    } while (0)

// What one load or store moves at most.
template <typename real> struct alignas(CUDA_ALIGNMENT) cuda_piece {
    real x[CUDA_ALIGNMENT / sizeof(real)];
};

static __device__ __forceinline__ float to_float(float x) { return x; }
static __device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
static __device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

// Round to nearest, ties to even.
template <typename T> __device__ __forceinline__ T from_float(float x);
template <> __device__ __forceinline__ float from_float<float>(float x) { return x; }
template <> __device__ __forceinline__ __half from_float<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) { return __float2bfloat16_rn(x); }

// The sum over a warp, in halves: the same in every lane and for every place in the grid.
static __device__ __forceinline__ float warp_sum(float x)
{
    for (int lanes = warpSize / 2; lanes > 0; lanes /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, lanes);
    return x;
}

static __device__ __forceinline__ float warp_max(float x)
{
    for (int lanes = warpSize / 2; lanes > 0; lanes /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lanes));
    return x;
}

static inline unsigned cuda_blocks(size_t count, size_t per_block)
{
    return (unsigned)((count + per_block - 1) / per_block);
}

asc_status cuda_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err);
void cuda_linear_destroy(asc_linear *linear);

asc_status cuda_relabel(asc_stream *stream, const relabel_args *args, asc_error *err);
asc_status cuda_row_masks(asc_stream *stream, const row_masks_args *args, asc_error *err);
asc_status cuda_pack(asc_stream *stream, const pack_args *args, asc_error *err);
asc_status cuda_embed(asc_stream *stream, const embed_args *args, asc_error *err);
asc_status cuda_linear(asc_stream *stream, const linear_args *args, asc_error *err);
asc_status cuda_attention(asc_stream *stream, const attention_args *args, asc_error *err);
asc_status cuda_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err);
asc_status cuda_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err);
asc_status cuda_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err);
asc_status cuda_record_full(asc_stream *stream, const record_full_args *args, asc_error *err);
asc_status cuda_values(asc_stream *stream, const values_args *args, asc_error *err);
asc_status cuda_attribute(asc_stream *stream, const attribute_args *args, asc_error *err);
asc_status cuda_solve(asc_stream *stream, const solve_args *args, asc_error *err);

#endif
