// The activations in float, element by element.
//
// GELU (erf form), Hendrycks & Gimpel 2016: x Phi(x) with, for z = |x|, Phi(-z) = exp(-z^2 / 2) p(1 / (1 + 0.45 z)), p the
// minimax polynomial of degree 9 (relative error 3e-8 up to z = 14) of half the scaled complementary error function. z^2 is
// computed in two parts, so that the negative tail keeps its digits too. GELU (tanh form): x logistic(2 u). SiLU: x
// logistic(x). tanh: odd minimax polynomial below 0.625, (1 - e) / (1 + e) with e = exp(-2 |x|) above.
#include "cpu/cpu.h"
#include "cpu/exp.h"

#include <math.h>

CPU_INLINE float magnitude(float x)
{
    return float_of_bits(float_bits(x) & 0x7fffffffu);
}

// 1 / (1 + exp(-x))
CPU_INLINE float logistic(float x)
{
    const float e = exp_of_sum(-magnitude(x), 0);
    return (x < 0 ? e : 1) / (1 + e);
}

CPU_INLINE float gelu_erf(float x)
{
    const float z = magnitude(x);
    const float z_high = float_of_bits(float_bits(z) & 0xfffff000u); // 12 bits: its square is exact
    const float low = (z - z_high) * (z + z_high) * -0.5f;
    const float decay = exp_of_sum(z_high * z_high * -0.5f, low);
    const float t = 1 / (1 + 0.45f * z);
    float p = 0.0387932658f;
    p = p * t - 0.228132531f;
    p = p * t + 0.54277122f;
    p = p * t - 0.617628396f;
    p = p * t + 0.268094569f;
    p = p * t - 0.0236298069f;
    p = p * t + 0.163119495f;
    p = p * t + 0.176900029f;
    p = p * t + 0.179718316f;
    p = p * t - 6.16601119e-6f;
    const float tail = x * (decay * p);
    return x < 0 ? tail : x - tail;
}

CPU_INLINE float gelu_tanh(float x)
{
    const float two_sqrt_2_over_pi = 1.59576912f;
    const float u = two_sqrt_2_over_pi * (x + 0.044715f * (x * x * x));
    return x * logistic(u);
}

CPU_INLINE float hyperbolic_tangent(float x)
{
    const float z = magnitude(x), square = z * z;
    float p = 0.00214753696f;
    p = p * square - 0.00818267372f;
    p = p * square + 0.0217029676f;
    p = p * square - 0.0539472029f;
    p = p * square + 0.133332103f;
    p = p * square - 0.333333313f;
    const float e = exp_of_sum(-2 * z, 0);
    const float small = z + z * (square * p), large = (1 - e) / (1 + e);
    const float result = z < 0.625f ? small : large;
    return float_of_bits((float_bits(result) & 0x7fffffffu) | (float_bits(x) & 0x80000000u));
}

CPU_CLONES
static void apply_gelu_erf(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = gelu_erf(x[i]);
}

CPU_CLONES
static void apply_gelu_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = gelu_tanh(x[i]);
}

CPU_CLONES
static void apply_relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] < 0 ? 0 : x[i];
}

CPU_CLONES
static void apply_silu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= logistic(x[i]);
}

CPU_CLONES
static void apply_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = hyperbolic_tangent(x[i]);
}

void cpu_activate(asc_activation activation, float *x, size_t n)
{
    switch (activation) {
    case ASC_ACT_NONE: return;
    case ASC_ACT_GELU_ERF: apply_gelu_erf(x, n); return;
    case ASC_ACT_GELU_TANH: apply_gelu_tanh(x, n); return;
    case ASC_ACT_RELU: apply_relu(x, n); return;
    case ASC_ACT_SILU: apply_silu(x, n); return;
    case ASC_ACT_TANH: apply_tanh(x, n); return;
    }
}
