// The weights of one block's attention on their way to a backend, and what is folded into them. All of it is exact but for rounding.
//
// Source of the identities: softmax(q' (k + b)) = softmax(q' k), because q' b is the same for every key; the weights of the keys sum
// to 1, so that a bias of V passes through attention unchanged; and q' (W x) = (W' q)' x.
#ifndef ASCRIBE_MODEL_ATTENTION_WEIGHTS_H
#define ASCRIBE_MODEL_ATTENTION_WEIGHTS_H

#include <stddef.h>

// D = H E.
typedef struct attention_weights {
    size_t n_heads, head_size;
    double *qkv, *qkv_bias; // [3, D, D], [3, D]: query, key and value maps one below the other
    double *out, *out_bias; // [D, D], [D]
} attention_weights;

// Puts `scale` into the query map, drops the bias of the keys, and moves that of the values behind the output map.
void attention_weights_fold(attention_weights *weights, double scale);

// keys [H, D, E]: each head's key map, transposed: u[h] = keys[h] q[h] turns q[h] . (W_K[h] x) into u[h] . x.
void attention_weights_transpose_keys(const attention_weights *weights, double *keys);

// Multiplies the query map and its bias.
void attention_weights_scale_queries(attention_weights *weights, double scale);

#endif
