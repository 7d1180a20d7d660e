// Writing `ascribe-global` v1: columns filled in step, each through a buffer of its own.
#include "io/global_file.h"

#include "io/h5file.h"

#include <ascribe/version.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFERED = 8192, N_CELL_COLUMNS = 11, N_LINE_COLUMNS = 15 };

typedef struct column {
    h5set set;
    char *bytes;
    size_t line_bytes, filled; // bytes of a line, lines buffered
} column;

typedef struct column_spec {
    const char *name;
    column_type type;
    size_t n_columns;
} column_spec;

struct global_writer {
    h5file *file;
    const global_plan *plan;
    column ids, text, text_offsets, cell_offsets, line_offsets;
    column cells[N_CELL_COLUMNS], lines[N_LINE_COLUMNS];
    int64_t n_bytes, n_cells, n_lines;
};

static asc_status column_create(global_writer *w, column_spec spec, size_t n_rows, column *out, asc_error *err)
{
    const h5set_plan plan = {{spec.type, n_rows, spec.n_columns}, 0, H5SET_ROWS_PER_CHUNK, true};
    TRY(h5set_create(w->file, spec.name, plan, &out->set, err));
    out->line_bytes = out->set.element_size * (spec.n_columns ? spec.n_columns : 1);
    out->bytes = malloc(BUFFERED * out->line_bytes);
    return out->bytes ? ASC_OK : fail_memory(err, spec.name, BUFFERED * out->line_bytes);
}

static asc_status column_flush(column *c, asc_error *err)
{
    const size_t filled = c->filled;
    c->filled = 0;
    return h5set_append(&c->set, filled, c->bytes, err);
}

static asc_status column_put(column *c, const void *lines, size_t count, asc_error *err)
{
    const char *from = lines;
    while (count > 0) {
        const size_t room = BUFFERED - c->filled, taken = count < room ? count : room;
        memcpy(c->bytes + c->filled * c->line_bytes, from, taken * c->line_bytes);
        c->filled += taken;
        from += taken * c->line_bytes;
        count -= taken;
        if (c->filled == BUFFERED)
            TRY(column_flush(c, err));
    }
    return ASC_OK;
}

static asc_status column_finish(column *c, asc_error *err)
{
    TRY(column_flush(c, err));
    free(c->bytes);
    return h5set_finish(&c->set, err);
}

static const column_spec cell_columns[N_CELL_COLUMNS] = {
    {"cells/class", COLUMN_INT32, 0},    {"cells/label", COLUMN_INT32, 0},  {"cells/prediction", COLUMN_INT32, 0},
    {"cells/position", COLUMN_INT32, 0}, {"cells/count", COLUMN_UINT64, 0}, {"cells/rows", COLUMN_UINT64, 0},
    {"cells/exact", COLUMN_UINT64, GLOBAL_N_EXACT}, {"cells/min", COLUMN_FLOAT32, 0}, {"cells/max", COLUMN_FLOAT32, 0},
    {"cells/min_row", COLUMN_UINT64, 0}, {"cells/max_row", COLUMN_UINT64, 0}};

static const column_spec line_columns[N_LINE_COLUMNS] = {
    {"all/class", COLUMN_INT32, 0},        {"all/count", COLUMN_UINT64, 0},     {"all/rows", COLUMN_UINT64, 0},
    {"all/mean", COLUMN_FLOAT64, 0},       {"all/mean_abs", COLUMN_FLOAT64, 0}, {"all/std", COLUMN_FLOAT64, 0},
    {"all/std_error", COLUMN_FLOAT64, 0},  {"all/ci_low", COLUMN_FLOAT64, 0},   {"all/ci_high", COLUMN_FLOAT64, 0},
    {"all/p_value", COLUMN_FLOAT64, 0},    {"all/mean_abs_std_error", COLUMN_FLOAT64, 0}, {"all/min", COLUMN_FLOAT32, 0},
    {"all/max", COLUMN_FLOAT32, 0},        {"all/min_row", COLUMN_UINT64, 0},   {"all/max_row", COLUMN_UINT64, 0}};

static asc_status put_cell(global_writer *w, const global_cell *c, asc_error *err)
{
    const void *const fields[N_CELL_COLUMNS] = {&c->class_index, &c->label, &c->prediction, &c->position, &c->count,   &c->rows,
                                                c->exact,        &c->least, &c->most,       &c->least_row, &c->most_row};
    for (size_t i = 0; i < N_CELL_COLUMNS; i++)
        TRY(column_put(&w->cells[i], fields[i], 1, err));
    return ASC_OK;
}

static asc_status put_line(global_writer *w, const global_line *l, asc_error *err)
{
    const void *const fields[N_LINE_COLUMNS] = {&l->class_index, &l->count,     &l->rows,          &l->mean,  &l->mean_abs,
                                                &l->deviation,   &l->std_error, &l->low,           &l->high,  &l->p_value,
                                                &l->abs_std_error, &l->least,   &l->most, &l->least_row, &l->most_row};
    for (size_t i = 0; i < N_LINE_COLUMNS; i++)
        TRY(column_put(&w->lines[i], fields[i], 1, err));
    return ASC_OK;
}

// A whole small array at once.
static asc_status write_array(global_writer *w, column_spec spec, size_t n_rows, const void *lines, asc_error *err)
{
    column c = {0};
    TRY(column_create(w, spec, n_rows, &c, err));
    TRY(column_put(&c, lines, n_rows, err));
    return column_finish(&c, err);
}

// Padded to the longest.
static asc_status write_texts(global_writer *w, const char *name, const char *const *texts, size_t n_texts, asc_error *err)
{
    size_t longest = 1;
    h5set set;
    for (size_t i = 0; i < n_texts; i++)
        longest = strlen(texts[i]) > longest ? strlen(texts[i]) : longest;
    const h5set_plan plan = {{COLUMN_TEXT, n_texts, 0}, longest, H5SET_ROWS_PER_CHUNK, true};
    char *block = calloc(n_texts, longest + 1);
    if (!block)
        return fail_memory(err, name, n_texts * (longest + 1));
    for (size_t i = 0; i < n_texts; i++)
        strcpy(block + i * (longest + 1), texts[i]);
    asc_status status = h5set_create(w->file, name, plan, &set, err);
    if (status == ASC_OK)
        status = h5set_append(&set, n_texts, block, err);
    if (status == ASC_OK)
        status = h5set_finish(&set, err);
    free(block);
    return status;
}

static asc_status write_sources(global_writer *w, const global_facts *facts, asc_error *err)
{
    const size_t n = facts->n_sources;
    const char **names = malloc(n * sizeof *names), **digests = malloc(n * sizeof *digests);
    uint64_t *rows = malloc(n * sizeof *rows);
    asc_status status = names && digests && rows ? ASC_OK : fail_memory(err, "the list of sources", n * sizeof *names);
    for (size_t i = 0; status == ASC_OK && i < n; i++) {
        names[i] = facts->sources[i].name;
        digests[i] = facts->sources[i].digest;
        rows[i] = facts->sources[i].rows;
    }
    if (status == ASC_OK)
        status = write_texts(w, "sources/name", names, n, err);
    if (status == ASC_OK)
        status = write_texts(w, "sources/digest", digests, n, err);
    if (status == ASC_OK)
        status = write_array(w, (column_spec){"sources/rows", COLUMN_UINT64, 0}, n, rows, err);
    free(rows);
    free(digests);
    free(names);
    return status;
}

static asc_status write_scores(global_writer *w, const global_facts *facts, asc_error *err)
{
    column rows = {0}, exact = {0}, bins = {0};
    const size_t n = facts->n_classes;
    TRY(column_create(w, (column_spec){"scores/rows", COLUMN_UINT64, 0}, n, &rows, err));
    TRY(column_create(w, (column_spec){"scores/exact", COLUMN_UINT64, GLOBAL_SCORE_WORDS}, n, &exact, err));
    TRY(column_create(w, (column_spec){"scores/bins", COLUMN_UINT64, GLOBAL_N_BINS}, n, &bins, err));
    for (size_t c = 0; c < n; c++) {
        TRY(column_put(&rows, &facts->scores[c].rows, 1, err));
        TRY(column_put(&exact, facts->scores[c].exact, 1, err));
        TRY(column_put(&bins, facts->scores[c].bins, 1, err));
    }
    TRY(column_finish(&rows, err));
    TRY(column_finish(&exact, err));
    return column_finish(&bins, err);
}

static asc_status write_groups(global_writer *w, const global_facts *facts, asc_error *err)
{
    column label = {0}, prediction = {0}, rows = {0};
    const size_t n = facts->n_groups;
    TRY(column_create(w, (column_spec){"groups/label", COLUMN_INT32, 0}, n, &label, err));
    TRY(column_create(w, (column_spec){"groups/prediction", COLUMN_INT32, 0}, n, &prediction, err));
    TRY(column_create(w, (column_spec){"groups/rows", COLUMN_UINT64, 0}, n, &rows, err));
    for (size_t i = 0; i < n; i++) {
        TRY(column_put(&label, &facts->groups[i].label, 1, err));
        TRY(column_put(&prediction, &facts->groups[i].prediction, 1, err));
        TRY(column_put(&rows, &facts->groups[i].rows, 1, err));
    }
    TRY(column_finish(&label, err));
    TRY(column_finish(&prediction, err));
    return column_finish(&rows, err);
}

static asc_status write_facts(global_writer *w, asc_error *err)
{
    const global_facts *facts = w->plan->facts;
    const char *const texts[][2] = {{"format", "ascribe-global"},
                                    {"format_version", "1.0"},
                                    {"created_by", "ascribe " ASC_VERSION},
                                    {"settings", facts->settings}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(h5file_write_text(w->file, texts[i][0], texts[i][1], err));
    TRY(h5file_write_int(w->file, "n_unexplained", (int64_t)facts->n_unexplained, err));
    TRY(h5file_write_int(w->file, "n_attributions", (int64_t)facts->n_attributions, err));
    TRY(write_texts(w, "class_names", (const char *const *)facts->class_names, facts->n_classes, err));
    if (facts->n_label_names)
        TRY(write_texts(w, "label_names", (const char *const *)facts->label_names, facts->n_label_names, err));
    TRY(write_scores(w, facts, err));
    TRY(write_groups(w, facts, err));
    return write_sources(w, facts, err);
}

asc_status global_writer_create(const char *path, const global_plan *plan, global_writer **out, asc_error *err)
{
    const int64_t zero = 0;
    global_writer *w = calloc(1, sizeof *w);
    if (!w)
        return fail_memory(err, "a file of global importance", sizeof *w);
    w->plan = plan;
    h5_silence_begin(); // for the rest of the process
    TRY(h5file_create(path, &w->file, err));
    TRY(write_facts(w, err));
    TRY(column_create(w, (column_spec){"rows/id", COLUMN_UINT64, 0}, (size_t)plan->facts->n_rows, &w->ids, err));
    TRY(column_create(w, (column_spec){"words/bytes", COLUMN_UINT8, 0}, plan->n_bytes, &w->text, err));
    TRY(column_create(w, (column_spec){"words/offsets", COLUMN_INT64, 0}, plan->n_words + 1, &w->text_offsets, err));
    TRY(column_create(w, (column_spec){"cells/offsets", COLUMN_INT64, 0}, plan->n_words + 1, &w->cell_offsets, err));
    TRY(column_create(w, (column_spec){"all/offsets", COLUMN_INT64, 0}, plan->n_words + 1, &w->line_offsets, err));
    for (size_t i = 0; i < N_CELL_COLUMNS; i++)
        TRY(column_create(w, cell_columns[i], plan->n_cells, &w->cells[i], err));
    for (size_t i = 0; i < N_LINE_COLUMNS; i++)
        TRY(column_create(w, line_columns[i], plan->n_lines, &w->lines[i], err));
    TRY(column_put(&w->text_offsets, &zero, 1, err));
    TRY(column_put(&w->cell_offsets, &zero, 1, err));
    TRY(column_put(&w->line_offsets, &zero, 1, err));
    *out = w;
    return ASC_OK;
}

asc_status global_writer_put_id(global_writer *w, uint64_t id, asc_error *err)
{
    return column_put(&w->ids, &id, 1, err);
}

asc_status global_writer_put(global_writer *w, const global_word *word, const global_line *lines, size_t n_lines, asc_error *err)
{
    w->n_bytes += (int64_t)word->size;
    w->n_cells += (int64_t)word->n_cells;
    w->n_lines += (int64_t)n_lines;
    TRY(column_put(&w->text, word->text, word->size, err));
    TRY(column_put(&w->text_offsets, &w->n_bytes, 1, err));
    TRY(column_put(&w->cell_offsets, &w->n_cells, 1, err));
    TRY(column_put(&w->line_offsets, &w->n_lines, 1, err));
    for (size_t i = 0; i < word->n_cells; i++)
        TRY(put_cell(w, &word->cells[i], err));
    for (size_t i = 0; i < n_lines; i++)
        TRY(put_line(w, &lines[i], err));
    return ASC_OK;
}

asc_status global_writer_finish(global_writer *w, asc_error *err)
{
    column *const columns[] = {&w->ids, &w->text, &w->text_offsets, &w->cell_offsets, &w->line_offsets};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        TRY(column_finish(columns[i], err));
    for (size_t i = 0; i < N_CELL_COLUMNS; i++)
        TRY(column_finish(&w->cells[i], err));
    for (size_t i = 0; i < N_LINE_COLUMNS; i++)
        TRY(column_finish(&w->lines[i], err));
    TRY(h5file_write_int(w->file, "complete", 1, err));
    TRY(h5file_finish(w->file, err));
    free(w);
    return ASC_OK;
}
