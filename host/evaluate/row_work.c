// See row_work.h.
#include "evaluate/row_work.h"

#include "philox.h"
#include "shapes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum row_fate { ROW_EVALUATED, ROW_UNEXPLAINED, ROW_NO_FEATURES, ROW_NOT_EXPLAINED_CLASS, ROW_NON_FINITE } row_fate;

// One row on its way. Only the worker that has it touches it.
typedef struct row_state {
    row_fate fate;
    const float *phi; // [n_features], one in n_targets
    plan_sizes sizes;
    marked_row marked; // marked.marked NULL: the row has no rationale
    double plausibility[2][N_PLAUSIBILITY]; // the attributions', the sums over random orders
    row_scores scores;
} row_state;

typedef struct slice {
    const row_work *work;
    row_state *rows;  // [n_rows]
    plan_pair *pairs; // [n_rows, n_orders, PLAN_MOST_SIZES]
} slice;

static plan_pair *pairs_of(const slice *s, size_t row)
{
    return s->pairs + row * s->work->n_orders * PLAN_MOST_SIZES;
}

// Which of the explained classes the predicted one is; n_targets: none.
static size_t find_target(const asc_result_info *info, const asc_result_rows *rows, size_t row, int32_t class_index)
{
    size_t target = 0;
    while (target < info->n_targets && rows->targets[row * info->n_targets + target] != class_index)
        target++;
    return target;
}

static bool all_finite(const float *phi, size_t stride, size_t n_features)
{
    for (size_t i = 0; i < n_features; i++)
        if (!isfinite(phi[i * stride]))
            return false;
    return true;
}

static void begin_rationale(const slice *s, const asc_rows *rows, size_t row)
{
    const size_t first = (size_t)rows->feature_offsets[row], n_features = (size_t)rows->feature_offsets[row + 1] - first;
    if (rows->rationales && plausibility_count(rows->rationales + first, n_features) > 0)
        s->rows[row].marked = (marked_row){n_features, plausibility_k(s->work->mean_share, n_features), rows->rationales + first};
}

static void begin_row(const slice *s, const asc_result_rows *rows, size_t row)
{
    const asc_result_info *info = s->work->info;
    const size_t first = (size_t)rows->feature_offsets[row], n_features = (size_t)rows->feature_offsets[row + 1] - first;
    const int32_t predicted = asc_top_class(rows->scores + row * info->n_classes, info->n_classes);
    const size_t target = find_target(info, rows, row, predicted);
    row_state *state = &s->rows[row];
    *state = (row_state){.scores = {.id = rows->id[row], .class_index = predicted < 0 ? 0 : predicted}};
    if ((rows->status[row] & ASC_ROW_UNEXPLAINED) || predicted < 0) {
        state->fate = ROW_UNEXPLAINED;
    } else if (n_features == 0) {
        state->fate = ROW_NO_FEATURES;
    } else if (target == info->n_targets) {
        state->fate = ROW_NOT_EXPLAINED_CLASS;
    } else {
        state->phi = rows->values + first * info->n_targets + target;
        state->fate = all_finite(state->phi, info->n_targets, n_features) ? ROW_NON_FINITE : ROW_UNEXPLAINED; // until its values come
        plan_sizes_make(n_features, &state->sizes);
    }
}

static asc_status make_order(const slice *s, size_t row, size_t number, uint32_t *order, asc_error *err)
{
    const row_state *state = &s->rows[row];
    const size_t n = state->sizes.n_features;
    const row_draw draw = {.seed = s->work->seed, .row_id = state->scores.id, .n_features = n};
    if (number == 0)
        return plan_order(state->phi, s->work->info->n_targets, n, order, err);
    row_order_draw(&draw, PHILOX_ORDER, (uint32_t)number - 1, order);
    return ASC_OK;
}

static asc_status judge_order(const slice *s, size_t row, size_t number, const uint32_t *order, asc_error *err)
{
    row_state *state = &s->rows[row];
    bool *scratch = malloc(state->marked.n_features + 1);
    if (!scratch)
        return fail_memory(err, "the marks of a row", state->marked.n_features);
    plausibility_add(&state->marked, &(ranked_row){order, number == 0 ? state->phi : NULL, s->work->info->n_targets, scratch},
                     state->plausibility[number > 0]);
    free(scratch);
    return ASC_OK;
}

static asc_status append_orders(const slice *s, size_t row, const plan_into *into, uint32_t *order, asc_error *err)
{
    memset(s->rows[row].plausibility, 0, sizeof s->rows[row].plausibility);
    for (size_t number = 0; number < s->work->n_orders; number++) {
        TRY(make_order(s, row, number, order, err));
        if (s->rows[row].marked.marked)
            TRY(judge_order(s, row, number, order, err));
        plan_append(&s->rows[row].sizes, order, into, pairs_of(s, row) + number * PLAN_MOST_SIZES);
    }
    return ASC_OK;
}

static asc_status fill(void *context, size_t row, row_design *out, asc_error *err)
{
    const slice *s = context;
    const size_t n = out->n_features, n_words = mask_words(n);
    mask_table table = {0};
    if (s->rows[row].fate != ROW_NON_FINITE)
        return ASC_OK;
    uint32_t *order = malloc(n * sizeof *order);
    uint64_t *scratch = malloc(2 * n_words * sizeof *scratch);
    asc_status status = order && scratch ? ASC_OK : fail_memory(err, "the coalitions of a row", n * sizeof *order);
    if (status == ASC_OK)
        status = mask_table_open(n, out->capacity, &table, err);
    if (status == ASC_OK) {
        const size_t count = out->count;
        for (out->count = 0; out->count < count; out->count++)
            (void)mask_table_put(&table, out, out->masks + out->count * n_words);
        status = append_orders(s, row, &(plan_into){out, &table, scratch}, order, err);
    }
    mask_table_close(&table);
    free(scratch);
    free(order);
    return status;
}

static int32_t choose_class(void *context, size_t row)
{
    const slice *s = context;
    return s->rows[row].scores.class_index;
}

static void take(void *context, size_t row, const double *values, size_t count)
{
    const slice *s = context;
    row_state *state = &s->rows[row];
    if (state->fate != ROW_NON_FINITE)
        return;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return;
    const double *plausibility = state->marked.marked ? state->plausibility[0] : NULL;
    scores_of_row(&(scores_input){&state->sizes, pairs_of(s, row), s->work->n_orders, values, plausibility}, &state->scores);
    state->fate = ROW_EVALUATED;
}

static void note_difference(const asc_result_info *info, const asc_result_rows *rows, size_t row, const row_scores *scores,
                            asc_evaluation_summary *summary)
{
    const double difference = fabs((double)scores->output - (double)rows->scores[row * info->n_classes + (size_t)scores->class_index]);
    if (!(difference <= summary->largest_difference))
        summary->largest_difference = difference;
}

static void count_row(row_fate fate, asc_evaluation_summary *summary)
{
    switch (fate) {
    case ROW_EVALUATED: summary->n_evaluated++; break;
    case ROW_UNEXPLAINED: summary->n_unexplained++; break;
    case ROW_NO_FEATURES: summary->n_no_features++; break;
    case ROW_NOT_EXPLAINED_CLASS: summary->n_not_explained_class++; break;
    case ROW_NON_FINITE: summary->n_non_finite++; break;
    }
}

asc_status row_work_do(const row_work *work, const asc_rows *rows, const asc_result_rows *found, row_scores *scores,
                       asc_evaluation_summary *summary, asc_error *err)
{
    slice s = {.work = work};
    const given_coalitions given = {&s, fill, choose_class, take};
    s.rows = malloc(rows->n_rows * sizeof *s.rows);
    s.pairs = malloc(rows->n_rows * work->n_orders * PLAN_MOST_SIZES * sizeof *s.pairs);
    asc_status status = s.rows && s.pairs ? ASC_OK : fail_memory(err, "a slice of rows", rows->n_rows * sizeof *s.rows);
    for (size_t row = 0; status == ASC_OK && row < rows->n_rows; row++) {
        begin_row(&s, found, row);
        begin_rationale(&s, rows, row);
    }
    if (status == ASC_OK)
        status = engine_evaluate(work->engine, rows, &given, err);
    for (size_t row = 0; status == ASC_OK && row < rows->n_rows; row++) {
        if (s.rows[row].fate == ROW_EVALUATED) {
            note_difference(work->info, found, row, &s.rows[row].scores, summary);
            scores[summary->n_evaluated] = s.rows[row].scores;
        }
        count_row(s.rows[row].fate, summary);
    }
    free(s.pairs);
    free(s.rows);
    return status;
}
