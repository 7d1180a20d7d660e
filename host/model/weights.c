// Weights by name: which tensors a model consists of, their shapes, and their way to a backend.
//
// One walk over the architecture serves both checking (no backend: shapes only) and loading.
#include "model/attention_weights.h"
#include "model/generate.h"
#include "model/model.h"
#include "model/savings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_SIZE = 256, NAME_SIZE = BASE_SIZE + 8 };

// The state of one walk. `device` is NULL when only names and shapes are checked.
typedef struct walk {
    const asc_model *model;
    device_model *device;
    asc_stream *stream;
    float *scratch;   // as large as the largest tensor
    double *doubles;  // as large as the largest group of tensors that becomes linear maps
    size_t next_norm; // where the next norm goes in device->norms
    size_t *n_elements; // counts those of all tensors; NULL: not wanted
    asc_error *err;
} walk;

// Reads a tensor [rows, columns] (columns 0: a vector [rows]) to `out`, or only checks it when `out` is NULL.
static asc_status read_tensor(const walk *w, const char *name, size_t rows, size_t columns, float *out)
{
    const size_t shape[2] = {rows, columns};
    const tensor_info *tensor = NULL;
    TRY(stop_poll(&w->model->stop, w->err));
    if (w->n_elements)
        *w->n_elements += rows * (columns ? columns : 1);
    if (!w->model->weights) {
        if (out)
            generate_tensor(w->model->seed, name, rows, columns, out);
        return ASC_OK;
    }
    TRY(model_tensor(w->model, name, columns ? 2 : 1, shape, &tensor, w->err));
    if (!out)
        return tensor->dtype != TENSOR_OTHER ? ASC_OK
                                             : fail(w->err, ASC_MALFORMED,
                                                    "%s: tensor '%s' has type %s; weights of type F32, F16 or BF16 are supported",
                                                    checkpoint_path(w->model->weights), name, tensor->dtype_name);
    TRY(checkpoint_read(w->model->weights, tensor, out, w->err));
    for (size_t i = 0; i < tensor->n_elements; i++)
        if (!isfinite(out[i])) {
            (void)fail(w->err, ASC_MALFORMED, "%s: tensor '%s' holds a value that is not finite (%f, element %zu of %zu)",
                       checkpoint_path(w->model->weights), name, (double)out[i], i, tensor->n_elements);
            return fail_hint(w->err, ASC_MALFORMED, "the training diverged or the file was damaged; no attribution of such a model means anything");
        }
    return ASC_OK;
}

// The same to doubles, through the scratch.
static asc_status read_doubles(const walk *w, const char *name, size_t rows, size_t columns, double *out)
{
    TRY(read_tensor(w, name, rows, columns, w->scratch));
    for (size_t i = 0; w->device && i < rows * (columns ? columns : 1); i++)
        out[i] = w->scratch[i];
    return ASC_OK;
}

// base.weight [n_out, n_in] to `weight` and base.bias [n_out] to `bias`.
static asc_status read_linear(const walk *w, const char *base, size_t n_out, size_t n_in, double *weight, double *bias)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s.weight", base);
    TRY(read_doubles(w, name, n_out, n_in, weight));
    snprintf(name, sizeof name, "%s.bias", base);
    return read_doubles(w, name, n_out, 0, bias);
}

static asc_status create_linear(const walk *w, linear_spec spec, asc_linear **out)
{
    return w->device ? linear_create(w->device->backend, &spec, out, w->err) : ASC_OK;
}

static asc_status load_linear(const walk *w, const char *base, size_t n_out, size_t n_in, asc_linear **out)
{
    double *bias = w->device ? w->doubles + n_out * n_in : NULL;
    TRY(read_linear(w, base, n_out, n_in, w->doubles, bias));
    return create_linear(w, (linear_spec){1, n_out, n_in, w->doubles, bias}, out);
}

static asc_status load_norm(walk *w, const char *base, size_t width, norm_weights *out)
{
    float *gamma = w->scratch, *beta = w->device ? w->scratch + width : NULL;
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s.weight", base);
    TRY(read_tensor(w, name, width, 0, gamma));
    snprintf(name, sizeof name, "%s.bias", base);
    TRY(read_tensor(w, name, width, 0, beta));
    if (!w->device)
        return ASC_OK;
    *out = (norm_weights){view_at(w->device->norms, w->next_norm), view_at(w->device->norms, w->next_norm + width),
                          w->model->config.norm_epsilon};
    w->next_norm += 2 * width;
    return buffer_upload(w->stream, out->gamma, w->scratch, 2 * width, w->err);
}

static asc_status load_table(const walk *w, const char *name, size_t rows, asc_buffer **out)
{
    const size_t width = w->model->config.n_embedding;
    TRY(read_tensor(w, name, rows, width, w->scratch));
    if (!w->device)
        return ASC_OK;
    TRY(buffer_create(w->device->backend, ASC_REAL, rows * width, out, w->err));
    return buffer_upload(w->stream, view_at(*out, 0), w->scratch, rows * width, w->err);
}

// The attention bias [buckets, heads] -> [heads, 2 reach + 1]: of every distance instead of every bucket.
static asc_status load_attention_bias(const walk *w, asc_buffer **out)
{
    enum { WIDTH = 2 * ARCH_BIAS_REACH + 1 };
    const arch *a = w->model->config.arch;
    const size_t n_heads = w->model->config.n_heads;
    float *bias = w->device ? w->scratch + a->n_buckets * n_heads : NULL;
    TRY(read_tensor(w, a->attention_bias, a->n_buckets, n_heads, w->scratch));
    if (!w->device)
        return ASC_OK;
    for (size_t h = 0; h < n_heads; h++)
        for (size_t i = 0; i < WIDTH; i++)
            bias[h * WIDTH + i] = w->scratch[arch_bias_bucket((int64_t)i - ARCH_BIAS_REACH) * n_heads + h];
    TRY(buffer_create(w->device->backend, ASC_REAL, n_heads * WIDTH, out, w->err));
    return buffer_upload(w->stream, view_at(*out, 0), bias, n_heads * WIDTH, w->err);
}

// Where a stored block stands in its file's names.
typedef struct block_place {
    size_t group, inner;
} block_place;

static void name_in_block(char name[BASE_SIZE], const char *pattern, block_place place)
{
    snprintf(name, BASE_SIZE, pattern, place.group, place.inner);
}

static asc_status read_attention(const walk *w, block_place place, attention_weights *out)
{
    const arch *a = w->model->config.arch;
    const size_t width = w->model->config.n_hidden, square = width * width;
    const char *const names[3] = {a->query, a->key, a->value};
    char base[BASE_SIZE];
    *out = (attention_weights){.n_heads = w->model->config.n_heads, .head_size = w->model->config.head_size};
    if (w->device) {
        out->qkv = w->doubles;
        out->qkv_bias = out->qkv + 3 * square;
        out->out = out->qkv_bias + 3 * width;
        out->out_bias = out->out + square;
    }
    for (size_t i = 0; i < 3; i++) {
        name_in_block(base, names[i], place);
        TRY(read_linear(w, base, width, width, w->device ? out->qkv + i * square : NULL, w->device ? out->qkv_bias + i * width : NULL));
    }
    name_in_block(base, a->attention_out, place);
    return read_linear(w, base, width, width, out->out, out->out_bias);
}

// The maps of the block that runs last, for its first tokens alone: see op_attention_first. `weights` loses its own scale.
static asc_status load_last(const walk *w, attention_weights *weights, bool folded, device_last *out)
{
    const size_t n_heads = weights->n_heads, head_size = weights->head_size, width = n_heads * head_size, square = width * width;
    double *keys = weights->out_bias + width;
    if (!folded)
        attention_weights_scale_queries(weights, w->model->config.attention_scale);
    attention_weights_transpose_keys(weights, keys);
    TRY(create_linear(w, (linear_spec){1, width, width, weights->qkv, weights->qkv_bias}, &out->query));
    TRY(create_linear(w, (linear_spec){n_heads, width, head_size, keys, NULL}, &out->keys));
    return create_linear(w, (linear_spec){n_heads, head_size, width, weights->qkv + 2 * square, weights->qkv_bias + 2 * width},
                         &out->values);
}

static asc_status load_attention(walk *w, block_place place, device_layer *out)
{
    const model_config *config = &w->model->config;
    const size_t width = config->n_hidden;
    const bool is_last = place.group * config->n_inner + place.inner == config_stored_block(config, config->n_layers - 1);
    attention_weights weights;
    TRY(read_attention(w, place, &weights));
    if (!w->device)
        return ASC_OK;
    const bool fold = w->device->savings & ASC_SAVING_FOLD;
    if (fold)
        attention_weights_fold(&weights, config->attention_scale);
    TRY(create_linear(w, (linear_spec){1, 3 * width, width, weights.qkv, weights.qkv_bias}, &out->qkv));
    TRY(create_linear(w, (linear_spec){1, width, width, weights.out, weights.out_bias}, &out->attention_out));
    return is_last && w->device->savings & ASC_SAVING_LAST_LAYER ? load_last(w, &weights, fold, &w->device->last) : ASC_OK;
}

static asc_status load_block(walk *w, block_place place, device_layer *out)
{
    const model_config *config = &w->model->config;
    const arch *a = config->arch;
    char base[BASE_SIZE];
    TRY(load_attention(w, place, out));
    name_in_block(base, a->attention_norm, place);
    TRY(load_norm(w, base, config->n_hidden, &out->attention_norm));
    name_in_block(base, a->ffn_in, place);
    TRY(load_linear(w, base, config->n_ffn, config->n_hidden, &out->ffn_in));
    name_in_block(base, a->ffn_out, place);
    TRY(load_linear(w, base, config->n_hidden, config->n_ffn, &out->ffn_out));
    name_in_block(base, a->ffn_norm, place);
    return load_norm(w, base, config->n_hidden, &out->ffn_norm);
}

static asc_status walk_model(walk *w)
{
    const model_config *config = &w->model->config;
    const arch *a = config->arch;
    device_model unused = {0};
    device_model *to = w->device ? w->device : &unused;
    TRY(load_table(w, a->word, config->n_vocabulary, &to->word));
    TRY(load_table(w, a->position, config->n_positions, &to->position));
    if (a->type)
        TRY(load_table(w, a->type, config->n_types, &to->type));
    TRY(load_norm(w, a->embedding_norm, config->n_embedding, &to->embedding_norm));
    if (a->embedding_map && (a->always_mapped || config->n_embedding != config->n_hidden))
        TRY(load_linear(w, a->embedding_map, config->n_hidden, config->n_embedding, &to->embedding_map));
    if (a->attention_bias)
        TRY(load_attention_bias(w, &to->attention_bias));
    for (size_t i = 0; i < config->n_groups * config->n_inner; i++) {
        device_layer none = {0};
        TRY(load_block(w, (block_place){i / config->n_inner, i % config->n_inner}, w->device ? &to->layers[i] : &none));
    }
    TRY(load_linear(w, a->head_dense, config->n_hidden, config->n_hidden, &to->head_dense));
    return load_linear(w, a->classifier, w->model->n_classes, config->n_hidden, &to->classifier);
}

asc_status model_check_tensors(const asc_model *model, asc_error *err)
{
    return walk_model(&(walk){.model = model, .err = err});
}

size_t model_count_weights(const asc_model *model)
{
    size_t n_elements = 0;
    (void)walk_model(&(walk){.model = model, .n_elements = &n_elements});
    return n_elements;
}

// Elements of the largest tensor, or of what is made of it on the way. Sizes were bounded by config_read and, by the walk that checked
// them, by the file's own size.
static size_t scratch_elements(const asc_model *model)
{
    const model_config *config = &model->config;
    const size_t width = config->n_hidden, narrow = config->n_embedding;
    const size_t candidates[] = {
        config->n_vocabulary * narrow,
        config->n_positions * narrow,
        config->n_types * narrow,
        2 * narrow,
        2 * width,
        width * narrow,
        width * width,
        width * config->n_ffn,
        model->n_classes * width,
        config->n_heads * (config->arch->n_buckets + 2 * ARCH_BIAS_REACH + 1),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        most = most > candidates[i] ? most : candidates[i];
    return most;
}

// Elements of the largest linear map with its bias, or of a block's attention and the transposed keys.
static size_t double_elements(const asc_model *model)
{
    const model_config *config = &model->config;
    const size_t width = config->n_hidden, n_ffn = config->n_ffn;
    const size_t candidates[] = {
        width * (config->n_embedding + 1), 5 * width * width + 4 * width, n_ffn * (width + 1), width * (n_ffn + 1),
        model->n_classes * (width + 1),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        most = most > candidates[i] ? most : candidates[i];
    return most;
}

asc_status model_load(const asc_model *model, asc_backend *backend, unsigned savings, device_model **out, asc_error *err)
{
    *out = NULL;
    const model_config *config = &model->config;
    const size_t n_blocks = config->n_groups * config->n_inner;
    const size_t n_norm_elements = 2 * config->n_embedding + 4 * n_blocks * config->n_hidden;
    walk w = {.model = model, .err = err};
    asc_status status = ASC_OK;
    device_model *device = calloc(1, sizeof *device);
    w.scratch = malloc(scratch_elements(model) * sizeof *w.scratch);
    w.doubles = malloc(double_elements(model) * sizeof *w.doubles);
    if (device)
        device->layers = calloc(n_blocks, sizeof *device->layers);
    if (!device || !device->layers || !w.scratch || !w.doubles) {
        status = fail_memory(err, "the weights", double_elements(model) * sizeof *w.doubles);
        goto done;
    }
    device->model = model;
    device->backend = backend;
    device->savings = savings;
    w.device = device;
    status = stream_create(backend, &w.stream, err);
    if (status == ASC_OK)
        status = buffer_create(backend, ASC_REAL, n_norm_elements, &device->norms, err);
    if (status == ASC_OK)
        status = walk_model(&w);
    if (status == ASC_OK)
        status = stream_sync(w.stream, err);
done:
    stream_destroy(w.stream);
    free(w.doubles);
    free(w.scratch);
    if (status != ASC_OK) {
        model_unload(device);
        return status;
    }
    *out = device;
    return ASC_OK;
}

void model_unload(device_model *device)
{
    if (!device)
        return;
    linear_destroy(device->classifier);
    linear_destroy(device->head_dense);
    const model_config *config = &device->model->config;
    for (size_t i = 0; device->layers && i < config->n_groups * config->n_inner; i++) {
        linear_destroy(device->layers[i].qkv);
        linear_destroy(device->layers[i].attention_out);
        linear_destroy(device->layers[i].ffn_in);
        linear_destroy(device->layers[i].ffn_out);
    }
    free(device->layers);
    linear_destroy(device->last.values);
    linear_destroy(device->last.keys);
    linear_destroy(device->last.query);
    buffer_destroy(device->attention_bias);
    linear_destroy(device->embedding_map);
    buffer_destroy(device->norms);
    buffer_destroy(device->type);
    buffer_destroy(device->position);
    buffer_destroy(device->word);
    free(device);
}
