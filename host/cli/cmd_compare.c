// `ascribe compare`: how the importance of words and the outputs differ between two runs.
#include "command.h"
#include "compare_print.h"
#include "global_input.h"
#include "numbers.h"
#include "report_error.h"
#include "stop_signals.h"

#include <math.h>
#include <string.h>

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
                            "movers or difference, as printed at the end"},
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

// "NAME=X".
static asc_status parse_limit(const char *text, size_t *statistic, double *limit, asc_error *err)
{
    const char *equals = strchr(text, '=');
    const size_t length = equals ? (size_t)(equals - text) : 0;
    for (*statistic = 0; *statistic < COMPARE_N_STATISTICS; ++*statistic) {
        const char *name = compare_statistic_names[*statistic];
        if (strlen(name) == length && strncmp(name, text, length) == 0)
            break;
    }
    *limit = 0;
    if (*statistic < COMPARE_N_STATISTICS && (strcmp(equals, "=0") == 0 || parse_positive(equals + 1, limit)))
        return ASC_OK;
    return cli_fail(err, ASC_USAGE, "--fail-above: expected stability, rate, score, rank, movers or difference, then = and a number, found '%s'", text);
}

static asc_status check_choices(const compare_values *values, asc_error *err)
{
    size_t statistic;
    double limit;
    asc_status status = ASC_OK;
    if (values->csv && values->json)
        return cli_fail(err, ASC_USAGE, "compare: expected one of --csv and --json, found both");
    for (size_t i = 0; i < values->fail_above.count && status == ASC_OK; i++)
        status = parse_limit(values->fail_above.items[i], &statistic, &limit, err);
    return status;
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

static asc_status judge(const compare_values *values, const double *statistics, asc_error *err)
{
    for (size_t i = 0; i < values->fail_above.count; i++) {
        size_t statistic;
        double limit;
        if (parse_limit(values->fail_above.items[i], &statistic, &limit, err) != ASC_OK)
            return err->status;
        const double found = statistics[statistic];
        if (isnan(found))
            return cli_fail(err, ASC_FAILED_CHECK, "--fail-above: %s cannot be told here", compare_statistic_names[statistic]);
        if (found > limit)
            return cli_fail(err, ASC_FAILED_CHECK, "--fail-above: %s is %.6g, above %.6g", compare_statistic_names[statistic], found, limit);
    }
    return ASC_OK;
}

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

static asc_status compare_classes(const asc_global *a, const asc_global *b, compare_print *print, const compare_values *values, asc_error *err)
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
        status = asc_global_compare(a, b, &query, &comparison, err);
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
    return judge(values, statistics, err);
}

static asc_status run(const command_call *call, asc_error *err)
{
    const compare_values *values = call->values;
    const char *const *paths = (const char *const *)call->operands;
    const global_input inputs[2] = {{.paths = paths, .n_paths = 1, .fold_case = values->fold_case},
                                    {.paths = paths + 1, .n_paths = 1, .fold_case = values->fold_case}};
    asc_global *a = NULL, *b = NULL;
    asc_status status = check_choices(values, err);
    stop_signals_begin();
    if (status == ASC_OK)
        status = global_input_open(&inputs[0], &a, err);
    if (status == ASC_OK)
        status = global_input_open(&inputs[1], &b, err);
    if (status == ASC_OK) {
        compare_print print = {.out = stdout,
                               .form = values->csv ? GLOBAL_AS_CSV : values->json ? GLOBAL_AS_JSON : GLOBAL_FOR_PEOPLE,
                               .a = asc_global_describe(a),
                               .b = asc_global_describe(b),
                               .a_path = paths[0],
                               .b_path = paths[1],
                               .group = values->group,
                               .top = (size_t)values->top,
                               .min_count = (uint64_t)values->min_count};
        status = compare_classes(a, b, &print, values, err);
    }
    asc_global_close(b);
    asc_global_close(a);
    return status;
}

const cli_command command_compare = {
    .summary = "Compares two runs: which words changed, how surely, and how the outputs moved",
    .table =
        {.command = "compare",
         .usage = "compare A B [options]",
         .description =
             "A and B are results, or files of 'ascribe global', of one method, masking and output; model, rows and time may differ. Prints mean score "
             "and predicted share of every class, rank correlations of mean |phi|, the words whose mean phi moved, the least likely by chance first "
             "(Welch's test: rows of A and B are taken as independent samples; on the same rows it is cautious), with Benjamini-Hochberg's q-value, and "
             "words that only one side has often enough.",
         .operands = "A B",
         .n_operands = 2,
         .examples = "  ascribe compare old/result.h5 new/result.h5 --fold-case\n"
                     "  ascribe compare may.h5 june.h5 --fail-above stability=0.2 --fail-above rank=0.3\n"
                     "  ascribe compare a.h5 b.h5 --class positive --csv --top 0 > shifts.csv",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(compare_values),
    .set_defaults = set_defaults,
    .run = run,
};
