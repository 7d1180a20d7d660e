// attention_first. ref: within 1e-13 of the formula in long double; cpu: within 1e-6 of ref, and in 16 bits one rounding. Both are scaled by the largest |x| of the
// sequence times (1 + the largest |score|). Sequences are independent: a sequence's bits are those it has alone, and a NaN spoils its own
// sequence only.
#include "cases.h"
#include "compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST_SEQUENCES = 8 };

typedef struct first_case {
    size_t n_sequences, n_tokens, max_length, n_heads, n_hidden;
    int32_t offsets[MOST_SEQUENCES + 1];
    float *x, *u;
    size_t reach;
    float *bias;     // [H, 2 reach + 1], NULL: none
    int32_t *places; // [T], NULL: 0, 1, 2, ... in each sequence
} first_case;

// `lengths` ends with -1.
static first_case make_case(const int *lengths, size_t n_heads, size_t n_hidden)
{
    first_case c = {.n_heads = n_heads, .n_hidden = n_hidden};
    for (; lengths[c.n_sequences] >= 0; c.n_sequences++) {
        c.offsets[c.n_sequences + 1] = c.offsets[c.n_sequences] + lengths[c.n_sequences];
        c.max_length = (size_t)lengths[c.n_sequences] > c.max_length ? (size_t)lengths[c.n_sequences] : c.max_length;
    }
    c.n_tokens = (size_t)c.offsets[c.n_sequences];
    c.x = random_floats(61, c.n_tokens * n_hidden, 1);
    c.u = random_floats(62, c.n_sequences * n_heads * n_hidden, 1 / sqrtf((float)n_hidden));
    return c;
}

static void free_case(first_case *c)
{
    free(c->places);
    free(c->bias);
    free(c->u);
    free(c->x);
}

static double *first_on(asc_backend_kind kind, const first_case *c)
{
    rig r;
    const size_t n_out = c->n_sequences * c->n_heads * c->n_hidden;
    double *out = get_memory(n_out * sizeof *out);
    rig_open(&r, kind);
    frame x = frame_in(&r, ASC_REAL, c->n_tokens * c->n_hidden, c->x), u = frame_in(&r, ASC_REAL, n_out, c->u);
    frame offsets = frame_in(&r, ASC_I32, c->n_sequences + 1, c->offsets);
    frame bias = frame_in(&r, ASC_REAL, c->bias ? c->n_heads * (2 * c->reach + 1) : 0, c->bias);
    frame places = frame_in(&r, ASC_I32, c->places ? c->n_tokens : 0, c->places);
    frame result = frame_out(&r, ASC_REAL, n_out);
    const attention_first_args args = {
        .n_sequences = c->n_sequences,
        .n_tokens = c->n_tokens,
        .max_length = c->max_length,
        .n_heads = c->n_heads,
        .n_hidden = c->n_hidden,
        .x = x.view,
        .u = u.view,
        .sequence_offsets = offsets.view,
        .out = result.view,
        .bias_reach = c->reach,
        .bias = c->bias ? bias.view : (asc_view){NULL, 0},
        .places = c->places ? places.view : (asc_view){NULL, 0},
    };
    MUST(&r, op_attention_first(r.stream, &args, &r.err));
    frame_read(&result, out);
    frame *frames[] = {&x, &u, &offsets, &bias, &places, &result};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        frame_close(frames[i]);
    rig_close(&r);
    return out;
}

// What the distance of a token's place from the first one's adds to its score.
static long double bias_at(const first_case *c, size_t head, size_t begin, size_t key)
{
    if (!c->bias)
        return 0;
    const long reach = (long)c->reach;
    long distance = c->places ? (long)c->places[key] - c->places[begin] : (long)(key - begin);
    distance = distance > reach ? reach : distance < -reach ? -reach : distance;
    return c->bias[head * (2 * c->reach + 1) + (size_t)(reach + distance)];
}

// One head of one sequence: out and scales [D].
static void formula_head(const first_case *c, size_t q, size_t head, double *out, double *scales)
{
    const size_t begin = (size_t)c->offsets[q], length = (size_t)c->offsets[q + 1] - begin, n = c->n_hidden;
    const float *u = c->u + (q * c->n_heads + head) * n, *x = c->x + begin * n;
    long double *score = get_memory(length * sizeof *score), largest = -INFINITY, total = 0;
    double largest_x = 0, largest_score = 0;
    for (size_t key = 0; key < length; key++) {
        score[key] = bias_at(c, head, begin, begin + key);
        for (size_t d = 0; d < n; d++) {
            score[key] += (long double)u[d] * x[key * n + d];
            largest_x = fmax(largest_x, fabs((double)x[key * n + d]));
        }
        largest = fmaxl(largest, score[key]);
        largest_score = fmax(largest_score, fabs((double)score[key]));
    }
    for (size_t key = 0; key < length; key++)
        total += score[key] = expl(score[key] - largest); // from here on the weights
    for (size_t d = 0; d < n; d++) {
        long double sum = 0;
        for (size_t key = 0; key < length; key++)
            sum += score[key] * x[key * n + d];
        out[d] = (double)(sum / total);
        scales[d] = largest_x * (1 + largest_score);
    }
    free(score);
}

static void check_first(asc_backend_kind kind, const first_case *c)
{
    char what[100];
    const size_t n = c->n_sequences * c->n_heads * c->n_hidden;
    double *scales = get_memory(n * sizeof *scales), *expected = get_memory(n * sizeof *expected), *found = first_on(kind, c);
    for (size_t q = 0; q < c->n_sequences; q++)
        for (size_t h = 0; h < c->n_heads; h++) {
            const size_t at = (q * c->n_heads + h) * c->n_hidden;
            formula_head(c, q, h, expected + at, scales + at);
        }
    if (kind != ASC_BACKEND_REF) {
        free(expected);
        expected = first_on(reference_of(kind), c);
    }
    snprintf(what, sizeof what, "attention_first, %zu sequences, %zu heads of %zu", c->n_sequences, c->n_heads, c->n_hidden);
    if (n > 0)
        expect_not_trivial(what, n, expected);
    bound_errors(kind, n, kind == ASC_BACKEND_REF ? 1e-13 : is_float(kind) ? 1e-6 : 0, scales, 1, expected);
    expect_close(what, n, found, expected, 1, scales);
    free(found);
    free(expected);
    free(scales);
}

// Every sequence has the bits that it has in a run of its own, and a NaN in another one does not change them.
static void check_alone(asc_backend_kind kind)
{
    const int lengths[] = {33, 2, 19, 1, 70, -1};
    first_case c = make_case(lengths, 3, 48);
    const size_t n = c.n_heads * c.n_hidden;
    double *all = first_on(kind, &c);
    for (size_t q = 0; q < c.n_sequences; q++) {
        const size_t begin = (size_t)c.offsets[q], length = (size_t)c.offsets[q + 1] - begin;
        first_case one = {.n_sequences = 1, .n_tokens = length, .max_length = length, .n_heads = c.n_heads, .n_hidden = c.n_hidden};
        one.offsets[1] = (int32_t)length;
        one.x = c.x + begin * c.n_hidden;
        one.u = c.u + q * n;
        double *alone = first_on(kind, &one);
        expect_same_bits("a sequence by itself", n, sizeof *alone, all + q * n, alone);
        free(alone);
    }
    c.x[34 * c.n_hidden + 5] = NAN; // token 34 is in sequence 1
    double *after = first_on(kind, &c);
    expect_all_nan("the sequence with NaN", n, after + n);
    expect_same_bits("sequences after it", 3 * n, sizeof *after, after + 2 * n, all + 2 * n);
    expect_same_bits("the sequence before it", n, sizeof *after, after, all);
    free(after);
    free(all);
    free_case(&c);
}

static void check_refused(asc_backend_kind kind)
{
    rig r;
    const int32_t gap[] = {0, 3, 3, 8};
    const float zeros[8 * 4] = {0};
    rig_open(&r, kind);
    frame x = frame_in(&r, ASC_REAL, 8 * 4, zeros), u = frame_in(&r, ASC_REAL, 3 * 2 * 4, zeros);
    frame offsets = frame_in(&r, ASC_I32, 4, gap), result = frame_out(&r, ASC_REAL, 3 * 2 * 4);
    attention_first_args args = {3, 8, 5, 2, 4, x.view, u.view, offsets.view, result.view, 0, {NULL, 0}, {NULL, 0}};
    MUST_REFUSE_CONTENT(&r, "attention_first: sequence_offsets", op_attention_first(r.stream, &args, &r.err));
    args.max_length = 2;
    MUST_REFUSE(&r, "attention_first: max_length", op_attention_first(r.stream, &args, &r.err));
    args.max_length = 5, args.out = u.view;
    MUST_REFUSE(&r, "attention_first: out: overlaps u", op_attention_first(r.stream, &args, &r.err));
    frame *frames[] = {&x, &u, &offsets, &result};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        frame_close(frames[i]);
    rig_close(&r);
}

void cases_attention_first(asc_backend_kind kind)
{
    static const struct {
        int lengths[MOST_SEQUENCES];
        size_t n_heads, n_hidden;
    } list[] = {
        {{-1}, 2, 8},          {{1, -1}, 1, 8},         {{2, 1, 33, -1}, 2, 24},
        {{1, 512, 2, -1}, 2, 32}, {{19, 17, 16, 15, 8, 7, -1}, 12, 384}, {{65, 3, -1}, 12, 768}, {{5, 4, -1}, 3, 50},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        first_case c = make_case(list[i].lengths, list[i].n_heads, list[i].n_hidden);
        check_first(kind, &c);
        c.reach = 1 + 7 * i;
        c.bias = random_floats(63, c.n_heads * (2 * c.reach + 1), 1);
        check_first(kind, &c);
        c.places = random_ints(64, c.n_tokens, 100);
        check_first(kind, &c);
        free_case(&c);
    }
    check_alone(kind);
    check_refused(kind);
}
