// Pooling: out[q] = x[sequence_offsets[q]], the first token of each sequence. Shapes: x [T, D], out
// [n_sequences, D].
#include "cpu/cpu.h"

#include <string.h>

asc_status cpu_pool_first(asc_stream *stream, const pool_first_args *args, asc_error *err)
{
    (void)stream;
    const int32_t *offsets = cpu_i32(args->sequence_offsets);
    for (size_t q = 0; q < args->n_sequences; q++) {
        TRY(cpu_check_index("pool_first: sequence_offsets", offsets[q], 0, args->n_tokens, err));
        memcpy(cpu_real(args->out) + q * args->n_hidden,
               cpu_real(args->x) + (size_t)offsets[q] * args->n_hidden, args->n_hidden * sizeof(float));
    }
    return ASC_OK;
}
