// Sums in a fixed order: element i is added to lane i mod 16, in ascending order, and the lanes are added in
// halves (lane l + lane l + 8, then + 4, + 2, + 1). The same bits for every vector width, address and
// instruction set.
#ifndef ASCRIBE_CPU_LANES_H
#define ASCRIBE_CPU_LANES_H

#include "cpu/cpu.h"

// These are parts of functions that are compiled for several instruction sets, so they must be inlined there.
#define CPU_INLINE static inline __attribute__((always_inline))

CPU_INLINE float lanes_total(const float lanes[CPU_LANES])
{
    float eight[8], four[4];
    for (int l = 0; l < 8; l++)
        eight[l] = lanes[l] + lanes[l + 8];
    for (int l = 0; l < 4; l++)
        four[l] = eight[l] + eight[l + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

CPU_INLINE float lanes_sum(const float *x, size_t n)
{
    float lanes[CPU_LANES] = {0};
    size_t i = 0;
    for (; i + CPU_LANES <= n; i += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++)
            lanes[l] += x[i + l];
    for (size_t l = 0; i + l < n; l++)
        lanes[l] += x[i + l];
    return lanes_total(lanes);
}

// Sum of (x[i] - mean)^2.
CPU_INLINE float lanes_square_sum(const float *x, size_t n, float mean)
{
    float lanes[CPU_LANES] = {0};
    size_t i = 0;
    for (; i + CPU_LANES <= n; i += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++)
            lanes[l] += (x[i + l] - mean) * (x[i + l] - mean);
    for (size_t l = 0; i + l < n; l++)
        lanes[l] += (x[i + l] - mean) * (x[i + l] - mean);
    return lanes_total(lanes);
}

CPU_INLINE float lanes_dot(const float *a, const float *b, size_t n)
{
    float lanes[CPU_LANES] = {0};
    size_t i = 0;
    for (; i + CPU_LANES <= n; i += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++)
            lanes[l] += a[i + l] * b[i + l];
    for (size_t l = 0; i + l < n; l++)
        lanes[l] += a[i + l] * b[i + l];
    return lanes_total(lanes);
}

#endif
