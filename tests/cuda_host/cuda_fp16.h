// Half precision on the host: storage, and conversion to and from float (round to nearest, ties to even). See emulate.h.
#ifndef ASCRIBE_EMULATED_CUDA_FP16_H
#define ASCRIBE_EMULATED_CUDA_FP16_H

#include <cstdint>
#include <cstring>

struct __half {
    uint16_t bits;
};

struct __half2 {
    __half x, y;
};

static inline float __half2float(__half h)
{
    const uint32_t sign = (uint32_t)(h.bits & 0x8000u) << 16, exponent = h.bits >> 10 & 31u, fraction = h.bits & 1023u;
    float magnitude;
    if (exponent == 31) {
        const uint32_t bits = 0x7F800000u | fraction << 13;
        std::memcpy(&magnitude, &bits, sizeof bits);
    } else if (exponent == 0) {
        magnitude = (float)fraction * 0x1p-24f;
    } else {
        const uint32_t bits = (exponent + 112) << 23 | fraction << 13;
        std::memcpy(&magnitude, &bits, sizeof bits);
    }
    uint32_t bits;
    std::memcpy(&bits, &magnitude, sizeof bits);
    bits |= sign;
    std::memcpy(&magnitude, &bits, sizeof bits);
    return magnitude;
}

static inline __half __float2half_rn(float x)
{
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    bits &= 0x7FFFFFFFu;
    if (bits > 0x7F800000u)
        return {(uint16_t)(sign | 0x7FFFu)};
    if (bits >= 0x477FF000u) // 65520 and above
        return {(uint16_t)(sign | 0x7C00u)};
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof bits);
    if (bits < 0x38800000u) { // below 2^-14: a multiple of 2^-24; adding 2^-1 * 2^0 rounds it
        const float rounded = magnitude + 0.5f;
        uint32_t steps;
        std::memcpy(&steps, &rounded, sizeof steps);
        return {(uint16_t)(sign | (steps - 0x3F000000u))};
    }
    bits += 0xFFFu + (bits >> 13 & 1u);
    return {(uint16_t)(sign | ((bits - 0x38000000u) >> 13))};
}

static inline __half __float2half(float x) { return __float2half_rn(x); }
static inline __half2 __floats2half2_rn(float x, float y) { return {__float2half_rn(x), __float2half_rn(y)}; }

#endif
