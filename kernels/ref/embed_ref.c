// Embedding: out[t] = norm(word[ids[u]] + position[p] + type[types[u]]), u = source[t] or t; p = positions[t] or
// the table's positions[u]; without types nothing is added for them.
//
// Shapes: out [T, D], the tables [V, D] and so on. Source: Devlin et al., "BERT", NAACL 2019. Order: word +
// position, then + type. Ids outside their tables are ASC_INTERNAL.
#include "ref/ref.h"

// The three rows' sum of packed token t, table entry u.
static asc_status add_rows(const embed_args *args, size_t t, size_t u, double *out, asc_error *err)
{
    const size_t n_hidden = args->n_hidden;
    const int32_t *id = i32_data(args->table->ids) + u;
    const int32_t *type = i32_data(args->table->types) + u;
    const int32_t *position =
        args->positions.buffer ? i32_data(args->positions) + t : i32_data(args->table->positions) + u;
    TRY(ref_check_indexes("embed: table.ids", id, 1, 0, args->n_vocabulary, err));
    TRY(ref_check_indexes(args->positions.buffer ? "embed: positions" : "embed: table.positions", position, 1,
                          0, args->n_positions, err));
    if (args->n_types > 0)
        TRY(ref_check_indexes("embed: table.types", type, 1, 0, args->n_types, err));
    for (size_t d = 0; d < n_hidden; d++) {
        out[d] = real_data(args->word)[(size_t)*id * n_hidden + d];
        out[d] += real_data(args->position)[(size_t)*position * n_hidden + d];
        if (args->n_types > 0)
            out[d] += real_data(args->type)[(size_t)*type * n_hidden + d];
    }
    return ASC_OK;
}

asc_status ref_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    (void)stream;
    const int32_t *source = args->source.buffer ? i32_data(args->source) : NULL;
    if (source)
        TRY(ref_check_indexes("embed: source", source, args->n_tokens, 0, table_entries(args->table), err));
    for (size_t t = 0; t < args->n_tokens; t++) {
        double *out = real_data(args->out) + t * args->n_hidden;
        TRY(add_rows(args, t, source ? (size_t)source[t] : t, out, err));
        ref_norm_row(out, args->n_hidden, &args->norm);
    }
    return ASC_OK;
}
