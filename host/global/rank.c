// Reading a file of global importance: which words matter, towards a class and in a group of rows.
#include "global/cell.h"
#include "global/exact.h"
#include "global/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct asc_global {
    global_file *file;
    student_table student;
    int32_t *label_classes;
    asc_global_score *scores;
    asc_global_group *groups;
    const char **source_names;
    asc_global_info info;
};

static int32_t find_name(char *const *names, size_t n_names, const char *name)
{
    for (size_t i = 0; i < n_names; i++)
        if (strcmp(names[i], name) == 0)
            return (int32_t)i;
    return -1;
}

// As in a run (explain/request.c): by name where every label is a class; by index where the model names none (LABEL_0 ...) and the numbers agree.
static void map_labels(const global_facts *facts, int32_t *classes)
{
    bool named = true, unnamed = facts->n_label_names == facts->n_classes;
    for (size_t i = 0; i < facts->n_label_names; i++) {
        classes[i] = find_name(facts->class_names, facts->n_classes, facts->label_names[i]);
        named = named && classes[i] >= 0;
    }
    for (size_t c = 0; c < facts->n_classes; c++)
        unnamed = unnamed && strncmp(facts->class_names[c], "LABEL_", 6) == 0;
    for (size_t i = 0; !named && i < facts->n_label_names; i++)
        classes[i] = unnamed ? (int32_t)i : -1;
}

static asc_global_score describe_score(const global_score *score)
{
    asc_global_score out = {.n_rows = score->rows, .mean = NAN, .variance = NAN};
    const long double n = (long double)score->rows, sum = exact_sum_value(score->exact);
    memcpy(out.bins, score->bins, sizeof out.bins);
    if (score->rows > 0)
        out.mean = (double)(sum / n);
    if (score->rows > 1)
        out.variance = (double)fmaxl((exact_square_value(score->exact + 2) - sum * sum / n) / (n - 1), 0);
    return out;
}

static asc_status describe(asc_global *g, asc_error *err)
{
    const global_facts *facts = global_file_facts(g->file);
    g->label_classes = calloc(facts->n_label_names + 1, sizeof *g->label_classes);
    g->scores = calloc(facts->n_classes, sizeof *g->scores);
    g->groups = calloc(facts->n_groups + 1, sizeof *g->groups);
    g->source_names = calloc(facts->n_sources + 1, sizeof *g->source_names);
    if (!g->label_classes || !g->scores || !g->groups || !g->source_names)
        return fail_memory(err, "the facts of a summary", facts->n_classes * sizeof *g->scores);
    map_labels(facts, g->label_classes);
    for (size_t c = 0; c < facts->n_classes; c++)
        g->scores[c] = describe_score(&facts->scores[c]);
    for (size_t i = 0; i < facts->n_groups; i++)
        g->groups[i] = (asc_global_group){facts->groups[i].label, facts->groups[i].prediction, facts->groups[i].rows};
    for (size_t i = 0; i < facts->n_sources; i++)
        g->source_names[i] = facts->sources[i].name;
    g->info = (asc_global_info){
        .n_words = global_file_n_words(g->file),
        .n_rows = facts->n_rows,
        .n_unexplained = facts->n_unexplained,
        .n_attributions = facts->n_attributions,
        .n_classes = facts->n_classes,
        .n_label_names = facts->n_label_names,
        .class_names = (const char *const *)facts->class_names,
        .label_names = (const char *const *)facts->label_names,
        .label_classes = g->label_classes,
        .settings = facts->settings,
        .fold_case = settings_fold_case(facts->settings),
        .scores = g->scores,
        .n_groups = facts->n_groups,
        .groups = g->groups,
        .n_sources = facts->n_sources,
        .source_names = g->source_names,
    };
    return ASC_OK;
}

asc_status asc_global_open(const char *path, asc_global **out, asc_error *err)
{
    asc_global *g = calloc(1, sizeof *g);
    if (!g)
        return fail_memory(err, "a summary", sizeof *g);
    asc_status status = global_file_open(path, &g->file, err);
    if (status == ASC_OK) { // with itself: is it a JSON object?
        const char *settings = global_file_facts(g->file)->settings;
        status = settings_check(&(settings_pair){settings, settings, path, path, false}, err);
    }
    if (status == ASC_OK)
        status = describe(g, err);
    if (status != ASC_OK) {
        asc_global_close(g);
        return status;
    }
    student_table_fill(&g->student);
    *out = g;
    return ASC_OK;
}

void asc_global_close(asc_global *g)
{
    if (!g)
        return;
    free(g->source_names);
    free(g->groups);
    free(g->scores);
    free(g->label_classes);
    global_file_close(g->file);
    free(g);
}

const asc_global_info *asc_global_describe(const asc_global *g)
{
    return &g->info;
}

asc_global_query asc_global_query_default(void)
{
    return (asc_global_query){.label = ASC_GLOBAL_ANY, .prediction = ASC_GLOBAL_ANY, .position = ASC_GLOBAL_ANY, .min_count = 1};
}

// ---- The query ----

static bool in_range(int32_t index, size_t count)
{
    return index >= ASC_GLOBAL_ANY && index < (int64_t)count;
}

static asc_status check_query(const asc_global_info *info, const asc_global_query *query, asc_error *err)
{
    bool comparable = info->n_label_names > 0;
    for (size_t i = 0; i < info->n_label_names; i++)
        comparable = comparable && info->label_classes[i] >= 0;
    if (query->class_index < 0 || (size_t)query->class_index >= info->n_classes)
        return fail(err, ASC_USAGE, "expected a class from 0 to %zu, found %d", info->n_classes - 1, query->class_index);
    if (!in_range(query->label, info->n_label_names) || !in_range(query->prediction, info->n_classes))
        return fail(err, ASC_USAGE, "expected one of %zu labels and one of %zu classes, found %d and %d", info->n_label_names, info->n_classes,
                    query->label, query->prediction);
    if (query->agreement != ASC_GLOBAL_ALL && !comparable)
        return fail(err, ASC_USAGE, "right and wrong predictions cannot be told apart: %s",
                    info->n_label_names ? "the labels are not the model's classes" : "the rows have no class as label");
    if (query->position < ASC_GLOBAL_ANY || query->position == ASC_GLOBAL_NONE || query->position >= ASC_GLOBAL_POSITIONS)
        return fail(err, ASC_USAGE, "expected a position from 0 to %d, found %d", ASC_GLOBAL_POSITIONS - 1, query->position);
    if (query->position >= 0 && (query->label != ASC_GLOBAL_ANY || query->prediction != ASC_GLOBAL_ANY || query->agreement != ASC_GLOBAL_ALL))
        return fail(err, ASC_USAGE, "positions are counted in all rows together: expected a position or a group, found both");
    return ASC_OK;
}

static bool group_matches(const asc_global_info *info, const asc_global_query *query, int32_t label, int32_t prediction)
{
    if ((query->label != ASC_GLOBAL_ANY && query->label != label) || (query->prediction != ASC_GLOBAL_ANY && query->prediction != prediction))
        return false;
    if (query->agreement == ASC_GLOBAL_ALL)
        return true;
    const bool right = label >= 0 && prediction >= 0 && info->label_classes[label] == prediction;
    return label >= 0 && prediction >= 0 && right == (query->agreement == ASC_GLOBAL_CORRECT);
}

static bool cell_matches(const asc_global_info *info, const asc_global_query *query, const global_cell *cell)
{
    if (cell->class_index != query->class_index)
        return false;
    if (query->position >= 0 || cell->position >= 0)
        return cell->position == query->position;
    return group_matches(info, query, cell->label, cell->prediction);
}

// ---- The table ----

typedef struct table_size {
    size_t words, bytes, byte_count;
} table_size;

static asc_status reserve(asc_global_table *table, table_size *size, size_t n_bytes, asc_error *err)
{
    if (table->n_words == size->words) {
        const size_t words = 2 * size->words + 256;
        asc_global_word *larger = realloc(table->words, words * sizeof *larger);
        if (!larger)
            return fail_memory(err, "a table of words", words * sizeof *larger);
        table->words = larger;
        size->words = words;
    }
    if (n_bytes > size->bytes - size->byte_count || !table->bytes) {
        const size_t bytes = 2 * (size->byte_count + n_bytes) + 4096;
        char *larger = realloc(table->bytes, bytes);
        if (!larger)
            return fail_memory(err, "a table of words", bytes);
        table->bytes = larger;
        size->bytes = bytes;
    }
    return ASC_OK;
}

// `text` is NULL until all bytes have their place.
static asc_status add_word(const asc_global *g, const asc_global_query *query, const global_word *from, table_size *size, asc_global_table *table,
                           asc_error *err)
{
    global_cell sum = {.count = 0};
    for (size_t i = 0; i < from->n_cells; i++)
        if (cell_matches(&g->info, query, &from->cells[i]))
            cell_merge(&sum, &from->cells[i]);
    if (sum.count == 0 || sum.count < query->min_count)
        return ASC_OK;
    TRY(reserve(table, size, from->size, err));
    asc_global_word *word = &table->words[table->n_words++];
    *word = (asc_global_word){.size = from->size, .q_value = NAN};
    cell_describe(&sum, &g->student, word);
    memcpy(table->bytes + size->byte_count, from->text, from->size);
    size->byte_count += from->size;
    return ASC_OK;
}

static asc_status add_words(const asc_global *g, const asc_global_query *query, asc_global_table *table, asc_error *err)
{
    const size_t n_words = g->info.n_words, at_once = global_file_words_at_once(g->file);
    table_size size = {0, 0, 0};
    for (size_t first = 0; first < n_words; first += at_once) {
        global_words words;
        asc_status status = global_file_read(g->file, first, n_words - first < at_once ? n_words - first : at_once, &words, err);
        for (size_t i = 0; status == ASC_OK && i < words.n_words; i++)
            status = add_word(g, query, &words.words[i], &size, table, err);
        global_words_free(&words);
        TRY(status);
    }
    const char *text = table->bytes;
    for (size_t i = 0; i < table->n_words; i++) {
        table->words[i].text = text;
        text += table->words[i].size;
    }
    return ASC_OK;
}

static asc_status adjust(asc_global_table *table, asc_error *err)
{
    const size_t n = table->n_words;
    double *p = malloc((2 * n + 1) * sizeof *p);
    if (!p)
        return fail_memory(err, "p-values", 2 * n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = table->words[i].p_value;
    const asc_status status = benjamini_hochberg(p, n, p + n, &table->n_tested, err);
    for (size_t i = 0; status == ASC_OK && i < n; i++)
        table->words[i].q_value = p[n + i];
    free(p);
    return status;
}

// Larger comes first; NaN last.
static double sort_value(const asc_global_word *word, asc_global_order order)
{
    double value = 0;
    switch (order) {
    case ASC_GLOBAL_BY_IMPORTANCE: value = word->mean_abs * (double)word->count; break;
    case ASC_GLOBAL_BY_MEAN_ABS: value = word->mean_abs; break;
    case ASC_GLOBAL_BY_MEAN: value = word->mean; break;
    case ASC_GLOBAL_BY_NEGATIVE: value = -word->mean; break;
    case ASC_GLOBAL_BY_COUNT: value = (double)word->count; break;
    case ASC_GLOBAL_BY_P_VALUE: value = -word->p_value; break;
    case ASC_GLOBAL_BY_TEXT: break;
    }
    return isnan(value) ? -INFINITY : value;
}

static int by_order(const void *left, const void *right, void *context)
{
    const asc_global_order order = *(const asc_global_order *)context;
    const asc_global_word *a = left, *b = right;
    const double first = sort_value(a, order), second = sort_value(b, order);
    if (first != second)
        return first > second ? -1 : 1;
    return global_word_compare(a->text, a->size, b->text, b->size);
}

asc_status asc_global_rank(const asc_global *g, const asc_global_query *query, asc_global_table *table, asc_error *err)
{
    asc_global_order order = query->order;
    *table = (asc_global_table){0};
    TRY(check_query(&g->info, query, err));
    for (size_t i = 0; i < g->info.n_groups; i++)
        if (group_matches(&g->info, query, g->info.groups[i].label, g->info.groups[i].prediction))
            table->n_rows += g->info.groups[i].n_rows;
    asc_status status = add_words(g, query, table, err);
    if (status == ASC_OK)
        status = adjust(table, err);
    if (status != ASC_OK)
        asc_global_table_free(table);
    else if (order != ASC_GLOBAL_BY_TEXT && table->n_words > 0)
        qsort_r(table->words, table->n_words, sizeof *table->words, by_order, &order);
    return status;
}

void asc_global_table_free(asc_global_table *table)
{
    free(table->words);
    free(table->bytes);
    *table = (asc_global_table){0};
}
