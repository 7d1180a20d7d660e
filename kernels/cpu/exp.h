// Our own exp and exp2 in float, the same bits on every machine and in every vector lane.
//
// exp(y) = 2^n exp(r), n the integer nearest to y / ln 2, r in [-ln 2 / 2, ln 2 / 2]; exp(r) = 1 + r + r^2
// p(r) with p the minimax polynomial of degree 4 (relative error 3.1e-9). ln 2 is split in two so that n
// ln2_high is exact. exp2(y) = 2^n 2^r, r in [-1/2, 1/2] exact; 2^r = 1 + r p(r) with p the minimax
// polynomial of degree 4 (9.2e-8).
#ifndef ASCRIBE_CPU_EXP_H
#define ASCRIBE_CPU_EXP_H

#include "cpu/lanes.h"

#include <string.h>

CPU_INLINE uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

CPU_INLINE float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Adding it to a number below 2^22 in magnitude leaves the nearest integer in the low bits.
#define ROUND_TO_INTEGER 0x1.8p23f

// 2^n for n = shifted - ROUND_TO_INTEGER.
CPU_INLINE float power_of_two(float shifted)
{
    return float_of_bits((float_bits(shifted) + 127u) << 23);
}

// exp(y) for y <= 0, within 1.5 units in the last place; 0 below -80, so that products with it do not become
// subnormal, which is slow. NaN for NaN.
CPU_INLINE float exp_negative(float y)
{
    const float inverse_ln2 = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const float shifted = y * inverse_ln2 + ROUND_TO_INTEGER;
    const float n = shifted - ROUND_TO_INTEGER;
    const float r = (y - n * ln2_high) - n * ln2_low;
    float p = 0.00138145383f;
    p = p * r + 0.00836874545f;
    p = p * r + 0.041668389f;
    p = p * r + 0.166665211f;
    p = p * r + 0.49999994f;
    const float exp_r = 1 + (r + r * r * p);
    return y < -80 ? 0 : exp_r * power_of_two(shifted);
}

// 2^y for -120 <= y <= 0, within 2e-7 of it. Anything outside.
CPU_INLINE float exp2_negative(float y)
{
    const float shifted = y + ROUND_TO_INTEGER;
    const float r = y - (shifted - ROUND_TO_INTEGER);
    float p = 0.00132647238f;
    p = p * r + 0.00967151299f;
    p = p * r + 0.0555073358f;
    p = p * r + 0.240222424f;
    p = p * r + 0.693147004f;
    return (1 + r * p) * power_of_two(shifted);
}

#endif
