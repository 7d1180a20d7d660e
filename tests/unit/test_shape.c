// Generated models and rows: the sizes that their names promise, the same values every time, and values that a network can live with.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/shape.h"
#include "model/generate.h"

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_VALUES = 1 << 16 };

static void models_have_the_sizes_of_their_names(void **state)
{
    // Embeddings (8192 + 512 + types) D, norms, blocks 12 D^2 + 13 D with F = 4 D, head D^2 + D, classifier 2 D + 2.
    static const struct {
        const char *name;
        size_t n_layers, width, n_heads, n_types;
    } expected[] = {{"minilm-l6", 6, 384, 12, 2}, {"distilbert", 6, 768, 12, 0}, {"bert-base", 12, 768, 12, 2}, {"bert-large", 24, 1024, 16, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        asc_model *model = NULL;
        asc_error err = {0};
        const size_t d = expected[i].width;
        assert_string_equal(asc_bench_shapes()[i].name, expected[i].name);
        assert_int_equal(shape_model(shape_find(expected[i].name), &model, &err), ASC_OK);
        const asc_model_info *info = asc_model_describe(model);
        assert_string_equal(info->path, expected[i].name);
        assert_string_equal(info->weights_sha256, "");
        assert_int_equal(info->n_layers, expected[i].n_layers);
        assert_int_equal(info->n_hidden, d);
        assert_int_equal(info->n_heads, expected[i].n_heads);
        assert_int_equal(info->n_ffn, 4 * d);
        assert_int_equal(info->n_types, expected[i].n_types);
        assert_int_equal(info->n_classes, 2);
        assert_int_equal(info->n_parameters, (8192 + 512 + expected[i].n_types + 2) * d + expected[i].n_layers * (12 * d * d + 13 * d) +
                                                 d * d + d + 2 * d + 2);
        asc_model_close(model);
    }
    assert_null(asc_bench_shapes()[4].name);
    assert_null(shape_find("bert"));
}

static void a_generated_model_needs_classes(void **state)
{
    asc_model *model = NULL;
    asc_error err = {0};
    (void)state;
    assert_int_equal(model_generate("x", "{\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": \"bert\"}", 1, &model, &err),
                     ASC_MALFORMED);
    assert_int_equal(model_generate("x",
                                    "{\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": \"bert\", \"hidden_size\": 8, "
                                    "\"num_hidden_layers\": 1, \"num_attention_heads\": 1, \"intermediate_size\": 8, \"vocab_size\": 9, "
                                    "\"max_position_embeddings\": 9, \"type_vocab_size\": 1}",
                                    1, &model, &err),
                     ASC_MALFORMED);
    assert_non_null(strstr(err.message, "id2label"));
}

static void weights_are_small_and_nearly_normal(void **state)
{
    float *values = malloc(N_VALUES * sizeof *values), *again = malloc(N_VALUES * sizeof *again);
    double mean = 0, squares = 0;
    (void)state;
    generate_tensor(3, "a.weight", 256, 256, values);
    generate_tensor(3, "a.weight", 256, 256, again);
    assert_memory_equal(values, again, N_VALUES * sizeof *values);
    for (size_t i = 0; i < N_VALUES; i++) {
        mean += (double)values[i] / N_VALUES;
        squares += (double)values[i] * (double)values[i] / N_VALUES;
    }
    assert_float_equal(mean, 0, 4 * 0.02f / 256); // 256 = sqrt(N_VALUES)
    assert_float_equal(sqrt(squares), 0.02, 4 * 0.02f / 256);
    generate_tensor(3, "b.weight", 256, 256, again);
    assert_memory_not_equal(values, again, N_VALUES * sizeof *values);
    generate_tensor(4, "a.weight", 256, 256, again);
    assert_memory_not_equal(values, again, N_VALUES * sizeof *values);
    generate_tensor(3, "norm.weight", 256, 0, again);
    generate_tensor(3, "norm.bias", 256, 0, values);
    for (size_t i = 0; i < 256; i++)
        assert_true(fabsf(again[i] - 1) < 0.1f && fabsf(values[i]) < 0.1f);
    free(again);
    free(values);
}

static void rows_have_one_token_for_each_feature(void **state)
{
    asc_rows *rows = NULL;
    asc_error err = {0};
    (void)state;
    assert_int_equal(shape_rows(&(shape_rows_plan){3, 9, 5}, &rows, &err), ASC_OK);
    assert_int_equal(rows->n_rows, 3);
    for (size_t row = 0; row < 3; row++) {
        const int32_t *features = rows->token_features + 9 * row, *tokens = rows->tokens + 9 * row;
        assert_int_equal(rows->token_offsets[row + 1], 9 * (row + 1));
        assert_int_equal(rows->feature_offsets[row + 1], 5 * (row + 1));
        for (int32_t t = 0; t < 9; t++) {
            assert_int_equal(features[t], t >= 1 && t <= 5 ? t - 1 : -1);
            assert_true(tokens[t] >= 0 && tokens[t] < 8192);
        }
        assert_int_equal(rows->id[row], row);
    }
    assert_memory_not_equal(rows->tokens, rows->tokens + 9, 9 * sizeof *rows->tokens);
    asc_rows_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_have_the_sizes_of_their_names),
        cmocka_unit_test(a_generated_model_needs_classes),
        cmocka_unit_test(weights_are_small_and_nearly_normal),
        cmocka_unit_test(rows_have_one_token_for_each_feature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
