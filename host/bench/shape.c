// See shape.h.
#include "bench/shape.h"

#include "philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1, N_VOCABULARY = 8192 };
enum { PAD, UNK, CLS, SEP, MASK, FIRST_WORD }; // token ids

// The sizes are those of nreimers/MiniLM-L6-H384-uncased, distilbert-base-uncased, bert-base-uncased and bert-large-uncased.
static const asc_bench_shape shapes[] = {
    {"minilm-l6", 6, 384, 12, 1536},  {"distilbert", 6, 768, 12, 3072}, {"bert-base", 12, 768, 12, 3072},
    {"bert-large", 24, 1024, 16, 4096}, {0},
};

static const char bert_config[] =
    "{\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": \"bert\", \"num_hidden_layers\": %zu, \"hidden_size\": %zu, "
    "\"num_attention_heads\": %zu, \"intermediate_size\": %zu, \"vocab_size\": %d, \"max_position_embeddings\": %d, \"type_vocab_size\": 2, "
    "\"id2label\": {\"0\": \"negative\", \"1\": \"positive\"}}";
static const char distilbert_config[] =
    "{\"architectures\": [\"DistilBertForSequenceClassification\"], \"model_type\": \"distilbert\", \"n_layers\": %zu, \"dim\": %zu, "
    "\"n_heads\": %zu, \"hidden_dim\": %zu, \"vocab_size\": %d, \"max_position_embeddings\": %d, "
    "\"id2label\": {\"0\": \"negative\", \"1\": \"positive\"}}";

const asc_bench_shape *asc_bench_shapes(void)
{
    return shapes;
}

const asc_bench_shape *shape_find(const char *name)
{
    for (const asc_bench_shape *shape = shapes; shape->name; shape++)
        if (strcmp(shape->name, name) == 0)
            return shape;
    return NULL;
}

asc_status shape_model(const asc_bench_shape *shape, asc_model **out, asc_error *err)
{
    const char *format = strcmp(shape->name, "distilbert") == 0 ? distilbert_config : bert_config;
    char config[sizeof bert_config + 128];
    snprintf(config, sizeof config, format, shape->n_layers, shape->n_hidden, shape->n_heads, shape->n_ffn, N_VOCABULARY, SHAPE_LONGEST);
    return model_generate(shape->name, config, SEED, out, err);
}

asc_dataset_info shape_dataset(void)
{
    return (asc_dataset_info){.tokenizer_sha256 = "", .vocab_size = N_VOCABULARY, .mask_token_id = MASK, .pad_token_id = PAD,
                              .unk_token_id = UNK};
}

// Everything that the engine reads of rows; texts there are none.
static bool allocate(asc_rows *rows, size_t n_tokens)
{
    const size_t n_rows = rows->n_rows;
    rows->id = calloc(n_rows, sizeof *rows->id);
    rows->truncated = calloc(n_rows, sizeof *rows->truncated);
    rows->token_offsets = calloc(n_rows + 1, sizeof *rows->token_offsets);
    rows->feature_offsets = calloc(n_rows + 1, sizeof *rows->feature_offsets);
    rows->tokens = calloc(n_tokens, sizeof *rows->tokens);
    rows->token_features = calloc(n_tokens, sizeof *rows->token_features);
    rows->token_types = calloc(n_tokens, sizeof *rows->token_types);
    return rows->id && rows->truncated && rows->token_offsets && rows->feature_offsets && rows->tokens && rows->token_features &&
           rows->token_types;
}

static void fill_row(asc_rows *rows, size_t row, const shape_rows_plan *plan)
{
    philox_stream stream = philox_open(SEED, PHILOX_TOKENS, row);
    const size_t first = row * plan->length;
    for (size_t t = 0; t < plan->length; t++) {
        rows->tokens[first + t] = (int32_t)(FIRST_WORD + philox_below(&stream, N_VOCABULARY - FIRST_WORD));
        rows->token_features[first + t] = t >= 1 && t <= plan->n_features ? (int32_t)t - 1 : -1;
    }
    rows->tokens[first] = CLS;
    rows->tokens[first + plan->length - 1] = SEP;
    rows->id[row] = row;
    rows->token_offsets[row + 1] = (int64_t)(first + plan->length);
    rows->feature_offsets[row + 1] = (int64_t)((row + 1) * plan->n_features);
}

asc_status shape_rows(const shape_rows_plan *plan, asc_rows **out, asc_error *err)
{
    const size_t n_tokens = plan->n_rows * plan->length;
    asc_rows *rows = calloc(1, sizeof *rows);
    if (rows)
        rows->n_rows = plan->n_rows;
    if (!rows || !allocate(rows, n_tokens)) {
        asc_rows_free(rows);
        return fail_memory(err, "the rows", n_tokens * 2 * sizeof(int32_t));
    }
    for (size_t row = 0; row < plan->n_rows; row++)
        fill_row(rows, row, plan);
    *out = rows;
    return ASC_OK;
}
