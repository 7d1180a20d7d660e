// Self-attention within each packed sequence: per head, out = softmax(scale * Q K' + B) V.
//
// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1; a bias that depends on
// the distance of the places: Shaw et al., NAACL 2018, and Raffel et al., JMLR 2020. Shapes: qkv [T, 3, H, E],
// out [T, H, E], bias [H, 2 reach + 1]; a sequence's tokens attend to each other and to nothing else. Order:
// scores over E, then the bias; the sum of exponentials and the weighted sum of V over the keys, all
// ascending; the largest score is subtracted before exp.
#include "ref/ref.h"

#include <math.h>
#include <stdlib.h>

// The tokens of one sequence: q, k, v and out of token t of head h stand `row` (out: row / 3) elements after
// those of t - 1.
typedef struct head_view {
    const double *q, *k, *v;
    double *out;
    size_t length, row, head_size;
    double scale;
    const double *bias;    // [2 reach + 1], NULL: none
    const int32_t *places; // [length], NULL: 0, 1, 2, ...
    int64_t reach;
} head_view;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double bias_of(const head_view *head, size_t query, size_t key)
{
    if (!head->bias)
        return 0;
    int64_t distance = (int64_t)key - (int64_t)query;
    if (head->places)
        distance = (int64_t)head->places[key] - head->places[query];
    distance = distance > head->reach ? head->reach : distance < -head->reach ? -head->reach : distance;
    return head->bias[head->reach + distance];
}

// out of one query; score [length] is scratch.
static void attend(const head_view *head, size_t query, double *score)
{
    const double *q = head->q + query * head->row;
    double largest = -INFINITY, sum = 0;
    for (size_t key = 0; key < head->length; key++) {
        score[key] = head->scale * dot(q, head->k + key * head->row, head->head_size);
        score[key] += bias_of(head, query, key);
        largest = fmax(largest, score[key]);
    }
    for (size_t key = 0; key < head->length; key++) {
        score[key] = exp(score[key] - largest);
        sum += score[key];
    }
    double *out = head->out + query * (head->row / 3);
    for (size_t e = 0; e < head->head_size; e++) {
        out[e] = 0;
        for (size_t key = 0; key < head->length; key++)
            out[e] += score[key] / sum * head->v[key * head->row + e];
    }
}

asc_status ref_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    (void)stream;
    const int32_t *offsets = i32_data(args->sequence_offsets);
    const ref_offsets expected = {offsets, args->n_sequences, args->n_tokens, 0, args->max_length};
    TRY(ref_check_offsets("attention: sequence_offsets", &expected, err));
    const size_t n_scores = args->max_length < args->n_tokens ? args->max_length : args->n_tokens;
    double *score = malloc(n_scores * sizeof *score);
    if (!score)
        return fail_memory(err, "attention scores", n_scores * sizeof *score);
    const size_t width = args->n_heads * args->head_size;
    const double *bias = args->bias.buffer ? real_data(args->bias) : NULL;
    const int32_t *places = args->places.buffer ? i32_data(args->places) : NULL;
    for (size_t s = 0; s < args->n_sequences; s++) {
        const size_t begin = (size_t)offsets[s], length = (size_t)offsets[s + 1] - begin;
        for (size_t h = 0; h < args->n_heads; h++) {
            const double *q = real_data(args->qkv) + begin * 3 * width + h * args->head_size;
            double *out = real_data(args->out) + begin * width + h * args->head_size;
            const head_view head = {.q = q,
                                    .k = q + width,
                                    .v = q + 2 * width,
                                    .out = out,
                                    .length = length,
                                    .row = 3 * width,
                                    .head_size = args->head_size,
                                    .scale = args->scale,
                                    .bias = bias ? bias + h * (2 * args->bias_reach + 1) : NULL,
                                    .places = places ? places + begin : NULL,
                                    .reach = (int64_t)args->bias_reach};
            for (size_t query = 0; query < length; query++)
                attend(&head, query, score);
        }
    }
    free(score);
    return ASC_OK;
}
