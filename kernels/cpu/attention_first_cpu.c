// The attention of each sequence's first token on hidden states: per head, out = softmax(u X' + B) X.
//
// See backend.h for what u is. Shapes: x [T, D], u and out [n_sequences, H, D], bias [H, 2 reach + 1]. Order: scores as lanes.h
// says over D, then the bias, exp(score - largest score); the sum of exponentials and the weighted sum of X over the tokens,
// ascending. So a sequence's bits depend on it alone.
#include "cpu/cpu.h"
#include "cpu/exp.h"

#include <math.h>

// One sequence and one head.
typedef struct first_token {
    const float *x, *u; // [length, D], [D]
    size_t length, n_hidden;
    const float *bias;     // [2 reach + 1], NULL: none
    const int32_t *places; // [length], NULL: 0, 1, 2, ...
    int64_t reach;
} first_token;

CPU_INLINE float bias_of(const first_token *f, size_t key)
{
    int64_t distance = f->places ? (int64_t)f->places[key] - f->places[0] : (int64_t)key;
    distance = distance > f->reach ? f->reach : distance < -f->reach ? -f->reach : distance;
    return f->bias[f->reach + distance];
}

// weights [length] -> their sum; the largest is 1. NaN when a score is NaN.
CPU_INLINE float weigh(const first_token *f, float *weights)
{
    float largest = -INFINITY, sum = 0;
    for (size_t key = 0; key < f->length; key++) {
        weights[key] = lanes_dot(f->u, f->x + key * f->n_hidden, f->n_hidden);
        if (f->bias)
            weights[key] += bias_of(f, key);
        largest = weights[key] > largest ? weights[key] : largest;
    }
    for (size_t key = 0; key < f->length; key++) {
        weights[key] = exp_negative(weights[key] - largest);
        sum += weights[key];
    }
    return sum;
}

// out[d] = sum over keys of weights[key] inverse x[key, d] for n columns from `first` on; the sums stay in registers.
CPU_INLINE void mix_columns(const first_token *f, const float *weights, float inverse, size_t first, size_t n, float *restrict out)
{
    float sums[4 * CPU_LANES];
    const float *restrict x = f->x + first;
    for (size_t c = 0; c < n; c++)
        sums[c] = 0;
    for (size_t key = 0; key < f->length; key++) {
        const float weight = weights[key] * inverse;
        for (size_t c = 0; c < n; c++)
            sums[c] += weight * x[key * f->n_hidden + c];
    }
    for (size_t c = 0; c < n; c++)
        out[first + c] = sums[c];
}

CPU_CLONES
static void attend_first(const first_token *f, float *weights, float *restrict out)
{
    const float inverse = 1 / weigh(f, weights);
    size_t d = 0;
    for (; d + 4 * CPU_LANES <= f->n_hidden; d += 4 * CPU_LANES)
        mix_columns(f, weights, inverse, d, 4 * CPU_LANES, out);
    mix_columns(f, weights, inverse, d, f->n_hidden - d, out);
}

asc_status cpu_attention_first(asc_stream *stream, const attention_first_args *args, asc_error *err)
{
    const int32_t *offsets = cpu_i32(args->sequence_offsets);
    const size_t n_hidden = args->n_hidden, n_bias = 2 * args->bias_reach + 1;
    const size_t longest = args->max_length < args->n_tokens ? args->max_length : args->n_tokens;
    float *weights;
    TRY(cpu_scratch(stream, longest, &weights, err));
    TRY(cpu_check_index("attention_first: sequence_offsets", offsets[0], 0, args->n_tokens + 1, err));
    for (size_t q = 0; q < args->n_sequences; q++) {
        TRY(cpu_check_index("attention_first: sequence_offsets", offsets[q + 1], offsets[q] + 1, args->n_tokens + 1, err));
        const size_t begin = (size_t)offsets[q], length = (size_t)(offsets[q + 1] - offsets[q]);
        TRY(cpu_check_index("attention_first: length of a sequence", (int64_t)length, 1, longest + 1, err));
        for (size_t h = 0; h < args->n_heads; h++) {
            const size_t at = (q * args->n_heads + h) * n_hidden;
            const first_token f = {
                .x = cpu_real(args->x) + begin * n_hidden,
                .u = cpu_real(args->u) + at,
                .length = length,
                .n_hidden = n_hidden,
                .bias = args->bias.buffer ? cpu_real(args->bias) + h * n_bias : NULL,
                .places = args->places.buffer ? cpu_i32(args->places) + begin : NULL,
                .reach = (int64_t)args->bias_reach,
            };
            attend_first(&f, weights, cpu_real(args->out) + at);
        }
    }
    return ASC_OK;
}
