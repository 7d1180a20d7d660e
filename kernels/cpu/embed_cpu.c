// Embedding: out[t] = norm(word[ids[u]] + position[p] + type[types[u]]), u = source[t] or t; p = positions[t] or
// the table's positions[u]; without types nothing is added for them.
//
// Shapes: out [T, D], the tables [V, D] and so on. Source: Devlin et al., "BERT", NAACL 2019. Order: word +
// position, then + type. Ids outside their tables are ASC_INTERNAL.
#include "cpu/cpu.h"

// The rows of the three tables that make one token.
typedef struct token_rows {
    const float *word, *position;
    const float *type; // NULL: none
} token_rows;

CPU_CLONES
static void add_rows(const token_rows *rows, float *out, size_t n_hidden)
{
    for (size_t d = 0; d < n_hidden; d++)
        out[d] = rows->word[d] + rows->position[d];
    for (size_t d = 0; rows->type && d < n_hidden; d++)
        out[d] += rows->type[d];
}

// Of packed token t, table entry u.
static asc_status find_rows(const embed_args *args, size_t t, size_t u, token_rows *rows, asc_error *err)
{
    const int32_t id = cpu_i32(args->table->ids)[u];
    const bool own_position = args->positions.buffer != NULL;
    const int32_t position = own_position ? cpu_i32(args->positions)[t] : cpu_i32(args->table->positions)[u];
    const int32_t type = cpu_i32(args->table->types)[u];
    TRY(cpu_check_index("embed: table.ids", id, 0, args->n_vocabulary, err));
    TRY(cpu_check_index(own_position ? "embed: positions" : "embed: table.positions", position, 0,
                        args->n_positions, err));
    if (args->n_types > 0)
        TRY(cpu_check_index("embed: table.types", type, 0, args->n_types, err));
    *rows = (token_rows){
        .word = cpu_real(args->word) + (size_t)id * args->n_hidden,
        .position = cpu_real(args->position) + (size_t)position * args->n_hidden,
        .type = args->n_types > 0 ? cpu_real(args->type) + (size_t)type * args->n_hidden : NULL,
    };
    return ASC_OK;
}

asc_status cpu_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    (void)stream;
    const size_t n_hidden = args->n_hidden, n_entries = table_entries(args->table);
    const cpu_norm norm = {cpu_real(args->norm.gamma), cpu_real(args->norm.beta), args->norm.epsilon,
                           n_hidden};
    const int32_t *source = args->source.buffer ? cpu_i32(args->source) : NULL;
    for (size_t t = 0; t < args->n_tokens; t++) {
        token_rows rows;
        float *out = cpu_real(args->out) + t * n_hidden;
        if (source)
            TRY(cpu_check_index("embed: source", source[t], 0, n_entries, err));
        TRY(find_rows(args, t, source ? (size_t)source[t] : t, &rows, err));
        add_rows(&rows, out, n_hidden);
        cpu_norm_row(&norm, out, out);
    }
    return ASC_OK;
}
