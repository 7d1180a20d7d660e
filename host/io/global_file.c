// Reading `ascribe-global` v1: structure at opening, every index and key at reading, all of it once in a child process first.
#include "io/global_file.h"

#include "base/checked.h"
#include "io/annotation.h"
#include "io/h5file.h"
#include "io/ragged.h"
#include "io/trial.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_MAJOR = 1, MOST_WORDS_AT_ONCE = 4096, ELEMENTS_AT_ONCE = 1 << 22, MOST_NAMES = 1 << 20 };

typedef struct cell_columns {
    h5set class_index, label, prediction, position, count, rows, exact, least, most, least_row, most_row;
} cell_columns;

struct global_file {
    h5file *file;
    h5set ids, text, text_offsets, cell_offsets;
    cell_columns cells;
    size_t n_words, n_bytes, n_cells;
    global_facts facts;
};

int global_cell_compare(const global_cell *a, const global_cell *b)
{
    const int32_t left[] = {a->class_index, a->label, a->prediction, a->position};
    const int32_t right[] = {b->class_index, b->label, b->prediction, b->position};
    for (size_t i = 0; i < 4; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

int global_word_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

char **global_names_copy(const char *const *names, size_t n_names)
{
    size_t bytes = (n_names + 1) * sizeof(char *);
    for (size_t i = 0; i < n_names; i++)
        bytes += strlen(names[i]) + 1;
    char **const copy = malloc(bytes);
    char *at = copy ? (char *)(copy + n_names + 1) : NULL;
    for (size_t i = 0; copy && i < n_names; i++) {
        copy[i] = at;
        at = stpcpy(at, names[i]) + 1;
    }
    return copy;
}

void global_facts_free(global_facts *facts)
{
    for (size_t i = 0; facts->sources && i < facts->n_sources; i++)
        free(facts->sources[i].name);
    free(facts->sources);
    free(facts->groups);
    free(facts->scores);
    free(facts->settings);
    free(facts->label_names);
    free(facts->class_names);
    *facts = (global_facts){0};
}

// ---- The facts ----

static asc_status read_names(const global_file *f, const char *name, char ***names, size_t *n_names, asc_error *err)
{
    h5set set = {0};
    TRY(h5set_open_as(f->file, name, (h5set_shape){COLUMN_TEXT, H5SET_ANY_ROWS, 0}, &set, err));
    asc_status status = ASC_OK;
    if (set.n_rows < 1 || set.n_rows > MOST_NAMES)
        status = fail(err, ASC_MALFORMED, "%s: dataset '%s': expected 1 to %d names, found %zu", h5file_path(f->file), name, MOST_NAMES,
                      set.n_rows);
    *n_names = set.n_rows;
    if (status == ASC_OK)
        status = annotation_read_texts(&set, (row_range){0, set.n_rows}, names, err);
    h5set_close(&set);
    return status;
}

// All of a column that must have `shape`, in new memory; *n_rows = its length.
static asc_status read_column(const global_file *f, const char *name, h5set_shape shape, void *pointer, asc_error *err)
{
    h5set set = {0};
    TRY(h5set_open_as(f->file, name, shape, &set, err));
    const asc_status status = h5set_read_new(&set, 0, set.n_rows, pointer, err);
    h5set_close(&set);
    return status;
}

static asc_status read_scores(global_file *f, asc_error *err)
{
    const size_t n = f->facts.n_classes;
    uint64_t *rows = NULL, *exact = NULL, *bins = NULL;
    asc_status status = read_column(f, "scores/rows", (h5set_shape){COLUMN_UINT64, n, 0}, &rows, err);
    if (status == ASC_OK)
        status = read_column(f, "scores/exact", (h5set_shape){COLUMN_UINT64, n, GLOBAL_SCORE_WORDS}, &exact, err);
    if (status == ASC_OK)
        status = read_column(f, "scores/bins", (h5set_shape){COLUMN_UINT64, n, GLOBAL_N_BINS}, &bins, err);
    if (status == ASC_OK && !(f->facts.scores = calloc(n, sizeof *f->facts.scores)))
        status = fail_memory(err, "scores", n * sizeof *f->facts.scores);
    for (size_t c = 0; status == ASC_OK && c < n; c++) {
        global_score *score = &f->facts.scores[c];
        score->rows = rows[c];
        memcpy(score->exact, exact + c * GLOBAL_SCORE_WORDS, sizeof score->exact);
        memcpy(score->bins, bins + c * GLOBAL_N_BINS, sizeof score->bins);
    }
    free(bins);
    free(exact);
    free(rows);
    return status;
}

static asc_status check_group(const global_file *f, const global_group *group, asc_error *err)
{
    if (group->label >= -1 && group->label < (int64_t)f->facts.n_label_names && group->prediction >= -1 &&
        group->prediction < (int64_t)f->facts.n_classes)
        return ASC_OK;
    return fail(err, ASC_MALFORMED, "%s: 'groups': expected a label below %zu and a class below %zu, found %d and %d", h5file_path(f->file),
                f->facts.n_label_names, f->facts.n_classes, group->label, group->prediction);
}

static asc_status read_groups(global_file *f, asc_error *err)
{
    h5set set = {0};
    int32_t *labels = NULL, *predictions = NULL;
    uint64_t *rows = NULL;
    TRY(h5set_open_as(f->file, "groups/label", (h5set_shape){COLUMN_INT32, H5SET_ANY_ROWS, 0}, &set, err));
    const size_t n = set.n_rows;
    h5set_close(&set);
    asc_status status = read_column(f, "groups/label", (h5set_shape){COLUMN_INT32, n, 0}, &labels, err);
    if (status == ASC_OK)
        status = read_column(f, "groups/prediction", (h5set_shape){COLUMN_INT32, n, 0}, &predictions, err);
    if (status == ASC_OK)
        status = read_column(f, "groups/rows", (h5set_shape){COLUMN_UINT64, n, 0}, &rows, err);
    if (status == ASC_OK && !(f->facts.groups = calloc(n + 1, sizeof *f->facts.groups)))
        status = fail_memory(err, "groups", n * sizeof *f->facts.groups);
    for (size_t i = 0; status == ASC_OK && i < n; i++) {
        f->facts.groups[i] = (global_group){labels[i], predictions[i], rows[i]};
        status = check_group(f, &f->facts.groups[i], err);
    }
    f->facts.n_groups = status == ASC_OK ? n : 0;
    free(rows);
    free(predictions);
    free(labels);
    return status;
}

static asc_status read_sources(global_file *f, asc_error *err)
{
    char **names = NULL, **digests = NULL;
    uint64_t *rows = NULL;
    size_t n = 0, n_digests = 0;
    asc_status status = read_names(f, "sources/name", &names, &n, err);
    if (status == ASC_OK)
        status = read_names(f, "sources/digest", &digests, &n_digests, err);
    if (status == ASC_OK)
        status = read_column(f, "sources/rows", (h5set_shape){COLUMN_UINT64, n, 0}, &rows, err);
    if (status == ASC_OK && n_digests != n)
        status = fail(err, ASC_MALFORMED, "%s: dataset 'sources/digest': expected %zu entries, found %zu", h5file_path(f->file), n, n_digests);
    if (status == ASC_OK && !(f->facts.sources = calloc(n, sizeof *f->facts.sources)))
        status = fail_memory(err, "the list of sources", n * sizeof *f->facts.sources);
    for (size_t i = 0; status == ASC_OK && i < n; i++) {
        global_source *source = &f->facts.sources[i];
        source->name = strdup(names[i]);
        strncat(source->digest, digests[i], sizeof source->digest - 1);
        source->rows = rows[i];
        f->facts.n_sources = i + 1;
        if (!source->name)
            status = fail_memory(err, "the list of sources", strlen(names[i]));
    }
    free(rows);
    free(digests);
    free(names);
    return status;
}

static asc_status read_number(const global_file *f, const char *name, uint64_t *value, asc_error *err)
{
    int64_t found = -1;
    TRY(h5file_read_int(f->file, name, -1, &found, err));
    if (found < 0)
        return fail(err, ASC_MALFORMED, "%s: attribute '%s': expected a number of at least 0, found %" PRId64, h5file_path(f->file), name, found);
    *value = (uint64_t)found;
    return ASC_OK;
}

static asc_status read_facts(global_file *f, asc_error *err)
{
    uint64_t complete = 0;
    bool has_labels = false;
    global_facts *facts = &f->facts;
    TRY(h5file_check_format(f->file, "ascribe-global", FORMAT_MAJOR, err));
    TRY(read_number(f, "complete", &complete, err));
    if (complete != 1)
        return fail(err, ASC_MALFORMED, "%s: the file is not complete", h5file_path(f->file));
    TRY(h5file_read_text(f->file, "settings", &facts->settings, err));
    if (!facts->settings)
        return fail(err, ASC_MALFORMED, "%s: attribute 'settings' is missing", h5file_path(f->file));
    TRY(read_number(f, "n_unexplained", &facts->n_unexplained, err));
    TRY(read_number(f, "n_attributions", &facts->n_attributions, err));
    TRY(read_names(f, "class_names", &facts->class_names, &facts->n_classes, err));
    TRY(h5file_has(f->file, "label_names", &has_labels, err));
    if (has_labels)
        TRY(read_names(f, "label_names", &facts->label_names, &facts->n_label_names, err));
    TRY(read_scores(f, err));
    TRY(read_groups(f, err));
    return read_sources(f, err);
}

// ---- The words ----

static asc_status open_cells(global_file *f, asc_error *err)
{
    cell_columns *c = &f->cells;
    const struct {
        const char *name;
        column_type type;
        size_t n_columns;
        h5set *set;
    } columns[] = {
        {"cells/class", COLUMN_INT32, 0, &c->class_index},  {"cells/label", COLUMN_INT32, 0, &c->label},
        {"cells/prediction", COLUMN_INT32, 0, &c->prediction}, {"cells/position", COLUMN_INT32, 0, &c->position},
        {"cells/count", COLUMN_UINT64, 0, &c->count},       {"cells/rows", COLUMN_UINT64, 0, &c->rows},
        {"cells/exact", COLUMN_UINT64, GLOBAL_N_EXACT, &c->exact}, {"cells/min", COLUMN_FLOAT32, 0, &c->least},
        {"cells/max", COLUMN_FLOAT32, 0, &c->most},         {"cells/min_row", COLUMN_UINT64, 0, &c->least_row},
        {"cells/max_row", COLUMN_UINT64, 0, &c->most_row}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        TRY(h5set_open_as(f->file, columns[i].name, (h5set_shape){columns[i].type, f->n_cells, columns[i].n_columns}, columns[i].set, err));
    return ASC_OK;
}

static asc_status open_words(global_file *f, asc_error *err)
{
    h5set offsets = {0};
    TRY(h5set_open_as(f->file, "words/offsets", (h5set_shape){COLUMN_INT64, H5SET_ANY_ROWS, 0}, &offsets, err));
    const size_t n_offsets = offsets.n_rows;
    h5set_close(&offsets);
    if (n_offsets == 0)
        return fail(err, ASC_MALFORMED, "%s: dataset 'words/offsets': expected at least one offset, found none", h5file_path(f->file));
    f->n_words = n_offsets - 1;
    TRY(ragged_open(f->file, "words/offsets", f->n_words, &f->text_offsets, &f->n_bytes, err));
    TRY(ragged_open(f->file, "cells/offsets", f->n_words, &f->cell_offsets, &f->n_cells, err));
    TRY(h5set_open_as(f->file, "words/bytes", (h5set_shape){COLUMN_UINT8, f->n_bytes, 0}, &f->text, err));
    TRY(open_cells(f, err));
    TRY(h5set_open_as(f->file, "rows/id", (h5set_shape){COLUMN_UINT64, H5SET_ANY_ROWS, 0}, &f->ids, err));
    f->facts.n_rows = f->ids.n_rows;
    if (f->facts.n_rows == 0 || f->facts.n_unexplained > f->facts.n_rows)
        return fail(err, ASC_MALFORMED, "%s: expected at least one row, and as many as are unexplained; found %" PRIu64 " and %" PRIu64,
                    h5file_path(f->file), f->facts.n_rows, f->facts.n_unexplained);
    return ASC_OK;
}

static void close_all(global_file *f)
{
    cell_columns *c = &f->cells;
    h5set *const sets[] = {&c->class_index, &c->label, &c->prediction, &c->position, &c->count,         &c->rows,         &c->exact, &c->least,
                           &c->most,        &c->least_row, &c->most_row, &f->text,     &f->text_offsets, &f->cell_offsets, &f->ids};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        h5set_close(sets[i]);
    global_facts_free(&f->facts);
    h5file_close(f->file);
    free(f);
}

asc_status global_file_open_here(const char *path, global_file **out, asc_error *err)
{
    global_file *f = calloc(1, sizeof *f);
    if (!f)
        return fail_memory(err, "a file of global importance", sizeof *f);
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5file_open(path, &f->file, err);
    if (status == ASC_OK)
        status = read_facts(f, err);
    if (status == ASC_OK)
        status = open_words(f, err);
    if (status == ASC_OK)
        *out = f;
    else
        close_all(f);
    h5_silence_end(silence);
    return status;
}

void global_file_close(global_file *file)
{
    if (!file)
        return;
    const h5_silence silence = h5_silence_begin();
    close_all(file);
    h5_silence_end(silence);
}

const global_facts *global_file_facts(const global_file *file)
{
    return &file->facts;
}

size_t global_file_n_words(const global_file *file)
{
    return file->n_words;
}

size_t global_file_words_at_once(const global_file *file)
{
    const size_t mean = file->n_words ? (file->n_bytes + file->n_cells * GLOBAL_N_EXACT) / file->n_words + 1 : 1;
    const size_t words = ELEMENTS_AT_ONCE / mean;
    return words > MOST_WORDS_AT_ONCE ? MOST_WORDS_AT_ONCE : words ? words : 1;
}

static bool key_is_sound(const global_facts *facts, const global_cell *c)
{
    const bool any = c->label == GLOBAL_ANY && c->prediction == GLOBAL_ANY && c->position >= 0 && c->position < GLOBAL_N_POSITIONS;
    const bool group = c->label >= -1 && c->label < (int64_t)facts->n_label_names && c->prediction >= -1 &&
                       c->prediction < (int64_t)facts->n_classes && c->position == -1;
    return c->class_index >= 0 && c->class_index < (int64_t)facts->n_classes && (any || group);
}

static asc_status check_cell(const global_file *f, const global_cell *c, size_t place, asc_error *err)
{
    const char *path = h5file_path(f->file);
    if (!key_is_sound(&f->facts, c))
        return fail(err, ASC_MALFORMED, "%s: cell %zu: class %d, label %d, prediction %d, position %d is no place among %zu classes and %zu labels",
                    path, place, c->class_index, c->label, c->prediction, c->position, f->facts.n_classes, f->facts.n_label_names);
    if (c->rows < 1 || c->count < c->rows || c->rows > f->facts.n_rows)
        return fail(err, ASC_MALFORMED, "%s: cell %zu: expected 1 to %" PRIu64 " rows and as many occurrences, found %" PRIu64 " and %" PRIu64, path,
                    place, f->facts.n_rows, c->rows, c->count);
    if (!isfinite(c->least) || !isfinite(c->most) || c->least > c->most)
        return fail(err, ASC_MALFORMED, "%s: cell %zu: expected a finite minimum and maximum, found %g and %g", path, place, (double)c->least,
                    (double)c->most);
    return ASC_OK;
}

static asc_status read_cells(const global_file *f, size_t first, size_t count, global_cell **out, asc_error *err)
{
    const cell_columns *c = &f->cells;
    enum { N = 11 };
    const h5set *const sets[N] = {&c->class_index, &c->label, &c->prediction, &c->position, &c->count,   &c->rows,
                                  &c->exact,       &c->least, &c->most,       &c->least_row, &c->most_row};
    static const size_t places[N] = {
        offsetof(global_cell, class_index), offsetof(global_cell, label),  offsetof(global_cell, prediction), offsetof(global_cell, position),
        offsetof(global_cell, count),       offsetof(global_cell, rows),   offsetof(global_cell, exact),      offsetof(global_cell, least),
        offsetof(global_cell, most),        offsetof(global_cell, least_row), offsetof(global_cell, most_row)};
    size_t bytes = 0;
    if (!checked_multiply(count + 1, sizeof **out, &bytes) || !(*out = calloc(1, bytes)))
        return fail_memory(err, "cells", bytes);
    for (size_t i = 0; i < N; i++) {
        char *column = NULL;
        const size_t size = sets[i]->element_size * (sets[i]->n_columns ? sets[i]->n_columns : 1);
        TRY(h5set_read_new(sets[i], first, count, &column, err));
        for (size_t k = 0; k < count; k++)
            memcpy((char *)(*out + k) + places[i], column + k * size, size);
        free(column);
    }
    for (size_t k = 0; k < count; k++)
        TRY(check_cell(f, *out + k, first + k, err));
    return ASC_OK;
}

static asc_status check_order(const global_file *f, const global_words *w, size_t first, asc_error *err)
{
    for (size_t i = 0; i < w->n_words; i++) {
        const global_word *word = &w->words[i], *before = word - 1;
        if (i > 0 && global_word_compare(before->text, before->size, word->text, word->size) >= 0)
            return fail(err, ASC_MALFORMED, "%s: word %zu: expected words in ascending order", h5file_path(f->file), first + i);
        if (word->n_cells == 0)
            return fail(err, ASC_MALFORMED, "%s: word %zu: expected at least one cell, found none", h5file_path(f->file), first + i);
        for (size_t k = 1; k < word->n_cells; k++)
            if (global_cell_compare(&word->cells[k - 1], &word->cells[k]) >= 0)
                return fail(err, ASC_MALFORMED, "%s: word %zu: expected cells in ascending order", h5file_path(f->file), first + i);
    }
    return ASC_OK;
}

static asc_status read_words(const global_file *f, row_range range, global_words *out, asc_error *err)
{
    int64_t *text_offsets = NULL, *cell_offsets = NULL;
    size_t text_begin = 0, cell_begin = 0;
    asc_status status = ragged_read(&f->text_offsets, range, f->n_bytes, &text_offsets, &text_begin, err);
    if (status == ASC_OK)
        status = ragged_read(&f->cell_offsets, range, f->n_cells, &cell_offsets, &cell_begin, err);
    if (status == ASC_OK)
        status = h5set_read_new(&f->text, text_begin, (size_t)text_offsets[range.count], &out->text, err);
    if (status == ASC_OK)
        status = read_cells(f, cell_begin, (size_t)cell_offsets[range.count], &out->cells, err);
    if (status == ASC_OK && !(out->words = calloc(range.count + 1, sizeof *out->words)))
        status = fail_memory(err, "words", range.count * sizeof *out->words);
    for (size_t i = 0; status == ASC_OK && i < range.count; i++)
        out->words[i] = (global_word){out->text + text_offsets[i], (size_t)(text_offsets[i + 1] - text_offsets[i]),
                                      out->cells + cell_offsets[i], (size_t)(cell_offsets[i + 1] - cell_offsets[i])};
    out->n_words = status == ASC_OK ? range.count : 0;
    free(cell_offsets);
    free(text_offsets);
    return status == ASC_OK ? check_order(f, out, range.first, err) : status;
}

asc_status global_file_read(const global_file *file, size_t first, size_t count, global_words *out, asc_error *err)
{
    *out = (global_words){0};
    const h5_silence silence = h5_silence_begin();
    const asc_status status = read_words(file, (row_range){first, count}, out, err);
    h5_silence_end(silence);
    if (status != ASC_OK)
        global_words_free(out);
    return status;
}

void global_words_free(global_words *words)
{
    free(words->cells);
    free(words->text);
    free(words->words);
    *words = (global_words){0};
}

asc_status global_file_read_ids(const global_file *file, size_t first, size_t count, uint64_t **ids, asc_error *err)
{
    const h5_silence silence = h5_silence_begin();
    asc_status status = h5set_read_new(&file->ids, first, count, ids, err);
    h5_silence_end(silence);
    for (size_t i = 1; status == ASC_OK && i < count; i++)
        if ((*ids)[i] <= (*ids)[i - 1])
            status = fail(err, ASC_MALFORMED, "%s: dataset 'rows/id': expected ascending ids, found %" PRIu64 " after %" PRIu64,
                          h5file_path(file->file), (*ids)[i], (*ids)[i - 1]);
    if (status != ASC_OK) {
        free(*ids);
        *ids = NULL;
    }
    return status;
}

// ---- The trial ----

typedef struct trial_call {
    const char *path;
    h5_identity found; // the answer
} trial_call;

static asc_status check_all(const global_file *f, asc_error *err)
{
    const size_t at_once = global_file_words_at_once(f);
    char *last = NULL; // the last word of the slice before
    size_t last_size = 0;
    for (size_t first = 0; first < f->n_words; first += at_once) {
        global_words words;
        const size_t left = f->n_words - first;
        TRY(global_file_read(f, first, left < at_once ? left : at_once, &words, err));
        const global_word *end = &words.words[words.n_words - 1];
        if (last && global_word_compare(last, last_size, words.words->text, words.words->size) >= 0)
            return fail(err, ASC_MALFORMED, "%s: word %zu: expected words in ascending order", h5file_path(f->file), first);
        free(last);
        last_size = end->size;
        last = malloc(last_size + 1);
        if (!last)
            return fail_memory(err, "a word", last_size);
        memcpy(last, end->text, last_size);
        global_words_free(&words);
    }
    free(last);
    return ASC_OK;
}

static asc_status check_ids(const global_file *f, asc_error *err)
{
    enum { AT_ONCE = H5SET_ROWS_PER_CHUNK };
    const size_t n_rows = (size_t)f->facts.n_rows;
    for (size_t first = 0; first + 1 < n_rows; first += AT_ONCE) { // slices that share an id
        uint64_t *ids = NULL;
        const size_t left = n_rows - first;
        TRY(global_file_read_ids(f, first, left < AT_ONCE + 1 ? left : AT_ONCE + 1, &ids, err));
        free(ids);
    }
    return ASC_OK;
}

static asc_status try_reading(void *context, asc_error *err)
{
    trial_call *call = context;
    global_file *f = NULL;
    TRY(global_file_open_here(call->path, &f, err));
    call->found = h5file_identity(f->file);
    TRY(check_ids(f, err));
    TRY(check_all(f, err));
    global_file_close(f);
    return ASC_OK;
}

asc_status global_file_open(const char *path, global_file **out, asc_error *err)
{
    global_file *f = NULL;
    trial_call call = {.path = path};
    const trial job = {.path = path, .step = try_reading, .context = &call, .answer = &call, .answer_size = sizeof call};
    TRY(trial_run(&job, err));
    TRY(global_file_open_here(path, &f, err));
    const asc_status status = h5file_check_identity(f->file, &call.found, err);
    if (status == ASC_OK)
        *out = f;
    else
        global_file_close(f);
    return status;
}

asc_status global_file_is(const char *path, bool *is_global, asc_error *err)
{
    return trial_format_is(path, "ascribe-global", is_global, err);
}
