// Embedding: out[t] = norm(word[ids[u]] + position[positions[u]] + type[types[u]]), u = source[t] or t.
//
// Shapes: out [T, D], the tables [V, D] and so on. Source: Devlin et al., "BERT", NAACL 2019. Order: word +
// position, then + type. Ids outside their tables are ASC_INTERNAL.
#include "cpu/cpu.h"

// The rows of the three tables that make one token.
typedef struct token_rows {
    const float *word, *position, *type;
} token_rows;

CPU_CLONES
static void add_rows(const token_rows *rows, float *out, size_t n_hidden)
{
    for (size_t d = 0; d < n_hidden; d++)
        out[d] = rows->word[d] + rows->position[d] + rows->type[d];
}

// Entries that the token table can hold: at most 2 U, and no more than its buffers do.
static size_t count_entries(const token_table *table)
{
    const asc_view views[] = {table->ids, table->positions, table->types};
    size_t n_entries = 2 * table->n_tokens;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (buffer_count(views[i].buffer) - views[i].first < n_entries)
            n_entries = buffer_count(views[i].buffer) - views[i].first;
    return n_entries;
}

static asc_status find_rows(const embed_args *args, size_t u, token_rows *rows, asc_error *err)
{
    const int32_t id = cpu_i32(args->table->ids)[u];
    const int32_t position = cpu_i32(args->table->positions)[u];
    const int32_t type = cpu_i32(args->table->types)[u];
    TRY(cpu_check_index("embed: table.ids", id, 0, args->n_vocabulary, err));
    TRY(cpu_check_index("embed: table.positions", position, 0, args->n_positions, err));
    TRY(cpu_check_index("embed: table.types", type, 0, args->n_types, err));
    *rows = (token_rows){
        .word = cpu_real(args->word) + (size_t)id * args->n_hidden,
        .position = cpu_real(args->position) + (size_t)position * args->n_hidden,
        .type = cpu_real(args->type) + (size_t)type * args->n_hidden,
    };
    return ASC_OK;
}

asc_status cpu_embed(asc_stream *stream, const embed_args *args, asc_error *err)
{
    (void)stream;
    const size_t n_hidden = args->n_hidden, n_entries = count_entries(args->table);
    const cpu_norm norm = {cpu_real(args->norm.gamma), cpu_real(args->norm.beta), args->norm.epsilon,
                           n_hidden};
    const int32_t *source = args->source.buffer ? cpu_i32(args->source) : NULL;
    for (size_t t = 0; t < args->n_tokens; t++) {
        token_rows rows;
        float *out = cpu_real(args->out) + t * n_hidden;
        if (source)
            TRY(cpu_check_index("embed: source", source[t], 0, n_entries, err));
        TRY(find_rows(args, source ? (size_t)source[t] : t, &rows, err));
        add_rows(&rows, out, n_hidden);
        cpu_norm_row(&norm, out, out);
    }
    return ASC_OK;
}
