// Linear maps side by side: out[t, g] = activation(W[g] x[t, g] + b[g]); x [T, G, n_in], W [G, n_out, n_in], b [G, n_out],
// out [T, G, n_out].
//
// Order: the products are added in ascending n_in from zero, then the bias.
#include "ref/ref.h"

#include "ref/activation_ref.h"

#include <stdlib.h>
#include <string.h>

asc_status ref_linear_create(asc_linear *linear, const double *weight, const double *bias, asc_error *err)
{
    const size_t n_biases = linear->n_groups * linear->n_out;
    const size_t n_weights = n_biases * linear->n_in; // linear_create: fits as double
    asc_status status = ASC_OK;
    ref_weights *weights = malloc(sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    weights->weight = malloc(n_weights * sizeof(double));
    weights->bias = calloc(n_biases, sizeof(double));
    if (!weights->weight || !weights->bias) {
        status = fail_memory(err, "weights", n_weights * sizeof(double));
        goto done;
    }
    memcpy(weights->weight, weight, n_weights * sizeof(double));
    if (bias)
        memcpy(weights->bias, bias, n_biases * sizeof(double));
    linear->impl = weights;
done:
    if (status != ASC_OK) {
        free(weights->bias);
        free(weights->weight);
        free(weights);
    }
    return status;
}

void ref_linear_destroy(asc_linear *linear)
{
    ref_weights *weights = linear->impl;
    free(weights->bias);
    free(weights->weight);
    free(weights);
}

asc_status ref_linear(asc_stream *stream, const linear_args *args, asc_error *err)
{
    (void)stream, (void)err;
    const size_t n_groups = args->weights->n_groups, n_in = args->weights->n_in, n_out = args->weights->n_out;
    const ref_weights *weights = args->weights->impl;
    for (size_t t = 0; t < args->n_tokens; t++)
        for (size_t g = 0; g < n_groups; g++) {
            const double *x = real_data(args->x) + (t * n_groups + g) * n_in;
            double *out = real_data(args->out) + (t * n_groups + g) * n_out;
            for (size_t o = 0; o < n_out; o++) {
                const double *weight = weights->weight + (g * n_out + o) * n_in;
                double sum = 0;
                for (size_t i = 0; i < n_in; i++)
                    sum += weight[i] * x[i];
                out[o] = ref_activate(args->activation, sum + weights->bias[g * n_out + o]);
            }
        }
    return ASC_OK;
}
