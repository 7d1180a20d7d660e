// See engine_fixture.h.
#include "engine_fixture.h"

#include "../cuda_module.h"

#include "io/safetensors.h"
#include "model/forward.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLS = 2, SEP = 3, FIRST_ID = 5, N_IDS = 50, MAX_TOKENS = 256 };

static void must(asc_status status, const asc_error *err)
{
    if (status != ASC_OK)
        fail_msg("%s (status %d)", err->message, (int)status);
}

asc_model *fixture_model(const char *name)
{
    asc_error err;
    asc_model *model = NULL;
    char path[1024];
    snprintf(path, sizeof path, "%s%s", name[0] == '/' ? "" : ASCRIBE_DATA_DIR "/golden/models/", name);
    must(asc_model_open(path, NULL, &model, &err), &err);
    return model;
}

// Offsets and arrays for n_rows rows and n_tokens tokens in all.
static asc_rows *allocate(size_t n_rows, size_t n_tokens)
{
    asc_rows *rows = calloc(1, sizeof *rows);
    rows->n_rows = n_rows;
    rows->id = calloc(n_rows + 1, sizeof *rows->id);
    rows->truncated = calloc(n_rows + 1, sizeof *rows->truncated);
    rows->token_offsets = calloc(n_rows + 1, sizeof *rows->token_offsets);
    rows->feature_offsets = calloc(n_rows + 1, sizeof *rows->feature_offsets);
    rows->tokens = calloc(n_tokens + 1, sizeof *rows->tokens);
    rows->token_features = calloc(n_tokens + 1, sizeof *rows->token_features);
    rows->token_types = calloc(n_tokens + 1, sizeof *rows->token_types);
    rows->labels = calloc(n_rows + 1, sizeof *rows->labels);
    return rows;
}

void fixture_rows_free(asc_rows *rows)
{
    free(rows->id);
    free(rows->truncated);
    free(rows->token_offsets);
    free(rows->feature_offsets);
    free(rows->tokens);
    free(rows->token_features);
    free(rows->token_types);
    free(rows->labels);
    free(rows);
}

static size_t row_tokens(size_t n_features)
{
    return 2 + n_features + (n_features + 2) / 3;
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (int c = fgetc(in); c != EOF; c = fgetc(in))
        fputc(c, out);
    fclose(in);
    fclose(out);
}

void fixture_poison(const char *folder, const char *name, const fixture_poisoned *tokens, size_t n_tokens)
{
    static const char *const files[] = {"config.json", "model.safetensors"};
    char from[1024], to[1200];
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/golden/models/%s/%s", ASCRIBE_DATA_DIR, name, files[i]);
        snprintf(to, sizeof to, "%s/%s", folder, files[i]);
        copy_file(from, to);
    }
    asc_error err;
    safetensors *weights = NULL;
    assert_int_equal(safetensors_open(from, NULL, &weights, &err), ASC_OK);
    const tensor_info *words = safetensors_find(weights, "bert.embeddings.word_embeddings.weight");
    assert_non_null(words);
    FILE *out = fopen(to, "r+b");
    uint64_t header = 0;
    assert_int_equal(fread(&header, 8, 1, out), 1);
    for (size_t i = 0; i < n_tokens; i++) {
        fseek(out, (long)(8 + header + words->begin + tokens[i].token * words->shape[1] * sizeof(float)), SEEK_SET);
        for (size_t d = 0; d < words->shape[1]; d++)
            fwrite(d % 2 ? &tokens[i].odd : &tokens[i].even, sizeof(float), 1, out);
    }
    fclose(out);
    safetensors_close(weights);
}

asc_rows *fixture_rows(const size_t *n_features, size_t n_rows)
{
    size_t n_tokens = 0;
    for (size_t row = 0; row < n_rows; row++)
        n_tokens += row_tokens(n_features[row]);
    asc_rows *rows = allocate(n_rows, n_tokens);
    size_t t = 0;
    for (size_t row = 0; row < n_rows; row++) {
        rows->id[row] = 100 + row;
        rows->labels[row] = (int32_t)(row % 2);
        rows->tokens[t] = CLS;
        rows->token_features[t++] = -1;
        for (size_t f = 0; f < n_features[row]; f++)
            for (size_t piece = 0; piece < (f % 3 == 0 ? 2u : 1u); piece++) {
                rows->tokens[t] = (int32_t)(FIRST_ID + (row * 37 + f * 11 + piece * 5) % N_IDS);
                rows->token_features[t++] = (int32_t)f;
            }
        rows->tokens[t] = SEP;
        rows->token_features[t++] = -1;
        rows->token_offsets[row + 1] = (int64_t)t;
        rows->feature_offsets[row + 1] = rows->feature_offsets[row] + (int64_t)n_features[row];
    }
    return rows;
}

asc_rows *fixture_pick(const asc_rows *from, const size_t *order, size_t count)
{
    size_t n_tokens = 0, t = 0;
    for (size_t i = 0; i < count; i++)
        n_tokens += (size_t)(from->token_offsets[order[i] + 1] - from->token_offsets[order[i]]);
    asc_rows *rows = allocate(count, n_tokens);
    for (size_t i = 0; i < count; i++) {
        const size_t row = order[i], first = (size_t)from->token_offsets[row];
        const size_t length = (size_t)from->token_offsets[row + 1] - first;
        rows->id[i] = from->id[row];
        rows->labels[i] = from->labels[row];
        rows->truncated[i] = from->truncated[row];
        memcpy(rows->tokens + t, from->tokens + first, length * sizeof *rows->tokens);
        memcpy(rows->token_features + t, from->token_features + first, length * sizeof *rows->token_features);
        memcpy(rows->token_types + t, from->token_types + first, length);
        t += length;
        rows->token_offsets[i + 1] = (int64_t)t;
        rows->feature_offsets[i + 1] = rows->feature_offsets[i] + from->feature_offsets[row + 1] - from->feature_offsets[row];
    }
    return rows;
}

explain_request fixture_request(const asc_model *model, asc_backend_kind backend)
{
    return (explain_request){
        .method = &method_shapley,
        .estimator = ESTIMATOR_AUTO,
        .exact_limit = 16,
        .savings = backend == ASC_BACKEND_CPU || backend == ASC_BACKEND_CUDA ? ASC_SAVINGS_ALL : 0,
        .cuda_module = cuda_module_path(),
        .seed = 7,
        .policy = ASC_POLICY_REMOVE,
        .output = ASC_OUTPUT_LOGIT,
        .sigmoid = model->sigmoid,
        .target_rule = TARGETS_ALL,
        .n_targets = model->n_classes,
        .backend = backend,
    };
}

explained *fixture_explain(const asc_model *model, const explain_request *request, const asc_rows *rows, fixture_run_config config)
{
    asc_error err;
    engine *e = NULL;
    explained *results = NULL;
    size_t longest = 1;
    for (size_t row = 0; row < rows->n_rows; row++) {
        const size_t length = (size_t)(rows->token_offsets[row + 1] - rows->token_offsets[row]);
        longest = length > longest ? length : longest;
    }
    longest = longest < model->config.n_positions ? longest : model->config.n_positions;
    const engine_config wanted = {.model = model, .request = request, .n_workers = config.n_workers, .step_tokens = config.step_tokens,
                                  .max_row_tokens = longest};
    must(engine_create(&wanted, &e, &err), &err);
    must(engine_explain(e, rows, &results, &err), &err);
    engine_destroy(e);
    return results;
}

// One sequence's token table, laid out in parts of MAX_TOKENS; returns its length.
static size_t fill_table(const asc_rows *rows, fixture_coalition c, int32_t *data)
{
    const size_t first = (size_t)rows->token_offsets[c.row];
    const size_t length = (size_t)rows->token_offsets[c.row + 1] - first;
    size_t n_tokens = 0;
    for (size_t t = 0; t < length; t++) {
        const int32_t feature = rows->token_features[first + t];
        const int present = feature < 0 || (c.mask >> feature & 1);
        if (!present && c.mask_id < 0)
            continue;
        data[n_tokens] = -1;
        data[MAX_TOKENS + n_tokens] = present ? rows->tokens[first + t] : c.mask_id;
        data[2 * MAX_TOKENS + n_tokens] = (int32_t)t;
        data[3 * MAX_TOKENS + n_tokens] = rows->token_types[first + t];
        n_tokens++;
    }
    return n_tokens;
}

void fixture_logits(const asc_model *model, asc_backend_kind backend_kind, const asc_rows *rows, fixture_coalition coalition, double *logits)
{
    asc_error err;
    asc_backend *backend;
    device_model *device;
    asc_stream *stream;
    asc_buffer *table_data, *offset_data;
    forward_workspace workspace;
    int32_t data[4 * MAX_TOKENS] = {0};
    const size_t n_tokens = fill_table(rows, coalition, data);
    const int32_t offsets[2] = {0, (int32_t)n_tokens};
    must(test_backend_open(backend_kind, &backend, &err), &err);
    must(model_load(model, backend, 0, &device, &err), &err);
    must(stream_create(backend, &stream, &err), &err);
    must(buffer_create(backend, ASC_I32, 4 * MAX_TOKENS, &table_data, &err), &err);
    must(buffer_create(backend, ASC_I32, 2, &offset_data, &err), &err);
    must(buffer_upload(stream, view_at(table_data, 0), data, 4 * MAX_TOKENS, &err), &err);
    must(buffer_upload(stream, view_at(offset_data, 0), offsets, 2, &err), &err);
    must(forward_workspace_create(device, n_tokens, 1, &workspace, &err), &err);
    const token_table table = {.n_tokens = n_tokens, .offsets = view_at(offset_data, 0), .features = view_at(table_data, 0),
                               .ids = view_at(table_data, MAX_TOKENS), .positions = view_at(table_data, 2 * MAX_TOKENS),
                               .types = view_at(table_data, 3 * MAX_TOKENS)};
    const forward_input input = {.n_sequences = 1, .n_tokens = n_tokens, .max_length = n_tokens, .table = &table,
                                 .sequence_offsets = view_at(offset_data, 0)};
    must(forward_run(device, stream, &workspace, &input, &err), &err);
    must(buffer_download(stream, view_at(workspace.logits, 0), logits, model->n_classes, &err), &err);
    forward_workspace_free(&workspace);
    buffer_destroy(offset_data);
    buffer_destroy(table_data);
    stream_destroy(stream);
    model_unload(device);
    backend_close(backend);
}
