// The erf form of GELU in float, for cpu and cuda.
//
// Hendrycks & Gimpel 2016: x Phi(x) = max(x, 0) - z Phi(-z) with z = |x|, and Phi(-z) = p(z)^4, p the polynomial of degree 8 that is minimax
// for the error of p^4 (3.8e-8) up to z = 6.25, below 0 there, and taken as 0 where it is below 0. NaN for NaN.
#ifndef ASCRIBE_GELU_H
#define ASCRIBE_GELU_H

#include <math.h>

#ifdef __CUDACC__
#define GELU_FUNCTION static __device__ __forceinline__
#else
#define GELU_FUNCTION __attribute__((always_inline)) static inline
#endif

GELU_FUNCTION float gelu_erf(float x)
{
    const float size = fabsf(x), z = size > 6.25f ? 6.25f : size;
    float p = -3.4333441e-6f;
    p = p * z + 5.8831076e-5f;
    p = p * z - 0.00030947247f;
    p = p * z - 3.0115943e-5f;
    p = p * z + 0.0037887369f;
    p = p * z + 0.0046548164f;
    p = p * z - 0.050199691f;
    p = p * z - 0.1677337f;
    p = p * z + 0.84089643f;
    p = p < 0 ? 0 : p;
    const float square = p * p;
    return (x > 0 ? x : 0) - z * (square * square);
}

#endif
