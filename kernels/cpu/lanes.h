// Sums in a fixed order. Of each 64 elements, element i is added to lane i mod 16 of vector i / 16 of four. Vectors 0 + 2 and
// 1 + 3 are added, then those two; then to the lanes what is left of less than 64 elements, 16 at a time; then the lanes in
// halves (lane l + lane l + 8, then + 4, + 2, + 1). The same bits for every vector width, address and instruction set.
#ifndef ASCRIBE_CPU_LANES_H
#define ASCRIBE_CPU_LANES_H

#include "cpu/cpu.h"

// These are parts of functions that are compiled for several instruction sets, so they must be inlined there.
#define CPU_INLINE static inline __attribute__((always_inline))

// Several, so that no sum waits for the one before.
enum { SUM_VECTORS = 4 };

// What is summed: of two arrays, or of one and a number. NULL and 0 where a term has no use for it.
typedef struct lanes_terms {
    const float *a, *b;
    float *out; // a, b or neither
    float shift;
} lanes_terms;

typedef float lanes_term(const lanes_terms *terms, size_t i);

// Adds the terms of elements first .. first + n - 1 to lanes 0 .. n - 1.
CPU_INLINE void lanes_add(const lanes_terms *terms, lanes_term *term, size_t first, size_t n, float *lanes)
{
#pragma GCC ivdep
#pragma GCC unroll 1
    for (size_t l = 0; l < n; l++)
        lanes[l] += term(terms, first + l);
}

CPU_INLINE float lanes_total(const float lanes[CPU_LANES])
{
    float eight[8], four[4];
    for (int l = 0; l < 8; l++)
        eight[l] = lanes[l] + lanes[l + 8];
    for (int l = 0; l < 4; l++)
        four[l] = eight[l] + eight[l + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

CPU_INLINE float lanes_reduce(const lanes_terms *terms, lanes_term *term, size_t n)
{
    float lanes[SUM_VECTORS][CPU_LANES] = {{0}}, total[CPU_LANES];
    size_t i = 0;
    for (; i + SUM_VECTORS * CPU_LANES <= n; i += SUM_VECTORS * CPU_LANES)
        for (size_t v = 0; v < SUM_VECTORS; v++)
            lanes_add(terms, term, i + v * CPU_LANES, CPU_LANES, lanes[v]);
    for (size_t l = 0; l < CPU_LANES; l++)
        total[l] = (lanes[0][l] + lanes[2][l]) + (lanes[1][l] + lanes[3][l]);
    for (; i + CPU_LANES <= n; i += CPU_LANES)
        lanes_add(terms, term, i, CPU_LANES, total);
    lanes_add(terms, term, i, n - i, total);
    return lanes_total(total);
}

CPU_INLINE float lanes_itself(const lanes_terms *terms, size_t i)
{
    return terms->a[i];
}

CPU_INLINE float lanes_sum(const float *x, size_t n)
{
    return lanes_reduce(&(lanes_terms){.a = x}, lanes_itself, n);
}

CPU_INLINE float lanes_square(const lanes_terms *terms, size_t i)
{
    return (terms->a[i] - terms->shift) * (terms->a[i] - terms->shift);
}

// Sum of (x[i] - mean)^2.
CPU_INLINE float lanes_square_sum(const float *x, size_t n, float mean)
{
    return lanes_reduce(&(lanes_terms){.a = x, .shift = mean}, lanes_square, n);
}

CPU_INLINE float lanes_product(const lanes_terms *terms, size_t i)
{
    return terms->a[i] * terms->b[i];
}

CPU_INLINE float lanes_dot(const float *a, const float *b, size_t n)
{
    return lanes_reduce(&(lanes_terms){.a = a, .b = b}, lanes_product, n);
}

CPU_INLINE float lanes_pair(const lanes_terms *terms, size_t i)
{
    return terms->out[i] = terms->a[i] + terms->b[i];
}

// out = a + b and its sum. out may be a or b.
CPU_INLINE float lanes_add_sum(const float *a, const float *b, float *out, size_t n)
{
    return lanes_reduce(&(lanes_terms){.a = a, .b = b, .out = out}, lanes_pair, n);
}

#endif
