// ELECTRA for sequence classification: names and block specification. Small models have embeddings narrower than the rest.
// Source: Clark et al., "ELECTRA", ICLR 2020; names as Hugging Face transformers writes them.
#include "model/arch.h"

static const arch_name names[] = {{"ElectraForSequenceClassification", "electra"}, {0}};
static const char *const ignored[] = {
    "electra.embeddings.position_ids",
    "electra.embeddings.token_type_ids",
    "electra.pooler.",
    NULL,
};

const arch arch_electra = {
    .names = names,

    .field_hidden = "hidden_size",
    .field_layers = "num_hidden_layers",
    .field_heads = "num_attention_heads",
    .field_ffn = "intermediate_size",
    .field_positions = "max_position_embeddings",
    .field_types = "type_vocab_size",
    .field_activation = "hidden_act",
    .field_embedding = "embedding_size",
    .default_activation = "gelu",
    .field_epsilon = "layer_norm_eps",
    .default_epsilon = 1e-12,

    .word = "electra.embeddings.word_embeddings.weight",
    .position = "electra.embeddings.position_embeddings.weight",
    .type = "electra.embeddings.token_type_embeddings.weight",
    .embedding_norm = "electra.embeddings.LayerNorm",
    .embedding_map = "electra.embeddings_project",

    .query = "electra.encoder.layer.%zu.attention.self.query",
    .key = "electra.encoder.layer.%zu.attention.self.key",
    .value = "electra.encoder.layer.%zu.attention.self.value",
    .attention_out = "electra.encoder.layer.%zu.attention.output.dense",
    .attention_norm = "electra.encoder.layer.%zu.attention.output.LayerNorm",
    .ffn_in = "electra.encoder.layer.%zu.intermediate.dense",
    .ffn_out = "electra.encoder.layer.%zu.output.dense",
    .ffn_norm = "electra.encoder.layer.%zu.output.LayerNorm",

    .head_dense = "classifier.dense",
    .classifier = "classifier.out_proj",
    .head_activation = ASC_ACT_GELU_ERF, // whatever hidden_act says

    .ignored = ignored,
};
