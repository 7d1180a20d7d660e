// Self-attention within each packed sequence: per head, out = softmax(scale * Q K' + B) V.
//
// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1; a bias that depends on
// the distance of the places: Shaw et al., NAACL 2018, and Raffel et al., JMLR 2020. Shapes: qkv [T, 3, H, E],
// out [T, H, E], bias [H, 2 reach + 1]. A sequence's Q, transposed K and V are copied to scratch head by head,
// padded to whole vectors; then four queries at a time: their scores against all keys, plus the bias,
// exp(score - largest score), the weighted sum of V divided by the sum of exponentials. Order: scores over E
// and sums of V over the keys ascending; the sum of exponentials as lanes.h says with the key as index. So a
// query's bits depend on its own sequence only, not on where that stands in the pack.
#include "cpu/cpu.h"
#include "cpu/exp.h"

#include <math.h>

enum { N_QUERIES = 4, WIDE = 2 * CPU_LANES };

// Scratch of one sequence. n_queries: length rounded up to N_QUERIES; n_keys and n_values: length and head
// size rounded up to CPU_LANES. What is beyond length and head size holds zeros.
typedef struct sequence {
    const float *qkv;      // rows of 3 H E
    const int32_t *source; // [length] rows of the tokens, NULL: 0, 1, 2, ...
    size_t length, n_heads, head_size;
    size_t n_queries, n_keys, n_values;
    float *queries;        // [H, n_queries, E]: scale * Q
    float *keys;           // [H, E, n_keys]
    float *values;         // [H, length, n_values]
    float *scores;         // [N_QUERIES, n_keys]
    float *sums;           // [N_QUERIES, n_values]
    const float *bias;     // [H, 2 reach + 1], NULL: none
    const int32_t *places; // [length], NULL: 0, 1, 2, ...
    int64_t reach;
} sequence;

// The scratch of a sequence of this length, and in *n_floats its size.
static sequence divide_scratch(const attention_args *args, size_t length, float *floats, size_t *n_floats)
{
    sequence s = {.length = length, .n_heads = args->n_heads, .head_size = args->head_size};
    s.n_queries = cpu_round_up(length, N_QUERIES);
    s.n_keys = cpu_round_up(length, CPU_LANES);
    s.n_values = cpu_round_up(s.head_size, CPU_LANES);
    const size_t n_queries = cpu_round_up(s.n_heads * s.n_queries * s.head_size, CPU_LANES);
    const size_t n_keys = s.n_heads * s.head_size * s.n_keys, n_values = s.n_heads * length * s.n_values;
    *n_floats = n_queries + n_keys + n_values + N_QUERIES * (s.n_keys + s.n_values);
    if (floats) {
        s.queries = floats;
        s.keys = s.queries + n_queries;
        s.values = s.keys + n_keys;
        s.scores = s.values + n_values;
        s.sums = s.scores + N_QUERIES * s.n_keys;
    }
    return s;
}

// ---- Copying ----------------------------------------------------------------------------------------------

// Part 0 (Q), 1 (K) or 2 (V) of token t.
CPU_INLINE const float *token_part(const sequence *s, size_t t, size_t part)
{
    const size_t n_hidden = s->n_heads * s->head_size;
    return s->qkv + (s->source ? (size_t)s->source[t] : t) * 3 * n_hidden + part * n_hidden;
}

CPU_INLINE void copy_queries(const sequence *s, float scale)
{
    const size_t head_size = s->head_size, n_queries = s->n_queries;
    for (size_t t = 0; t < n_queries; t++)
        for (size_t h = 0; h < s->n_heads; h++) {
            const float *restrict q = token_part(s, t < s->length ? t : 0, 0) + h * head_size;
            float *restrict queries = s->queries + (h * n_queries + t) * head_size;
            for (size_t e = 0; e < head_size; e++)
                queries[e] = t < s->length ? scale * q[e] : 0;
        }
}

// 16 tokens at a time, so that both sides stay in the first cache.
CPU_INLINE void transpose_keys(const sequence *s)
{
    float *restrict keys = s->keys;
    const float *k[CPU_LANES];
    const size_t n_hidden = s->n_heads * s->head_size, length = s->length, n_keys = s->n_keys;
    for (size_t first = 0; first < n_keys; first += CPU_LANES) {
        const size_t end = first + CPU_LANES < length ? first + CPU_LANES : length;
        for (size_t t = first; t < end; t++)
            k[t - first] = token_part(s, t, 1);
        for (size_t i = 0; i < n_hidden; i++) {
            for (size_t t = first; t < end; t++)
                keys[i * n_keys + t] = k[t - first][i];
            for (size_t t = end; t < first + CPU_LANES; t++)
                keys[i * n_keys + t] = 0;
        }
    }
}

CPU_INLINE void copy_values(const sequence *s)
{
    const size_t head_size = s->head_size, n_values = s->n_values;
    for (size_t t = 0; t < s->length; t++)
        for (size_t h = 0; h < s->n_heads; h++) {
            const float *restrict v = token_part(s, t, 2) + h * head_size;
            float *restrict values = s->values + (h * s->length + t) * n_values;
            for (size_t e = 0; e < head_size; e++)
                values[e] = v[e];
            for (size_t e = head_size; e < n_values; e++)
                values[e] = 0;
        }
}

// ---- Products ---------------------------------------------------------------------------------------------

// out[i, c] = sum over r < n, n > 0, of a[i, r] * b[r, c] for four rows of a, r ascending. Strides in floats.
typedef struct product {
    const float *a, *b;
    float *out;
    size_t n, a_stride, b_stride, out_stride;
} product;

// WIDE columns. The sums stay in registers: the compiler must see arrays of whole vectors, and loops that it
// does not unroll before it makes vectors of them.
CPU_INLINE void multiply_wide(const product *p)
{
    float sums[N_QUERIES][WIDE];
    for (size_t i = 0; i < N_QUERIES; i++)
        for (size_t c = 0; c < WIDE; c++)
            sums[i][c] = p->a[i * p->a_stride] * p->b[c];
    for (size_t r = 1; r < p->n; r++)
        for (size_t i = 0; i < N_QUERIES; i++) {
            const float factor = p->a[i * p->a_stride + r];
            for (size_t c = 0; c < WIDE; c++)
                sums[i][c] += factor * p->b[r * p->b_stride + c];
        }
    for (size_t i = 0; i < N_QUERIES; i++)
        memcpy(p->out + i * p->out_stride, sums[i], sizeof sums[i]);
}

// CPU_LANES columns.
CPU_INLINE void multiply_narrow(const product *p)
{
    float sums[N_QUERIES][CPU_LANES];
    for (size_t i = 0; i < N_QUERIES; i++)
#pragma GCC unroll 1
        for (size_t c = 0; c < CPU_LANES; c++)
            sums[i][c] = p->a[i * p->a_stride] * p->b[c];
    for (size_t r = 1; r < p->n; r++)
        for (size_t i = 0; i < N_QUERIES; i++) {
            const float factor = p->a[i * p->a_stride + r];
#pragma GCC unroll 1
            for (size_t c = 0; c < CPU_LANES; c++)
                sums[i][c] += factor * p->b[r * p->b_stride + c];
        }
    for (size_t i = 0; i < N_QUERIES; i++)
        memcpy(p->out + i * p->out_stride, sums[i], sizeof sums[i]);
}

// All of n_columns, a multiple of CPU_LANES.
CPU_INLINE void multiply(product p, size_t n_columns)
{
    size_t c = 0;
    for (; c + WIDE <= n_columns; c += WIDE, p.b += WIDE, p.out += WIDE)
        multiply_wide(&p);
    if (c < n_columns)
        multiply_narrow(&p);
}

// ---- Softmax ----------------------------------------------------------------------------------------------

CPU_INLINE float largest_score(const float *scores, size_t n_keys)
{
    float lanes[CPU_LANES];
    for (size_t l = 0; l < CPU_LANES; l++)
        lanes[l] = scores[l];
    for (size_t key = CPU_LANES; key < n_keys; key += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++)
            lanes[l] = scores[key + l] > lanes[l] ? scores[key + l] : lanes[l];
    for (size_t half = CPU_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++)
            lanes[l] = lanes[l + half] > lanes[l] ? lanes[l + half] : lanes[l];
    return lanes[0];
}

// scores -> exp(scores - the largest), zeros beyond the sequence; returns their sum. NaN when a score is NaN.
CPU_INLINE float exponentiate(float *scores, size_t length, size_t n_keys)
{
    float lanes[CPU_LANES];
    for (size_t key = length; key < n_keys; key++)
        scores[key] = -INFINITY;
    const float largest = largest_score(scores, n_keys);
    for (size_t l = 0; l < CPU_LANES; l++)
        lanes[l] = 0;
    for (size_t key = 0; key < n_keys; key += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++) {
            scores[key + l] = exp_negative(scores[key + l] - largest);
            lanes[l] += scores[key + l];
        }
    return lanes_total(lanes);
}

// ---- Attention --------------------------------------------------------------------------------------------

// Adds the bias of head h to the scores of queries first .. first + 3.
CPU_INLINE void add_bias(const sequence *s, size_t h, size_t first)
{
    const float *bias = s->bias + h * (size_t)(2 * s->reach + 1) + s->reach;
    for (size_t i = 0; i < N_QUERIES && first + i < s->length; i++) {
        const int64_t place = s->places ? s->places[first + i] : (int64_t)(first + i);
        float *scores = s->scores + i * s->n_keys;
        for (size_t key = 0; key < s->length; key++) {
            int64_t distance = (s->places ? s->places[key] : (int64_t)key) - place;
            distance = distance > s->reach ? s->reach : distance < -s->reach ? -s->reach : distance;
            scores[key] += bias[distance];
        }
    }
}

// Queries first .. first + 3 of head h. out: the head's part of the sequence's first token; tokens stand
// out_row apart.
CPU_INLINE void attend_four(const sequence *s, size_t h, size_t first, float *out, size_t out_row)
{
    const size_t head_size = s->head_size, n_keys = s->n_keys, n_values = s->n_values;
    const float *queries = s->queries + (h * s->n_queries + first) * head_size;
    const float *keys = s->keys + h * head_size * n_keys, *values = s->values + h * s->length * n_values;
    float inverse[N_QUERIES];
    multiply((product){queries, keys, s->scores, head_size, head_size, n_keys, n_keys}, n_keys);
    if (s->bias)
        add_bias(s, h, first);
    for (size_t i = 0; i < N_QUERIES; i++)
        inverse[i] = 1 / exponentiate(s->scores + i * n_keys, s->length, n_keys);
    multiply((product){s->scores, values, s->sums, s->length, n_keys, n_values, n_values}, n_values);
    for (size_t i = 0; i < N_QUERIES && first + i < s->length; i++) {
        const float *restrict sums = s->sums + i * n_values;
        float *restrict to = out + (first + i) * out_row;
        for (size_t e = 0; e < head_size; e++)
            to[e] = sums[e] * inverse[i];
    }
}

// One sequence: out [length, H, E].
CPU_CLONES
static void attend(const sequence *s, float scale, float *out)
{
    const size_t n_hidden = s->n_heads * s->head_size;
    copy_queries(s, scale);
    transpose_keys(s);
    copy_values(s);
    for (size_t h = 0; h < s->n_heads; h++)
        for (size_t first = 0; first < s->length; first += N_QUERIES)
            attend_four(s, h, first, out + h * s->head_size, n_hidden);
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
        s.bias = args->bias.buffer ? cpu_real(args->bias) : NULL;
        s.places = args->places.buffer ? cpu_i32(args->places) + first : NULL;
        s.reach = (int64_t)args->bias_reach;
        s.qkv = cpu_real(args->qkv.data) + (args->qkv.source.buffer ? 0 : first * 3 * n_hidden);
        s.source = args->qkv.source.buffer ? cpu_i32(args->qkv.source) + first : NULL;
        attend(&s, (float)args->scale, cpu_real(args->out) + first * n_hidden);
    }
    return ASC_OK;
}
