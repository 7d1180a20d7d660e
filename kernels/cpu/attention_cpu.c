// Self-attention within each packed sequence: per head, out = softmax(scale * Q K') V.
//
// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1. Shapes: qkv [T, 3, H, E], out [T, H, E].
// Per (sequence, head), K transposed and V go to scratch, padded to whole vectors; then four queries at a time: their
// scores against all keys, exp(score - largest score), the weighted sum of V divided by the sum of exponentials.
// Order: scores over E and sums of V over the keys ascending; the sum of exponentials as lanes.h says with the key as
// index. So a query's bits depend on its own sequence only, not on where that stands in the pack.
#include "cpu/cpu.h"
#include "cpu/exp.h"

#include <math.h>

enum { N_QUERIES = 4, WIDE = 2 * CPU_LANES };

// One head of one sequence. Token t's q, k and v stand t * row elements after those of token 0, its out t * out_row.
typedef struct head {
    const float *q, *k, *v;
    float *out;
    size_t length, row, out_row, head_size;
    float scale;
} head;

// Scratch of a head. n_keys, n_values: length and head size rounded up to a multiple of CPU_LANES.
typedef struct head_scratch {
    size_t n_keys, n_values;
    float *keys;    // [E, n_keys]: K transposed, zeros beyond the sequence
    float *values;  // [length, n_values]: V, zeros beyond the head size
    float *queries; // [N_QUERIES, E]: scale * Q
    float *scores;  // [N_QUERIES, n_keys]
    float *sums;    // [N_QUERIES, n_values]
} head_scratch;

static size_t head_scratch_floats(size_t length, size_t head_size)
{
    const size_t n_keys = cpu_round_up(length, CPU_LANES), n_values = cpu_round_up(head_size, CPU_LANES);
    return head_size * n_keys + length * n_values + N_QUERIES * (cpu_round_up(head_size, CPU_LANES) + n_keys + n_values);
}

static head_scratch divide_scratch(float *floats, size_t length, size_t head_size)
{
    head_scratch s = {.n_keys = cpu_round_up(length, CPU_LANES), .n_values = cpu_round_up(head_size, CPU_LANES)};
    s.keys = floats;
    s.values = s.keys + head_size * s.n_keys;
    s.queries = s.values + length * s.n_values;
    s.scores = s.queries + N_QUERIES * s.n_values;
    s.sums = s.scores + N_QUERIES * s.n_keys;
    return s;
}

CPU_INLINE void copy_keys_values(const head *h, const head_scratch *s)
{
    for (size_t e = 0; e < h->head_size; e++) {
        float *keys = s->keys + e * s->n_keys;
        for (size_t t = 0; t < h->length; t++)
            keys[t] = h->k[t * h->row + e];
        for (size_t t = h->length; t < s->n_keys; t++)
            keys[t] = 0;
    }
    for (size_t t = 0; t < h->length; t++) {
        float *values = s->values + t * s->n_values;
        memcpy(values, h->v + t * h->row, h->head_size * sizeof *values);
        for (size_t e = h->head_size; e < s->n_values; e++)
            values[e] = 0;
    }
}

// queries = scale * Q of queries first .. first + 3; zeros beyond the sequence.
CPU_INLINE void copy_queries(const head *h, const head_scratch *s, size_t first)
{
    for (size_t i = 0; i < N_QUERIES; i++)
        for (size_t e = 0; e < h->head_size; e++)
            s->queries[i * h->head_size + e] =
                first + i < h->length ? h->scale * h->q[(first + i) * h->row + e] : 0;
}

// out[i, c] = sum over r < n of a[i, r] * b[r, c] for four rows of a and `width` columns, r ascending. Strides in floats.
typedef struct block {
    const float *a, *b;
    float *out;
    size_t n, a_stride, b_stride, out_stride;
} block;

CPU_INLINE void multiply_block(const block *k, const size_t width)
{
    float sums[N_QUERIES][WIDE] = {{0}};
    for (size_t r = 0; r < k->n; r++)
        for (size_t i = 0; i < N_QUERIES; i++) {
            const float factor = k->a[i * k->a_stride + r];
            for (size_t c = 0; c < width; c++)
                sums[i][c] += factor * k->b[r * k->b_stride + c];
        }
    for (size_t i = 0; i < N_QUERIES; i++)
        for (size_t c = 0; c < width; c++)
            k->out[i * k->out_stride + c] = sums[i][c];
}

// The same for n_columns, a multiple of CPU_LANES.
CPU_INLINE void multiply_four(block k, size_t n_columns)
{
    size_t c = 0;
    for (; c + WIDE <= n_columns; c += WIDE, k.b += WIDE, k.out += WIDE)
        multiply_block(&k, WIDE);
    if (c < n_columns)
        multiply_block(&k, CPU_LANES);
}

// scores -> exp(scores - the largest), zeros beyond the sequence; returns their sum.
CPU_INLINE float exponentiate(float *scores, size_t length, size_t n_keys)
{
    float largest = -INFINITY, lanes[CPU_LANES] = {0};
    for (size_t key = length; key < n_keys; key++)
        scores[key] = -INFINITY;
    float most[CPU_LANES];
    for (size_t l = 0; l < CPU_LANES; l++)
        most[l] = -INFINITY;
    for (size_t key = 0; key < n_keys; key += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++)
            most[l] = scores[key + l] > most[l] ? scores[key + l] : most[l];
    for (size_t l = 0; l < CPU_LANES; l++)
        largest = most[l] > largest ? most[l] : largest;
    for (size_t key = 0; key < n_keys; key += CPU_LANES)
        for (size_t l = 0; l < CPU_LANES; l++) {
            scores[key + l] = exp_of_sum(scores[key + l] - largest, 0);
            lanes[l] += scores[key + l];
        }
    return lanes_total(lanes);
}

CPU_CLONES
static void attend(const head *h, const head_scratch *s)
{
    copy_keys_values(h, s);
    for (size_t first = 0; first < h->length; first += N_QUERIES) {
        const size_t n_queries = h->length - first < N_QUERIES ? h->length - first : N_QUERIES;
        float inverse[N_QUERIES];
        copy_queries(h, s, first);
        multiply_four((block){s->queries, s->keys, s->scores, h->head_size, h->head_size, s->n_keys, s->n_keys},
                      s->n_keys);
        for (size_t i = 0; i < N_QUERIES; i++)
            inverse[i] = 1 / exponentiate(s->scores + i * s->n_keys, h->length, s->n_keys);
        multiply_four((block){s->scores, s->values, s->sums, h->length, s->n_keys, s->n_values, s->n_values},
                      s->n_values);
        for (size_t i = 0; i < n_queries; i++)
            for (size_t e = 0; e < h->head_size; e++)
                h->out[(first + i) * h->out_row + e] = s->sums[i * s->n_values + e] * inverse[i];
    }
}

asc_status cpu_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    const int32_t *offsets = cpu_i32(args->sequence_offsets);
    const size_t n_hidden = args->n_heads * args->head_size;
    const size_t longest = args->max_length < args->n_tokens ? args->max_length : args->n_tokens;
    float *floats;
    TRY(cpu_scratch(stream, head_scratch_floats(longest, args->head_size), &floats, err));
    for (size_t q = 0; q < args->n_sequences; q++) {
        TRY(cpu_check_index("attention: sequence_offsets", offsets[q], 0, args->n_tokens + 1, err));
        TRY(cpu_check_index("attention: sequence_offsets", offsets[q + 1], offsets[q],
                            (size_t)offsets[q] + longest + 1, err));
        TRY(cpu_check_index("attention: sequence_offsets", offsets[q + 1], 0, args->n_tokens + 1, err));
        const size_t first = (size_t)offsets[q], length = (size_t)(offsets[q + 1] - offsets[q]);
        const head_scratch scratch = divide_scratch(floats, length, args->head_size);
        for (size_t i = 0; i < args->n_heads; i++) {
            const float *heads = cpu_real(args->qkv) + first * 3 * n_hidden + i * args->head_size;
            const head h = {.q = heads,
                            .k = heads + n_hidden,
                            .v = heads + 2 * n_hidden,
                            .out = cpu_real(args->out) + first * n_hidden + i * args->head_size,
                            .length = length,
                            .row = 3 * n_hidden,
                            .out_row = n_hidden,
                            .head_size = args->head_size,
                            .scale = (float)args->scale};
            attend(&h, &scratch);
        }
    }
    return ASC_OK;
}
