// Layer normalisation: norm(x) = (x - mean) / sqrt(variance + epsilon) * gamma + beta over the D elements of
// a row, and out[t] = norm(x[t] + residual[t]).
//
// Ba, Kiros & Hinton, "Layer normalization", 2016. The mean (in the sweep that adds the residual), then the squares around it;
// sums as lanes.h says.
#include "cpu/cpu.h"
#include "cpu/lanes.h"

#include <math.h>

// out = norm(x), the sum of x being known.
CPU_INLINE void normalise(const cpu_norm *norm, float sum, const float *x, float *out)
{
    const size_t n_hidden = norm->n_hidden;
    const float *restrict gamma = norm->gamma, *restrict beta = norm->beta;
    const float mean = sum / (float)n_hidden;
    const float variance = lanes_square_sum(x, n_hidden, mean) / (float)n_hidden;
    const float scale = (float)(1 / sqrt((double)variance + norm->epsilon));
#pragma GCC ivdep
    for (size_t d = 0; d < n_hidden; d++)
        out[d] = (x[d] - mean) * scale * gamma[d] + beta[d];
}

CPU_CLONES
void cpu_norm_row(const cpu_norm *norm, const float *x, float *out)
{
    normalise(norm, lanes_sum(x, norm->n_hidden), x, out);
}

CPU_CLONES
static void add_norm_row(const cpu_norm *norm, const float *x, const float *residual, float *out)
{
    normalise(norm, lanes_add_sum(x, residual, out, norm->n_hidden), out, out);
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
        add_norm_row(&norm, x + t * n_hidden, cpu_shared_row(&args->residual, t, n_hidden), row);
    }
    return ASC_OK;
}
