// How two evaluations differ: row by row where they share rows of one dataset, else as two samples.
#include "evaluate/evaluation_read.h"

#include "global/student.h"
#include "io/result_read.h"

#include <jansson.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double called = 0.05; // a change, by q-value

// ---- What must be alike ------------------------------------------------------------------------------------------

enum { MOST_WORDS = 600 };

// " name (A's, B's)" behind `words` when the two differ.
static void name_difference(const json_t *a, const json_t *b, const char *name, char words[MOST_WORDS])
{
    const json_t *first = json_object_get(a, name), *second = json_object_get(b, name);
    const size_t used = strlen(words);
    if ((!first && !second) || json_equal(first, second))
        return;
    char *one = json_dumps(first, JSON_ENCODE_ANY | JSON_COMPACT), *other = json_dumps(second, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(words + used, MOST_WORDS - used, "%s%s (%.60s, %.60s)", used ? "; " : "", name, one ? one : "none", other ? other : "none");
    free(other);
    free(one);
}

static bool same_classes(const asc_evaluation *a, const asc_evaluation *b)
{
    bool same = a->info.n_classes == b->info.n_classes;
    for (size_t c = 0; same && c < a->info.n_classes; c++)
        same = strcmp(a->class_names[c], b->class_names[c]) == 0;
    return same;
}

// Also whether both are of one dataset, by its SHA-256.
static asc_status check_alike(const asc_evaluation *a, const asc_evaluation *b, bool *one_dataset, asc_error *err)
{
    static const char *const of_settings[] = {"aopc_thresholds", "curve_steps", "order", "rounding", "value"};
    char words[MOST_WORDS] = "";
    json_t *manifest_a = json_loads(a->manifest, 0, NULL), *manifest_b = json_loads(b->manifest, 0, NULL);
    json_t *settings_a = json_loads(a->settings, 0, NULL), *settings_b = json_loads(b->settings, 0, NULL);
    name_difference(manifest_a, manifest_b, "policy", words);
    for (size_t i = 0; i < sizeof of_settings / sizeof *of_settings; i++)
        name_difference(settings_a, settings_b, of_settings[i], words);
    char data_a[HASH_HEX_SIZE], data_b[HASH_HEX_SIZE];
    *one_dataset = result_dataset_sha256(a->manifest, data_a) && result_dataset_sha256(b->manifest, data_b) && strcmp(data_a, data_b) == 0;
    json_decref(settings_b);
    json_decref(settings_a);
    json_decref(manifest_b);
    json_decref(manifest_a);
    if (!words[0] && same_classes(a, b))
        return ASC_OK;
    (void)fail(err, ASC_DIFFERENT_RUN, "A and B differ in: %s", words[0] ? words : "classes");
    return fail_hint(err, ASC_DIFFERENT_RUN, "such numbers are on different scales: evaluate results of one masking and of models of the same classes");
}

// ---- Rows --------------------------------------------------------------------------------------------------------

// The rows that go in: pairs of rows of both, or all of both sides.
typedef struct sample {
    const row_scores **a, **b;
    size_t n_a, n_b;
    bool paired; // n_a = n_b, row by row
} sample;

static size_t find_shared(const asc_evaluation *a, const asc_evaluation *b, sample *s)
{
    size_t n = 0;
    for (size_t i = 0, k = 0; i < a->summary.n_evaluated && k < b->summary.n_evaluated;) {
        const uint64_t first = a->rows[i].id, second = b->rows[k].id;
        if (first == second) {
            s->a[n] = &a->rows[i];
            s->b[n++] = &b->rows[k];
        }
        i += first <= second;
        k += second <= first;
    }
    return n;
}

static asc_status choose_rows(const asc_evaluation *a, const asc_evaluation *b, bool one_dataset, sample *s, size_t *n_shared, asc_error *err)
{
    const size_t n_a = a->summary.n_evaluated, n_b = b->summary.n_evaluated, smaller = n_a < n_b ? n_a : n_b;
    s->a = calloc(n_a + 1, sizeof *s->a);
    s->b = calloc(n_b + 1, sizeof *s->b);
    if (!s->a || !s->b)
        return fail_memory(err, "a comparison", (n_a + n_b) * sizeof *s->a);
    *n_shared = one_dataset ? find_shared(a, b, s) : 0;
    s->paired = *n_shared >= 2 && 2 * *n_shared >= smaller;
    s->n_a = s->paired ? *n_shared : n_a;
    s->n_b = s->paired ? *n_shared : n_b;
    for (size_t i = 0; !s->paired && i < n_a; i++)
        s->a[i] = &a->rows[i];
    for (size_t i = 0; !s->paired && i < n_b; i++)
        s->b[i] = &b->rows[i];
    return ASC_OK;
}

// ---- Numbers -----------------------------------------------------------------------------------------------------

typedef double row_number(const row_scores *row, size_t metric);

static double score_of(const row_scores *row, size_t metric)
{
    return (double)row->attribution.metrics[metric];
}

static double gain_of(const row_scores *row, size_t metric)
{
    return score_of(row, metric) - (double)row->random.metrics[metric];
}

// Of the numbers that are some, in place at the front of `numbers`.
static student_mean mean_of(double *numbers, size_t n_numbers)
{
    size_t n = 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n_numbers; i++)
        if (!isnan(numbers[i]))
            sum += numbers[n++] = numbers[i];
    const double mean = n > 0 ? sum / (double)n : NAN;
    for (size_t i = 0; i < n; i++)
        squares += (numbers[i] - mean) * (numbers[i] - mean);
    return (student_mean){mean, n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN, (double)n - 1};
}

typedef struct shift_work {
    const sample *sample;
    const student_table *student;
    double *numbers; // [the larger side]
} shift_work;

static student_mean mean_of_side(const shift_work *work, const row_scores *const *rows, size_t n_rows, row_number *number, size_t metric)
{
    for (size_t i = 0; i < n_rows; i++)
        work->numbers[i] = number(rows[i], metric);
    return mean_of(work->numbers, n_rows);
}

static asc_evaluation_shift shift_of(const shift_work *work, row_number *number, size_t metric, size_t *n_a, size_t *n_b)
{
    const sample *s = work->sample;
    asc_evaluation_shift out = {.p_value = NAN, .q_value = NAN};
    const student_mean a = mean_of_side(work, s->a, s->n_a, number, metric), b = mean_of_side(work, s->b, s->n_b, number, metric);
    *n_a = (size_t)(a.degrees + 1);
    *n_b = (size_t)(b.degrees + 1);
    out.a = student_interval(work->student, a);
    out.b = student_interval(work->student, b);
    if (s->paired) {
        for (size_t i = 0; i < s->n_a; i++)
            work->numbers[i] = number(s->b[i], metric) - number(s->a[i], metric);
        const student_mean difference = mean_of(work->numbers, s->n_a);
        out.difference = student_interval(work->student, difference);
        if (difference.std_error > 0)
            out.p_value = student_p_value(difference.mean / difference.std_error, difference.degrees);
    } else {
        const student_gap gap = student_compare(a, b);
        out.difference = student_interval(work->student, (student_mean){gap.difference, gap.std_error, gap.degrees});
        out.p_value = gap.p_value;
    }
    return out;
}

// q-values of the scores, then of the gains.
static asc_status judge(asc_evaluation_comparison *out, asc_error *err)
{
    double p[2][ASC_EVALUATION_METRICS], q[2][ASC_EVALUATION_METRICS];
    size_t n_tested;
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        p[0][m] = out->metrics[m].score.p_value;
        p[1][m] = out->metrics[m].gain.p_value;
    }
    for (size_t i = 0; i < 2; i++)
        TRY(benjamini_hochberg(p[i], ASC_EVALUATION_METRICS, q[i], &n_tested, err));
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        asc_metric_shift *shift = &out->metrics[m];
        shift->score.q_value = q[0][m];
        shift->gain.q_value = q[1][m];
        out->n_worse += q[0][m] <= called && (shift->score.difference.mean < 0) == shift->higher_is_better;
    }
    return ASC_OK;
}

static asc_status compare_rows(const sample *s, asc_evaluation_comparison *out, asc_error *err)
{
    student_table student;
    shift_work work = {s, &student, malloc(((s->n_a > s->n_b ? s->n_a : s->n_b) + 1) * sizeof(double))};
    if (!work.numbers)
        return fail_memory(err, "a comparison", (s->n_a + s->n_b) * sizeof(double));
    student_table_fill(&student);
    for (size_t m = 0; m < ASC_EVALUATION_METRICS; m++) {
        asc_metric_shift *shift = &out->metrics[m];
        *shift = (asc_metric_shift){.name = scores_names[m], .higher_is_better = scores_higher_is_better[m]};
        shift->gain = shift_of(&work, gain_of, m, &shift->n_a, &shift->n_b);
        shift->score = shift_of(&work, score_of, m, &shift->n_a, &shift->n_b);
    }
    free(work.numbers);
    return judge(out, err);
}

asc_status asc_evaluation_compare(const asc_evaluation *a, const asc_evaluation *b, asc_evaluation_comparison *out, asc_error *err)
{
    sample s = {0};
    bool one_dataset = false;
    *out = (asc_evaluation_comparison){.n_rows_a = a->summary.n_evaluated, .n_rows_b = b->summary.n_evaluated};
    TRY(check_alike(a, b, &one_dataset, err));
    asc_status status = choose_rows(a, b, one_dataset, &s, &out->n_shared, err);
    if (status == ASC_OK) {
        out->paired = s.paired;
        status = compare_rows(&s, out, err);
    }
    free(s.b);
    free(s.a);
    return status;
}
