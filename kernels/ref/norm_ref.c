// Layer normalisation of a sum: out[t] = norm(x[t] + residual[t]); all [T, D] (the residual's rows may be shared), gamma and beta [D].
//
// Source: Ba, Kiros, Hinton, "Layer normalization", 2016. norm(y) = (y - mean) / sqrt(variance + epsilon) *
// gamma + beta, the variance over D without correction. Order: two passes, mean first, then the squared
// differences; ascending.
#include "ref/ref.h"

#include <math.h>

void ref_norm_row(double *row, size_t n_hidden, const norm_weights *norm)
{
    double sum = 0, squares = 0;
    for (size_t d = 0; d < n_hidden; d++)
        sum += row[d];
    const double mean = sum / (double)n_hidden;
    for (size_t d = 0; d < n_hidden; d++)
        squares += (row[d] - mean) * (row[d] - mean);
    const double deviation = sqrt(squares / (double)n_hidden + norm->epsilon);
    for (size_t d = 0; d < n_hidden; d++)
        row[d] = (row[d] - mean) / deviation * real_data(norm->gamma)[d] + real_data(norm->beta)[d];
}

asc_status ref_add_norm(asc_stream *stream, const add_norm_args *args, asc_error *err)
{
    (void)stream;
    TRY(ref_check_shared("add_norm: residual.source", &args->residual, args->n_tokens, err));
    for (size_t t = 0; t < args->n_tokens; t++) {
        const double *x = real_data(args->x) + t * args->n_hidden;
        const double *residual = ref_shared_row(&args->residual, t, args->n_hidden);
        double *out = real_data(args->out) + t * args->n_hidden; // may be x or residual
        for (size_t d = 0; d < args->n_hidden; d++)
            out[d] = x[d] + residual[d];
        ref_norm_row(out, args->n_hidden, &args->norm);
    }
    return ASC_OK;
}
