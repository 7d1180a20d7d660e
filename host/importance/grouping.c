// See grouping.h. A word's number is the tally's, which never reaches its limit here.
#include "importance/grouping.h"

#include <ascribe/result.h>

#include "global/fold.h"
#include "global/row_words.h"
#include "global/tally.h"
#include "importance/group_list.h"

#include <stdlib.h>
#include <string.h>

#define NO_GROUP UINT32_MAX

typedef struct word_facts {
    uint64_t n_rows;
    uint64_t last_row; // number of the last row that has it, from 1; 0: none yet
    uint32_t group;
} word_facts;

struct grouping {
    grouping_rule rule;
    tally *words;
    word_facts *facts; // [capacity] by word
    size_t n_words, capacity;
    uint64_t n_rows; // counted
    asc_feature_texts texts;
    row_words row_words;
    uint32_t *marks; // [n_groups] of a row's groups: 1 + its player
    size_t n_groups;
    char **names;
    size_t *name_sizes;
    uint64_t *group_rows, *group_last; // [n_groups]
    size_t n_unknown;
};

// ---- Words -------------------------------------------------------------------------------------------------------

static asc_status reserve(grouping *g, size_t n_words, size_t n_bytes, asc_error *err)
{
    TRY(tally_reserve(g->words, (tally_need){n_words, n_bytes, 0}, NULL, err));
    if (g->n_words + n_words <= g->capacity)
        return ASC_OK;
    const size_t capacity = 2 * (g->n_words + n_words);
    word_facts *facts = realloc(g->facts, capacity * sizeof *facts);
    if (!facts)
        return fail_memory(err, "the facts of words", capacity * sizeof *facts);
    g->facts = facts;
    g->capacity = capacity;
    return ASC_OK;
}

// Within what is reserved.
static uint32_t find_word(grouping *g, const char *text, size_t size)
{
    const uint32_t word = tally_word(g->words, text, size);
    if (word == g->n_words)
        g->facts[g->n_words++] = (word_facts){0, 0, NO_GROUP};
    return word;
}

static asc_status build_words(grouping *g, const asc_rows *rows, size_t row, asc_error *err)
{
    const size_t span = (size_t)rows->span_offsets[row], text = (size_t)rows->text_offsets[row];
    const asc_feature_spans spans = {
        .n_features = (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]),
        .n_spans = (size_t)rows->span_offsets[row + 1] - span,
        .text_size = (size_t)rows->text_offsets[row + 1] - text,
        .begin = rows->span_begin + span,
        .end = rows->span_end + span,
        .feature = rows->span_feature + span,
        .text = rows->text + text,
    };
    TRY(asc_feature_texts_build(&g->texts, &spans, err));
    TRY(row_words_build(&g->row_words, g->texts.bytes, g->texts.offsets, spans.n_features, g->rule.fold_case, err));
    return reserve(g, spans.n_features, g->row_words.offsets[spans.n_features], err);
}

// Of the row that was built last.
static uint32_t word_of(grouping *g, size_t feature)
{
    const size_t begin = g->row_words.offsets[feature];
    return find_word(g, g->row_words.bytes + begin, g->row_words.offsets[feature + 1] - begin);
}

// ---- Groups ------------------------------------------------------------------------------------------------------

static asc_status allocate_groups(grouping *g, size_t most, asc_error *err)
{
    g->names = calloc(most, sizeof *g->names);
    g->name_sizes = calloc(most, sizeof *g->name_sizes);
    g->group_rows = calloc(most, sizeof *g->group_rows);
    g->group_last = calloc(most, sizeof *g->group_last);
    g->marks = calloc(most, sizeof *g->marks);
    return g->names && g->name_sizes && g->group_rows && g->group_last && g->marks ? ASC_OK : fail_memory(err, "groups of words", most * sizeof *g->names);
}

static asc_status add_group(grouping *g, const char *name, size_t size, asc_error *err)
{
    char *copy = malloc(size + 1);
    if (!copy)
        return fail_memory(err, "the name of a group", size + 1);
    memcpy(copy, name, size);
    copy[size] = '\0';
    g->names[g->n_groups] = copy;
    g->name_sizes[g->n_groups++] = size;
    return ASC_OK;
}

// The group of a line, made if it is new; names are numbered by a tally of their own.
static asc_status find_group(grouping *g, tally *names, const group_line *line, uint32_t *group, asc_error *err)
{
    TRY(tally_reserve(names, (tally_need){1, line->group_size, 0}, NULL, err));
    *group = tally_word(names, line->group, line->group_size);
    return *group == g->n_groups ? add_group(g, line->group, line->group_size, err) : ASC_OK;
}

static asc_status add_line(grouping *g, tally *names, const group_line *line, asc_error *err)
{
    uint32_t group = 0;
    char *folded = malloc(FOLD_MOST_GROWTH * line->word_size);
    if (!folded)
        return fail_memory(err, "a word", FOLD_MOST_GROWTH * line->word_size);
    asc_status status = find_group(g, names, line, &group, err);
    if (status == ASC_OK)
        status = reserve(g, 1, FOLD_MOST_GROWTH * line->word_size, err);
    if (status == ASC_OK) {
        const bool fold = g->rule.fold_case;
        const uint32_t word = find_word(g, fold ? folded : line->word, fold ? fold_case(line->word, line->word_size, folded) : line->word_size);
        uint32_t *of_word = &g->facts[word].group;
        if (*of_word != NO_GROUP && *of_word != group)
            status = fail(err, ASC_MALFORMED, "%s, line %zu: '%.*s' is in group '%.100s' already, expected each word in one group", g->rule.list_path,
                          line->number, (int)(line->word_size < 100 ? line->word_size : 100), line->word, g->names[*of_word]);
        *of_word = group;
    }
    free(folded);
    return status;
}

static asc_status take_list(grouping *g, asc_error *err)
{
    group_list list = {0};
    tally *names = NULL;
    TRY(group_list_read(g->rule.list_path, &list, err));
    asc_status status = allocate_groups(g, list.n_lines + 1, err);
    if (status == ASC_OK)
        status = tally_create(SIZE_MAX, &names, err);
    for (size_t i = 0; status == ASC_OK && i < list.n_lines; i++)
        status = add_line(g, names, &list.lines[i], err);
    tally_free(names);
    group_list_free(&list);
    return status;
}

asc_status grouping_create(const grouping_rule *rule, grouping **out, asc_error *err)
{
    grouping *g = calloc(1, sizeof *g);
    if (!g)
        return fail_memory(err, "groups of words", sizeof *g);
    g->rule = *rule;
    asc_status status = tally_create(SIZE_MAX, &g->words, err);
    if (status == ASC_OK && rule->list_path)
        status = take_list(g, err);
    if (status == ASC_OK)
        *out = g;
    else
        grouping_free(g);
    return status;
}

void grouping_free(grouping *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_groups; i++)
        free(g->names[i]);
    free(g->names);
    free(g->name_sizes);
    free(g->group_rows);
    free(g->group_last);
    free(g->marks);
    row_words_free(&g->row_words);
    asc_feature_texts_free(&g->texts);
    free(g->facts);
    tally_free(g->words);
    free(g);
}

// ---- Counting and choosing ---------------------------------------------------------------------------------------

asc_status grouping_count(grouping *g, const asc_rows *rows, size_t row, asc_error *err)
{
    const size_t n_features = (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]);
    TRY(build_words(g, rows, row, err));
    g->n_rows++;
    for (size_t f = 0; f < n_features; f++) {
        word_facts *word = &g->facts[word_of(g, f)];
        word->n_rows += word->last_row != g->n_rows;
        word->last_row = g->n_rows;
        if (!g->rule.list_path)
            continue;
        const size_t group = word->group == NO_GROUP ? g->n_groups : word->group; // the rest's place is behind them
        g->group_rows[group] += g->group_last[group] != g->n_rows;
        g->group_last[group] = g->n_rows;
    }
    return ASC_OK;
}

static int by_rows(const void *left, const void *right, void *context)
{
    const grouping *g = context;
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    size_t size_a, size_b;
    if (g->facts[a].n_rows != g->facts[b].n_rows)
        return g->facts[a].n_rows > g->facts[b].n_rows ? -1 : 1;
    const char *text_a = tally_text(g->words, a, &size_a), *text_b = tally_text(g->words, b, &size_b);
    return global_word_compare(text_a, size_a, text_b, size_b);
}

static asc_status choose_types(grouping *g, asc_error *err)
{
    uint32_t *order = malloc((g->n_words + 1) * sizeof *order);
    if (!order)
        return fail_memory(err, "the order of words", g->n_words * sizeof *order);
    size_t n = 0;
    for (uint32_t word = 0; word < g->n_words; word++) {
        size_t size;
        (void)tally_text(g->words, word, &size);
        if (g->facts[word].n_rows >= g->rule.min_rows && size > 0) // a feature without text is no word
            order[n++] = word;
    }
    qsort_r(order, n, sizeof *order, by_rows, g);
    n = g->rule.top && g->rule.top < n ? g->rule.top : n;
    asc_status status = n ? allocate_groups(g, n + 1, err)
                          : fail(err, ASC_USAGE, "--min-rows %zu: no word is in so many of the %llu labelled rows", g->rule.min_rows,
                                 (unsigned long long)g->n_rows);
    for (size_t i = 0; status == ASC_OK && i < n; i++) {
        size_t size;
        const char *text = tally_text(g->words, order[i], &size);
        g->facts[order[i]].group = (uint32_t)i;
        g->group_rows[i] = g->facts[order[i]].n_rows;
        status = add_group(g, text, size, err);
    }
    if (status == ASC_OK)
        g->group_rows[n] = g->n_rows; // at most
    free(order);
    return status;
}

static asc_status check_list(grouping *g, asc_error *err)
{
    for (size_t group = 0; group < g->n_groups; group++)
        if (g->group_rows[group] == 0)
            return fail(err, ASC_USAGE, "%s: none of the words of group '%.200s' is in the labelled rows of the dataset", g->rule.list_path,
                        g->names[group]);
    for (size_t word = 0; word < g->n_words; word++)
        g->n_unknown += g->facts[word].n_rows == 0;
    return ASC_OK;
}

asc_status grouping_choose(grouping *g, asc_error *err)
{
    TRY(g->rule.list_path ? check_list(g, err) : choose_types(g, err));
    for (size_t word = 0; word < g->n_words; word++)
        if (g->facts[word].group == NO_GROUP)
            g->facts[word].group = (uint32_t)g->n_groups;
    return add_group(g, group_list_rest, strlen(group_list_rest), err);
}

grouping_facts grouping_describe(const grouping *g)
{
    return (grouping_facts){g->n_groups, g->n_words - g->n_unknown, g->n_unknown, (const char *const *)g->names, g->name_sizes, g->group_rows};
}

asc_status grouping_players(grouping *g, const asc_rows *rows, size_t row, uint32_t *groups, uint32_t *players, size_t *n_players, asc_error *err)
{
    const size_t n_features = (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]), rest = g->n_groups - 1;
    TRY(build_words(g, rows, row, err));
    size_t n = 0;
    for (size_t f = 0; f < n_features; f++) {
        const uint32_t found = g->facts[word_of(g, f)].group, group = found == NO_GROUP ? (uint32_t)rest : found;
        if (!g->marks[group]) {
            groups[n] = group;
            g->marks[group] = (uint32_t)++n;
        }
        players[f] = g->marks[group] - 1;
    }
    for (size_t i = 0; i < n; i++)
        g->marks[groups[i]] = 0;
    *n_players = n;
    return ASC_OK;
}
