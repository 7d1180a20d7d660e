// The tensor cores' product of 16-bit values with sums in float (mma.sync m16n8k16, sm_80 and later), loads of its fragments from shared memory
// (ldmatrix.x4), and copies to shared memory that do not wait (cp.async): one function each, with a twin in tests/cuda_host.
//
// Fragments ("Parallel thread execution ISA", mma.m16n8k16), for lane 4 g + t: A [16, 16] a[0] row g, columns 2 t and 2 t + 1, a[1] row g + 8, a[2]
// and a[3] the same 8 columns on; B [16, 8] b[0] rows 2 t and 2 t + 1 of column g, b[1] 8 rows on; D [16, 8] d[0], d[1] row g, columns 2 t
// and 2 t + 1, d[2], d[3] row g + 8. All lanes of a warp take part in every call.
#ifndef ASCRIBE_CUDA_MMA_CUH
#define ASCRIBE_CUDA_MMA_CUH

#include "cuda/cuda.cuh"

#include <string.h>

// Two values as a register of a fragment: the first in the lower half.
static __device__ __forceinline__ unsigned mma_pair(__half, float x, float y)
{
    const __half2 pair = __floats2half2_rn(x, y);
    unsigned bits;
    memcpy(&bits, &pair, sizeof bits);
    return bits;
}

static __device__ __forceinline__ unsigned mma_pair(__nv_bfloat16, float x, float y)
{
    const __nv_bfloat162 pair = __floats2bfloat162_rn(x, y);
    unsigned bits;
    memcpy(&bits, &pair, sizeof bits);
    return bits;
}

// d += a b; the first argument says what the registers of a and b hold.
#ifdef __CUDACC__
#define MMA(type)                                                                                                                            \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                                           \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
static __device__ __forceinline__ void mma(__half, float d[4], const unsigned a[4], const unsigned b[2]) { MMA("f16"); }
static __device__ __forceinline__ void mma(__nv_bfloat16, float d[4], const unsigned a[4], const unsigned b[2]) { MMA("bf16"); }
#undef MMA
#else
template <typename real> static float mma_value(uint16_t bits)
{
    real x;
    memcpy(&x, &bits, sizeof x);
    return to_float(x);
}

template <typename real> static void mma(real, float d[4], const unsigned a[4], const unsigned b[2])
{
    emulate_mma(d, a, b, mma_value<real>);
}
#endif

// Four matrices of 8 x 8 values; lane 8 i + r brings the address, aligned to 16 bytes, of row r of matrix i. Lane 4 g + t gets of each row g, columns
// 2 t and 2 t + 1; `_transposed`: rows 2 t and 2 t + 1 of column g.
static __device__ __forceinline__ void load_matrices(unsigned r[4], const void *row)
{
#ifdef __CUDACC__
    const unsigned address = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
#else
    emulate_load_matrices(r, row, false);
#endif
}

static __device__ __forceinline__ void load_matrices_transposed(unsigned r[4], const void *row)
{
#ifdef __CUDACC__
    const unsigned address = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
#else
    emulate_load_matrices(r, row, true);
#endif
}

// 16 bytes, both addresses aligned to as many; they are there after copies_wait, for others after a barrier behind it.
static __device__ __forceinline__ void copy_to_shared(void *shared, const void *global)
{
#ifdef __CUDACC__
    const unsigned address = (unsigned)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(global) : "memory");
#else
    emulate_copy_to_shared(shared, global);
#endif
}

static __device__ __forceinline__ void copies_wait(void)
{
#ifdef __CUDACC__
    asm volatile("cp.async.wait_all;" ::: "memory");
#else
    emulate_copies_wait();
#endif
}

#endif
