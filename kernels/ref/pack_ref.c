// Packing: the tokens of a step's sequences, back to back, as indexes into the token table.
//
// Sequence q holds row r = sequence_row[q]'s tokens u = offsets[r] .. offsets[r + 1] - 1 in their order. A
// token is present when it is fixed (feature -1) or its feature is in the coalition. REMOVE keeps present
// tokens only; REPLACE keeps all and points absent ones at their second entry, U + u. sequence_offsets
// [n_sequences + 1] starts at 0; source [n_tokens].
#include "ref/ref.h"

static asc_status check_table(const pack_args *args, asc_error *err)
{
    const token_table *table = args->table;
    const ref_offsets rows = {i32_data(table->offsets), args->n_rows, table->n_tokens, 0, SIZE_MAX / 2};
    TRY(ref_check_offsets("pack: table.offsets", &rows, err));
    TRY(ref_check_indexes("pack: table.features", i32_data(table->features), table->n_tokens, -1,
                          args->n_features, err));
    TRY(ref_check_indexes("pack: sequence_row", i32_data(args->sequence_row), args->n_sequences, 0,
                          args->n_rows, err));
    return ref_check_indexes("pack: sequence_coalition", i32_data(args->sequence_coalition),
                             args->n_sequences, 0, args->n_coalitions, err);
}

asc_status ref_pack(asc_stream *stream, const pack_args *args, asc_error *err)
{
    (void)stream;
    TRY(check_table(args, err));
    const token_table *table = args->table;
    const int32_t *offsets = i32_data(table->offsets), *features = i32_data(table->features);
    int32_t *sequence_offsets = i32_data(args->sequence_offsets), *source = i32_data(args->source);
    size_t n_written = 0;
    sequence_offsets[0] = 0;
    for (size_t q = 0; q < args->n_sequences; q++) {
        const size_t row = (size_t)i32_data(args->sequence_row)[q];
        const size_t coalition = (size_t)i32_data(args->sequence_coalition)[q];
        const uint64_t *mask =
            u64_data(args->masks) + (row * args->n_coalitions + coalition) * mask_words(args->n_features);
        for (size_t u = (size_t)offsets[row]; u < (size_t)offsets[row + 1]; u++) {
            const bool present = features[u] < 0 || mask_has(mask, (size_t)features[u]);
            if (!present && args->policy == ASC_POLICY_REMOVE)
                continue;
            if (n_written == args->n_tokens)
                return fail(err, ASC_INTERNAL, "pack: n_tokens: sequence %zu of %zu goes beyond %zu tokens",
                            q, args->n_sequences, args->n_tokens);
            source[n_written++] = (int32_t)(present ? u : table->n_tokens + u);
        }
        sequence_offsets[q + 1] = (int32_t)n_written;
    }
    if (n_written != args->n_tokens)
        return fail(err, ASC_INTERNAL, "pack: n_tokens: expected %zu, the sequences hold %zu", args->n_tokens,
                    n_written);
    return ASC_OK;
}
