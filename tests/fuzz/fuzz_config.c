// config.json. Whatever the reader accepts lies within the bounds that memory and loops are sized by.
#include "fuzz.h"
#include "json_twist.h"

#include "model/config.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
    "architectures", "model_type", "vocab_size", "hidden_act", "layer_norm_eps", "type_vocab_size",
    "max_position_embeddings", "num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size",
    "problem_type", "position_embedding_type", "id2label", "is_decoder", "add_cross_attention", "quantization_config",
    "BertForSequenceClassification", "bert", "gelu", "relu", "silu", "absolute", "regression",
    "multi_label_classification", "0", "1", "2"};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check_count(size_t count, size_t limit)
{
    FUZZ_REQUIRE(count >= 1 && count <= limit);
}

static void check_accepted(const model_config *config)
{
    size_t letters = 0;
    FUZZ_REQUIRE(config->arch);
    check_count(config->n_layers, 1024);
    check_count(config->n_hidden, 1 << 16);
    check_count(config->n_heads, 1 << 16);
    check_count(config->n_ffn, 1 << 18);
    check_count(config->n_vocabulary, 1 << 24);
    check_count(config->n_positions, 1 << 16);
    check_count(config->n_types, 1 << 10);
    FUZZ_REQUIRE(config->n_hidden == config->n_heads * config->head_size);
    FUZZ_REQUIRE(config->norm_epsilon >= 0 && config->norm_epsilon <= 1);
    FUZZ_REQUIRE(config->n_labels <= 1 << 16 && (config->n_labels == 0) == (config->label_names == NULL));
    for (size_t i = 0; i < config->n_labels; i++)
        letters += strlen(config->label_names[i]);
    FUZZ_REQUIRE(letters <= 16 << 20);
    FUZZ_REQUIRE(memchr(config->activation_name, '\0', sizeof config->activation_name));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    model_config config;
    asc_error err = {0};
    const asc_status status = config_parse(bytes, size, "config.json", &config, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED);
    FUZZ_REQUIRE(status == err.status && (status == ASC_OK) == (err.message[0] == '\0'));
    if (status == ASC_OK) {
        check_accepted(&config);
        config_free(&config);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    dice d = {seed};
    json_t *root = dice_one_in(&d, 6) ? NULL : json_loadb((const char *)bytes, size, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return LLVMFuzzerMutate(bytes, size, max_size);
    }
    for (size_t n = 1 + dice_below(&d, 3); n > 0; n--)
        json_twist(root, &d, (json_words){words, sizeof words / sizeof *words});
    char *text = json_dumps(root, JSON_COMPACT);
    const size_t length = text ? strlen(text) : 0;
    const bool fits = text && length <= max_size;
    if (fits)
        memcpy(bytes, text, length);
    free(text);
    json_decref(root);
    return fits ? length : LLVMFuzzerMutate(bytes, size, max_size);
}
