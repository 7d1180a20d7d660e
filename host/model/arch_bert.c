// BERT for sequence classification (with MiniLM and TinyBERT): names and block specification.
// Source: Devlin et al., "BERT", NAACL 2019; names as Hugging Face transformers writes them.
#include "model/arch.h"

static const arch_name names[] = {{"BertForSequenceClassification", "bert"}, {0}};
static const char *const ignored[] = {"bert.embeddings.position_ids", "bert.embeddings.token_type_ids", NULL};

const arch arch_bert = {
    .names = names,

    .field_hidden = "hidden_size",
    .field_layers = "num_hidden_layers",
    .field_heads = "num_attention_heads",
    .field_ffn = "intermediate_size",
    .field_positions = "max_position_embeddings",
    .field_types = "type_vocab_size",
    .field_activation = "hidden_act",
    .default_activation = "gelu",
    .field_epsilon = "layer_norm_eps",
    .default_epsilon = 1e-12,

    .word = "bert.embeddings.word_embeddings.weight",
    .position = "bert.embeddings.position_embeddings.weight",
    .type = "bert.embeddings.token_type_embeddings.weight",
    .embedding_norm = "bert.embeddings.LayerNorm",

    .query = "bert.encoder.layer.%zu.attention.self.query",
    .key = "bert.encoder.layer.%zu.attention.self.key",
    .value = "bert.encoder.layer.%zu.attention.self.value",
    .attention_out = "bert.encoder.layer.%zu.attention.output.dense",
    .attention_norm = "bert.encoder.layer.%zu.attention.output.LayerNorm",
    .ffn_in = "bert.encoder.layer.%zu.intermediate.dense",
    .ffn_out = "bert.encoder.layer.%zu.output.dense",
    .ffn_norm = "bert.encoder.layer.%zu.output.LayerNorm",

    .head_dense = "bert.pooler.dense",
    .classifier = "classifier",
    .head_activation = ASC_ACT_TANH,

    .ignored = ignored,
};
