// See attention_weights.h.
#include "model/attention_weights.h"

void attention_weights_scale_queries(attention_weights *weights, double scale)
{
    const size_t width = weights->n_heads * weights->head_size;
    for (size_t i = 0; i < width * width; i++)
        weights->qkv[i] *= scale;
    for (size_t i = 0; i < width; i++)
        weights->qkv_bias[i] *= scale;
}

void attention_weights_fold(attention_weights *weights, double scale)
{
    const size_t width = weights->n_heads * weights->head_size;
    double *key_bias = weights->qkv_bias + width, *value_bias = weights->qkv_bias + 2 * width;
    attention_weights_scale_queries(weights, scale);
    for (size_t o = 0; o < width; o++)
        for (size_t i = 0; i < width; i++)
            weights->out_bias[o] += weights->out[o * width + i] * value_bias[i];
    for (size_t i = 0; i < width; i++)
        key_bias[i] = value_bias[i] = 0;
}

void attention_weights_transpose_keys(const attention_weights *weights, double *keys)
{
    const size_t head_size = weights->head_size, width = weights->n_heads * head_size;
    const double *from = weights->qkv + width * width;
    for (size_t h = 0; h < weights->n_heads; h++)
        for (size_t d = 0; d < width; d++)
            for (size_t e = 0; e < head_size; e++)
                keys[(h * width + d) * head_size + e] = from[(h * head_size + e) * width + d];
}
