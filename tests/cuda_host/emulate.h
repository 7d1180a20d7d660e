// CUDA kernels on a machine without a GPU: the parts of CUDA's runtime that ours use, as plain C++ on the host, so that every kernel is
// compared with ref by the same cases as on a device. The headers of this folder stand in for the toolkit's.
//
// A launch runs its blocks one after the other; the threads of a block are fibers that run until a barrier or the end, in ascending
// order or, to catch kernels that lean on an order, in descending order every other launch. A barrier that some threads of a block (or
// warp) never reach, with others waiting, ends the program with a message. Shared memory is filled with a pattern of NaN before each
// block. One launch at a time. Not for speed.
//
// Streams hold back what is enqueued until the host waits for it (streams.cc); the default stream does at once what it is told.
#ifndef ASCRIBE_EMULATE_H
#define ASCRIBE_EMULATE_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(n) alignas(n)

// Of the thread that runs now.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
enum { warpSize = 32 };

// A thread of a kernel with these arguments, as they are now.
struct emulated_kernel {
    const void *function;
    std::function<void()> thread;
};
template <typename Kernel, typename... Arguments> emulated_kernel emulate_thread(Kernel kernel, Arguments... arguments)
{
    return {reinterpret_cast<const void *>(kernel), [=]() { kernel(arguments...); }};
}

// Ends the program where a device would refuse: an empty or too large grid or block, more shared memory than there is or was allowed.
typedef struct emulated_stream *cudaStream_t;
void emulate_launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared_bytes, const emulated_kernel &kernel);
void emulate_allow_shared(const void *kernel, size_t bytes);
void *emulate_shared(); // the block's dynamic shared memory, aligned to 16 bytes
void emulate_warp_exchange(const void *mine, void *theirs, size_t bytes, unsigned lane); // theirs = what `lane` of the warp brought
void emulate_warp_gather(const void *mine, void *all, size_t bytes); // all = what lanes 0 ... 31 brought, back to back

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);

static inline unsigned emulate_lane()
{
    return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % warpSize;
}

template <typename T> T __shfl_sync(unsigned, T value, int lane, int width = warpSize)
{
    T other;
    const unsigned own = emulate_lane(), group = own - own % (unsigned)width;
    emulate_warp_exchange(&value, &other, sizeof value, group + (unsigned)lane % (unsigned)width);
    return other;
}

template <typename T> T __shfl_xor_sync(unsigned, T value, int lanes, int = warpSize)
{
    T other;
    emulate_warp_exchange(&value, &other, sizeof value, emulate_lane() ^ (unsigned)lanes);
    return other;
}

template <typename T> T __shfl_down_sync(unsigned, T value, unsigned lanes, int = warpSize)
{
    T other;
    const unsigned own = emulate_lane();
    emulate_warp_exchange(&value, &other, sizeof value, own + lanes < warpSize ? own + lanes : own);
    return other;
}

template <typename T> T __shfl_up_sync(unsigned, T value, unsigned lanes, int = warpSize)
{
    T other;
    const unsigned own = emulate_lane();
    emulate_warp_exchange(&value, &other, sizeof value, own >= lanes ? own - lanes : own);
    return other;
}

unsigned __ballot_sync(unsigned mask, int predicate);

// The tensor cores' product of 16 x 16 and 8 x 16 values of 16 bits (mma.sync m16n8k16), ldmatrix.x4, and cp.async, which copies when it is
// waited for: see kernels/cuda/mma.cuh. Addresses that are not aligned end the program.
void emulate_mma(float d[4], const unsigned a[4], const unsigned b[2], float (*value)(uint16_t bits));
void emulate_load_matrices(unsigned r[4], const void *row, bool transposed);
void emulate_copy_to_shared(void *shared, const void *global);
void emulate_copies_wait();

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
template <typename T> T __ldg(const T *p) { return *p; }

// For tests, which find them by name in the module (tests/cuda_module.h).
extern "C" {
// What the runtime was asked so far counts as calls; call number `at` (from 1) fails, and with `forever` every one after it. 0: none.
void emulate_fail(unsigned at, bool forever);
unsigned emulate_calls(); // since the last emulate_fail
size_t emulate_live_allocations(); // blocks of memory, streams and events
size_t emulate_most_bytes(bool reset); // of device memory that were allocated at one time since the last reset
unsigned emulate_frees();              // of device and of pinned memory, each of which waits for the device
// A failure that the context does not survive makes every later call fail as well, and these are counted, until there is a new context: without
// anything that the old one had.
bool emulate_is_lost();
unsigned emulate_calls_after_loss();
void emulate_new_context();
// Waits of the host: for whole streams; for events that had not been reached; and for such events with no launch behind them.
typedef struct emulated_waits {
    unsigned n_stream_waits, n_event_waits, n_dry_waits;
} emulated_waits;
emulated_waits emulate_waits(bool reset);
// cuBLASLt's algorithms whose sums are whole: summing in ascending order, which is what it offers first; in descending order; and one whose sums
// depend on the number of columns. The fastest one takes no time by the device's clock, all others a second a product. The refused one is not
// known (0: none; -1: both whose rows are independent).
enum { EMULATED_ASCENDING = 21, EMULATED_DESCENDING = 22, EMULATED_BY_COLUMNS = 23 };
void emulate_products(int fastest_id, int refused_id);
// What there is: the driver's version as CUDA counts it, 0 for no driver; the number of GPUs; their compute capability's first number; bytes
// that may be allocated on each.
void emulate_machine(int driver_version, int n_devices, int compute_major, size_t memory_bytes);
}

#endif
