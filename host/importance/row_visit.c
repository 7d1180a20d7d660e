// See row_visit.h.
#include "importance/row_visit.h"

#include "base/checked.h"
#include "importance/row_game.h"
#include "io/trial.h"

#include <math.h>
#include <stdlib.h>

typedef enum row_fate { ROW_UNLABELLED, ROW_NO_FEATURES, ROW_UNREADABLE, ROW_NON_FINITE, ROW_EVALUATED } row_fate;

// One row on its way. Only the worker that has it touches it.
typedef struct row_state {
    row_fate fate;
    row_label label;
    size_t n_players;
    double loss_full, loss_empty;
} row_state;

// Arrays of a row begin at its first feature, as often as stated: a row has no more players than features.
typedef struct slice {
    const row_visit *visit;
    const asc_rows *rows;
    size_t n_classes;
    row_state *states;       // [n_rows]
    uint8_t *classes;        // [n_rows, C] labels
    double *full;            // [n_rows, C] logits
    uint32_t *groups, *players; // [n_features]
    uint32_t *orders;        // [n_features, ROW_GAME_ORDERS]
    double *first, *second;  // [n_features]
    double *values;          // [n_features, ROW_GAME_MOST_PER_PLAYER] and two for each row
    double *without;         // [n_features, C] logits; NULL after the first visit
} slice;

static size_t first_feature(const slice *s, size_t row)
{
    return (size_t)s->rows->feature_offsets[row];
}

static row_game game_of(const slice *s, size_t row)
{
    const size_t first = first_feature(s, row);
    return (row_game){
        .seed = s->visit->seed,
        .row_id = s->rows->id[row],
        .n_features = first_feature(s, row + 1) - first,
        .n_players = s->states[row].n_players,
        .players = s->players + first,
        .visit = s->visit->number,
    };
}

static asc_status fill(void *context, size_t row, row_design *out, asc_error *err)
{
    const slice *s = context;
    const row_game game = game_of(s, row);
    if (s->states[row].fate < ROW_UNREADABLE)
        return ASC_OK;
    return row_game_fill(&game, s->orders + ROW_GAME_ORDERS * first_feature(s, row), out, err);
}

static void keep_logits(const slice *s, size_t row, const double *logits)
{
    const size_t n_classes = s->n_classes, first = first_feature(s, row), n_players = s->states[row].n_players;
    for (size_t c = 0; c < n_classes; c++)
        s->full[row * n_classes + c] = logits[c];
    for (size_t i = 0; i < n_players && s->visit->number == 0; i++)
        for (size_t c = 0; c < n_classes; c++)
            s->without[(first + i) * n_classes + c] = logits[row_game_without(n_players, i) * n_classes + c];
}

static void take(void *context, size_t row, const double *logits, size_t count)
{
    const slice *s = context;
    row_state *state = &s->states[row];
    const size_t first = first_feature(s, row);
    double *values = s->values + ROW_GAME_MOST_PER_PLAYER * first + 2 * row;
    if (state->fate < ROW_UNREADABLE)
        return;
    state->fate = ROW_NON_FINITE;
    for (size_t i = 0; i < count * s->n_classes; i++)
        if (!isfinite(logits[i]))
            return;
    for (size_t i = 0; i < count; i++)
        values[i] = -loss_of(s->visit->loss, logits + i * s->n_classes, s->n_classes, state->label);
    state->loss_full = -values[0];
    state->loss_empty = -values[1];
    state->fate = ROW_EVALUATED;
    keep_logits(s, row, logits);
    if (s->visit->number == 0 || !row_game_is_exact(state->n_players))
        row_game_solve(state->n_players, s->orders + ROW_GAME_ORDERS * first, values, s->first + first, s->second + first);
}

static asc_status begin_row(const slice *s, size_t row, asc_error *err)
{
    const size_t first = first_feature(s, row);
    row_state *state = &s->states[row];
    *state = (row_state){.fate = ROW_UNREADABLE};
    if (!labels_of_row(s->visit->labels, s->visit->loss, s->rows, row, s->classes + row * s->n_classes, &state->label))
        state->fate = ROW_UNLABELLED;
    else if (first_feature(s, row + 1) == first)
        state->fate = ROW_NO_FEATURES;
    else
        return grouping_players(s->visit->groups, s->rows, row, s->groups + first, s->players + first, &state->n_players, err);
    return ASC_OK;
}

static void count_row(row_fate fate, asc_importance_info *info)
{
    switch (fate) {
    case ROW_UNLABELLED: info->n_unlabelled++; break;
    case ROW_NO_FEATURES: info->n_no_features++; break;
    case ROW_UNREADABLE: info->n_unreadable++; break;
    case ROW_NON_FINITE: info->n_non_finite++; break;
    case ROW_EVALUATED: info->n_evaluated++; break;
    }
}

static void add_row(const slice *s, size_t row)
{
    const row_visit *visit = s->visit;
    const row_state *state = &s->states[row];
    const size_t first = first_feature(s, row);
    const bool exact = row_game_is_exact(state->n_players);
    if (visit->number == 0)
        count_row(state->fate, visit->info);
    if (state->fate != ROW_EVALUATED)
        return;
    if (visit->number == 0)
        removal_add(visit->removal, &(removal_row){state->label, state->n_players, s->groups + first, s->full + row * s->n_classes,
                                                  s->without + first * s->n_classes});
    if (visit->number == 0 || !exact)
        sage_add(visit->sage, &(sage_row){state->n_players, exact, s->groups + first, s->first + first, s->second + first, state->loss_full,
                                         state->loss_empty});
}

static void free_slice(slice *s)
{
    free(s->states);
    free(s->classes);
    free(s->full);
    free(s->groups);
    free(s->players);
    free(s->orders);
    free(s->first);
    free(s->second);
    free(s->values);
    free(s->without);
}

static asc_status allocate_slice(slice *s, asc_error *err)
{
    const size_t n_rows = s->rows->n_rows + 1, n_features = first_feature(s, s->rows->n_rows) + 1;
    const bool is_first = s->visit->number == 0;
    s->states = calloc(n_rows, sizeof *s->states);
    s->classes = calloc(n_rows, s->n_classes);
    s->full = malloc(n_rows * s->n_classes * sizeof *s->full);
    s->groups = malloc(n_features * sizeof *s->groups);
    s->players = malloc(n_features * sizeof *s->players);
    s->orders = malloc(n_features * ROW_GAME_ORDERS * sizeof *s->orders);
    s->first = malloc(n_features * sizeof *s->first);
    s->second = malloc(n_features * sizeof *s->second);
    s->values = malloc((n_features * ROW_GAME_MOST_PER_PLAYER + 2 * n_rows) * sizeof *s->values);
    s->without = is_first ? malloc(n_features * s->n_classes * sizeof *s->without) : NULL;
    if (s->states && s->classes && s->full && s->groups && s->players && s->orders && s->first && s->second && s->values && (s->without || !is_first))
        return ASC_OK;
    return fail_memory(err, "a slice of rows", n_features * (ROW_GAME_MOST_PER_PLAYER + (is_first ? s->n_classes : 0)) * sizeof(double));
}

size_t row_visit_rows_at_once(const asc_dataset_info *data, size_t n_classes)
{
    enum { MOST_ROWS = 256, OTHERS = ROW_GAME_MOST_PER_PLAYER + ROW_GAME_ORDERS + 4 }; // of a feature, logits apart
    const size_t n_features = data->n_rows ? data->n_features / data->n_rows + 1 : 1;
    size_t n_elements;
    if (!checked_multiply(n_features, n_classes + OTHERS, &n_elements) || n_elements == SIZE_MAX)
        return 1;
    const size_t rows = trial_rows_at_once(1, n_elements);
    return rows < MOST_ROWS ? rows : MOST_ROWS;
}

asc_status row_visit_do(const row_visit *visit, const asc_rows *rows, asc_error *err)
{
    slice s = {.visit = visit, .rows = rows, .n_classes = visit->labels->model->n_classes};
    const given_coalitions given = {&s, fill, NULL, take};
    asc_status status = allocate_slice(&s, err);
    for (size_t row = 0; status == ASC_OK && row < rows->n_rows; row++)
        status = begin_row(&s, row, err);
    if (status == ASC_OK)
        status = engine_evaluate(visit->engine, rows, &given, err);
    for (size_t row = 0; status == ASC_OK && row < rows->n_rows; row++)
        add_row(&s, row);
    free_slice(&s);
    return status;
}
