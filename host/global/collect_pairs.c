// See collect_pairs.h.
#include "global/collect_pairs.h"

#include "global/collect_row.h"
#include "global/room.h"
#include "global/settings.h"
#include "io/trial.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct pairing {
    collector *c;
    const char *const *paths;
    asc_result *results[2]; // A, B
    const asc_result_info *info[2];
    asc_feature_texts texts;
    float *values, *scores; // [M, K of A], [C]: of the row at hand
    size_t n_values;        // there is room for
    bool fold_case;
} pairing;

// ---- Whether they are pairs ----

static bool same_dataset(const asc_result_info *a, const asc_result_info *b)
{
    char first[HASH_HEX_SIZE], second[HASH_HEX_SIZE];
    return result_dataset_sha256(a->manifest, first) && result_dataset_sha256(b->manifest, second) && strcmp(first, second) == 0;
}

static asc_status first_position(asc_result *result, int64_t *position, asc_error *err)
{
    asc_result_rows *rows = NULL;
    TRY(asc_result_read(result, 0, 1, &rows, err));
    *position = rows->position[0];
    asc_result_rows_free(rows);
    return ASC_OK;
}

static asc_status same_rows(const pairing *p, bool *same, asc_error *err)
{
    int64_t first[2] = {0, 0};
    *same = p->info[0]->n_rows == p->info[1]->n_rows && p->info[0]->n_rows > 0 && p->info[0]->has_text && same_dataset(p->info[0], p->info[1]);
    for (size_t side = 0; *same && side < 2; side++)
        TRY(first_position(p->results[side], &first[side], err));
    *same = *same && first[0] == first[1];
    return ASC_OK;
}

// ---- Rows ----

static asc_status reserve(pairing *p, size_t n_values, asc_error *err)
{
    return room_grow(&p->values, &p->n_values, n_values + 1, sizeof *p->values) ? ASC_OK : fail_memory(err, "a row's attributions", n_values * sizeof(float));
}

// Column of B that explains the class; its number of columns when none does.
static size_t column_of(const int32_t *targets, size_t n_targets, int32_t class_index)
{
    size_t k = 0;
    while (k < n_targets && (class_index < 0 || targets[k] != class_index))
        k++;
    return k;
}

static void subtract(pairing *p, const part_row *a, const part_row *b)
{
    const size_t n_a = p->info[0]->n_targets, n_b = p->info[1]->n_targets;
    for (size_t k = 0; k < n_a; k++) {
        const size_t column = column_of(b->targets, n_b, a->targets[k]);
        for (size_t f = 0; f < a->n_features; f++)
            p->values[f * n_a + k] = column < n_b ? b->values[f * n_b + column] - a->values[f * n_a + k] : NAN;
    }
    for (size_t i = 0; i < p->info[0]->n_classes; i++)
        p->scores[i] = b->scores[i] - a->scores[i];
}

static asc_status add_pair(pairing *p, const asc_result_rows *rows_a, const asc_result_rows *rows_b, size_t i, asc_error *err)
{
    const part_row a = result_row(p->info[0], rows_a, i), b = result_row(p->info[1], rows_b, i);
    if (a.id != b.id || a.n_features != b.n_features)
        return fail(err, ASC_MALFORMED, "%.300s and %.300s: row %zu is not the same one, though they name one dataset", p->paths[0], p->paths[1],
                    rows_a->first + i);
    TRY(reserve(p, a.n_features * p->info[0]->n_targets, err));
    subtract(p, &a, &b);
    row_at_hand row = {.values = p->values,
                       .targets = a.targets,
                       .scores = p->scores,
                       .n_features = a.n_features,
                       .n_targets = p->info[0]->n_targets,
                       .unexplained = ((a.status | b.status) & ASC_ROW_UNEXPLAINED) != 0,
                       .id = a.id,
                       .label = rows_a->labels ? rows_a->labels[i] : -1,
                       .prediction = -1};
    TRY(row_texts_of(&p->texts, rows_a, i, &row, err));
    return collect_row(p->c, &row, err);
}

static asc_status add_pairs(pairing *p, asc_error *err)
{
    const size_t n_rows = p->info[0]->n_rows, n_targets = p->info[0]->n_targets + p->info[1]->n_targets;
    const size_t at_once = trial_rows_at_once(n_rows, p->info[0]->n_values * n_targets);
    for (size_t first = 0; first < n_rows; first += at_once) {
        const size_t count = n_rows - first < at_once ? n_rows - first : at_once;
        asc_result_rows *a = NULL, *b = NULL;
        TRY(collect_poll(p->c, err));
        asc_status status = asc_result_read(p->results[0], first, count, &a, err);
        if (status == ASC_OK)
            status = asc_result_read(p->results[1], first, count, &b, err);
        for (size_t i = 0; i < count && status == ASC_OK; i++)
            status = add_pair(p, a, b, i, err);
        asc_result_rows_free(b);
        asc_result_rows_free(a);
        TRY(status);
    }
    return ASC_OK;
}

// ---- Both results ----

// The facts of A; both must be comparable.
static asc_status take_facts(pairing *p, asc_error *err)
{
    const asc_result_info *a = p->info[0];
    const settings_words words = p->fold_case ? SETTINGS_FOLDED : SETTINGS_KEPT;
    char *first = NULL, *second = NULL;
    asc_status status = settings_of_result(a, words, &first, err);
    if (status == ASC_OK)
        status = settings_of_result(p->info[1], words, &second, err);
    if (status == ASC_OK)
        status = settings_check(&(settings_pair){first, second, "A", "B", true}, err);
    if (status == ASC_OK && a->n_classes != p->info[1]->n_classes)
        status = fail(err, ASC_DIFFERENT_RUN, "A and B differ in: classes (%zu and %zu)", a->n_classes, p->info[1]->n_classes);
    if (status == ASC_OK)
        status = collect_facts(p->c, &(input_facts){p->paths[0], first, a->class_names, a->has_labels ? a->label_names : NULL, a->n_classes,
                                                    a->has_labels ? a->n_label_names : 0}, err);
    free(second);
    free(first);
    return status;
}

static asc_status collect_all(pairing *p, bool *are_pairs, asc_error *err)
{
    for (size_t side = 0; side < 2; side++) {
        TRY(asc_result_open(p->paths[side], &p->results[side], err));
        p->info[side] = asc_result_describe(p->results[side]);
        TRY(asc_result_check(p->results[side], 0, p->info[side]->n_rows, err));
    }
    TRY(same_rows(p, are_pairs, err));
    if (!*are_pairs)
        return ASC_OK;
    TRY(take_facts(p, err));
    p->scores = calloc(p->info[0]->n_classes, sizeof *p->scores);
    if (!p->scores)
        return fail_memory(err, "scores", p->info[0]->n_classes * sizeof *p->scores);
    TRY(add_pairs(p, err));
    for (size_t side = 0; side < 2; side++)
        TRY(collect_source(p->c, p->paths[side], result_stored_digest(p->results[side]), p->info[side]->n_rows, err));
    return ASC_OK;
}

asc_status collect_pairs(collector *c, const char *const paths[2], bool *are_pairs, asc_error *err)
{
    pairing p = {.c = c, .paths = paths, .fold_case = collect_folds_case(c)};
    *are_pairs = false;
    const asc_status status = collect_all(&p, are_pairs, err);
    free(p.scores);
    free(p.values);
    asc_feature_texts_free(&p.texts);
    asc_result_close(p.results[1]);
    asc_result_close(p.results[0]);
    return status;
}
