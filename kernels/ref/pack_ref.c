// Packing: the tokens of a step's sequences, back to back, as indexes into the token table.
//
// Sequence q holds row r = sequence_row[q]'s tokens u = offsets[r] .. offsets[r + 1] - 1 in their order. A
// token is present when it is fixed (feature -1) or its feature is in the coalition. REMOVE and DELETE keep
// present tokens only; REPLACE keeps all and points absent ones at their second entry, U + u. sequence_offsets
// [n_sequences + 1] starts at 0; source, positions, places [n_tokens]. Position ids that depend on the
// coalition follow Hugging Face's rules: BERT's are the indexes of the input, RoBERTa's count what is not
// padding (create_position_ids_from_input_ids of transformers).
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

// The packed token `at`, table entry `entry`, index `index` of its sequence; *n_counted: tokens that are not padding.
static void place_token(const pack_args *args, size_t at, size_t entry, size_t index, int32_t *n_counted)
{
    int32_t *position = i32_data(args->positions) + at;
    switch (args->position_rule) {
    case ASC_POSITIONS_KEPT: *position = i32_data(args->table->positions)[entry]; break;
    case ASC_POSITIONS_COUNTED: *position = (int32_t)index; break;
    case ASC_POSITIONS_AFTER_PAD:
        *position = args->pad_id;
        if (i32_data(args->table->ids)[entry] != args->pad_id)
            *position += ++*n_counted;
        break;
    }
}

// Appends sequence q to the *n_written tokens before it.
static asc_status pack_sequence(const pack_args *args, size_t q, size_t *n_written, asc_error *err)
{
    const token_table *table = args->table;
    const int32_t *offsets = i32_data(table->offsets), *features = i32_data(table->features);
    const size_t row = (size_t)i32_data(args->sequence_row)[q], first = (size_t)offsets[row],
                 begin = *n_written;
    const size_t coalition = (size_t)i32_data(args->sequence_coalition)[q];
    const uint64_t *mask =
        u64_data(args->masks) + (row * args->n_coalitions + coalition) * mask_words(args->n_features);
    int32_t n_counted = 0;
    for (size_t u = first; u < (size_t)offsets[row + 1]; u++) {
        const bool present = features[u] < 0 || mask_has(mask, (size_t)features[u]);
        if (!present && args->policy != ASC_POLICY_REPLACE)
            continue;
        if (*n_written == args->n_tokens)
            return fail(err, ASC_INTERNAL, "pack: n_tokens: sequence %zu of %zu goes beyond %zu tokens", q,
                        args->n_sequences, args->n_tokens);
        const size_t at = (*n_written)++, entry = present ? u : table->n_tokens + u;
        i32_data(args->source)[at] = (int32_t)entry;
        i32_data(args->places)[at] = (int32_t)(args->policy == ASC_POLICY_DELETE ? at - begin : u - first);
        place_token(args, at, entry, at - begin, &n_counted);
    }
    return ASC_OK;
}

asc_status ref_pack(asc_stream *stream, const pack_args *args, asc_error *err)
{
    (void)stream;
    TRY(check_table(args, err));
    int32_t *sequence_offsets = i32_data(args->sequence_offsets);
    size_t n_written = 0;
    sequence_offsets[0] = 0;
    for (size_t q = 0; q < args->n_sequences; q++) {
        TRY(pack_sequence(args, q, &n_written, err));
        sequence_offsets[q + 1] = (int32_t)n_written;
    }
    if (n_written != args->n_tokens)
        return fail(err, ASC_INTERNAL, "pack: n_tokens: expected %zu, the sequences hold %zu", args->n_tokens,
                    n_written);
    return ASC_OK;
}
