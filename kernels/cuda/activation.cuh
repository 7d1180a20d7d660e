// The activations in float, one element at a time. GELU: gelu.h, for both forms exactly what their names say (backend.h).
#ifndef ASCRIBE_CUDA_ACTIVATION_CUH
#define ASCRIBE_CUDA_ACTIVATION_CUH

#include "cuda/cuda.cuh"
#include "gelu.h"

// 1 / (1 + exp(-x)), without overflow.
static __device__ __forceinline__ float logistic(float x)
{
    const float e = expf(-fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}

template <asc_activation A> static __device__ __forceinline__ float activate(float x)
{
    switch (A) {
    case ASC_ACT_NONE: return x;
    case ASC_ACT_GELU_ERF: return gelu_erf(x);
    case ASC_ACT_GELU_TANH: return x * logistic(1.59576912f * (x + 0.044715f * (x * x * x))); // 1.59...: 2 sqrt(2 / pi)
    case ASC_ACT_RELU: return x < 0 ? 0 : x;
    case ASC_ACT_SILU: return x * logistic(x);
    case ASC_ACT_TANH: return tanhf(x);
    }
    return x;
}

// Runs `statement` with the constant `act` = activation.
#define CUDA_BY_ACTIVATION(activation, statement)                                               \
    do {                                                                                        \
        switch (activation) {                                                                   \
        case ASC_ACT_NONE: { constexpr asc_activation act = ASC_ACT_NONE; statement; break; }   \
        case ASC_ACT_GELU_ERF: { constexpr asc_activation act = ASC_ACT_GELU_ERF; statement; break; } \
        case ASC_ACT_GELU_TANH: { constexpr asc_activation act = ASC_ACT_GELU_TANH; statement; break; } \
        case ASC_ACT_RELU: { constexpr asc_activation act = ASC_ACT_RELU; statement; break; }   \
        case ASC_ACT_SILU: { constexpr asc_activation act = ASC_ACT_SILU; statement; break; }   \
        case ASC_ACT_TANH: { constexpr asc_activation act = ASC_ACT_TANH; statement; break; }   \
        }                                                                                       \
    } while (0)

#endif
