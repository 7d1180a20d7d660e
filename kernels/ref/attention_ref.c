// Self-attention within each packed sequence: per head, out = softmax(scale * Q K' + B) V; and of the first tokens alone on hidden
// states, out = softmax(u X' + B) X.
//
// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1; a bias that depends on
// the distance of the places: Shaw et al., NAACL 2018, and Raffel et al., JMLR 2020. Shapes: qkv [T, 3, H, E],
// out [T, H, E]; x [T, D], u and out [n_sequences, H, D]; bias [H, 2 reach + 1]. A sequence's tokens attend to each other and to
// nothing else. Order: scores over E or D, then the bias; the sum of exponentials and the weighted sum over the keys, all
// ascending; the largest score is subtracted before exp.
#include "ref/ref.h"

#include <math.h>
#include <stdlib.h>

// The tokens of one sequence, and the bias of one head.
typedef struct keys {
    size_t length;
    const double *bias;    // [2 reach + 1], NULL: none
    const int32_t *places; // [length], NULL: 0, 1, 2, ...
    int64_t reach;
} keys;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double bias_of(const keys *k, size_t query, size_t key)
{
    if (!k->bias)
        return 0;
    int64_t distance = (int64_t)key - (int64_t)query;
    if (k->places)
        distance = (int64_t)k->places[key] - k->places[query];
    distance = distance > k->reach ? k->reach : distance < -k->reach ? -k->reach : distance;
    return k->bias[k->reach + distance];
}

// score [length] of one query -> the weights of its keys, which sum to 1.
static void weigh(const keys *k, size_t query, double *score)
{
    double largest = -INFINITY, sum = 0;
    for (size_t key = 0; key < k->length; key++) {
        score[key] += bias_of(k, query, key);
        largest = fmax(largest, score[key]);
    }
    for (size_t key = 0; key < k->length; key++) {
        score[key] = exp(score[key] - largest);
        sum += score[key];
    }
    for (size_t key = 0; key < k->length; key++)
        score[key] /= sum;
}

// The bias of head h for the sequence that begins at token `begin`.
static keys keys_of(size_t length, asc_view bias, asc_view places, size_t reach, size_t h, size_t begin)
{
    return (keys){
        .length = length,
        .bias = bias.buffer ? real_data(bias) + h * (2 * reach + 1) : NULL,
        .places = places.buffer ? i32_data(places) + begin : NULL,
        .reach = (int64_t)reach,
    };
}

static asc_status allocate_scores(size_t max_length, size_t n_tokens, double **score, asc_error *err)
{
    const size_t n_scores = max_length < n_tokens ? max_length : n_tokens;
    *score = malloc(n_scores * sizeof **score);
    return *score ? ASC_OK : fail_memory(err, "attention scores", n_scores * sizeof **score);
}

// ---- All tokens -------------------------------------------------------------------------------------------

// Head h of the query at `begin` + `query`.
static void attend(const attention_args *args, const keys *k, size_t h, size_t begin, size_t query, double *score)
{
    const size_t head_size = args->head_size, width = args->n_heads * head_size;
    const double *q = ref_shared_row(&args->qkv, begin + query, 3 * width) + h * head_size;
    double *out = real_data(args->out) + (begin + query) * width + h * head_size;
    for (size_t key = 0; key < k->length; key++)
        score[key] = args->scale * dot(q, ref_shared_row(&args->qkv, begin + key, 3 * width) + width + h * head_size, head_size);
    weigh(k, query, score);
    for (size_t e = 0; e < head_size; e++) {
        out[e] = 0;
        for (size_t key = 0; key < k->length; key++)
            out[e] += score[key] * ref_shared_row(&args->qkv, begin + key, 3 * width)[2 * width + h * head_size + e];
    }
}

asc_status ref_attention(asc_stream *stream, const attention_args *args, asc_error *err)
{
    (void)stream;
    const int32_t *offsets = i32_data(args->sequence_offsets);
    const ref_offsets expected = {offsets, args->n_sequences, args->n_tokens, 0, args->max_length};
    double *score;
    TRY(ref_check_offsets("attention: sequence_offsets", &expected, err));
    TRY(ref_check_shared("attention: qkv.source", &args->qkv, args->n_tokens, err));
    TRY(allocate_scores(args->max_length, args->n_tokens, &score, err));
    for (size_t s = 0; s < args->n_sequences; s++) {
        const size_t begin = (size_t)offsets[s], length = (size_t)offsets[s + 1] - begin;
        for (size_t h = 0; h < args->n_heads; h++) {
            const keys k = keys_of(length, args->bias, args->places, args->bias_reach, h, begin);
            for (size_t query = 0; query < length; query++)
                attend(args, &k, h, begin, query, score);
        }
    }
    free(score);
    return ASC_OK;
}

// ---- First tokens -----------------------------------------------------------------------------------------

static void attend_first(const attention_first_args *args, const keys *k, const double *u, const double *x, double *score, double *out)
{
    const size_t n_hidden = args->n_hidden;
    for (size_t key = 0; key < k->length; key++)
        score[key] = dot(u, x + key * n_hidden, n_hidden);
    weigh(k, 0, score);
    for (size_t d = 0; d < n_hidden; d++) {
        out[d] = 0;
        for (size_t key = 0; key < k->length; key++)
            out[d] += score[key] * x[key * n_hidden + d];
    }
}

asc_status ref_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    (void)stream;
    const int32_t *offsets = i32_data(args->sequence_offsets);
    const ref_offsets expected = {offsets, args->n_sequences, args->n_tokens, 1, args->max_length};
    double *score;
    TRY(ref_check_offsets("attention_first: sequence_offsets", &expected, err));
    TRY(allocate_scores(args->max_length, args->n_tokens, &score, err));
    for (size_t s = 0; s < args->n_sequences; s++) {
        const size_t begin = (size_t)offsets[s], length = (size_t)offsets[s + 1] - begin;
        for (size_t h = 0; h < args->n_heads; h++) {
            const keys k = keys_of(length, args->bias, args->places, args->bias_reach, h, begin);
            const size_t at = (s * args->n_heads + h) * args->n_hidden;
            attend_first(args, &k, real_data(args->u) + at, real_data(args->x) + begin * args->n_hidden, score,
                         real_data(args->out) + at);
        }
    }
    free(score);
    return ASC_OK;
}
