// Pooling: out[q] = x[sequence_offsets[q]], the first token of every sequence.
//
// x [T, D], out [n_sequences, D]. A sequence without tokens has no first one: ASC_INTERNAL.
#include "ref/ref.h"

asc_status ref_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err)
{
    (void)stream;
    const int32_t *offsets = i32_data(args->sequence_offsets);
    const ref_offsets expected = {offsets, args->n_sequences, args->n_tokens, 1, args->n_tokens};
    TRY(ref_check_offsets("pool_first: sequence_offsets", &expected, err));
    for (size_t q = 0; q < args->n_sequences; q++)
        for (size_t d = 0; d < args->n_hidden; d++)
            real_data(args->out)[q * args->n_hidden + d] =
                real_data(args->x)[(size_t)offsets[q] * args->n_hidden + d];
    return ASC_OK;
}
