// Layer normalisation: norm(x) = (x - mean) / sqrt(variance + epsilon) * gamma + beta over the D elements of
// a row, and out[t] = norm(x[t] + residual[t]).
//
// Ba, Kiros & Hinton, "Layer normalization", 2016. Two passes (mean, then squares around it), sums as lanes.h
// says.
#include "cpu/cpu.h"
#include "cpu/lanes.h"

#include <math.h>

CPU_CLONES
void cpu_norm_row(const cpu_norm *norm, const float *x, float *out)
{
    const size_t n_hidden = norm->n_hidden;
    const float *gamma = norm->gamma, *beta = norm->beta;
    const float mean = lanes_sum(x, n_hidden) / (float)n_hidden;
    const float variance = lanes_square_sum(x, n_hidden, mean) / (float)n_hidden;
    const float scale = (float)(1 / sqrt((double)variance + norm->epsilon));
    for (size_t d = 0; d < n_hidden; d++)
        out[d] = (x[d] - mean) * scale * gamma[d] + beta[d];
}

CPU_CLONES
static void add_row(const float *x, const float *residual, float *out, size_t n_hidden)
{
    for (size_t d = 0; d < n_hidden; d++)
        out[d] = x[d] + residual[d];
}

asc_status cpu_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err)
{
    (void)stream;
    const size_t n_hidden = args->n_hidden;
    TRY(cpu_check_shared("add_norm: residual.source", &args->residual, args->n_tokens, err));
    const cpu_norm norm = {cpu_real(args->norm.gamma), cpu_real(args->norm.beta), args->norm.epsilon,
                           n_hidden};
    const float *x = cpu_real(args->x);
    float *out = cpu_real(args->out);
    for (size_t t = 0; t < args->n_tokens; t++) {
        float *row = out + t * n_hidden;
        add_row(x + t * n_hidden, cpu_shared_row(&args->residual, t, n_hidden), row, n_hidden);
        cpu_norm_row(&norm, row, row);
    }
    return ASC_OK;
}
