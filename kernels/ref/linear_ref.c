// Linear map: out[t] = activation(W x[t] + b); x [T, n_in], W [n_out, n_in], b [n_out], out [T, n_out].
//
// Order: the products are added in ascending n_in from zero, then the bias.
#include "ref/ref.h"

#include "ref/activation_ref.h"

#include <stdlib.h>

asc_status ref_linear_create(asc_linear *linear, const float *weight, const float *bias, asc_error *err)
{
    const size_t n_weights = linear->n_out * linear->n_in; // linear_create: fits as double
    asc_status status = ASC_OK;
    ref_weights *weights = malloc(sizeof *weights);
    if (!weights)
        return fail_memory(err, "weights", sizeof *weights);
    weights->weight = malloc(n_weights * sizeof(double));
    weights->bias = calloc(linear->n_out, sizeof(double));
    if (!weights->weight || !weights->bias) {
        status = fail_memory(err, "weights", n_weights * sizeof(double));
        goto done;
    }
    for (size_t i = 0; i < n_weights; i++)
        weights->weight[i] = weight[i];
    for (size_t o = 0; bias && o < linear->n_out; o++)
        weights->bias[o] = bias[o];
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
    const size_t n_in = args->weights->n_in, n_out = args->weights->n_out;
    const ref_weights *weights = args->weights->impl;
    for (size_t t = 0; t < args->n_tokens; t++) {
        const double *x = real_data(args->x) + t * n_in;
        double *out = real_data(args->out) + t * n_out;
        for (size_t o = 0; o < n_out; o++) {
            double sum = 0;
            for (size_t i = 0; i < n_in; i++)
                sum += weights->weight[o * n_in + i] * x[i];
            out[o] = ref_activate(args->activation, sum + weights->bias[o]);
        }
    }
    return ASC_OK;
}
