// The activations in double, as the model families define them.
//
// GELU: Hendrycks & Gimpel, "Gaussian error linear units", 2016, exact form and its tanh form. SiLU: x times
// the logistic function. NaN in, NaN out, for every activation.
#ifndef ASCRIBE_REF_ACTIVATION_REF_H
#define ASCRIBE_REF_ACTIVATION_REF_H

#include "backend.h"

#include <math.h>

static inline double ref_activate(asc_activation activation, double x)
{
    const double sqrt_half = 0.70710678118654752440, sqrt_2_over_pi = 0.79788456080286535588;
    switch (activation) {
    case ASC_ACT_NONE: return x;
    case ASC_ACT_GELU_ERF: return x / 2 * (1 + erf(x * sqrt_half));
    case ASC_ACT_GELU_TANH: return x / 2 * (1 + tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x)));
    case ASC_ACT_RELU: return x < 0 ? 0 : x;
    case ASC_ACT_SILU: return x / (1 + exp(-x));
    case ASC_ACT_TANH: return tanh(x);
    }
    return NAN;
}

#endif
