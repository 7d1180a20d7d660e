// See weights.h. W_Q' W_K of a head decides which tokens it looks at, W_O W_V what it moves from there: Elhage et al., "A mathematical framework
// for transformer circuits", 2021. Biases and the scale of attention are left out.
#include "probe/weights.h"

#include "probe/spectrum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 256, MAPS_OF_BLOCK = 6, OTHER_MATRICES = 7 };

typedef struct matrix {
    char name[NAME_SIZE]; // of the tensor
    size_t rows, columns;
} matrix;

// ---- Which matrices there are ----

static void add(matrix *list, size_t *n, size_t rows, size_t columns, const char *name)
{
    list[*n].rows = rows;
    list[*n].columns = columns;
    snprintf(list[(*n)++].name, NAME_SIZE, "%s", name);
}

static void add_map(matrix *list, size_t *n, size_t rows, size_t columns, const char *base)
{
    add(list, n, rows, columns, base);
    strncat(list[*n - 1].name, ".weight", NAME_SIZE - strlen(base) - 1);
}

static bool has_embedding_map(const model_config *config)
{
    return config->arch->embedding_map && (config->arch->always_mapped || config->n_embedding != config->n_hidden);
}

// The maps of a stored block: query, key, value, output, the FFN's two.
static void add_block(const model_config *config, size_t stored, matrix *list, size_t *n)
{
    const arch *a = config->arch;
    const char *const names[MAPS_OF_BLOCK] = {a->query, a->key, a->value, a->attention_out, a->ffn_in, a->ffn_out};
    const size_t D = config->n_hidden;
    for (size_t i = 0; i < MAPS_OF_BLOCK; i++) {
        char base[NAME_SIZE];
        snprintf(base, sizeof base, names[i], stored / config->n_inner, stored % config->n_inner);
        add_map(list, n, i == 4 ? config->n_ffn : D, i == 5 ? config->n_ffn : D, base);
    }
}

// Blocks first, MAPS_OF_BLOCK each. The caller frees *list.
static asc_status list_matrices(const asc_model *model, matrix **list, size_t *n, asc_error *err)
{
    const model_config *config = &model->config;
    const arch *a = config->arch;
    const size_t n_stored = config->n_groups * config->n_inner, most = n_stored * MAPS_OF_BLOCK + OTHER_MATRICES;
    *n = 0;
    *list = malloc(most * sizeof **list);
    if (!*list)
        return fail_memory(err, "the list of matrices", most * sizeof **list);
    for (size_t i = 0; i < n_stored; i++)
        add_block(config, i, *list, n);
    add(*list, n, config->n_vocabulary, config->n_embedding, a->word);
    add(*list, n, config->n_positions, config->n_embedding, a->position);
    if (a->type)
        add(*list, n, config->n_types, config->n_embedding, a->type);
    if (has_embedding_map(config))
        add_map(*list, n, config->n_hidden, config->n_embedding, a->embedding_map);
    if (a->attention_bias)
        add(*list, n, a->n_buckets, config->n_heads, a->attention_bias);
    add_map(*list, n, config->n_hidden, config->n_hidden, a->head_dense);
    add_map(*list, n, model->n_classes, config->n_hidden, a->classifier);
    return ASC_OK;
}

// In new memory.
static asc_status read_matrix(const asc_model *model, const matrix *m, float **out, asc_error *err)
{
    const size_t shape[2] = {m->rows, m->columns};
    const tensor_info *tensor = NULL;
    *out = NULL;
    TRY(stop_poll(&model->stop, err));
    TRY(model_tensor(model, m->name, 2, shape, &tensor, err));
    float *values = malloc((tensor->n_elements + 1) * sizeof *values);
    if (!values)
        return fail_memory(err, m->name, tensor->n_elements * sizeof *values);
    asc_status status = checkpoint_read(model->weights, tensor, values, err);
    for (size_t i = 0; status == ASC_OK && i < tensor->n_elements; i++)
        if (!isfinite(values[i]))
            status = fail(err, ASC_MALFORMED, "%s: tensor '%s' holds a value that is not finite (element %zu of %zu)", checkpoint_path(model->weights),
                          m->name, i, tensor->n_elements);
    if (status == ASC_OK)
        *out = values;
    else
        free(values);
    return status;
}

// ---- Matrices ----

static size_t bin_of(double value)
{
    const double place = floor((value + 0.5) * PROBE_INNER_BINS);
    return place < 0 ? 0 : place >= PROBE_INNER_BINS ? PROBE_N_BINS - 1 : (size_t)place + 1;
}

// See PROBE_HEAT_SIDE.
static void draw_heat(const matrix *m, const float *values, size_t line, probe_content *content)
{
    const size_t n_up = m->rows < PROBE_HEAT_SIDE ? m->rows : PROBE_HEAT_SIDE, n_across = m->columns < PROBE_HEAT_SIDE ? m->columns : PROBE_HEAT_SIDE;
    float *heat = (float *)content->columns[PROBE_MATRIX_HEAT] + line * PROBE_HEAT_SIDE * PROBE_HEAT_SIDE;
    for (size_t at = 0; at < PROBE_HEAT_SIDE * PROBE_HEAT_SIDE; at++) {
        const size_t i = at / PROBE_HEAT_SIDE, j = at % PROBE_HEAT_SIDE;
        double squares = 0, count = 0;
        for (size_t r = i * m->rows / n_up; i < n_up && j < n_across && r < (i + 1) * m->rows / n_up; r++)
            for (size_t c = j * m->columns / n_across; c < (j + 1) * m->columns / n_across; c++) {
                squares += (double)values[r * m->columns + c] * (double)values[r * m->columns + c];
                count++;
            }
        heat[at] = count > 0 ? (float)sqrt(squares / count) : NAN;
    }
}

static void describe_matrix(const matrix *m, const float *values, size_t line, probe_content *content)
{
    const size_t n = m->rows * m->columns;
    double sum = 0, squares = 0, least = INFINITY, most = -INFINITY, variance = 0;
    uint64_t *bins = (uint64_t *)content->columns[PROBE_MATRIX_BINS] + line * PROBE_N_BINS;
    for (size_t i = 0; i < n; i++) {
        const double value = values[i];
        sum += value;
        squares += value * value;
        least = fmin(least, value);
        most = fmax(most, value);
        bins[bin_of(value)]++;
    }
    for (size_t i = 0; i < n; i++)
        variance += (values[i] - sum / (double)n) * (values[i] - sum / (double)n);
    ((uint64_t *)content->columns[PROBE_MATRIX_ROWS])[line] = m->rows;
    ((uint64_t *)content->columns[PROBE_MATRIX_COLUMNS])[line] = m->columns;
    ((double *)content->columns[PROBE_MATRIX_FROBENIUS])[line] = sqrt(squares);
    ((double *)content->columns[PROBE_MATRIX_MEAN])[line] = sum / (double)n;
    ((double *)content->columns[PROBE_MATRIX_STD])[line] = sqrt(variance / (double)n);
    ((double *)content->columns[PROBE_MATRIX_MIN])[line] = least;
    ((double *)content->columns[PROBE_MATRIX_MAX])[line] = most;
    draw_heat(m, values, line, content);
}

// ---- Heads ----

static void put_spectrum(probe_content *content, probe_column first, size_t line, const spectrum *s)
{
    ((double *)content->columns[first])[line] = s->frobenius;
    ((double *)content->columns[first + 1])[line] = s->spectral;
    ((double *)content->columns[first + 2])[line] = s->effective_rank;
}

// The lines of every block that runs on a stored one.
static void put_head(const model_config *config, size_t stored, size_t head, const spectrum s[2], probe_content *content)
{
    for (size_t block = 0; block < config->n_layers; block++)
        if (config_stored_block(config, block) == stored) {
            put_spectrum(content, PROBE_QK_FROBENIUS, block * config->n_heads + head, &s[0]);
            put_spectrum(content, PROBE_OV_FROBENIUS, block * config->n_heads + head, &s[1]);
        }
}

// maps: query, key, value, output, [D, D] each.
static asc_status describe_heads(const model_config *config, size_t stored, float *const maps[4], probe_content *content, asc_error *err)
{
    const size_t D = config->n_hidden, E = config->head_size;
    double *a = malloc(2 * E * D * sizeof *a), *b = a + E * D;
    if (!a)
        return fail_memory(err, "a head's maps", 2 * E * D * sizeof *a);
    asc_status status = ASC_OK;
    for (size_t h = 0; status == ASC_OK && h < config->n_heads; h++) {
        spectrum s[2];
        for (size_t i = 0; i < E * D; i++) {
            a[i] = maps[0][h * E * D + i];
            b[i] = maps[1][h * E * D + i];
        }
        status = spectrum_of_product(E, D, a, b, &s[0], err);
        for (size_t e = 0; e < E; e++)
            for (size_t d = 0; d < D; d++) {
                a[e * D + d] = maps[3][d * D + h * E + e];
                b[e * D + d] = maps[2][(h * E + e) * D + d];
            }
        if (status == ASC_OK)
            status = spectrum_of_product(E, D, a, b, &s[1], err);
        if (status == ASC_OK)
            put_head(config, stored, h, s, content);
    }
    free(a);
    return status;
}

static asc_status describe_block(const asc_model *model, size_t stored, const matrix *list, probe_content *content, asc_error *err)
{
    float *maps[MAPS_OF_BLOCK] = {NULL};
    asc_status status = ASC_OK;
    for (size_t i = 0; status == ASC_OK && i < MAPS_OF_BLOCK; i++) {
        status = read_matrix(model, &list[stored * MAPS_OF_BLOCK + i], &maps[i], err);
        if (status == ASC_OK)
            describe_matrix(&list[stored * MAPS_OF_BLOCK + i], maps[i], stored * MAPS_OF_BLOCK + i, content);
    }
    if (status == ASC_OK)
        status = describe_heads(&model->config, stored, maps, content, err);
    for (size_t i = 0; i < MAPS_OF_BLOCK; i++)
        free(maps[i]);
    return status;
}

// ---- The vocabulary ----

// to [n, columns] = from [n, rows] m [rows, columns]
static void multiply(size_t n, const double *from, const matrix *m, const float *values, double *to)
{
    memset(to, 0, n * m->columns * sizeof *to);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < m->rows; r++)
            for (size_t c = 0; c < m->columns; c++)
                to[i * m->columns + c] += from[i * m->rows + r] * (double)values[r * m->columns + c];
}

// Of the matrices of the list, by the beginning of their names; NULL when there is none.
static const matrix *find(const matrix *list, size_t n, const char *base)
{
    for (size_t i = 0; base && i < n; i++)
        if (strncmp(list[i].name, base, strlen(base)) == 0)
            return &list[i];
    return NULL;
}

// *direction [n_classes, columns of m] becomes direction times m.
static asc_status pull_back(const asc_model *model, const matrix *m, double **direction, asc_error *err)
{
    float *values = NULL;
    TRY(read_matrix(model, m, &values, err));
    double *next = malloc(model->n_classes * m->columns * sizeof *next);
    if (next)
        multiply(model->n_classes, *direction, m, values, next);
    free(values);
    free(*direction);
    *direction = next;
    return next ? ASC_OK : fail_memory(err, "the direction of a class", model->n_classes * m->columns * sizeof *next);
}

// The classes' directions in the space of the embeddings: classifier, the head's inner map with its activation taken as the identity, and
// the map of the embeddings where there is one.
static asc_status find_directions(const asc_model *model, const matrix *list, size_t n, double **out, asc_error *err)
{
    const model_config *config = &model->config;
    const matrix *classifier = &list[n - 1];
    float *values = NULL;
    TRY(read_matrix(model, classifier, &values, err));
    *out = malloc(model->n_classes * config->n_hidden * sizeof **out);
    for (size_t i = 0; *out && i < model->n_classes * config->n_hidden; i++)
        (*out)[i] = values[i];
    free(values);
    if (!*out)
        return fail_memory(err, "the direction of a class", model->n_classes * config->n_hidden * sizeof **out);
    TRY(pull_back(model, &list[n - 2], out, err));
    return has_embedding_map(config) ? pull_back(model, find(list, n, config->arch->embedding_map), out, err) : ASC_OK;
}

static asc_status describe_vocabulary(const asc_model *model, const matrix *list, size_t n, probe_content *content, asc_error *err)
{
    const size_t E = model->config.n_embedding, C = model->n_classes;
    double *directions = NULL;
    float *word = NULL, *out = content->columns[PROBE_DIRECTION];
    asc_status status = find_directions(model, list, n, &directions, err);
    if (status == ASC_OK)
        status = read_matrix(model, find(list, n, model->config.arch->word), &word, err);
    for (size_t v = 0; status == ASC_OK && v < model->config.n_vocabulary; v++)
        for (size_t c = 0; c < C; c++) {
            double sum = 0;
            for (size_t e = 0; e < E; e++)
                sum += (double)word[v * E + e] * directions[c * E + e];
            out[v * C + c] = (float)sum;
        }
    free(word);
    free(directions);
    return status;
}

// ---- All of it ----

static asc_status name_matrices(const matrix *list, size_t n, probe_facts *facts, asc_error *err)
{
    facts->matrix_names = calloc(n, sizeof *facts->matrix_names);
    if (!facts->matrix_names)
        return fail_memory(err, "the names of matrices", n * sizeof *facts->matrix_names);
    facts->n_matrices = n;
    for (size_t i = 0; i < n; i++)
        if (!(facts->matrix_names[i] = strdup(list[i].name)))
            return fail_memory(err, "the names of matrices", NAME_SIZE);
    return ASC_OK;
}

static asc_status describe_all(const asc_model *model, const matrix *list, size_t n, probe_content *content, asc_error *err)
{
    const size_t n_stored = model->config.n_groups * model->config.n_inner;
    TRY(name_matrices(list, n, &content->facts, err));
    for (probe_column i = PROBE_QK_FROBENIUS; i <= PROBE_DIRECTION; i++)
        TRY(probe_content_allocate(content, i, err));
    for (size_t i = 0; i < n_stored; i++)
        TRY(describe_block(model, i, list, content, err));
    for (size_t i = n_stored * MAPS_OF_BLOCK; i < n; i++) {
        float *values = NULL;
        TRY(read_matrix(model, &list[i], &values, err));
        describe_matrix(&list[i], values, i, content);
        free(values);
    }
    return describe_vocabulary(model, list, n, content, err);
}

asc_status probe_weights(const asc_model *model, probe_content *content, asc_error *err)
{
    matrix *list = NULL;
    size_t n = 0;
    TRY(list_matrices(model, &list, &n, err));
    const asc_status status = describe_all(model, list, n, content, err);
    free(list);
    return status;
}
