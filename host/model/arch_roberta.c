// RoBERTa for sequence classification, with XLM-RoBERTa and CamemBERT, which are the same under other names: names and block
// specification. Source: Liu et al., "RoBERTa", 2019; names as Hugging Face transformers writes them.
#include "model/arch.h"

static const arch_name names[] = {
    {"RobertaForSequenceClassification", "roberta"},
    {"XLMRobertaForSequenceClassification", "xlm-roberta"},
    {"CamembertForSequenceClassification", "camembert"},
    {0},
};
static const char *const ignored[] = {
    "roberta.embeddings.position_ids",
    "roberta.embeddings.token_type_ids",
    "roberta.pooler.",
    NULL,
};

const arch arch_roberta = {
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
    .field_pad = "pad_token_id",
    .default_pad = 1,
    .positions = POSITIONS_FROM_PAD,

    .word = "roberta.embeddings.word_embeddings.weight",
    .position = "roberta.embeddings.position_embeddings.weight",
    .type = "roberta.embeddings.token_type_embeddings.weight",
    .embedding_norm = "roberta.embeddings.LayerNorm",

    .query = "roberta.encoder.layer.%zu.attention.self.query",
    .key = "roberta.encoder.layer.%zu.attention.self.key",
    .value = "roberta.encoder.layer.%zu.attention.self.value",
    .attention_out = "roberta.encoder.layer.%zu.attention.output.dense",
    .attention_norm = "roberta.encoder.layer.%zu.attention.output.LayerNorm",
    .ffn_in = "roberta.encoder.layer.%zu.intermediate.dense",
    .ffn_out = "roberta.encoder.layer.%zu.output.dense",
    .ffn_norm = "roberta.encoder.layer.%zu.output.LayerNorm",

    .head_dense = "classifier.dense",
    .classifier = "classifier.out_proj",
    .head_activation = ASC_ACT_TANH,

    .ignored = ignored,
};
