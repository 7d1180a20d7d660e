// Writing `ascribe-probe` v1: rows of `full/` as they come, then everything else.
#include "io/probe_columns.h"

#include <ascribe/version.h>

#include <stdlib.h>
#include <string.h>

struct probe_writer {
    h5file *file;
    const probe_facts *facts;
    h5set id, offsets, tokens, rollout, flow, norms, logits, attention_offsets, attention, text_offsets, text;
    int64_t n_tokens, n_attention, n_bytes;
};

static asc_status create_set(probe_writer *w, const char *name, h5set_shape shape, h5set *set, asc_error *err)
{
    const size_t chunk = shape.n_columns || strcmp(name, "full/attention") != 0 ? H5SET_ROWS_PER_CHUNK : H5SET_FLAT_PER_CHUNK;
    return h5set_create(w->file, name, (h5set_plan){shape, 0, chunk, true}, set, err);
}

static asc_status create_full(probe_writer *w, const probe_full_plan *full, asc_error *err)
{
    const int64_t zero = 0;
    const size_t n = w->facts->n_full, n_maps = w->facts->n_blocks * w->facts->n_heads;
    size_t n_tokens = 0, n_attention = 0, n_bytes = 0;
    for (size_t r = 0; r < n; r++) {
        n_tokens += full->n_tokens[r];
        n_attention += n_maps * full->n_tokens[r] * full->n_tokens[r];
        n_bytes += full->text_sizes[r];
    }
    TRY(create_set(w, "full/row", (h5set_shape){COLUMN_UINT64, n, 0}, &w->id, err));
    TRY(create_set(w, "full/offsets", (h5set_shape){COLUMN_INT64, n + 1, 0}, &w->offsets, err));
    TRY(create_set(w, "full/tokens", (h5set_shape){COLUMN_INT32, n_tokens, 0}, &w->tokens, err));
    TRY(create_set(w, "full/rollout", (h5set_shape){COLUMN_FLOAT32, n_tokens, 0}, &w->rollout, err));
    if (w->facts->n_flow_tokens > 0)
        TRY(create_set(w, "full/flow", (h5set_shape){COLUMN_FLOAT32, n_tokens, w->facts->n_blocks}, &w->flow, err));
    TRY(create_set(w, "full/norms", (h5set_shape){COLUMN_FLOAT32, n_tokens, w->facts->n_blocks + 1}, &w->norms, err));
    TRY(create_set(w, "full/logits", (h5set_shape){COLUMN_FLOAT32, n, w->facts->n_classes}, &w->logits, err));
    TRY(create_set(w, "full/attention_offsets", (h5set_shape){COLUMN_INT64, n + 1, 0}, &w->attention_offsets, err));
    TRY(create_set(w, "full/attention", (h5set_shape){COLUMN_FLOAT32, n_attention, 0}, &w->attention, err));
    TRY(create_set(w, "full/text_offsets", (h5set_shape){COLUMN_INT64, n + 1, 0}, &w->text_offsets, err));
    TRY(create_set(w, "full/text", (h5set_shape){COLUMN_UINT8, n_bytes, 0}, &w->text, err));
    TRY(h5set_append(&w->offsets, 1, &zero, err));
    TRY(h5set_append(&w->attention_offsets, 1, &zero, err));
    return h5set_append(&w->text_offsets, 1, &zero, err);
}

asc_status probe_writer_create(const char *path, const probe_facts *facts, const probe_full_plan *full, probe_writer **out, asc_error *err)
{
    probe_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail_memory(err, "a probe's file", sizeof *w);
    w->facts = facts;
    h5_silence_begin(); // for the rest of the process
    TRY(h5file_create(path, &w->file, err));
    if (facts->n_full > 0)
        TRY(create_full(w, full, err));
    *out = w;
    return ASC_OK;
}

asc_status probe_writer_put_full(probe_writer *w, const probe_full_row *row, asc_error *err)
{
    const size_t n = row->n_tokens, n_attention = w->facts->n_blocks * w->facts->n_heads * n * n;
    w->n_tokens += (int64_t)n;
    w->n_attention += (int64_t)n_attention;
    w->n_bytes += (int64_t)row->text_size;
    TRY(h5set_append(&w->id, 1, &row->id, err));
    TRY(h5set_append(&w->offsets, 1, &w->n_tokens, err));
    TRY(h5set_append(&w->tokens, n, row->tokens, err));
    TRY(h5set_append(&w->rollout, n, row->rollout, err));
    if (row->flow)
        TRY(h5set_append(&w->flow, n, row->flow, err));
    TRY(h5set_append(&w->norms, n, row->norms, err));
    TRY(h5set_append(&w->logits, 1, row->logits, err));
    TRY(h5set_append(&w->attention_offsets, 1, &w->n_attention, err));
    TRY(h5set_append(&w->attention, n_attention, row->attention, err));
    TRY(h5set_append(&w->text_offsets, 1, &w->n_bytes, err));
    return h5set_append(&w->text, row->text_size, row->text, err);
}

static asc_status finish_full(probe_writer *w, asc_error *err)
{
    h5set *const sets[] = {&w->id,     &w->offsets,           &w->tokens,    &w->rollout,      &w->norms,
                           &w->logits, &w->attention_offsets, &w->attention, &w->text_offsets, &w->text};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        TRY(h5set_finish(sets[i], err));
    return w->facts->n_flow_tokens > 0 ? h5set_finish(&w->flow, err) : ASC_OK;
}

// Padded to the longest.
static asc_status write_names(probe_writer *w, const char *name, char *const *names, size_t n_names, asc_error *err)
{
    size_t longest = 1;
    h5set set;
    for (size_t i = 0; i < n_names; i++)
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    char *block = calloc(n_names + 1, longest + 1);
    if (!block)
        return fail_memory(err, name, n_names * (longest + 1));
    for (size_t i = 0; i < n_names; i++)
        strcpy(block + i * (longest + 1), names[i]);
    const h5set_plan plan = {{COLUMN_TEXT, n_names, 0}, longest, H5SET_ROWS_PER_CHUNK, true};
    asc_status status = h5set_create(w->file, name, plan, &set, err);
    if (status == ASC_OK)
        status = h5set_append(&set, n_names, block, err);
    if (status == ASC_OK)
        status = h5set_finish(&set, err);
    free(block);
    return status;
}

static asc_status write_facts(probe_writer *w, const probe_facts *f, asc_error *err)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"format", "ascribe-probe"},         {"format_version", "1.1"},  {"created_by", "ascribe " ASC_VERSION},
                 {"architecture", f->architecture},   {"weights_sha256", f->weights_sha256}, {"config_sha256", f->config_sha256},
                 {"dataset_sha256", f->dataset_sha256}, {"backend", f->backend},  {"precision", f->precision},
                 {"kernel_set", f->kernel_set}};
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"n_blocks", f->n_blocks},     {"n_heads", f->n_heads},     {"n_hidden", f->n_hidden},   {"n_ffn", f->n_ffn},
                   {"n_vocabulary", f->n_vocabulary}, {"first_row", f->first_row}, {"n_rows", f->n_rows},     {"n_skipped", f->n_skipped},
                   {"n_tokens", f->n_tokens},     {"n_ablated", f->n_ablated}, {"n_with_loss", f->n_with_loss}, {"n_full", f->n_full},
                   {"has_heat", f->has_heat},     {"n_top_neurons", f->n_top_neurons}, {"n_top_rows", f->n_top_rows},
                   {"n_flow_tokens", f->n_flow_tokens}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(h5file_write_text(w->file, texts[i].name, texts[i].text, err));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        TRY(h5file_write_int(w->file, numbers[i].name, (int64_t)numbers[i].value, err));
    TRY(write_names(w, "class_names", f->class_names, f->n_classes, err));
    if (f->token_names)
        TRY(write_names(w, "vocabulary/name", f->token_names, f->n_vocabulary, err));
    return write_names(w, "matrices/name", f->matrix_names, f->n_matrices, err);
}

static asc_status write_column(probe_writer *w, const probe_content *content, probe_column column, asc_error *err)
{
    const h5set_shape shape = probe_column_shape(&content->facts, column);
    h5set set;
    TRY(create_set(w, probe_column_name(column), shape, &set, err));
    TRY(h5set_append(&set, shape.n_rows, content->columns[column], err));
    return h5set_finish(&set, err);
}

asc_status probe_writer_finish(probe_writer *w, const probe_content *content, asc_error *err)
{
    if (w->facts->n_full > 0)
        TRY(finish_full(w, err));
    TRY(write_facts(w, &content->facts, err));
    for (probe_column i = 0; i < N_PROBE_COLUMNS; i++)
        if (probe_column_is_there(&content->facts, i))
            TRY(write_column(w, content, i, err));
    TRY(h5file_write_int(w->file, "complete", 1, err));
    TRY(h5file_finish(w->file, err));
    free(w);
    return ASC_OK;
}
