// ALBERT for sequence classification: names and block specification. Its layers share weights: layer i of L uses group
// floor(i G / L) of G, and a group runs its own few layers one after the other.
// Source: Lan et al., "ALBERT", ICLR 2020; names as Hugging Face transformers writes them.
#include "model/arch.h"

static const arch_name names[] = {{"AlbertForSequenceClassification", "albert"}, {0}};
static const char *const ignored[] = {"albert.embeddings.position_ids", "albert.embeddings.token_type_ids",
                                      NULL};

const arch arch_albert = {
    .names = names,

    .field_hidden = "hidden_size",
    .field_layers = "num_hidden_layers",
    .field_heads = "num_attention_heads",
    .field_ffn = "intermediate_size",
    .field_positions = "max_position_embeddings",
    .field_types = "type_vocab_size",
    .field_activation = "hidden_act",
    .field_embedding = "embedding_size",
    .field_groups = "num_hidden_groups",
    .field_inner = "inner_group_num",
    .default_activation = "gelu_new",
    .field_epsilon = "layer_norm_eps",
    .default_epsilon = 1e-12,

    .word = "albert.embeddings.word_embeddings.weight",
    .position = "albert.embeddings.position_embeddings.weight",
    .type = "albert.embeddings.token_type_embeddings.weight",
    .embedding_norm = "albert.embeddings.LayerNorm",
    .embedding_map = "albert.encoder.embedding_hidden_mapping_in",
    .always_mapped = true,

    .query = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.attention.query",
    .key = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.attention.key",
    .value = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.attention.value",
    .attention_out = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.attention.dense",
    .attention_norm = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.attention.LayerNorm",
    .ffn_in = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.ffn",
    .ffn_out = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.ffn_output",
    .ffn_norm = "albert.encoder.albert_layer_groups.%zu.albert_layers.%zu.full_layer_layer_norm",

    .head_dense = "albert.pooler",
    .classifier = "classifier",
    .head_activation = ASC_ACT_TANH,

    .ignored = ignored,
};
