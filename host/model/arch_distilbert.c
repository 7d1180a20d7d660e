// DistilBERT for sequence classification: names and block specification. Sinusoidal position tables stand in the file like any other.
// Source: Sanh et al., "DistilBERT", 2019; names as Hugging Face transformers writes them.
#include "model/arch.h"

static const arch_name names[] = {{"DistilBertForSequenceClassification", "distilbert"}, {0}};
static const char *const ignored[] = {"distilbert.embeddings.position_ids", NULL};

const arch arch_distilbert = {
    .names = names,

    .field_hidden = "dim",
    .field_layers = "n_layers",
    .field_heads = "n_heads",
    .field_ffn = "hidden_dim",
    .field_positions = "max_position_embeddings",
    .field_activation = "activation",
    .default_activation = "gelu",
    .default_epsilon = 1e-12,

    .word = "distilbert.embeddings.word_embeddings.weight",
    .position = "distilbert.embeddings.position_embeddings.weight",
    .embedding_norm = "distilbert.embeddings.LayerNorm",

    .query = "distilbert.transformer.layer.%zu.attention.q_lin",
    .key = "distilbert.transformer.layer.%zu.attention.k_lin",
    .value = "distilbert.transformer.layer.%zu.attention.v_lin",
    .attention_out = "distilbert.transformer.layer.%zu.attention.out_lin",
    .attention_norm = "distilbert.transformer.layer.%zu.sa_layer_norm",
    .ffn_in = "distilbert.transformer.layer.%zu.ffn.lin1",
    .ffn_out = "distilbert.transformer.layer.%zu.ffn.lin2",
    .ffn_norm = "distilbert.transformer.layer.%zu.output_layer_norm",

    .head_dense = "pre_classifier",
    .classifier = "classifier",
    .head_activation = ASC_ACT_RELU,

    .ignored = ignored,
};
