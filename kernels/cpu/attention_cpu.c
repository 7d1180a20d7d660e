// Self-attention within each packed sequence: per head, out = softmax(scale * Q K' + B) V.
//
// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1; a bias that depends on
// the distance of the places: Shaw et al., NAACL 2018, and Raffel et al., JMLR 2020. Shapes: qkv [T, 3, H, E],
// out [T, H, E], bias [H, 2 reach + 1].
//
// The lanes of a vector are queries: 16 at a time, or 8 where no more are left. Their Q is transposed; then the
// scores of one key are one vector, K is read where it stands, and the largest score and the sum of the
// exponentials are found lane by lane. V is copied, head by head, so that it stands together. Order: scores over
// E, the sum of exponentials and the weighted sum of V over the keys, all ascending. So a query's bits depend on
// its own sequence only, not on where that stands in the pack.
#include "cpu/cpu.h"
#include "cpu/exp.h"

#include <math.h>

enum { N_ROWS = 4, FEW_LANES = CPU_LANES / 2 };

// One sequence and its scratch.
typedef struct sequence {
    size_t length, n_heads, head_size;
    size_t n_columns; // head size rounded up to CPU_LANES
    float scale;
    const float **rows;    // [length]: a token's [3, H, E]
    float *zeros;          // [n_columns]: Q or K of a token that is not there
    float *queries;        // [E, n_lanes]: scale * Q of one head, transposed
    float *values;         // [length, n_columns]: V of one head, zeros beyond E
    float *scores;         // [length rounded up to N_ROWS, n_lanes]
    const float *bias;     // [H, 2 reach + 1], NULL: none
    const int32_t *places; // [length], NULL: 0, 1, 2, ...
    int64_t reach;
} sequence;

// Queries first .. first + n_lanes - 1 of a head; out [length, H, E].
typedef struct query_block {
    const sequence *s;
    size_t head, first;
    float *out;
} query_block;

// ---- Copying ----------------------------------------------------------------------------------------------

// What stands at `first` in the row of a token.
CPU_INLINE const float *part_of(const sequence *s, size_t token, size_t first)
{
    return token < s->length ? s->rows[token] + first : s->zeros;
}

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

// out[e, i] = scale * from[i][e] for e, i < 4; rows of out are n_lanes apart.
CPU_INLINE void transpose_four(const float *const from[4], float scale, float *out, size_t n_lanes)
{
    const four a = *(const four *)from[0], b = *(const four *)from[1];
    const four c = *(const four *)from[2], d = *(const four *)from[3];
    const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four *)out = scale * __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four *)(out + n_lanes) = scale * __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four *)(out + 2 * n_lanes) = scale * __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
    *(four *)(out + 3 * n_lanes) = scale * __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
}

CPU_INLINE void copy_queries(const query_block *block, size_t n_lanes)
{
    const sequence *s = block->s;
    const size_t head_size = s->head_size;
    for (size_t i = 0; i < n_lanes; i += 4) {
        const float *from[4];
        float *queries = s->queries + i;
        for (size_t j = 0; j < 4; j++)
            from[j] = part_of(s, block->first + i + j, block->head * head_size);
        size_t e = 0;
        for (; e + 4 <= head_size; e += 4, queries += 4 * n_lanes) {
            transpose_four(from, s->scale, queries, n_lanes);
            for (size_t j = 0; j < 4; j++)
                from[j] += 4;
        }
        for (size_t rest = 0; e + rest < head_size; rest++)
            for (size_t j = 0; j < 4; j++)
                queries[rest * n_lanes + j] = s->scale * from[j][rest];
    }
}

CPU_CLONES
static void copy_values(const sequence *s, size_t head)
{
    const size_t head_size = s->head_size;
    for (size_t t = 0; t < s->length; t++) {
        const float *restrict from = s->rows[t] + (2 * s->n_heads + head) * head_size;
        float *restrict values = s->values + t * s->n_columns;
        size_t e = 0;
        for (; e + CPU_LANES <= head_size; e += CPU_LANES)
            memcpy(values + e, from + e, CPU_LANES * sizeof(float));
        for (; e < s->n_columns; e++)
            values[e] = e < head_size ? from[e] : 0;
    }
}

// ---- Products ---------------------------------------------------------------------------------------------
//
// Sums stay in registers: the compiler must see arrays of whole vectors, and loops that it does not unroll
// before it makes vectors of them.

// scores[i, l] = sum over e of k[i][e] queries[e, l] for N_ROWS keys.
CPU_INLINE void score_keys(const sequence *s, const float *const k[N_ROWS], size_t n_lanes, float *restrict scores)
{
    const float *restrict queries = s->queries;
    const size_t head_size = s->head_size;
    float sums[N_ROWS][CPU_LANES];
    for (size_t i = 0; i < N_ROWS; i++)
#pragma GCC unroll 1
        for (size_t l = 0; l < n_lanes; l++)
            sums[i][l] = k[i][0] * queries[l];
    for (size_t e = 1; e < head_size; e++)
        for (size_t i = 0; i < N_ROWS; i++) {
            const float factor = k[i][e];
#pragma GCC unroll 1
            for (size_t l = 0; l < n_lanes; l++)
                sums[i][l] += factor * queries[e * n_lanes + l];
        }
    for (size_t i = 0; i < N_ROWS; i++)
        memcpy(scores + i * n_lanes, sums[i], n_lanes * sizeof(float));
}

// sums[i, c] = sum over keys of scores[key, i] values[key, c] for N_ROWS queries and CPU_LANES columns.
CPU_INLINE void mix_values(const sequence *s, const float *restrict scores, const float *restrict values,
                           size_t n_lanes, float sums[restrict N_ROWS][CPU_LANES])
{
    const size_t length = s->length, n_columns = s->n_columns;
    for (size_t i = 0; i < N_ROWS; i++)
#pragma GCC unroll 1
        for (size_t c = 0; c < CPU_LANES; c++)
            sums[i][c] = scores[i] * values[c];
    for (size_t key = 1; key < length; key++)
        for (size_t i = 0; i < N_ROWS; i++) {
            const float factor = scores[key * n_lanes + i];
#pragma GCC unroll 1
            for (size_t c = 0; c < CPU_LANES; c++)
                sums[i][c] += factor * values[key * n_columns + c];
        }
}

// Scores of all keys.
CPU_INLINE void score(const query_block *block, size_t n_lanes)
{
    const sequence *s = block->s;
    const size_t part = (s->n_heads + block->head) * s->head_size;
    copy_queries(block, n_lanes);
    for (size_t key = 0; key < s->length; key += N_ROWS) {
        const float *k[N_ROWS];
        for (size_t i = 0; i < N_ROWS; i++)
            k[i] = part_of(s, key + i, part);
        score_keys(s, k, n_lanes, s->scores + key * n_lanes);
    }
}

// n <= CPU_LANES
CPU_INLINE void store(const float from[CPU_LANES], size_t n, float factor, float *restrict to)
{
    if (n == CPU_LANES)
        for (size_t c = 0; c < CPU_LANES; c++)
            to[c] = factor * from[c];
    else
        for (size_t c = 0; c < n; c++)
            to[c] = factor * from[c];
}

// out of all queries; the sum of the scores of lane l is 1 / inverse[l].
CPU_INLINE void mix(const query_block *block, size_t n_lanes, const float inverse[CPU_LANES])
{
    const sequence *s = block->s;
    const size_t n_hidden = s->n_heads * s->head_size, n_left = s->length - block->first;
    const size_t n_queries = n_left < n_lanes ? n_left : n_lanes;
    float *out = block->out + block->first * n_hidden + block->head * s->head_size;
    for (size_t query = 0; query < n_queries; query += N_ROWS)
        for (size_t column = 0; column < s->n_columns; column += CPU_LANES) {
            const size_t n = s->head_size - column < CPU_LANES ? s->head_size - column : CPU_LANES;
            float sums[N_ROWS][CPU_LANES];
            mix_values(s, s->scores + query, s->values + column, n_lanes, sums);
            for (size_t i = 0; i < N_ROWS && query + i < n_queries; i++)
                store(sums[i], n, inverse[query + i], out + (query + i) * n_hidden + column);
        }
}

// ---- Softmax ----------------------------------------------------------------------------------------------

// Adds the bias to the scores.
static void add_bias(const query_block *block, size_t n_lanes)
{
    const sequence *s = block->s;
    const float *bias = s->bias + block->head * (size_t)(2 * s->reach + 1) + s->reach;
    for (size_t i = 0; i < n_lanes && block->first + i < s->length; i++) {
        const size_t query = block->first + i;
        const int64_t place = s->places ? s->places[query] : (int64_t)query;
        for (size_t key = 0; key < s->length; key++) {
            int64_t distance = (s->places ? s->places[key] : (int64_t)key) - place;
            distance = distance > s->reach ? s->reach : distance < -s->reach ? -s->reach : distance;
            s->scores[key * n_lanes + i] += bias[distance];
        }
    }
}

// scores -> exp(scores - the largest); inverse[l] = 1 / their sum in lane l. NaN when a score is NaN.
CPU_INLINE void exponentiate(const sequence *s, size_t n_lanes, float inverse[CPU_LANES])
{
    float largest[CPU_LANES], sums[CPU_LANES];
    float *scores = s->scores;
    for (size_t l = 0; l < n_lanes; l++) {
        largest[l] = scores[l];
        sums[l] = 0;
    }
    for (size_t key = 1; key < s->length; key++)
#pragma GCC unroll 1
        for (size_t l = 0; l < n_lanes; l++)
            largest[l] = scores[key * n_lanes + l] > largest[l] ? scores[key * n_lanes + l] : largest[l];
    for (size_t key = 0; key < s->length; key++)
#pragma GCC unroll 1
        for (size_t l = 0; l < n_lanes; l++) {
            const float e = exp_negative(scores[key * n_lanes + l] - largest[l]);
            scores[key * n_lanes + l] = e;
            sums[l] += e;
        }
    for (size_t l = 0; l < n_lanes; l++)
        inverse[l] = 1 / sums[l];
}

// ---- Attention --------------------------------------------------------------------------------------------

// Functions of their own, so that the inner loops have the registers for themselves.
CPU_CLONES
static void score_many(const query_block *block)
{
    score(block, CPU_LANES);
}

CPU_CLONES
static void score_few(const query_block *block)
{
    score(block, FEW_LANES);
}

CPU_CLONES
static void mix_many(const query_block *block)
{
    float inverse[CPU_LANES];
    exponentiate(block->s, CPU_LANES, inverse);
    mix(block, CPU_LANES, inverse);
}

CPU_CLONES
static void mix_few(const query_block *block)
{
    float inverse[CPU_LANES];
    exponentiate(block->s, FEW_LANES, inverse);
    mix(block, FEW_LANES, inverse);
}

// out [length, H, E]
static void attend(const sequence *s, float *out)
{
    for (size_t head = 0; head < s->n_heads; head++) {
        copy_values(s, head);
        for (size_t first = 0; first < s->length; first += CPU_LANES) {
            const query_block block = {s, head, first, out};
            const bool few = s->length - first <= FEW_LANES;
            (few ? score_few : score_many)(&block);
            if (s->bias)
                add_bias(&block, few ? FEW_LANES : CPU_LANES);
            (few ? mix_few : mix_many)(&block);
        }
    }
}

// The scratch of a sequence of this length, and in *n_floats its size.
static sequence divide_scratch(const attention_args *args, size_t length, float *floats, size_t *n_floats)
{
    sequence s = {.length = length, .n_heads = args->n_heads, .head_size = args->head_size};
    s.n_columns = cpu_round_up(s.head_size, CPU_LANES);
    const size_t n_rows = cpu_round_up(length * sizeof *s.rows / sizeof(float), CPU_LANES);
    const size_t n_queries = s.head_size * CPU_LANES, n_values = length * s.n_columns;
    *n_floats = n_rows + s.n_columns + n_queries + n_values + cpu_round_up(length, N_ROWS) * CPU_LANES;
    if (floats) {
        s.rows = (const float **)(void *)floats;
        s.zeros = floats + n_rows;
        s.queries = s.zeros + s.n_columns;
        s.values = s.queries + n_queries;
        s.scores = s.values + n_values;
    }
    return s;
}

asc_status cpu_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    static const char name[] = "attention: sequence_offsets";
    const int32_t *offsets = cpu_i32(args->sequence_offsets);
    const size_t n_hidden = args->n_heads * args->head_size;
    const size_t longest = args->max_length < args->n_tokens ? args->max_length : args->n_tokens;
    size_t n_floats;
    float *floats;
    divide_scratch(args, longest, NULL, &n_floats);
    TRY(cpu_scratch(stream, n_floats, &floats, err));
    TRY(cpu_check_index(name, offsets[0], 0, args->n_tokens + 1, err));
    TRY(cpu_check_shared("attention: qkv.source", &args->qkv, args->n_tokens, err));
    for (size_t q = 0; q < args->n_sequences; q++) {
        TRY(cpu_check_index(name, offsets[q + 1], offsets[q], args->n_tokens + 1, err));
        const size_t first = (size_t)offsets[q], length = (size_t)(offsets[q + 1] - offsets[q]);
        TRY(cpu_check_index("attention: length of a sequence", (int64_t)length, 0, longest + 1, err));
        sequence s = divide_scratch(args, length, floats, &n_floats);
        s.scale = (float)args->scale;
        s.bias = args->bias.buffer ? cpu_real(args->bias) : NULL;
        s.places = args->places.buffer ? cpu_i32(args->places) + first : NULL;
        s.reach = (int64_t)args->bias_reach;
        memset(s.zeros, 0, s.n_columns * sizeof *s.zeros);
        for (size_t t = 0; t < length; t++)
            s.rows[t] = cpu_shared_row(&args->qkv, first + t, 3 * n_hidden);
        attend(&s, cpu_real(args->out) + first * n_hidden);
    }
    return ASC_OK;
}
