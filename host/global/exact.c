// Integers of two and three 64-bit words; see exact.h.
#include "global/exact.h"

#include <math.h>

enum { SUM_UNIT = 64, SQUARE_UNIT = 96, MANTISSA = 53 };

void exact_merge(uint64_t *sum, const uint64_t *other, size_t n_words)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < n_words; i++) {
        uint64_t word;
        const uint64_t first = (uint64_t)__builtin_add_overflow(sum[i], other[i], &word);
        carry = first + (uint64_t)__builtin_add_overflow(word, carry, &sum[i]);
    }
}

// |term| in units of 2^-unit, rounded to nearest (halves up), as n words of an integer.
static void to_units(double term, int unit, uint64_t *words, size_t n_words)
{
    int exponent = 0;
    uint64_t mantissa = (uint64_t)ldexp(frexp(fabs(term), &exponent), MANTISSA);
    int shift = exponent - MANTISSA + unit;
    if (shift < 0) {
        mantissa = shift < -MANTISSA - 1 ? 0 : (mantissa + (UINT64_C(1) << (-shift - 1))) >> -shift;
        shift = 0;
    }
    const size_t word = (size_t)shift / 64, bit = (size_t)shift % 64;
    for (size_t i = 0; i < n_words; i++)
        words[i] = i == word ? mantissa << bit : i == word + 1 && bit ? mantissa >> (64 - bit) : 0;
}

void exact_sum_add(uint64_t sum[2], double term)
{
    uint64_t words[2];
    to_units(term, SUM_UNIT, words, 2);
    if (term < 0) { // two's complement
        words[0] = ~words[0] + 1;
        words[1] = ~words[1] + (words[0] == 0);
    }
    exact_merge(sum, words, 2);
}

void exact_square_add(uint64_t sum[3], double term)
{
    uint64_t words[3];
    to_units(term, SQUARE_UNIT, words, 3);
    exact_merge(sum, words, 3);
}

static long double value_of(const uint64_t *words, size_t n_words, int unit)
{
    long double value = 0;
    for (size_t i = n_words; i-- > 0;)
        value = value * 18446744073709551616.0L + (long double)words[i];
    return ldexpl(value, -unit);
}

long double exact_sum_value(const uint64_t sum[2])
{
    uint64_t magnitude[2] = {sum[0], sum[1]};
    if (sum[1] >> 63 == 0)
        return value_of(magnitude, 2, SUM_UNIT);
    magnitude[0] = ~sum[0] + 1;
    magnitude[1] = ~sum[1] + (magnitude[0] == 0);
    return -value_of(magnitude, 2, SUM_UNIT);
}

long double exact_square_value(const uint64_t sum[3])
{
    return value_of(sum, 3, SQUARE_UNIT);
}
