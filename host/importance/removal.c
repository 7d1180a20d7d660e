// See removal.h.
#include "importance/removal.h"

#include "importance/auc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct group_sums {
    double loss, loss_squares;
    double right, right_squares; // of right before - right after: -1, 0, 1
} group_sums;

struct removal {
    removal_plan plan;
    size_t n_scores;  // 0: they are not kept
    size_t n_rows;    // that came
    double n_right;
    group_sums *groups; // [n_groups]
    double *scores;     // [plan.n_rows, n_scores]
    uint8_t *positive;  // [n_scores, plan.n_rows]
    size_t *offsets;    // [n_groups + 1] where a group's changed rows begin
    size_t *counts;     // [n_groups] that are there
    size_t *rows;       // of each changed row
    double *changed;    // [.., n_scores]
};

static asc_status allocate(void *pointer, size_t count, size_t size, asc_error *err)
{
    void *const memory = calloc(count + 1, size);
    if (!memory)
        return fail_memory(err, "the scores of rows", count * size);
    memcpy(pointer, &memory, sizeof memory);
    return ASC_OK;
}

// Lays out the lists of changed rows, unless they are too many.
static asc_status allocate_scores(removal *r, asc_error *err)
{
    const removal_plan *plan = &r->plan;
    const size_t n_scores = loss_n_scores(plan->loss, plan->n_classes);
    double bytes = (double)plan->n_rows * (double)n_scores * 5 * sizeof(double); // with what estimating takes
    TRY(allocate(&r->offsets, plan->n_groups, sizeof *r->offsets, err));
    TRY(allocate(&r->counts, plan->n_groups, sizeof *r->counts, err));
    for (size_t group = 0; group < plan->n_groups; group++) {
        r->offsets[group + 1] = r->offsets[group] + (size_t)plan->group_rows[group];
        bytes += (double)plan->group_rows[group] * (double)(sizeof(size_t) + n_scores * sizeof(double));
    }
    if (n_scores == 0 || bytes > (double)REMOVAL_MOST_BYTES)
        return ASC_OK;
    r->n_scores = n_scores;
    TRY(allocate(&r->scores, n_scores * plan->n_rows, sizeof *r->scores, err));
    TRY(allocate(&r->positive, n_scores * plan->n_rows, sizeof *r->positive, err));
    TRY(allocate(&r->rows, r->offsets[plan->n_groups], sizeof *r->rows, err));
    return allocate(&r->changed, n_scores * r->offsets[plan->n_groups], sizeof *r->changed, err);
}

asc_status removal_create(const removal_plan *plan, removal **out, asc_error *err)
{
    removal *r = calloc(1, sizeof *r);
    if (!r)
        return fail_memory(err, "the effects of removals", sizeof *r);
    r->plan = *plan;
    asc_status status = allocate(&r->groups, plan->n_groups, sizeof *r->groups, err);
    if (status == ASC_OK)
        status = allocate_scores(r, err);
    if (status == ASC_OK)
        *out = r;
    else
        removal_free(r);
    return status;
}

void removal_free(removal *r)
{
    if (!r)
        return;
    free(r->changed);
    free(r->rows);
    free(r->counts);
    free(r->offsets);
    free(r->positive);
    free(r->scores);
    free(r->groups);
    free(r);
}

bool removal_has_scores(const removal *r)
{
    return r->n_scores > 0;
}

// ---- Adding rows -------------------------------------------------------------------------------------------------

static double is_right(const removal *r, const double *logits, row_label label)
{
    if (r->plan.loss == LOSS_SQUARED_ERROR)
        return NAN;
    return loss_is_right(r->plan.loss, logits, r->plan.n_classes, label) ? 1 : 0;
}

static void keep_scores(removal *r, const removal_row *row)
{
    loss_scores(r->plan.loss, row->full, r->plan.n_classes, r->scores + r->n_rows * r->n_scores);
    for (size_t score = 0; score < r->n_scores; score++)
        r->positive[score * r->plan.n_rows + r->n_rows] = loss_is_positive(r->plan.loss, r->plan.n_classes, row->label, score);
    for (size_t i = 0; i < row->n_players; i++) {
        const size_t group = row->groups[i], at = r->offsets[group] + r->counts[group]++;
        assert(at < r->offsets[group + 1]);
        r->rows[at] = r->n_rows;
        loss_scores(r->plan.loss, row->without + i * r->plan.n_classes, r->plan.n_classes, r->changed + at * r->n_scores);
    }
}

void removal_add(removal *r, const removal_row *row)
{
    const size_t n_classes = r->plan.n_classes;
    const double loss = loss_of(r->plan.loss, row->full, n_classes, row->label), right = is_right(r, row->full, row->label);
    assert(r->n_rows < r->plan.n_rows);
    for (size_t i = 0; i < row->n_players; i++) {
        group_sums *sums = &r->groups[row->groups[i]];
        const double worse = loss_of(r->plan.loss, row->without + i * n_classes, n_classes, row->label) - loss;
        const double lost = right - is_right(r, row->without + i * n_classes, row->label);
        sums->loss += worse;
        sums->loss_squares += worse * worse;
        sums->right += lost;
        sums->right_squares += lost * lost;
    }
    if (r->n_scores)
        keep_scores(r, row);
    r->n_right += right;
    r->n_rows++;
}

// ---- Estimates ---------------------------------------------------------------------------------------------------

// Of n rows, those that do not have the group among them, whose change is 0.
static asc_mean mean_of(double sum, double squares, size_t n_rows, const student_table *student)
{
    const double n = (double)n_rows, mean = sum / n;
    const double std_error = n > 1 ? sqrt(fmax(squares / n - mean * mean, 0) / (n - 1)) : NAN;
    return student_interval(student, (student_mean){mean, std_error, n - 1});
}

// What ranking takes; all [n_scores, n_rows].
typedef struct ranking {
    auc_rows rows;
    double *scores, *full, *changed; // scores of the rows that came; components before and after
    uint8_t *positive;
    double area;
} ranking;

static void free_ranking(ranking *k)
{
    free(k->scores);
    free(k->full);
    free(k->changed);
    free(k->positive);
}

static asc_status rank_whole_rows(const removal *r, ranking *k, asc_error *err)
{
    const size_t n_values = r->n_scores * r->n_rows;
    TRY(allocate(&k->scores, n_values, sizeof *k->scores, err));
    TRY(allocate(&k->full, n_values, sizeof *k->full, err));
    TRY(allocate(&k->changed, n_values, sizeof *k->changed, err));
    TRY(allocate(&k->positive, n_values, sizeof *k->positive, err));
    for (size_t score = 0; score < r->n_scores; score++) {
        for (size_t row = 0; row < r->n_rows; row++)
            k->scores[score * r->n_rows + row] = r->scores[row * r->n_scores + score];
        memcpy(k->positive + score * r->n_rows, r->positive + score * r->plan.n_rows, r->n_rows);
    }
    k->rows = (auc_rows){r->n_rows, r->n_scores, k->positive};
    return auc_rank(&k->rows, k->scores, k->full, &k->area, err);
}

// Swaps a group's changed scores with those of the whole rows: twice is nothing.
static void swap_scores(const removal *r, ranking *k, size_t group)
{
    for (size_t i = 0; i < r->counts[group]; i++)
        for (size_t score = 0; score < r->n_scores; score++) {
            double *changed = &r->changed[(r->offsets[group] + i) * r->n_scores + score];
            double *whole = &k->scores[score * r->n_rows + r->rows[r->offsets[group] + i]];
            const double held = *changed;
            *changed = *whole;
            *whole = held;
        }
}

static asc_status estimate_area(const removal *r, ranking *k, size_t group, asc_mean *out, asc_error *err)
{
    const double normal_quantile = 1.959963984540054; // 97.5 %
    double area = NAN, std_error = NAN;
    swap_scores(r, k, group);
    const asc_status status = auc_rank(&k->rows, k->scores, k->changed, &area, err);
    swap_scores(r, k, group);
    if (status == ASC_OK)
        TRY(auc_difference_error(&k->rows, k->full, k->changed, &std_error, err));
    const double drop = k->area - area, half = normal_quantile * std_error;
    *out = (asc_mean){drop, std_error, drop - half, drop + half};
    return status;
}

static asc_status estimate_areas(const removal *r, const stop_check *stop, double *area, removal_drop *drops, asc_error *err)
{
    ranking k = {.area = NAN};
    asc_status status = rank_whole_rows(r, &k, err);
    *area = k.area;
    for (size_t group = 0; group < r->plan.n_groups && status == ASC_OK; group++) {
        status = stop_poll(stop, err);
        if (status == ASC_OK)
            status = estimate_area(r, &k, group, &drops[group].auc, err);
    }
    free_ranking(&k);
    return status;
}

asc_status removal_estimate(const removal *r, const stop_check *stop, removal_base *base, removal_drop *drops, asc_error *err)
{
    const asc_mean unknown = {NAN, NAN, NAN, NAN};
    student_table student;
    student_table_fill(&student);
    *base = (removal_base){r->n_right / (double)r->n_rows, NAN};
    for (size_t group = 0; group < r->plan.n_groups; group++) {
        const group_sums *sums = &r->groups[group];
        drops[group] = (removal_drop){mean_of(sums->loss, sums->loss_squares, r->n_rows, &student), unknown, unknown};
        if (r->plan.loss != LOSS_SQUARED_ERROR)
            drops[group].accuracy = mean_of(sums->right, sums->right_squares, r->n_rows, &student);
    }
    return r->n_scores ? estimate_areas(r, stop, &base->auc, drops, err) : ASC_OK;
}
