// Reading `ascribe-probe` v1: all of it once in a child process first.
#include "io/probe_columns.h"

#include "base/checked.h"
#include "io/annotation.h"
#include "io/ragged.h"
#include "io/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_MAJOR = 1, MOST_NAMES = 1 << 24 };
static const uint64_t most_dimension = (uint64_t)1 << 24;

// ---- Facts ----

// *n_names: as many as are expected, H5SET_ANY_ROWS for any number; then how many there are.
static asc_status read_names(const h5file *file, const char *name, char ***names, size_t *n_names, asc_error *err)
{
    h5set set = {0};
    char **block = NULL;
    const size_t n_expected = *n_names;
    *n_names = 0;
    TRY(h5set_open_as(file, name, (h5set_shape){COLUMN_TEXT, n_expected, 0}, &set, err));
    const size_t n = set.n_rows;
    asc_status status = ASC_OK;
    if (n < 1 || n > MOST_NAMES)
        status = fail(err, ASC_MALFORMED, "%s: dataset '%s': expected 1 to %d names, found %zu", h5file_path(file), name, MOST_NAMES, n);
    if (status == ASC_OK)
        status = annotation_read_texts(&set, (row_range){0, n}, &block, err);
    h5set_close(&set);
    if (status == ASC_OK && !(*names = calloc(n, sizeof **names)))
        status = fail_memory(err, name, n * sizeof **names);
    *n_names = status == ASC_OK ? n : 0;
    for (size_t i = 0; status == ASC_OK && i < n; i++)
        if (!((*names)[i] = strdup(block[i])))
            status = fail_memory(err, name, strlen(block[i]));
    free(block);
    return status;
}

static asc_status read_text(const h5file *file, const char *name, char out[PROBE_TEXT_SIZE], asc_error *err)
{
    char *text = NULL;
    TRY(h5file_read_text(file, name, &text, err));
    snprintf(out, PROBE_TEXT_SIZE, "%s", text ? text : "");
    free(text);
    return ASC_OK;
}

static asc_status read_number_or(const h5file *file, const char *name, int64_t fallback, uint64_t most, uint64_t *out, asc_error *err)
{
    int64_t value = -1;
    TRY(h5file_read_int(file, name, fallback, &value, err));
    if (value < 0 || (uint64_t)value > most)
        return fail(err, ASC_MALFORMED, "%s: attribute '%s': expected 0 to %" PRIu64 ", found %" PRId64, h5file_path(file), name, most, value);
    *out = (uint64_t)value;
    return ASC_OK;
}

static asc_status read_number(const h5file *file, const char *name, uint64_t most, uint64_t *out, asc_error *err)
{
    return read_number_or(file, name, -1, most, out, err);
}

// What came with version 1.1.
static asc_status read_additions(const h5file *file, probe_facts *f, asc_error *err)
{
    uint64_t heat = 0, neurons = 0, rows = 0, tokens = 0;
    size_t n_names = f->n_vocabulary;
    bool named = false;
    TRY(read_number_or(file, "has_heat", 0, 1, &heat, err));
    TRY(read_number_or(file, "n_top_neurons", 0, f->n_ffn, &neurons, err));
    TRY(read_number_or(file, "n_top_rows", 0, PROBE_MOST_TOP_ROWS, &rows, err));
    TRY(read_number_or(file, "n_flow_tokens", 0, PROBE_MOST_FLOW_TOKENS, &tokens, err));
    if (neurons > 0 && rows == 0)
        return fail(err, ASC_MALFORMED, "%s: attribute 'n_top_rows': expected 1 to %d, found 0", h5file_path(file), PROBE_MOST_TOP_ROWS);
    f->has_heat = heat == 1;
    f->n_top_neurons = (size_t)neurons;
    f->n_top_rows = (size_t)rows;
    f->n_flow_tokens = (size_t)tokens;
    TRY(h5file_has(file, "vocabulary/name", &named, err));
    return named ? read_names(file, "vocabulary/name", &f->token_names, &n_names, err) : ASC_OK;
}

static asc_status read_dimensions(const h5file *file, probe_facts *f, asc_error *err)
{
    const struct {
        const char *name;
        size_t *to;
    } dimensions[] = {{"n_blocks", &f->n_blocks}, {"n_heads", &f->n_heads}, {"n_hidden", &f->n_hidden}, {"n_ffn", &f->n_ffn},
                      {"n_vocabulary", &f->n_vocabulary}, {"n_full", &f->n_full}};
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        uint64_t value = 0;
        TRY(read_number(file, dimensions[i].name, most_dimension, &value, err));
        *dimensions[i].to = (size_t)value;
    }
    return ASC_OK;
}

static asc_status read_facts(const h5file *file, probe_facts *f, asc_error *err)
{
    uint64_t complete = 0;
    const struct {
        const char *name;
        char *to;
    } texts[] = {{"architecture", f->architecture}, {"weights_sha256", f->weights_sha256}, {"config_sha256", f->config_sha256},
                 {"dataset_sha256", f->dataset_sha256}, {"backend", f->backend}, {"precision", f->precision}, {"kernel_set", f->kernel_set}};
    const struct {
        const char *name;
        uint64_t *to;
    } counts[] = {{"first_row", &f->first_row}, {"n_rows", &f->n_rows}, {"n_skipped", &f->n_skipped}, {"n_tokens", &f->n_tokens},
                  {"n_ablated", &f->n_ablated}, {"n_with_loss", &f->n_with_loss}};
    TRY(h5file_check_format(file, "ascribe-probe", FORMAT_MAJOR, err));
    TRY(read_number(file, "complete", INT64_MAX, &complete, err));
    if (complete != 1)
        return fail(err, ASC_MALFORMED, "%s: the file is not complete", h5file_path(file));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(read_text(file, texts[i].name, texts[i].to, err));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        TRY(read_number(file, counts[i].name, INT64_MAX, counts[i].to, err));
    TRY(read_dimensions(file, f, err));
    TRY(read_additions(file, f, err));
    f->n_classes = H5SET_ANY_ROWS;
    TRY(read_names(file, "class_names", &f->class_names, &f->n_classes, err));
    f->n_matrices = H5SET_ANY_ROWS;
    return read_names(file, "matrices/name", &f->matrix_names, &f->n_matrices, err);
}

// ---- Arrays ----

static asc_status read_column(const h5file *file, probe_content *content, probe_column column, asc_error *err)
{
    h5set set = {0};
    if (!probe_column_is_there(&content->facts, column))
        return ASC_OK;
    TRY(h5set_open_as(file, probe_column_name(column), probe_column_shape(&content->facts, column), &set, err));
    const asc_status status = h5set_read_new(&set, 0, set.n_rows, &content->columns[column], err);
    h5set_close(&set);
    return status;
}

// Of a column, -1 (none) to `most`.
static asc_status check_indexes(const h5file *file, const probe_content *content, probe_column column, int64_t most, asc_error *err)
{
    const int32_t *index = content->columns[column];
    const h5set_shape shape = probe_column_shape(&content->facts, column);
    const size_t n = shape.n_rows * (shape.n_columns > 0 ? shape.n_columns : 1);
    for (size_t i = 0; index && i < n; i++)
        if (index[i] < -1 || index[i] > most)
            return fail(err, ASC_MALFORMED, "%s: '%s': expected -1 to %" PRId64 ", found %d", h5file_path(file), probe_column_name(column), most, index[i]);
    return ASC_OK;
}

// Indexes, and shares of rows.
static asc_status check_numbers(const h5file *file, const probe_content *content, asc_error *err)
{
    const probe_facts *f = &content->facts;
    const double *flips = content->columns[PROBE_FLIPS];
    const int64_t last_token = (int64_t)f->n_vocabulary - 1;
    TRY(check_indexes(file, content, PROBE_NEURON_POSITION, INT32_MAX, err));
    TRY(check_indexes(file, content, PROBE_NEURON_TOKEN, last_token, err));
    TRY(check_indexes(file, content, PROBE_TOP_NEURON, (int64_t)f->n_ffn - 1, err));
    TRY(check_indexes(file, content, PROBE_TOP_POSITION, INT32_MAX, err));
    TRY(check_indexes(file, content, PROBE_TOP_CONTEXT, last_token, err));
    for (size_t i = 0; flips && i < probe_column_lines(f, PROBE_FLIPS); i++) {
        const double share = flips[i];
        if (!(share >= 0 && share <= 1))
            return fail(err, ASC_MALFORMED, "%s: 'ablation/flips': expected 0 to 1, found %g", h5file_path(file), share);
    }
    return ASC_OK;
}

static asc_status check_set(const h5file *file, const char *name, h5set_shape shape, asc_error *err)
{
    h5set set = {0};
    TRY(h5set_open_as(file, name, shape, &set, err));
    h5set_close(&set);
    return ASC_OK;
}

// Offsets [n_full + 1] that never fall, in new memory; *total = the last.
static asc_status read_offsets(const h5file *file, const char *name, size_t n_full, int64_t **out, size_t *total, asc_error *err)
{
    h5set set = {0};
    size_t begin = 0;
    TRY(ragged_open(file, name, n_full, &set, total, err));
    const asc_status status = ragged_read(&set, (row_range){0, n_full}, *total, out, &begin, err);
    h5set_close(&set);
    return status;
}

static asc_status check_attention(const h5file *file, const probe_facts *f, const int64_t *tokens, const int64_t *attention, asc_error *err)
{
    for (size_t r = 0; r < f->n_full; r++) {
        const size_t n = (size_t)(tokens[r + 1] - tokens[r]), found = (size_t)(attention[r + 1] - attention[r]);
        size_t expected = f->n_blocks;
        if (!checked_multiply(expected, f->n_heads, &expected) || !checked_multiply(expected, n, &expected) ||
            !checked_multiply(expected, n, &expected) || n == 0 || expected != found)
            return fail(err, ASC_MALFORMED, "%s: 'full/attention_offsets': row %zu of %zu tokens has %zu elements", h5file_path(file), r, n, found);
    }
    return ASC_OK;
}

static asc_status check_full(const h5file *file, probe_content *content, asc_error *err)
{
    const probe_facts *f = &content->facts;
    int64_t *text = NULL;
    size_t n_tokens = 0, n_attention = 0, n_bytes = 0;
    if (f->n_full == 0)
        return ASC_OK;
    asc_status status = read_offsets(file, "full/offsets", f->n_full, &content->full_offsets, &n_tokens, err);
    if (status == ASC_OK)
        status = read_offsets(file, "full/attention_offsets", f->n_full, &content->full_attention_offsets, &n_attention, err);
    if (status == ASC_OK)
        status = read_offsets(file, "full/text_offsets", f->n_full, &text, &n_bytes, err);
    if (status == ASC_OK)
        status = check_attention(file, f, content->full_offsets, content->full_attention_offsets, err);
    const struct {
        const char *name;
        h5set_shape shape;
    } sets[] = {{"full/row", {COLUMN_UINT64, f->n_full, 0}},          {"full/tokens", {COLUMN_INT32, n_tokens, 0}},
                {"full/rollout", {COLUMN_FLOAT32, n_tokens, 0}},      {"full/norms", {COLUMN_FLOAT32, n_tokens, f->n_blocks + 1}},
                {"full/logits", {COLUMN_FLOAT32, f->n_full, f->n_classes}}, {"full/attention", {COLUMN_FLOAT32, n_attention, 0}},
                {"full/text", {COLUMN_UINT8, n_bytes, 0}}};
    for (size_t i = 0; status == ASC_OK && i < sizeof sets / sizeof *sets; i++)
        status = check_set(file, sets[i].name, sets[i].shape, err);
    if (status == ASC_OK && f->n_flow_tokens > 0)
        status = check_set(file, "full/flow", (h5set_shape){COLUMN_FLOAT32, n_tokens, f->n_blocks}, err);
    free(text);
    return status;
}

asc_status probe_file_read_here(const char *path, probe_content *out, asc_error *err)
{
    h5file *file = NULL;
    *out = (probe_content){0};
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5file_open(path, &file, err);
    if (status == ASC_OK)
        status = read_facts(file, &out->facts, err);
    for (probe_column i = 0; status == ASC_OK && i < N_PROBE_COLUMNS; i++)
        status = read_column(file, out, i, err);
    if (status == ASC_OK)
        status = check_numbers(file, out, err);
    if (status == ASC_OK)
        status = check_full(file, out, err);
    h5file_close(file);
    h5_silence_end(silence);
    if (status != ASC_OK)
        probe_content_free(out);
    return status;
}

// ---- The trial ----

static asc_status try_read(void *context, asc_error *err)
{
    probe_content content;
    TRY(probe_file_read_here(context, &content, err));
    probe_content_free(&content);
    return ASC_OK;
}

asc_status probe_file_is(const char *path, bool *is_probe, asc_error *err)
{
    return trial_format_is(path, "ascribe-probe", is_probe, err);
}

asc_status probe_file_read(const char *path, probe_content *out, asc_error *err)
{
    TRY(trial_run(&(trial){.path = path, .step = try_read, .context = (void *)(uintptr_t)path}, err));
    return probe_file_read_here(path, out, err);
}
