// See evaluation_read.h. Means and curves are computed again from the rows, and held against those of the file.
#include "evaluate/evaluation_read.h"

#include "evaluate/evaluation_columns.h"
#include "io/column_read.h"
#include "io/trial.h"

#include <jansson.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_MAJOR = 1 };
static const double rounding = 1e-9; // of means and curves, all of them in [-1, 1]

// ---- Arrays ------------------------------------------------------------------------------------------------------

// Reads `members` of the structures that begin at `to`, `stride` apart.
typedef struct member_target {
    const member_column *columns;
    size_t n_columns, n_rows;
    void *to;
    size_t stride;
} member_target;

static asc_status read_members(const column_source *source, member_target target, asc_error *err)
{
    for (size_t i = 0; i < target.n_columns; i++) {
        const member_column *m = &target.columns[i];
        const file_column column = {.name = m->name, .type = m->type, .n_rows = target.n_rows, .n_columns = m->n_columns, .stride = target.stride};
        TRY(column_source_read(source, &column, (char *)target.to + m->offset, err));
    }
    return ASC_OK;
}

static int by_id(const void *left, const void *right)
{
    const row_scores *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static asc_status read_rows(const column_source *source, asc_evaluation *e, asc_error *err)
{
    size_t n_rows = 0;
    TRY(column_source_count(source, "rows/id", COLUMN_UINT64, &n_rows, err));
    if (n_rows != e->summary.n_evaluated)
        return fail(err, ASC_MALFORMED, "%s: expected %zu rows as 'n_evaluated' says, found %zu", column_source_path(source), e->summary.n_evaluated, n_rows);
    e->rows = calloc(n_rows + 1, sizeof *e->rows);
    if (!e->rows)
        return fail_memory(err, "the rows of an evaluation", n_rows * sizeof *e->rows);
    return read_members(source, (member_target){evaluation_row_columns, EVALUATION_ROW_COLUMNS, n_rows, e->rows, sizeof *e->rows}, err);
}

// ---- Checks ------------------------------------------------------------------------------------------------------

static bool score_is_sound(size_t metric, float score)
{
    return (metric >= SCORES_PLAUSIBILITY && isnan(score)) || (double)fabsf(score) <= 1 + rounding;
}

static bool curve_is_sound(const row_scores *row, const float *curve)
{
    for (size_t i = 0; i < PLAN_MOST_POINTS; i++)
        if (isnan(row->fractions[i]) ? !isnan(curve[i]) : !(curve[i] >= 0 && curve[i] <= 1))
            return false;
    return true;
}

// From 0 to 1, then NaN.
static bool fractions_are_sound(const float *fractions)
{
    size_t n = 0;
    while (n < PLAN_MOST_POINTS && !isnan(fractions[n]))
        n++;
    if (n < 2 || fractions[0] != 0 || fractions[n - 1] != 1)
        return false;
    for (size_t i = 1; i < PLAN_MOST_POINTS; i++)
        if (i < n ? !(fractions[i] > fractions[i - 1]) : !isnan(fractions[i]))
            return false;
    return true;
}

static bool order_is_sound(const row_scores *row, const order_scores *order)
{
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++)
        if (!score_is_sound(m, order->metrics[m]))
            return false;
    return curve_is_sound(row, order->deletion) && curve_is_sound(row, order->insertion);
}

static asc_status check_rows(const char *path, asc_evaluation *e, asc_error *err)
{
    const size_t n_rows = e->summary.n_evaluated;
    for (size_t i = 0; i < n_rows; i++) {
        const row_scores *row = &e->rows[i];
        if (row->class_index < 0 || (size_t)row->class_index >= e->info.n_classes || row->n_features < 1)
            return fail(err, ASC_MALFORMED, "%s: row %zu: expected a class below %zu and at least one feature, found %d and %u", path, i, e->info.n_classes,
                        row->class_index, row->n_features);
        if (!fractions_are_sound(row->fractions) || !order_is_sound(row, &row->attribution) || !order_is_sound(row, &row->random))
            return fail(err, ASC_MALFORMED, "%s: row %zu: expected fractions that grow from 0 to 1, probabilities and their differences, found other numbers",
                        path, i);
    }
    qsort(e->rows, n_rows, sizeof *e->rows, by_id);
    for (size_t i = 1; i < n_rows; i++)
        if (e->rows[i].id == e->rows[i - 1].id)
            return fail(err, ASC_MALFORMED, "%s: dataset 'rows/id': expected every id once, found %" PRIu64 " twice", path, e->rows[i].id);
    return ASC_OK;
}

static bool same_number(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= rounding;
}

static bool same_mean(const asc_mean *a, const asc_mean *b)
{
    return same_number(a->mean, b->mean) && same_number(a->std_error, b->std_error);
}

asc_status evaluation_check_means(const char *path, const asc_evaluation *e, asc_error *err)
{
    const asc_evaluation_summary *found = &e->stated;
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        const asc_evaluation_metric *own = &e->summary.metrics[m], *there = &found->metrics[m];
        if (!same_mean(&own->attribution, &there->attribution) || !same_mean(&own->random, &there->random) ||
            !same_mean(&own->difference, &there->difference))
            return fail(err, ASC_MALFORMED, "%s: 'all': expected the mean of %s over the rows (%.9g), found another (%.9g)", path, own->name,
                        own->attribution.mean, there->attribution.mean);
    }
    for (size_t i = 0; i < ASC_EVALUATION_POINTS; i++)
        if (!same_number(e->summary.deletion[i], found->deletion[i]) || !same_number(e->summary.insertion[i], found->insertion[i]) ||
            !same_number(e->summary.random_deletion[i], found->random_deletion[i]) ||
            !same_number(e->summary.random_insertion[i], found->random_insertion[i]))
            return fail(err, ASC_MALFORMED, "%s: 'curves': expected the mean curves of the rows, found others", path);
    return ASC_OK;
}

// ---- All of it ---------------------------------------------------------------------------------------------------

static asc_status read_counts(const column_source *source, asc_evaluation_summary *summary, asc_error *err)
{
    for (size_t i = 0; i < EVALUATION_COUNTS; i++) {
        size_t count = 0;
        TRY(column_source_number(source, evaluation_counts[i].name, &count, err));
        memcpy((char *)summary + evaluation_counts[i].offset, &count, sizeof count);
    }
    return ASC_OK;
}

// JSON objects; how many random orders there were stands in the settings.
static asc_status read_documents(const column_source *source, asc_evaluation *e, asc_error *err)
{
    TRY(column_source_text(source, "manifest", &e->manifest, err));
    TRY(column_source_text(source, "settings", &e->settings, err));
    json_t *manifest = json_loads(e->manifest, JSON_REJECT_DUPLICATES, NULL), *settings = json_loads(e->settings, JSON_REJECT_DUPLICATES, NULL);
    const json_int_t n_orders = json_integer_value(json_object_get(settings, "random_orders"));
    const bool sound = json_is_object(manifest) && json_is_object(settings) && n_orders >= 1 && n_orders <= ASC_EVALUATION_MOST_ORDERS;
    json_decref(settings);
    json_decref(manifest);
    if (!sound)
        return fail(err, ASC_MALFORMED, "%s: expected JSON objects in 'manifest' and 'settings', and 'random_orders' from 1 to %d", column_source_path(source),
                    ASC_EVALUATION_MOST_ORDERS);
    e->summary.n_orders = (size_t)n_orders;
    return ASC_OK;
}

static asc_status read_names(const column_source *source, asc_evaluation *e, asc_error *err)
{
    char **metrics = NULL;
    size_t n_metrics = 0;
    TRY(column_source_texts(source, "class_names", &e->class_names, &e->info.n_classes, err));
    if (e->info.n_classes == 0)
        return fail(err, ASC_MALFORMED, "%s: dataset 'class_names': expected at least one name, found none", column_source_path(source));
    TRY(column_source_texts(source, "all/metric", &metrics, &n_metrics, err));
    bool same = n_metrics == ASC_EVALUATION_METRICS;
    for (size_t m = 0; same && m < n_metrics; m++)
        same = strcmp(metrics[m], scores_names[m]) == 0;
    free(metrics);
    return same ? ASC_OK : fail(err, ASC_MALFORMED, "%s: dataset 'all/metric': expected the %d names from %s to %s, found others", column_source_path(source),
                                ASC_EVALUATION_METRICS, scores_names[0], scores_names[ASC_EVALUATION_METRICS - 1]);
}

static asc_status read_all(const column_source *source, asc_evaluation *e, asc_error *err)
{
    TRY(read_counts(source, &e->summary, err));
    TRY(read_documents(source, e, err));
    TRY(read_names(source, e, err));
    TRY(read_rows(source, e, err));
    TRY(read_members(source, (member_target){evaluation_metric_columns, EVALUATION_METRIC_COLUMNS, ASC_EVALUATION_METRICS, e->stated.metrics,
                                             sizeof *e->stated.metrics}, err));
    TRY(read_members(source, (member_target){evaluation_curves, EVALUATION_CURVES, ASC_EVALUATION_POINTS, &e->stated, sizeof *e->stated.deletion}, err));
    TRY(check_rows(column_source_path(source), e, err));
    scores_summarise(e->rows, e->summary.n_evaluated, &e->summary);
    return ASC_OK;
}

asc_status evaluation_read_here(const char *path, asc_evaluation **out, asc_error *err)
{
    column_source *source = NULL;
    asc_evaluation *e = calloc(1, sizeof *e);
    if (!e)
        return fail_memory(err, "an evaluation", sizeof *e);
    e->summary = (asc_evaluation_summary){.backend = "", .largest_difference = NAN};
    asc_status status = column_source_open(path, EVALUATION_FORMAT, FORMAT_MAJOR, &source, err);
    if (status == ASC_OK)
        status = read_all(source, e, err);
    column_source_close(source);
    e->info = (asc_evaluation_info){e->info.n_classes, (const char *const *)e->class_names, e->manifest, e->settings, &e->summary};
    if (status == ASC_OK)
        *out = e;
    else
        asc_evaluation_close(e);
    return status;
}

static asc_status try_read(void *context, asc_error *err)
{
    asc_evaluation *e = NULL;
    TRY(evaluation_read_here(context, &e, err));
    TRY(evaluation_check_means(context, e, err));
    asc_evaluation_close(e);
    return ASC_OK;
}

asc_status asc_evaluation_open(const char *path, asc_evaluation **out, asc_error *err)
{
    TRY(trial_run(&(trial){.path = path, .step = try_read, .context = (void *)(uintptr_t)path}, err));
    return evaluation_read_here(path, out, err);
}

void asc_evaluation_close(asc_evaluation *evaluation)
{
    if (!evaluation)
        return;
    free(evaluation->settings);
    free(evaluation->manifest);
    free(evaluation->class_names);
    free(evaluation->rows);
    free(evaluation);
}

const asc_evaluation_info *asc_evaluation_describe(const asc_evaluation *evaluation)
{
    return &evaluation->info;
}

asc_status asc_evaluation_is(const char *path, int *is_evaluation, asc_error *err)
{
    bool is = false;
    TRY(trial_format_is(path, EVALUATION_FORMAT, &is, err));
    *is_evaluation = is;
    return ASC_OK;
}
