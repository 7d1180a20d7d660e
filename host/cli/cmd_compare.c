// `ascribe compare`: how the importance of words, the outputs or the faithfulness differ between two runs.
#include "command.h"
#include "compare_evaluations.h"
#include "compare_limits.h"
#include "compare_print.h"
#include "global_input.h"
#include "report_error.h"
#include "stop_signals.h"

#include <ascribe/evaluate.h>

#include <math.h>

typedef struct compare_values {
    const char *class_name, *group;
    string_list fail_above;
    int64_t top, min_count;
    bool fold_case, csv, json;
} compare_values;

// clang-format off
static const option_spec options[] = {
    {.name = "class", .letter = 'c', .kind = OPTION_STRING, .argument = "NAME|INDEX", .zero = "every class", .offset = offsetof(compare_values, class_name),
     .group = "What is compared", .help = "attributions towards this class"},
    {.name = "group", .letter = 'g', .kind = OPTION_STRING, .argument = "GROUP", .offset = offsetof(compare_values, group),
     .help = "rows whose words count: all, correct, wrong, label:NAME, prediction:NAME, or label:NAME,prediction:NAME"},
    {.name = "min-count", .kind = OPTION_INT64, .argument = "N", .low = 1, .offset = offsetof(compare_values, min_count),
     .help = "words with fewer occurrences in A or in B are as if they were not there"},
    {.name = "fold-case", .kind = OPTION_SET, .offset = offsetof(compare_values, fold_case),
     .help = "words that differ in case only count as one (A and B are results)"},
    {.name = "fail-above", .kind = OPTION_LIST, .argument = "NAME=X", .offset = offsetof(compare_values, fail_above),
     .group = "How", .help = "exit code 1 when this statistic is larger than X, or cannot be told; repeat for more. NAME: stability, rate, score, rank, "
                            "movers or difference, as printed at the end; of evaluations a metric's name (how much it got worse) or worse (how many did, q <= 0.05)"},
    {.name = "top", .letter = 'k', .kind = OPTION_INT64, .argument = "K", .low = 0, .offset = offsetof(compare_values, top),
     .help = "so many words of each class at most; 0: all"},
    {.name = "csv", .kind = OPTION_SET, .offset = offsetof(compare_values, csv), .help = "a line for each class and word that is in both"},
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(compare_values, json), .help = "one JSON object"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(compare_values *)values = (compare_values){.group = "all", .top = 15, .min_count = 3};
}

static compare_limits limits_of(const compare_values *values)
{
    return (compare_limits){&values->fail_above, compare_statistic_names, COMPARE_N_STATISTICS};
}

static double larger(double a, double b)
{
    return isnan(b) ? a : isnan(a) || b > a ? b : a;
}

static void take_statistics(const asc_comparison *c, double statistics[COMPARE_N_STATISTICS])
{
    statistics[COMPARE_STABILITY] = c->stability_index;
    statistics[COMPARE_RATE] = c->rate_change;
    for (size_t i = 0; i < c->n_classes; i++)
        statistics[COMPARE_SCORE] = larger(statistics[COMPARE_SCORE], fabs(c->classes[i].difference));
    statistics[COMPARE_RANK] = larger(statistics[COMPARE_RANK], 1 - c->spearman);
    statistics[COMPARE_MOVERS] = larger(statistics[COMPARE_MOVERS], (double)compare_n_moved(c));
    statistics[COMPARE_DIFFERENCE] = larger(statistics[COMPARE_DIFFERENCE], c->largest_difference);
}

typedef struct compared {
    asc_global *a, *b;
    asc_global *pairs; // NULL: two samples
} compared;

// The group by A's names, which must be B's too.
static asc_status find_group(const compare_print *print, const compare_values *values, asc_global_query *query, asc_error *err)
{
    asc_global_query other = *query;
    asc_status status = global_input_group(print->a, values->group, query, err);
    if (status == ASC_OK)
        status = global_input_group(print->b, values->group, &other, err);
    if (status == ASC_OK && query->label != other.label)
        status = cli_fail(err, ASC_DIFFERENT_RUN, "--group: A and B number their labels differently");
    return status;
}

static asc_status compare_classes(const compared *files, compare_print *print, const compare_values *values, asc_error *err)
{
    asc_global_query query = asc_global_query_default();
    double statistics[COMPARE_N_STATISTICS];
    for (size_t i = 0; i < COMPARE_N_STATISTICS; i++)
        statistics[i] = NAN;
    query.min_count = (uint64_t)values->min_count;
    asc_status status = find_group(print, values, &query, err);
    if (status == ASC_OK && values->class_name)
        status = global_input_class(print->a, values->class_name, &query, err);
    const size_t first = (size_t)query.class_index, end = values->class_name ? first + 1 : print->a->n_classes;
    for (size_t c = first; c < end && status == ASC_OK; c++) {
        asc_comparison comparison;
        query.class_index = (int32_t)c;
        status = asc_global_compare(files->a, files->b, files->pairs, &query, &comparison, err);
        if (status == ASC_OK && c == first)
            compare_print_begin(print, &comparison);
        if (status == ASC_OK && (comparison.a.n_words + comparison.b.n_words > 0 || end == first + 1)) {
            compare_print_words(print, query.class_index, &comparison);
            take_statistics(&comparison, statistics);
        }
        asc_comparison_free(&comparison);
    }
    if (status != ASC_OK)
        return status;
    compare_print_end(print, statistics);
    const compare_limits limits = limits_of(values);
    return compare_limits_judge(&limits, statistics, err);
}

static global_form form_of(const compare_values *values)
{
    return values->csv ? GLOBAL_AS_CSV : values->json ? GLOBAL_AS_JSON : GLOBAL_FOR_PEOPLE;
}

static asc_status compare_words(const char *const *paths, const compare_values *values, asc_error *err)
{
    const global_input inputs[2] = {{.paths = paths, .n_paths = 1, .fold_case = values->fold_case},
                                    {.paths = paths + 1, .n_paths = 1, .fold_case = values->fold_case}};
    const compare_limits limits = limits_of(values);
    compared files = {0};
    asc_status status = compare_limits_check(&limits, err);
    if (status == ASC_OK)
        status = global_input_open(&inputs[0], &files.a, err);
    if (status == ASC_OK)
        status = global_input_open(&inputs[1], &files.b, err);
    if (status == ASC_OK)
        status = global_input_pairs(paths, values->fold_case, &files.pairs, err);
    if (status == ASC_OK) {
        compare_print print = {.out = stdout,
                               .form = form_of(values),
                               .a = asc_global_describe(files.a),
                               .b = asc_global_describe(files.b),
                               .a_path = paths[0],
                               .b_path = paths[1],
                               .group = values->group,
                               .top = (size_t)values->top,
                               .min_count = (uint64_t)values->min_count};
        status = compare_classes(&files, &print, values, err);
    }
    asc_global_close(files.pairs);
    asc_global_close(files.b);
    asc_global_close(files.a);
    return status;
}

static asc_status compare_faithfulness(const command_call *call, asc_error *err)
{
    static const char *const of_words[] = {"class", "group", "min-count", "fold-case", "top"};
    const compare_values *values = call->values;
    for (size_t i = 0; i < sizeof of_words / sizeof *of_words; i++)
        if (optable_is_given(&command_compare.table, call->given, of_words[i]))
            return cli_fail(err, ASC_USAGE, "--%s: expected results or files of 'ascribe global': those of 'ascribe evaluate' know no words", of_words[i]);
    return compare_evaluations(&(compare_evaluations_call){(const char *const *)call->operands, &values->fail_above, form_of(values)}, err);
}

static asc_status run(const command_call *call, asc_error *err)
{
    const compare_values *values = call->values;
    const char *const *paths = (const char *const *)call->operands;
    int is_evaluation = 0;
    if (values->csv && values->json)
        return cli_fail(err, ASC_USAGE, "compare: expected one of --csv and --json, found both");
    stop_signals_begin();
    const asc_status status = asc_evaluation_is(paths[0], &is_evaluation, err);
    if (status != ASC_OK)
        return status;
    return is_evaluation ? compare_faithfulness(call, err) : compare_words(paths, values, err);
}

const cli_command command_compare = {
    .summary = "Compares two runs: which words changed, how surely, and how the outputs moved",
    .table =
        {.command = "compare",
         .usage = "compare A B [options]",
         .description =
             "A and B are results, or files of 'ascribe global', of one method, masking and output; model, rows and time may differ. Prints mean score "
             "and predicted share of every class, rank correlations of mean |phi|, the words whose mean phi moved, the least likely by chance first "
             "(row by row where both are results of the same rows; else Welch's test, which takes rows of A and B as independent samples and on the same rows "
             "is cautious), with Benjamini-Hochberg's q-value, and "
             "words that only one side has often enough. Or both are files of 'ascribe evaluate': then how faithfulness moved, metric by metric, row by row "
             "where they are of one dataset and share at least half of the smaller one's rows, with 95 % intervals.",
         .operands = "A B",
         .n_operands = 2,
         .examples = "  ascribe compare old/result.h5 new/result.h5 --fold-case\n"
                     "  ascribe compare old-eval.h5 new-eval.h5 --fail-above comprehensiveness_aopc=0.05\n"
                     "  ascribe compare may.h5 june.h5 --fail-above stability=0.2 --fail-above rank=0.3\n"
                     "  ascribe compare a.h5 b.h5 --class positive --csv --top 0 > shifts.csv",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(compare_values),
    .set_defaults = set_defaults,
    .run = run,
};
