// MPNet for sequence classification: names and block specification. Attention has a bias by the distance of the tokens in the input
// (not of their position ids), the same in all blocks; padding is id 1 whatever config.json says.
// Source: Song et al., "MPNet", NeurIPS 2020; names as Hugging Face transformers writes them.
#include "model/arch.h"

static const arch_name names[] = {{"MPNetForSequenceClassification", "mpnet"}, {0}};
static const char *const ignored[] = {"mpnet.embeddings.position_ids", "mpnet.pooler.", NULL};

const arch arch_mpnet = {
    .names = names,

    .field_hidden = "hidden_size",
    .field_layers = "num_hidden_layers",
    .field_heads = "num_attention_heads",
    .field_ffn = "intermediate_size",
    .field_positions = "max_position_embeddings",
    .field_activation = "hidden_act",
    .field_buckets = "relative_attention_num_buckets",
    .default_activation = "gelu",
    .field_epsilon = "layer_norm_eps",
    .default_epsilon = 1e-12,
    .n_buckets = 32,
    .default_pad = 1,
    .positions = POSITIONS_FROM_PAD,

    .word = "mpnet.embeddings.word_embeddings.weight",
    .position = "mpnet.embeddings.position_embeddings.weight",
    .embedding_norm = "mpnet.embeddings.LayerNorm",

    .query = "mpnet.encoder.layer.%zu.attention.attn.q",
    .key = "mpnet.encoder.layer.%zu.attention.attn.k",
    .value = "mpnet.encoder.layer.%zu.attention.attn.v",
    .attention_out = "mpnet.encoder.layer.%zu.attention.attn.o",
    .attention_norm = "mpnet.encoder.layer.%zu.attention.LayerNorm",
    .ffn_in = "mpnet.encoder.layer.%zu.intermediate.dense",
    .ffn_out = "mpnet.encoder.layer.%zu.output.dense",
    .ffn_norm = "mpnet.encoder.layer.%zu.output.LayerNorm",
    .attention_bias = "mpnet.encoder.relative_attention_bias.weight",

    .head_dense = "classifier.dense",
    .classifier = "classifier.out_proj",
    .head_activation = ASC_ACT_TANH,

    .ignored = ignored,
};
