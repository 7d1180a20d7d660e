// attention. ref: within 1e-13 of the formula in long double; cpu: within 1e-6 of ref. Both are scaled by the
// largest |v| of the sequence and head times (1 + the largest |score|): an error of a score is a relative
// error of its exponential. In 16 bits besides three roundings of the largest |v|: the weights are rounded above
// and below the fraction line, and the result.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_SEQUENCES = 8 };

typedef struct attention_case {
    size_t n_sequences, n_tokens, max_length, n_heads, head_size;
    double scale;
    int32_t offsets[MOST_SEQUENCES + 1];
    float *qkv;
    size_t reach;
    float *bias;     // [H, 2 reach + 1], NULL: none
    int32_t *places; // [T], NULL: 0, 1, 2, ... in each sequence
    size_t n_rows;   // of qkv, with `source`
    int32_t *source; // [T], NULL: every token has its own row
    bool misaligned; // the views
} attention_case;

// `lengths` ends with -1. spread: standard deviation of Q, K and V.
static attention_case make_case(const int *lengths, size_t n_heads, size_t head_size, float spread)
{
    attention_case c = {.n_heads = n_heads, .head_size = head_size, .scale = 1 / sqrt((double)head_size)};
    for (; lengths[c.n_sequences] >= 0; c.n_sequences++) {
        c.offsets[c.n_sequences + 1] = c.offsets[c.n_sequences] + lengths[c.n_sequences];
        c.max_length =
            (size_t)lengths[c.n_sequences] > c.max_length ? (size_t)lengths[c.n_sequences] : c.max_length;
    }
    c.n_tokens = (size_t)c.offsets[c.n_sequences];
    c.qkv = random_floats(21 + n_heads, c.n_tokens * 3 * n_heads * head_size, spread);
    return c;
}

static double *attention_on(asc_backend_kind kind, const attention_case *c)
{
    rig r;
    const size_t n_out = c->n_tokens * c->n_heads * c->head_size;
    double *out = get_memory(n_out * sizeof *out);
    rig_open(&r, kind);
    if (c->misaligned)
        rig_misalign(&r);
    const size_t n_rows = c->source ? c->n_rows : c->n_tokens;
    frame qkv = frame_in(&r, ASC_REAL, 3 * n_rows * c->n_heads * c->head_size, c->qkv);
    frame source = frame_in(&r, ASC_I32, c->source ? c->n_tokens : 0, c->source);
    frame offsets = frame_in(&r, ASC_I32, c->n_sequences + 1, c->offsets);
    const size_t n_bias = c->bias ? c->n_heads * (2 * c->reach + 1) : 0;
    frame bias = frame_in(&r, ASC_REAL, n_bias, c->bias);
    frame places = frame_in(&r, ASC_I32, c->places ? c->n_tokens : 0, c->places);
    frame result = frame_out(&r, ASC_REAL, n_out);
    const attention_args args = {.n_sequences = c->n_sequences,
                                 .n_tokens = c->n_tokens,
                                 .max_length = c->max_length,
                                 .n_heads = c->n_heads,
                                 .head_size = c->head_size,
                                 .scale = c->scale,
                                 .qkv = {qkv.view, c->source ? source.view : (asc_view){NULL, 0}, n_rows},
                                 .sequence_offsets = offsets.view,
                                 .out = result.view,
                                 .bias_reach = c->reach,
                                 .bias = c->bias ? bias.view : (asc_view){NULL, 0},
                                 .places = c->places ? places.view : (asc_view){NULL, 0}};
    MUST(&r, op_attention(r.stream, &args, &r.err));
    frame_read(&result, out);
    frame_close(&result);
    frame_close(&places);
    frame_close(&bias);
    frame_close(&offsets);
    frame_close(&source);
    frame_close(&qkv);
    rig_close(&r);
    return out;
}

// Element e of token t's part (0 q, 1 k, 2 v) of a head.
static long double at(const attention_case *c, size_t t, size_t part, size_t head, size_t e)
{
    return c->qkv[((t * 3 + part) * c->n_heads + head) * c->head_size + e];
}

// What the distance of a key's place from the query's adds to the score.
static long double bias_at(const attention_case *c, size_t head, size_t query, size_t key)
{
    if (!c->bias)
        return 0;
    const long reach = (long)c->reach;
    long distance = c->places ? (long)c->places[key] - c->places[query] : (long)key - (long)query;
    if (labs(distance) > reach)
        distance = distance < 0 ? -reach : reach;
    return c->bias[head * (2 * c->reach + 1) + (size_t)(reach + distance)];
}

// One query of one head: out and scales [E].
static void formula_query(const attention_case *c, size_t sequence, size_t head, size_t query, double *out,
                          double *scales)
{
    const size_t begin = (size_t)c->offsets[sequence], end = (size_t)c->offsets[sequence + 1];
    long double *score = get_memory((end - begin) * sizeof *score), largest = -INFINITY, total = 0;
    double largest_v = 0, largest_score = 0;
    for (size_t key = begin; key < end; key++) {
        for (size_t e = 0; e < c->head_size; e++) {
            score[key - begin] += c->scale * at(c, query, 0, head, e) * at(c, key, 1, head, e);
            largest_v = fmax(largest_v, fabs((double)at(c, key, 2, head, e)));
        }
        score[key - begin] += bias_at(c, head, query, key);
        largest = fmaxl(largest, score[key - begin]);
        largest_score = fmax(largest_score, fabs((double)score[key - begin]));
    }
    for (size_t key = begin; key < end; key++)
        total += score[key - begin] = expl(score[key - begin] - largest); // from here on the weights
    for (size_t e = 0; e < c->head_size; e++) {
        long double sum = 0;
        for (size_t key = begin; key < end; key++)
            sum += score[key - begin] * at(c, key, 2, head, e);
        out[e] = (double)(sum / total);
        scales[e] = largest_v * (1 + largest_score);
    }
    free(score);
}

static double *formula(const attention_case *c, double *scales)
{
    const size_t width = c->n_heads * c->head_size;
    double *out = get_memory(c->n_tokens * width * sizeof *out);
    for (size_t s = 0; s < c->n_sequences; s++)
        for (size_t t = (size_t)c->offsets[s]; t < (size_t)c->offsets[s + 1]; t++)
            for (size_t h = 0; h < c->n_heads; h++)
                formula_query(c, s, h, t, out + t * width + h * c->head_size,
                              scales + t * width + h * c->head_size);
    return out;
}

// For every element the largest |v| of its sequence and head: what roundings of weights and results are measured by.
static double *largest_values(const attention_case *c)
{
    const size_t width = c->n_heads * c->head_size;
    double *largest = get_memory(c->n_tokens * width * sizeof *largest);
    for (size_t s = 0; s < c->n_sequences; s++)
        for (size_t i = 0; i < width; i++) {
            double most = 0;
            const size_t head = i / c->head_size, begin = (size_t)c->offsets[s], end = (size_t)c->offsets[s + 1];
            for (size_t t = begin; t < end; t++)
                for (size_t e = 0; e < c->head_size; e++)
                    most = fmax(most, fabs((double)at(c, t, 2, head, e)));
            for (size_t t = begin; t < end; t++)
                largest[t * width + i] = most;
        }
    return largest;
}

static void check_attention(asc_backend_kind kind, const attention_case *c)
{
    char what[100];
    const size_t n = c->n_tokens * c->n_heads * c->head_size;
    double *scales = get_memory(n * sizeof *scales);
    double *found = attention_on(kind, c), *expected = formula(c, scales);
    if (kind != ASC_BACKEND_REF) {
        free(expected);
        expected = attention_on(reference_of(kind), c);
    }
    snprintf(what, sizeof what, "attention, %zu sequences, %zu tokens, %zu heads of %zu", c->n_sequences,
             c->n_tokens, c->n_heads, c->head_size);
    if (n > 0)
        expect_not_trivial(what, n, expected);
    const double tolerance = kind == ASC_BACKEND_REF ? 1e-13 : is_float(kind) ? 1e-6 : 0;
    double *sizes = largest_values(c);
    bound_errors(kind, n, tolerance, scales, 3, sizes);
    expect_close(what, n, found, expected, 1, scales);
    free(sizes);
    free(expected);
    free(found);
    free(scales);
}

// Every element of one sequence of `long_run` has the bits that it has in a run of its own.
static void check_alone(asc_backend_kind kind, const attention_case *c, size_t sequence)
{
    const size_t width = c->n_heads * c->head_size, begin = (size_t)c->offsets[sequence];
    const size_t length = (size_t)c->offsets[sequence + 1] - begin;
    attention_case alone = *c;
    alone.n_sequences = 1;
    alone.n_tokens = alone.max_length = length;
    alone.offsets[1] = (int32_t)length;
    alone.qkv = c->qkv + begin * 3 * width;
    alone.places = c->places ? c->places + begin : NULL;
    double *all = attention_on(kind, c), *one = attention_on(kind, &alone);
    expect_same_bits("a sequence by itself", length * width, sizeof *one, all + begin * width, one);
    free(one);
    free(all);
}

// A NaN in one head's key of one sequence: other sequences and other heads keep their bits.
static void check_nan(asc_backend_kind kind, size_t head_size)
{
    const int lengths[] = {33, 2, 19, 1, -1};
    attention_case c = make_case(lengths, 3, head_size, 1);
    double *before = attention_on(kind, &c);
    c.qkv[((34 * 3 + 1) * 3 + 1) * head_size + 5] = NAN; // token 34 is in sequence 1; key, head 1
    double *after = attention_on(kind, &c);
    for (size_t t = 0; t < c.n_tokens; t++)
        for (size_t h = 0; h < 3; h++) {
            const size_t first = (t * 3 + h) * head_size;
            if (h == 1 && (t == 33 || t == 34))
                expect_all_nan("the head with NaN", head_size, after + first);
            else
                expect_same_bits("heads and sequences without NaN", head_size, sizeof *after, after + first,
                                 before + first);
        }
    free(after);
    free(before);
    free(c.qkv);
}

// Keys alike: every weight is 1 / length, and the output is the mean of V.
static void check_uniform(asc_backend_kind kind)
{
    const int lengths[] = {4, -1};
    attention_case c = make_case(lengths, 1, 8, 1);
    double expected[4 * 8];
    for (size_t i = 0; i < 4 * 24; i++)
        c.qkv[i] = i % 24 < 16 ? 0.5f : (float)(i / 24 * 8 + i % 8);
    for (size_t i = 0; i < 32; i++)
        expected[i] = 12 + (double)(i % 8);
    double *found = attention_on(kind, &c);
    expect_close("mean of V", 32, found, expected, is_float(kind) ? 5e-6 : 1e-14, NULL);
    free(found);
    free(c.qkv);
}

// With a bias by distance: places in order, places with gaps, and a reach shorter and longer than the sequences.
static void check_bias(asc_backend_kind kind)
{
    const int lengths[] = {33, 1, 130, 2, 17, -1};
    const size_t reaches[] = {0, 5, 128};
    for (size_t i = 0; i < 3; i++) {
        attention_case c = make_case(lengths, 3, i == 1 ? 32 : 16, 0.7f);
        c.reach = reaches[i];
        c.bias = random_floats(40 + i, c.n_heads * (2 * c.reach + 1), 1);
        check_attention(kind, &c);
        c.places = random_ints(50 + i, c.n_tokens, 300);
        check_attention(kind, &c);
        for (size_t s = 0; s < c.n_sequences; s++)
            check_alone(kind, &c, s);
        free(c.places);
        free(c.bias);
        free(c.qkv);
    }
}

// Rows of qkv that several tokens share give what copies of them give, bit for bit.
static void check_shared(asc_backend_kind kind, size_t head_size)
{
    enum { N_ROWS = 11 };
    const int lengths[] = {7, 19, 1, 33, 4, 70, -1};
    attention_case c = make_case(lengths, 3, head_size, 1);
    const size_t width = 3 * 3 * head_size, n_out = c.n_tokens * 3 * head_size;
    attention_case shared = c;
    shared.n_rows = N_ROWS;
    shared.qkv = random_floats(77, N_ROWS * width, 1);
    shared.source = random_ints(78, c.n_tokens, N_ROWS);
    for (size_t t = 0; t < c.n_tokens; t++)
        memcpy(c.qkv + t * width, shared.qkv + (size_t)shared.source[t] * width, width * sizeof *c.qkv);
    double *expected = attention_on(kind, &c), *found = attention_on(kind, &shared);
    expect_same_bits("attention on shared rows", n_out, sizeof *found, found, expected);
    free(found);
    free(expected);
    free(shared.source);
    free(shared.qkv);
    free(c.qkv);
}

// Where the views lie does not matter: the same bits.
static void check_place(asc_backend_kind kind)
{
    const int lengths[] = {7, 70, 1, 33, -1};
    for (size_t head_size = 32; head_size <= 64; head_size += 32) {
        attention_case c = make_case(lengths, 5, head_size, 1);
        const size_t n_out = c.n_tokens * 5 * head_size;
        double *expected = attention_on(kind, &c);
        c.misaligned = true;
        double *found = attention_on(kind, &c);
        expect_same_bits("attention elsewhere", n_out, sizeof *found, found, expected);
        free(found);
        free(expected);
        free(c.qkv);
    }
}

void cases_attention(asc_backend_kind kind)
{
    check_shared(kind, 16);
    check_shared(kind, 64);
    check_place(kind);
    static const struct {
        int lengths[MOST_SEQUENCES];
        size_t n_heads, head_size;
        float spread;
    } list[] = {
        {{-1}, 2, 8, 1},
        {{1, -1}, 1, 8, 1},
        {{2, 1, 33, -1}, 2, 16, 1},
        {{3, 0, 2, -1}, 3, 32, 1},
        {{130, 1, 2, 33, 64, -1}, 3, 16, 0.7f},
        {{19, 17, 16, 15, 8, 7, -1}, 12, 32, 1},
        {{33, 2, -1}, 12, 64, 0.5f},
        {{1, 512, 2, -1}, 2, 32, 1},
        {{65, 64, 130, 3, 63, -1}, 5, 32, 1},
        {{9, 3, -1}, 2, 80, 1},
        {{130, 33, -1}, 1, 64, 4}, // scores in the hundreds: exp overflows unless the largest is subtracted
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        attention_case c = make_case(list[i].lengths, list[i].n_heads, list[i].head_size, list[i].spread);
        check_attention(kind, &c);
        c.max_length += 7;
        check_attention(kind, &c);
        for (size_t s = 0; s < c.n_sequences && (i == 4 || i == 8); s++)
            check_alone(kind, &c, s);
        free(c.qkv);
    }
    check_nan(kind, 16);
    check_nan(kind, 32);
    check_uniform(kind);
    check_bias(kind);
}
