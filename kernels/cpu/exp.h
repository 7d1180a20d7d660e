// Our own exp in float, the same bits on every machine and in every vector lane.
//
// exp(y) = 2^n exp(r), n the integer nearest to y / ln 2, r in [-ln 2 / 2, ln 2 / 2]; exp(r) = 1 + r + r^2 p(r) with p the
// minimax polynomial of degree 4 (relative error 3.1e-9). ln 2 is split in two so that n ln2_high is exact.
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

// exp(high + low) for high <= 0 and |low| small against 1: within 1.5 units in the last place. 0 below -87, where the result would be
// smaller than 2^-125. NaN for NaN.
CPU_INLINE float exp_of_sum(float high, float low)
{
    const float inverse_ln2 = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const float round_to_integer = 0x1.8p23f; // adding it leaves the nearest integer in the low bits
    const float shifted = high * inverse_ln2 + round_to_integer;
    const float n = shifted - round_to_integer;
    const float r = ((high - n * ln2_high) - n * ln2_low) + low;
    float p = 0.00138145383f;
    p = p * r + 0.00836874545f;
    p = p * r + 0.041668389f;
    p = p * r + 0.166665211f;
    p = p * r + 0.49999994f;
    const float exp_r = 1 + (r + r * r * p);
    const float power = float_of_bits((float_bits(shifted) + 127u) << 23);
    return high < -87 ? 0 : exp_r * power;
}

#endif
