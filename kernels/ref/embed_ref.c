// Embedding: out[t] = norm(word[ids[u]] + position[positions[u]] + type[types[u]]), u = source[t] or t.
//
// Shapes: out [T, D], the tables [V, D] and so on. Source: Devlin et al., "BERT", NAACL 2019. Order: word +
// position, then + type. Ids outside their tables are ASC_INTERNAL.
#include "ref/ref.h"

// Entries that the token table can hold: at most 2 U, and no more than its buffers do.
static size_t table_entries(const token_table *table)
{
    const asc_view views[] = {table->ids, table->positions, table->types};
    size_t n_entries = 2 * table->n_tokens;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (buffer_count(views[i].buffer) - views[i].first < n_entries)
            n_entries = buffer_count(views[i].buffer) - views[i].first;
    return n_entries;
}

asc_status ref_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    (void)stream;
    const token_table *table = args->table;
    const size_t n_hidden = args->n_hidden;
    const int32_t *source = args->source.buffer ? i32_data(args->source) : NULL;
    if (source)
        TRY(ref_check_indexes("embed: source", source, args->n_tokens, 0, table_entries(table), err));
    for (size_t t = 0; t < args->n_tokens; t++) {
        const size_t u = source ? (size_t)source[t] : t;
        const int32_t *id = i32_data(table->ids) + u;
        const int32_t *position = i32_data(table->positions) + u;
        const int32_t *type = i32_data(table->types) + u;
        TRY(ref_check_indexes("embed: table.ids", id, 1, 0, args->n_vocabulary, err));
        TRY(ref_check_indexes("embed: table.positions", position, 1, 0, args->n_positions, err));
        TRY(ref_check_indexes("embed: table.types", type, 1, 0, args->n_types, err));
        double *out = real_data(args->out) + t * n_hidden;
        for (size_t d = 0; d < n_hidden; d++) {
            out[d] = real_data(args->word)[(size_t)*id * n_hidden + d];
            out[d] += real_data(args->position)[(size_t)*position * n_hidden + d];
            out[d] += real_data(args->type)[(size_t)*type * n_hidden + d];
        }
        ref_norm_row(out, n_hidden, &args->norm);
    }
    return ASC_OK;
}
