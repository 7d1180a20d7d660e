// Size arithmetic that cannot wrap: every size that comes from a file goes through here before it is used.
#ifndef ASCRIBE_BASE_CHECKED_H
#define ASCRIBE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

// *result = a * b; false (and *result unspecified) when the product does not fit.
static inline bool checked_multiply(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

// *result = a + b; false when the sum does not fit.
static inline bool checked_add(size_t a, size_t b, size_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

#endif
