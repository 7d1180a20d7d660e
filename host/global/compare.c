// How two files of global importance differ: words, their order, and the outputs.
#include <ascribe/global.h>

#include "global/correlation.h"
#include "global/settings.h"
#include "global/student.h"
#include "io/global_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double called = 0.05; // a discovery, by q-value

static student_mean estimate_of(const asc_global_word *word)
{
    return (student_mean){word->mean, word->std_error, (double)word->n_rows - 1};
}

// ---- Words ----

static asc_status reserve(asc_comparison *out, asc_error *err)
{
    const size_t n_a = out->a.n_words, n_b = out->b.n_words, n_common = n_a < n_b ? n_a : n_b;
    out->shifts = calloc(n_common + 1, sizeof *out->shifts);
    out->only_a = calloc(n_a + 1, sizeof *out->only_a);
    out->only_b = calloc(n_b + 1, sizeof *out->only_b);
    if (!out->shifts || !out->only_a || !out->only_b)
        return fail_memory(err, "a comparison", (n_a + n_b) * sizeof *out->shifts);
    return ASC_OK;
}

// Both tables are ascending by text.
static void join(asc_comparison *out)
{
    size_t i = 0, k = 0;
    while (i < out->a.n_words || k < out->b.n_words) {
        const asc_global_word *a = i < out->a.n_words ? &out->a.words[i] : NULL, *b = k < out->b.n_words ? &out->b.words[k] : NULL;
        const int order = !a ? 1 : !b ? -1 : global_word_compare(a->text, a->size, b->text, b->size);
        if (order < 0) {
            out->only_a[out->n_only_a++] = i++;
        } else if (order > 0) {
            out->only_b[out->n_only_b++] = k++;
        } else {
            const student_gap g = student_compare(estimate_of(a), estimate_of(b));
            out->shifts[out->n_shifts++] = (asc_shift){a, b, g.difference, g.std_error, g.p_value, NAN};
            i++;
            k++;
        }
    }
}

static bool can_pair(const asc_global *pairs, const asc_global_query *query)
{
    return pairs && query->prediction == ASC_GLOBAL_ANY && query->agreement == ASC_GLOBAL_ALL;
}

// Both are ascending by text. A word that no row has in both runs keeps no p-value.
static void take_pairs(asc_comparison *out, const asc_global_table *pairs)
{
    size_t k = 0;
    for (size_t i = 0; i < out->n_shifts; i++) {
        asc_shift *shift = &out->shifts[i];
        int order = 1;
        while (k < pairs->n_words && (order = global_word_compare(pairs->words[k].text, pairs->words[k].size, shift->a->text, shift->a->size)) < 0)
            k++;
        const asc_global_word *pair = k < pairs->n_words && order == 0 ? &pairs->words[k] : NULL;
        shift->difference = pair ? pair->mean : shift->difference;
        shift->std_error = pair ? pair->std_error : NAN;
        shift->p_value = pair ? pair->p_value : NAN;
    }
}

static asc_status pair_words(const asc_global *pairs, const asc_global_query *query, asc_comparison *out, asc_error *err)
{
    asc_global_query all = *query;
    asc_global_table table;
    all.min_count = 1;
    TRY(asc_global_rank(pairs, &all, &table, err));
    take_pairs(out, &table);
    asc_global_table_free(&table);
    return ASC_OK;
}

// The least likely by chance first; those without a p-value last.
static int by_chance(const void *left, const void *right)
{
    const asc_shift *a = left, *b = right;
    const double first = isnan(a->p_value) ? 2 : a->p_value, second = isnan(b->p_value) ? 2 : b->p_value;
    if (first != second)
        return first < second ? -1 : 1;
    if (fabs(a->difference) != fabs(b->difference))
        return fabs(a->difference) > fabs(b->difference) ? -1 : 1;
    return global_word_compare(a->a->text, a->a->size, b->a->text, b->a->size);
}

static int by_importance(const void *left, const void *right, void *context)
{
    const asc_global_word *words = context, *a = &words[*(const size_t *)left], *b = &words[*(const size_t *)right];
    const double first = a->mean_abs * (double)a->count, second = b->mean_abs * (double)b->count;
    if (first != second)
        return first > second ? -1 : 1;
    return global_word_compare(a->text, a->size, b->text, b->size);
}

static asc_status judge(asc_comparison *out, asc_error *err)
{
    const size_t n = out->n_shifts;
    double *numbers = malloc((2 * n + 1) * sizeof *numbers);
    if (!numbers)
        return fail_memory(err, "a comparison", 2 * n * sizeof *numbers);
    double *first = numbers, *second = numbers + n;
    for (size_t i = 0; i < n; i++) {
        first[i] = out->shifts[i].a->mean_abs;
        second[i] = out->shifts[i].b->mean_abs;
    }
    asc_status status = rank_correlations(first, second, n, &out->spearman, &out->kendall, err);
    for (size_t i = 0; i < n; i++)
        first[i] = out->shifts[i].p_value;
    if (status == ASC_OK)
        status = benjamini_hochberg(first, n, second, &out->n_tested, err);
    for (size_t i = 0; i < n && status == ASC_OK; i++) {
        out->shifts[i].q_value = second[i];
        if (second[i] <= called)
            out->largest_difference = fmax(out->largest_difference, fabs(out->shifts[i].difference));
    }
    free(numbers);
    return status;
}

// ---- Outputs ----

static double rate_of(const asc_global_info *info, int32_t class_index)
{
    uint64_t n_class = 0, n_all = 0;
    for (size_t i = 0; i < info->n_groups; i++) {
        n_all += info->groups[i].n_rows;
        n_class += info->groups[i].prediction == class_index ? info->groups[i].n_rows : 0;
    }
    return n_all ? (double)n_class / (double)n_all : NAN;
}

// sum over bins of (b - a) ln(b / a) of the shares, half a row added to every bin so that none is empty.
static double stability_index(const asc_global_score *a, const asc_global_score *b)
{
    uint64_t n_a = 0, n_b = 0;
    double index = 0;
    for (size_t bin = 0; bin < ASC_GLOBAL_BINS; bin++) {
        n_a += a->bins[bin];
        n_b += b->bins[bin];
    }
    if (n_a != a->n_rows || n_b != b->n_rows || n_a == 0 || n_b == 0)
        return NAN;
    for (size_t bin = 0; bin < ASC_GLOBAL_BINS; bin++) {
        const double share_a = ((double)a->bins[bin] + 0.5) / ((double)n_a + 0.5 * ASC_GLOBAL_BINS);
        const double share_b = ((double)b->bins[bin] + 0.5) / ((double)n_b + 0.5 * ASC_GLOBAL_BINS);
        index += (share_b - share_a) * log(share_b / share_a);
    }
    return index;
}

static student_mean mean_score(const asc_global_score *score)
{
    const double n = (double)score->n_rows;
    return (student_mean){score->mean, sqrt(score->variance / n), n - 1};
}

// B - A of a class's score, within rows.
static student_gap paired_gap(const asc_global_score *pair)
{
    const student_mean mean = mean_score(pair);
    const double p_value = mean.std_error > 0 ? student_p_value(mean.mean / mean.std_error, mean.degrees) : NAN;
    return (student_gap){mean.mean, mean.std_error, mean.degrees, p_value};
}

static asc_status compare_outputs(const asc_global_info *a, const asc_global_info *b, const asc_global_info *pairs, asc_comparison *out, asc_error *err)
{
    out->n_classes = a->n_classes;
    out->classes = calloc(a->n_classes, sizeof *out->classes);
    if (!out->classes)
        return fail_memory(err, "a comparison", a->n_classes * sizeof *out->classes);
    out->stability_index = NAN;
    for (size_t c = 0; c < a->n_classes; c++) {
        const student_gap g = pairs ? paired_gap(&pairs->scores[c]) : student_compare(mean_score(&a->scores[c]), mean_score(&b->scores[c]));
        asc_class_shift *shift = &out->classes[c];
        *shift = (asc_class_shift){.mean_a = a->scores[c].mean,
                                   .mean_b = b->scores[c].mean,
                                   .difference = g.difference,
                                   .std_error = g.std_error,
                                   .p_value = g.p_value,
                                   .rate_a = rate_of(a, (int32_t)c),
                                   .rate_b = rate_of(b, (int32_t)c),
                                   .stability_index = stability_index(&a->scores[c], &b->scores[c])};
        out->stability_index = fmax(out->stability_index, shift->stability_index);
        out->rate_change = fmax(out->rate_change, fabs(shift->rate_b - shift->rate_a));
    }
    return ASC_OK;
}

static asc_status check_same(const asc_global_info *a, const asc_global_info *b, asc_error *err)
{
    bool same = a->n_classes == b->n_classes;
    for (size_t c = 0; same && c < a->n_classes; c++)
        same = strcmp(a->class_names[c], b->class_names[c]) == 0;
    TRY(settings_check(&(settings_pair){a->settings, b->settings, "A", "B", true}, err));
    if (!same)
        return fail(err, ASC_DIFFERENT_RUN, "A and B differ in: classes (%zu and %zu, or other names)", a->n_classes, b->n_classes);
    return ASC_OK;
}

asc_status asc_global_compare(const asc_global *a, const asc_global *b, const asc_global *pairs, const asc_global_query *query,
                              asc_comparison *out, asc_error *err)
{
    const bool paired = can_pair(pairs, query);
    asc_global_query by_text = *query;
    *out = (asc_comparison){0};
    by_text.order = ASC_GLOBAL_BY_TEXT;
    TRY(check_same(asc_global_describe(a), asc_global_describe(b), err));
    TRY(asc_global_rank(a, &by_text, &out->a, err));
    TRY(asc_global_rank(b, &by_text, &out->b, err));
    TRY(reserve(out, err));
    join(out);
    if (paired) {
        out->n_pairs = asc_global_describe(pairs)->n_rows;
        TRY(pair_words(pairs, &by_text, out, err));
    }
    TRY(judge(out, err));
    qsort(out->shifts, out->n_shifts, sizeof *out->shifts, by_chance);
    qsort_r(out->only_a, out->n_only_a, sizeof *out->only_a, by_importance, out->a.words);
    qsort_r(out->only_b, out->n_only_b, sizeof *out->only_b, by_importance, out->b.words);
    return compare_outputs(asc_global_describe(a), asc_global_describe(b), paired ? asc_global_describe(pairs) : NULL, out, err);
}

void asc_comparison_free(asc_comparison *comparison)
{
    free(comparison->classes);
    free(comparison->only_b);
    free(comparison->only_a);
    free(comparison->shifts);
    asc_global_table_free(&comparison->b);
    asc_global_table_free(&comparison->a);
    *comparison = (asc_comparison){0};
}
