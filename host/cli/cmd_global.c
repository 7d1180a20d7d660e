// `ascribe global`: sums the attributions of results up over the whole dataset, and prints what matters.
#include "command.h"
#include "global_input.h"
#include "global_print.h"
#include "report_error.h"
#include "stop_signals.h"

#include <string.h>

typedef struct global_values {
    const char *out, *by, *data, *class_name, *group, *sort;
    int64_t top, min_count, position;
    size_t memory;
    bool fold_case, force, csv, json, quiet;
} global_values;

// clang-format off
static const option_spec options[] = {
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "FILE.h5", .zero = "nothing is kept", .offset = offsetof(global_values, out),
     .group = "Summing up", .help = "keeps the sums: print, merge or compare them later without the results"},
    {.name = "force", .kind = OPTION_SET, .offset = offsetof(global_values, force), .help = "replaces FILE when it exists"},
    {.name = "fold-case", .kind = OPTION_SET, .offset = offsetof(global_values, fold_case),
     .help = "words that differ in case only count as one"},
    {.name = "by", .kind = OPTION_STRING, .argument = "WHAT", .choices = "text|token", .offset = offsetof(global_values, by),
     .help = "features are one word when their texts are the same, or their token ids, which --data holds"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "DATASET.h5", .zero = "none", .offset = offsetof(global_values, data),
     .help = "with --by token: the dataset that the results were made of"},
    {.name = "memory", .kind = OPTION_SIZE, .argument = "BYTES", .zero = "256M", .offset = offsetof(global_values, memory),
     .help = "memory for counting; what does not fit is sorted on the disk of FILE, without --out of $TMPDIR"},
    {.name = "class", .letter = 'c', .kind = OPTION_STRING, .argument = "NAME|INDEX", .zero = "every class", .offset = offsetof(global_values, class_name),
     .group = "What is printed", .help = "attributions towards this class"},
    {.name = "group", .letter = 'g', .kind = OPTION_STRING, .argument = "GROUP", .offset = offsetof(global_values, group),
     .help = "rows that count: all, correct, wrong, label:NAME, prediction:NAME, or label:NAME,prediction:NAME"},
    {.name = "position", .kind = OPTION_INT64, .argument = "1..5", .low = 1, .zero = "anywhere", .offset = offsetof(global_values, position),
     .help = "only words in this fifth of their row, in all rows"},
    {.name = "min-count", .kind = OPTION_INT64, .argument = "N", .low = 1, .offset = offsetof(global_values, min_count),
     .help = "words with fewer occurrences are left out, and not tested"},
    {.name = "sort", .letter = 's', .kind = OPTION_STRING, .argument = "BY", .choices = "importance|mean-abs|mean|negative|count|p-value|text",
     .offset = offsetof(global_values, sort),
     .help = "importance (sum of |phi|), mean-abs, mean (most positive first), negative (most negative first), count, p-value or text"},
    {.name = "top", .letter = 'k', .kind = OPTION_INT64, .argument = "K", .low = 0, .offset = offsetof(global_values, top),
     .help = "so many words of each class at most; 0: all"},
    {.name = "csv", .kind = OPTION_SET, .offset = offsetof(global_values, csv), .group = "How", .help = "a line for each class and word"},
    {.name = "json", .kind = OPTION_SET, .offset = offsetof(global_values, json), .help = "one JSON object"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = offsetof(global_values, quiet), .help = "prints no table (with --out)"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(global_values *)values = (global_values){.by = "text", .group = "all", .sort = "importance", .top = 20, .min_count = 3};
}

static asc_global_order order_of(const char *word)
{
    static const struct {
        const char *word;
        asc_global_order order;
    } orders[] = {{"importance", ASC_GLOBAL_BY_IMPORTANCE}, {"mean-abs", ASC_GLOBAL_BY_MEAN_ABS}, {"mean", ASC_GLOBAL_BY_MEAN},
                  {"negative", ASC_GLOBAL_BY_NEGATIVE},     {"count", ASC_GLOBAL_BY_COUNT},       {"p-value", ASC_GLOBAL_BY_P_VALUE}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (strcmp(orders[i].word, word) == 0)
            return orders[i].order;
    return ASC_GLOBAL_BY_TEXT;
}

static asc_status check_choices(const global_values *values, asc_error *err)
{
    if (values->csv && values->json)
        return cli_fail(err, ASC_USAGE, "global: expected one of --csv and --json, found both");
    if (values->position > ASC_GLOBAL_POSITIONS)
        return cli_fail(err, ASC_USAGE, "--position: expected a number from 1 to %d, found %lld", ASC_GLOBAL_POSITIONS, (long long)values->position);
    const bool by_token = strcmp(values->by, "token") == 0;
    if (by_token != (values->data != NULL))
        return cli_fail(err, ASC_USAGE, by_token ? "--by token: expected --data beside it: results hold no token ids" : "--data: expected --by token beside it");
    if (by_token && values->fold_case)
        return cli_fail(err, ASC_USAGE, "--fold-case: token ids have no case to fold");
    if (values->quiet && !values->out)
        return cli_fail(err, ASC_USAGE, "--quiet: expected --out beside it: nothing would be left of the sums");
    if (values->force && !values->out)
        return cli_fail(err, ASC_USAGE, "--force: expected --out beside it");
    return ASC_OK;
}

// Every class that has words, or the one that was asked for.
static asc_status print_tables(const asc_global *global, const global_values *values, asc_global_query *query, asc_error *err)
{
    const asc_global_info *info = asc_global_describe(global);
    const size_t first = values->class_name ? (size_t)query->class_index : 0, end = values->class_name ? first + 1 : info->n_classes;
    global_print print = {.out = stdout,
                          .form = values->csv ? GLOBAL_AS_CSV : values->json ? GLOBAL_AS_JSON : GLOBAL_FOR_PEOPLE,
                          .info = info,
                          .group = values->group,
                          .order = values->sort,
                          .top = (size_t)values->top,
                          .min_count = query->min_count};
    for (size_t c = first; c < end; c++) {
        asc_global_table table;
        query->class_index = (int32_t)c;
        const asc_status status = asc_global_rank(global, query, &table, err);
        if (status != ASC_OK)
            return status;
        if (c == first)
            global_print_begin(&print);
        if (table.n_words > 0 || end == first + 1)
            global_print_table(&print, query, &table);
        asc_global_table_free(&table);
    }
    global_print_end(&print);
    return ASC_OK;
}

static asc_status print_global(const asc_global *global, const global_values *values, asc_error *err)
{
    const asc_global_info *info = asc_global_describe(global);
    asc_global_query query = asc_global_query_default();
    query.order = order_of(values->sort);
    query.min_count = (uint64_t)values->min_count;
    if (values->position)
        query.position = (int32_t)values->position - 1;
    asc_status status = global_input_group(info, values->group, &query, err);
    if (status == ASC_OK && values->class_name)
        status = global_input_class(info, values->class_name, &query, err);
    return status == ASC_OK ? print_tables(global, values, &query, err) : status;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const global_values *values = call->values;
    const global_input input = {.paths = (const char *const *)call->operands,
                                .n_paths = call->n_operands,
                                .out = values->out,
                                .dataset = values->data,
                                .fold_case = values->fold_case,
                                .force = values->force,
                                .memory_bytes = values->memory};
    asc_global *global = NULL;
    asc_status status = check_choices(values, err);
    stop_signals_begin();
    if (status == ASC_OK)
        status = global_input_open(&input, &global, err);
    if (status == ASC_OK && !values->quiet)
        status = print_global(global, values, err);
    asc_global_close(global);
    return status;
}

const cli_command command_global = {
    .summary = "Sums attributions up over the whole dataset: which words matter, how surely, where",
    .table =
        {.command = "global",
         .usage = "global RESULT|GLOBAL... [-o GLOBAL.h5] [options]",
         .description =
             "Takes results of different rows of one run, or files that --out kept, and sums up what every word does: occurrences, rows, mean phi with "
             "its 95 % interval (the rows are the sample: occurrences in one row are no independent evidence), mean |phi|, and a test of "
             "\"mean phi is 0\" with Benjamini-Hochberg's q-value over the words of the table. The result is the same, bit for bit, however the rows "
             "were divided. Results of different models, methods, masking or outputs are refused. By token ids, a feature of several tokens is the word "
             "\"4895 8638\": a word for each token id takes features of one token each (prepare --features token).",
         .operands = "RESULT|GLOBAL",
         .n_operands = 1,
         .more_operands = true,
         .examples = "  ascribe global result.h5 --fold-case\n"
                     "  ascribe global part-*.h5 -o global.h5\n"
                     "  ascribe global result.h5 --by token --data reviews.h5\n"
                     "  ascribe global global.h5 --class positive --group wrong --sort mean --top 50\n"
                     "  ascribe global global.h5 --csv --top 0 > words.csv",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(global_values),
    .set_defaults = set_defaults,
    .run = run,
};
