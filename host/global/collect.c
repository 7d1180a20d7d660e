// From rows to cells; see collect.h.
#include "global/collect.h"

#include "global/cell.h"
#include "global/collect_row.h"
#include "global/exact.h"
#include "global/row_words.h"
#include "global/settings.h"
#include "global/tally.h"
#include "global/token_texts.h"
#include "io/trial.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_AT_ONCE = 1 << 16, IDS_IN_MEMORY = 1 << 20 };
static const size_t default_memory = (size_t)256 << 20;

// A feature of the row at hand.
typedef struct occurrence {
    uint32_t word;
    uint32_t feature;
} occurrence;

struct collector {
    bool fold_case;
    token_texts *tokens; // NULL: features go by their texts
    tally *tally;
    runs words, ids;
    uint64_t *id_buffer; // [IDS_IN_MEMORY]
    size_t n_ids;
    global_facts facts;
    const char *first_path;
    asc_feature_texts texts;
    row_words row_words;
    occurrence *occurrences;
    uint64_t *seen; // [n_classes] rows so far when a target had the class
    uint64_t n_rows_seen;
    size_t feature_capacity;
};

asc_status collect_create(const asc_global_job *job, collector **out, asc_error *err)
{
    collector *c = calloc(1, sizeof *c);
    if (!c)
        return fail_memory(err, "a summary", sizeof *c);
    c->fold_case = job->fold_case;
    c->words.beside = c->ids.beside = job->out_path;
    c->ids.twice = "row";
    c->words.stop = c->ids.stop = (stop_check){job->should_stop, job->stop_user};
    c->id_buffer = malloc(IDS_IN_MEMORY * sizeof *c->id_buffer);
    asc_status status = tally_create(job->memory_bytes ? job->memory_bytes : default_memory, &c->tally, err);
    if (status == ASC_OK && !c->id_buffer)
        status = fail_memory(err, "row ids", IDS_IN_MEMORY * sizeof *c->id_buffer);
    if (status == ASC_OK && job->dataset_path)
        status = token_texts_open(job->dataset_path, &c->words.stop, &c->tokens, err);
    if (status == ASC_OK)
        *out = c;
    else
        collect_free(c);
    return status;
}

void collect_free(collector *c)
{
    if (!c)
        return;
    free(c->seen);
    free(c->occurrences);
    row_words_free(&c->row_words);
    asc_feature_texts_free(&c->texts);
    global_facts_free(&c->facts);
    free(c->id_buffer);
    runs_close(&c->ids);
    runs_close(&c->words);
    tally_free(c->tally);
    token_texts_close(c->tokens);
    free(c);
}

// ---- Facts ----

static asc_status check_names(const collector *c, const char *path, const char *what, const char *const *names, size_t n_names, asc_error *err)
{
    const bool classes = strcmp(what, "classes") == 0;
    char *const *known = classes ? c->facts.class_names : c->facts.label_names;
    const size_t n_known = classes ? c->facts.n_classes : c->facts.n_label_names;
    bool same = n_known == n_names;
    for (size_t i = 0; same && i < n_names; i++)
        same = strcmp(known[i], names[i]) == 0;
    if (same)
        return ASC_OK;
    return fail(err, ASC_DIFFERENT_RUN, "%.300s and %.300s differ in: %s (%zu and %zu, or other names)", c->first_path, path, what, n_known, n_names);
}

static asc_status take_first(collector *c, const input_facts *input, asc_error *err)
{
    global_facts *facts = &c->facts;
    c->first_path = input->path;
    facts->n_classes = input->n_classes;
    facts->n_label_names = input->n_label_names;
    facts->settings = strdup(input->settings);
    facts->class_names = global_names_copy(input->class_names, input->n_classes);
    facts->label_names = global_names_copy(input->label_names, input->n_label_names);
    facts->scores = calloc(input->n_classes, sizeof *facts->scores);
    c->seen = calloc(input->n_classes, sizeof *c->seen);
    if (!facts->settings || !facts->class_names || !facts->label_names || !facts->scores || !c->seen)
        return fail_memory(err, "the names of classes", input->n_classes * sizeof *facts->scores);
    return ASC_OK;
}

asc_status collect_facts(collector *c, const input_facts *input, asc_error *err)
{
    if (!c->facts.settings)
        return take_first(c, input, err);
    TRY(settings_check(&(settings_pair){c->facts.settings, input->settings, c->first_path, input->path, false}, err));
    TRY(check_names(c, input->path, "classes", input->class_names, input->n_classes, err));
    return check_names(c, input->path, "labels", input->label_names, input->n_label_names, err);
}

asc_status collect_source(collector *c, const char *name, const char *digest, uint64_t rows, asc_error *err)
{
    global_facts *facts = &c->facts;
    global_source *sources = realloc(facts->sources, (facts->n_sources + 1) * sizeof *sources);
    char *copy = strdup(name);
    if (sources)
        facts->sources = sources;
    if (!sources || !copy) {
        free(copy);
        return fail_memory(err, "the list of sources", (facts->n_sources + 1) * sizeof *sources);
    }
    global_source *source = &sources[facts->n_sources++];
    *source = (global_source){.name = copy, .rows = rows};
    strncat(source->digest, digest, sizeof source->digest - 1);
    return ASC_OK;
}

static asc_status add_group(global_facts *facts, global_group group, asc_error *err)
{
    size_t low = 0, high = facts->n_groups;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const global_group *g = &facts->groups[middle];
        if (g->label < group.label || (g->label == group.label && g->prediction < group.prediction))
            low = middle + 1;
        else
            high = middle;
    }
    if (low < facts->n_groups && facts->groups[low].label == group.label && facts->groups[low].prediction == group.prediction) {
        facts->groups[low].rows += group.rows;
        return ASC_OK;
    }
    global_group *groups = realloc(facts->groups, (facts->n_groups + 1) * sizeof *groups);
    if (!groups)
        return fail_memory(err, "groups", (facts->n_groups + 1) * sizeof *groups);
    facts->groups = groups;
    memmove(groups + low + 1, groups + low, (facts->n_groups - low) * sizeof *groups);
    groups[low] = group;
    facts->n_groups++;
    return ASC_OK;
}

static void add_scores(global_facts *facts, const float *scores)
{
    for (size_t c = 0; c < facts->n_classes; c++) {
        global_score *to = &facts->scores[c];
        const float score = scores[c];
        if (!(fabsf(score) < EXACT_MOST))
            continue;
        to->rows++;
        exact_sum_add(to->exact, score);
        exact_square_add(to->exact + 2, (double)score * score);
        if (score >= 0 && score <= 1)
            to->bins[score < 1 ? (size_t)((double)score * GLOBAL_N_BINS) : GLOBAL_N_BINS - 1]++;
    }
}

// ---- Row ids ----

static int by_id(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

// Ids in ascending order become a run; one that stands there twice goes into a second run, where the merge finds it.
static asc_status spill_ids(collector *c, asc_error *err)
{
    FILE *file = NULL;
    if (c->n_ids == 0)
        return ASC_OK;
    qsort(c->id_buffer, c->n_ids, sizeof *c->id_buffer, by_id);
    TRY(runs_begin(&c->ids, &file, err));
    size_t twice = c->n_ids;
    for (size_t i = 0; i < c->n_ids; i++) {
        if (i > 0 && c->id_buffer[i] == c->id_buffer[i - 1])
            twice = i < twice ? i : twice;
        else
            TRY(runs_write_id(file, c->id_buffer[i], err));
    }
    TRY(runs_finish(file, err));
    if (twice < c->n_ids) {
        TRY(runs_begin(&c->ids, &file, err));
        TRY(runs_write_id(file, c->id_buffer[twice], err));
        TRY(runs_finish(file, err));
    }
    c->n_ids = 0;
    return ASC_OK;
}

static asc_status add_ids(collector *c, const uint64_t *ids, size_t count, asc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (c->n_ids == IDS_IN_MEMORY)
            TRY(spill_ids(c, err));
        c->id_buffer[c->n_ids++] = ids[i];
    }
    c->facts.n_rows += count;
    return ASC_OK;
}

// ---- One row ----

static asc_status reserve_row(collector *c, size_t n_features, asc_error *err)
{
    if (n_features <= c->feature_capacity && c->occurrences)
        return ASC_OK;
    occurrence *occurrences = realloc(c->occurrences, (n_features + 1) * sizeof *occurrences);
    if (!occurrences)
        return fail_memory(err, "the features of a row", n_features * sizeof *occurrences);
    c->occurrences = occurrences;
    c->feature_capacity = n_features;
    return ASC_OK;
}

// The row's words, as they are counted, and then their numbers.
static asc_status find_words(collector *c, const row_at_hand *row, asc_error *err)
{
    const size_t n = row->n_features;
    TRY(row_words_build(&c->row_words, row->texts, row->text_offsets, n, c->fold_case, err));
    TRY(reserve_row(c, n, err));
    const size_t *offsets = c->row_words.offsets;
    const tally_need need = {n, offsets[n], 2 * n * row->n_targets};
    TRY(tally_reserve(c->tally, need, &c->words, err));
    for (size_t f = 0; f < n; f++)
        c->occurrences[f] = (occurrence){tally_word(c->tally, c->row_words.bytes + offsets[f], offsets[f + 1] - offsets[f]), (uint32_t)f};
    return ASC_OK;
}

static int by_word(const void *left, const void *right)
{
    const occurrence *a = left, *b = right;
    return a->word != b->word ? (a->word > b->word) - (a->word < b->word) : (a->feature > b->feature) - (a->feature < b->feature);
}

// All occurrences of one word, towards one target.
static asc_status count_word(collector *c, const row_at_hand *row, const occurrence *first, size_t count, size_t target, asc_error *err)
{
    row_part whole = {0}, fifths[GLOBAL_N_POSITIONS] = {{0}};
    global_cell key = {row->targets[target], row->label, row->prediction, -1, .count = 0};
    for (size_t i = 0; i < count; i++) {
        const float phi = row->values[first[i].feature * row->n_targets + target];
        if (!isfinite(phi))
            continue;
        if (!(fabsf(phi) < EXACT_MOST))
            return fail(err, ASC_MALFORMED, "the row with id %llu: expected attributions below 2^32, found %g", (unsigned long long)row->id, (double)phi);
        row_part_add(&whole, phi);
        row_part_add(&fifths[GLOBAL_N_POSITIONS * (size_t)first[i].feature / row->n_features], phi);
    }
    if (whole.count == 0)
        return ASC_OK;
    c->facts.n_attributions += whole.count;
    cell_add_row(tally_cell(c->tally, first->word, &key), &whole, row->id);
    key.label = key.prediction = GLOBAL_ANY;
    for (key.position = 0; key.position < GLOBAL_N_POSITIONS; key.position++)
        if (fifths[key.position].count > 0)
            cell_add_row(tally_cell(c->tally, first->word, &key), &fifths[key.position], row->id);
    return ASC_OK;
}

static asc_status check_targets(collector *c, const row_at_hand *row, asc_error *err)
{
    c->n_rows_seen++;
    for (size_t k = 0; k < row->n_targets; k++) {
        if (row->targets[k] >= 0 && c->seen[row->targets[k]] == c->n_rows_seen)
            return fail(err, ASC_MALFORMED, "the row with id %llu: expected every target once, found class %d twice", (unsigned long long)row->id,
                        row->targets[k]);
        if (row->targets[k] >= 0)
            c->seen[row->targets[k]] = c->n_rows_seen;
    }
    return ASC_OK;
}

static asc_status count_words(collector *c, const row_at_hand *row, asc_error *err)
{
    TRY(check_targets(c, row, err));
    TRY(find_words(c, row, err));
    qsort(c->occurrences, row->n_features, sizeof *c->occurrences, by_word);
    for (size_t first = 0, end; first < row->n_features; first = end) {
        for (end = first + 1; end < row->n_features && c->occurrences[end].word == c->occurrences[first].word;)
            end++;
        for (size_t target = 0; target < row->n_targets; target++)
            if (row->targets[target] >= 0)
                TRY(count_word(c, row, c->occurrences + first, end - first, target, err));
    }
    return ASC_OK;
}

asc_status collect_row(collector *c, const row_at_hand *row, asc_error *err)
{
    add_scores(&c->facts, row->scores);
    c->facts.n_unexplained += row->unexplained;
    TRY(add_ids(c, &row->id, 1, err));
    TRY(add_group(&c->facts, (global_group){row->label, row->prediction, 1}, err));
    return count_words(c, row, err);
}

asc_status collect_poll(const collector *c, asc_error *err)
{
    return stop_poll(&c->words.stop, err);
}

bool collect_folds_case(const collector *c)
{
    return c->fold_case;
}

// ---- One input ----

asc_status row_texts_of(asc_feature_texts *texts, const asc_result_rows *rows, size_t i, row_at_hand *row, asc_error *err)
{
    const size_t span = (size_t)rows->span_offsets[i], text = (size_t)rows->text_offsets[i];
    const asc_feature_spans spans = {
        .n_features = row->n_features,
        .n_spans = (size_t)rows->span_offsets[i + 1] - span,
        .text_size = (size_t)rows->text_offsets[i + 1] - text,
        .begin = rows->span_begin + span,
        .end = rows->span_end + span,
        .feature = rows->span_feature + span,
        .text = rows->text + text,
    };
    TRY(asc_feature_texts_build(texts, &spans, err));
    row->texts = texts->bytes;
    row->text_offsets = texts->offsets;
    return ASC_OK;
}

static asc_status count_slice_row(collector *c, const asc_result_info *info, const asc_result_rows *rows, size_t i, asc_error *err)
{
    const part_row part = result_row(info, rows, i);
    row_at_hand row = {
        .values = part.values,
        .targets = part.targets,
        .scores = part.scores,
        .n_features = part.n_features,
        .n_targets = info->n_targets,
        .unexplained = (part.status & ASC_ROW_UNEXPLAINED) != 0,
        .id = part.id,
        .label = rows->labels ? rows->labels[i] : -1,
        .prediction = asc_top_class(part.scores, info->n_classes),
    };
    if (c->tokens)
        TRY(token_texts_of(c->tokens, rows->position[i], &row, err));
    else
        TRY(row_texts_of(&c->texts, rows, i, &row, err));
    return collect_row(c, &row, err);
}

static asc_status count_rows(collector *c, asc_result *result, asc_error *err)
{
    const asc_result_info *info = asc_result_describe(result);
    const size_t at_once = trial_rows_at_once(info->n_rows, info->n_values * info->n_targets);
    for (size_t first = 0; first < info->n_rows; first += at_once) {
        const size_t left = info->n_rows - first, count = left < at_once ? left : at_once;
        asc_result_rows *rows = NULL;
        asc_status status = ASC_OK;
        TRY(collect_poll(c, err));
        TRY(asc_result_read(result, first, count, &rows, err));
        if (c->tokens && count > 0)
            status = token_texts_read(c->tokens, rows->position[0], count, err);
        for (size_t i = 0; i < rows->n_rows && status == ASC_OK; i++)
            status = count_slice_row(c, info, rows, i, err);
        asc_result_rows_free(rows);
        TRY(status);
    }
    return ASC_OK;
}

static asc_status take_result(collector *c, const char *path, asc_result *result, asc_error *err)
{
    const asc_result_info *info = asc_result_describe(result);
    char *settings = NULL;
    if (!info->has_text && !c->tokens) {
        (void)fail(err, ASC_MALFORMED, "%s: the result holds no text: its words are not known", path);
        return fail_hint(err, ASC_MALFORMED, "explain again without --no-text, or sum up by token ids: --by token --data DATASET.h5");
    }
    TRY(asc_result_check(result, 0, info->n_rows, err));
    if (c->tokens)
        TRY(token_texts_check(c->tokens, path, info->manifest, err));
    TRY(settings_of_result(info, c->tokens ? SETTINGS_TOKENS : c->fold_case ? SETTINGS_FOLDED : SETTINGS_KEPT, &settings, err));
    const input_facts input = {path, settings, info->class_names, info->has_labels ? info->label_names : NULL, info->n_classes,
                               info->has_labels ? info->n_label_names : 0};
    asc_status status = collect_facts(c, &input, err);
    free(settings);
    if (status == ASC_OK)
        status = count_rows(c, result, err);
    if (status != ASC_OK)
        return status;
    return collect_source(c, path, result_stored_digest(result), info->n_rows, err);
}

static asc_status take_words(collector *c, const global_file *file, asc_error *err)
{
    FILE *run = NULL;
    TRY(runs_begin(&c->words, &run, err));
    const size_t n_words = global_file_n_words(file), at_once = global_file_words_at_once(file);
    for (size_t first = 0; first < n_words; first += at_once) {
        global_words words;
        TRY(stop_poll(&c->words.stop, err));
        asc_status status = global_file_read(file, first, n_words - first < at_once ? n_words - first : at_once, &words, err);
        for (size_t i = 0; status == ASC_OK && i < words.n_words; i++)
            status = runs_write(run, &words.words[i], err);
        global_words_free(&words);
        TRY(status);
    }
    return runs_finish(run, err);
}

static asc_status take_ids(collector *c, const global_file *file, asc_error *err)
{
    const size_t n_rows = (size_t)global_file_facts(file)->n_rows;
    for (size_t first = 0; first < n_rows; first += IDS_AT_ONCE) {
        uint64_t *ids = NULL;
        const size_t count = n_rows - first < IDS_AT_ONCE ? n_rows - first : IDS_AT_ONCE;
        TRY(global_file_read_ids(file, first, count, &ids, err));
        const asc_status status = add_ids(c, ids, count, err);
        free(ids);
        TRY(status);
    }
    return ASC_OK;
}

static asc_status take_global(collector *c, const char *path, const global_file *file, asc_error *err)
{
    const global_facts *from = global_file_facts(file);
    const input_facts input = {path,
                               from->settings,
                               (const char *const *)from->class_names,
                               (const char *const *)from->label_names,
                               from->n_classes,
                               from->n_label_names};
    if (c->tokens && !settings_tokens(from->settings))
        return fail(err, ASC_USAGE, "%s: expected a result: words that are summed up already have no token ids", path);
    TRY(collect_facts(c, &input, err));
    TRY(take_words(c, file, err));
    TRY(take_ids(c, file, err));
    c->facts.n_unexplained += from->n_unexplained;
    c->facts.n_attributions += from->n_attributions;
    for (size_t i = 0; i < from->n_classes; i++) {
        global_score *to = &c->facts.scores[i];
        to->rows += from->scores[i].rows;
        exact_merge(to->exact, from->scores[i].exact, 2);
        exact_merge(to->exact + 2, from->scores[i].exact + 2, 3);
        for (size_t bin = 0; bin < GLOBAL_N_BINS; bin++)
            to->bins[bin] += from->scores[i].bins[bin];
    }
    for (size_t i = 0; i < from->n_groups; i++)
        TRY(add_group(&c->facts, from->groups[i], err));
    for (size_t i = 0; i < from->n_sources; i++)
        TRY(collect_source(c, from->sources[i].name, from->sources[i].digest, from->sources[i].rows, err));
    return ASC_OK;
}

asc_status collect_input(collector *c, const char *path, asc_error *err)
{
    bool is_global = false;
    asc_status status;
    TRY(global_file_is(path, &is_global, err));
    if (is_global) {
        global_file *file = NULL;
        TRY(global_file_open(path, &file, err));
        status = take_global(c, path, file, err);
        global_file_close(file);
        return status;
    }
    asc_result *result = NULL;
    TRY(asc_result_open(path, &result, err));
    status = take_result(c, path, result, err);
    asc_result_close(result);
    return status;
}

asc_status collect_finish(collector *c, collected *out, asc_error *err)
{
    runs_totals ids;
    TRY(spill_ids(c, err));
    TRY(runs_merge(&c->ids, &ids, &out->ids, err));
    assert(ids.n_words == c->facts.n_rows);
    TRY(tally_spill(c->tally, &c->words, err));
    TRY(runs_merge(&c->words, &out->totals, &out->words, err));
    out->facts = &c->facts;
    return ASC_OK;
}
