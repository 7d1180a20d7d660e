// bfloat16 on the host: storage, and conversion to and from float (round to nearest, ties to even). See emulate.h.
#ifndef ASCRIBE_EMULATED_CUDA_BF16_H
#define ASCRIBE_EMULATED_CUDA_BF16_H

#include <cstdint>
#include <cstring>

struct __nv_bfloat16 {
    uint16_t bits;
};

struct __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

static inline float __bfloat162float(__nv_bfloat16 b)
{
    const uint32_t bits = (uint32_t)b.bits << 16;
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

static inline __nv_bfloat16 __float2bfloat16_rn(float x)
{
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return {0x7FFF};
    return {(uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16)};
}

static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__float2bfloat16_rn(x), __float2bfloat16_rn(y)}; }

#endif
