// `ascribe importance`: which words, or groups of them, the model needs to predict the labels of a dataset.
#include "command.h"
#include "explain_options.h"
#include "file_kind.h"
#include "importance_print.h"
#include "progress.h"
#include "report_error.h"
#include "stop_signals.h"

typedef struct importance_values {
    asc_explain_options options;
    const char *model, *data, *out, *groups, *progress;
    row_range rows;
    int64_t limit, min_rows, top, passes;
    double convergence;
    bool force, fold_case, dry_run, json, quiet;
} importance_values;

#define FIELD(member) offsetof(importance_values, member)
#define OF_OPTIONS(member) FIELD(options.member)

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .required = true, .offset = FIELD(model),
     .group = "Input and output", .help = "folder with config.json and model.safetensors (or its shards)"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "DATASET.h5", .required = true, .offset = FIELD(data),
     .help = "dataset with labels"},
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "IMPORTANCE.h5", .zero = "nothing is kept", .offset = FIELD(out),
     .help = "keeps every group's numbers"},
    {.name = "force", .kind = OPTION_SET, .offset = FIELD(force), .help = "replaces IMPORTANCE.h5 when it exists"},
    {.name = "dry-run", .kind = OPTION_SET, .offset = FIELD(dry_run), .help = "says what would be evaluated; computes and writes nothing"},
    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json), .help = "one JSON object with all groups instead of the table"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = FIELD(quiet), .help = "prints no table (with --out)"},
    PROGRESS_OPTION(FIELD),
    {.name = "allow-tokenizer-mismatch", .kind = OPTION_SET, .offset = OF_OPTIONS(allow_tokenizer_mismatch),
     .help = "although the dataset was made with another tokenizer"},

    {.name = "groups", .kind = OPTION_STRING, .argument = "FILE.tsv", .zero = "every word is one", .offset = FIELD(groups),
     .group = "Words", .help = "groups of words: a line for each word, with the group's name, a tab and the word"},
    {.name = "fold-case", .kind = OPTION_SET, .offset = FIELD(fold_case), .help = "words that differ in case alone are one"},
    {.name = "min-rows", .kind = OPTION_INT64, .argument = "N", .low = 1, .offset = FIELD(min_rows),
     .help = "words in fewer rows belong to '(other words)'"},
    {.name = "top", .letter = 'k', .kind = OPTION_INT64, .argument = "N", .low = 0, .offset = FIELD(top),
     .help = "and so do all but the N that are in most rows; 0: none. More words cost more: a row takes 5 evaluations for each that it has"},

    ROW_OPTIONS(FIELD),

    {.name = "passes", .kind = OPTION_INT64, .argument = "N", .low = 1, .offset = FIELD(passes),
     .group = "Method", .help = "over the rows at most; each draws two orders of every row's words and walks them both ways"},
    {.name = "convergence", .kind = OPTION_NUMBER, .argument = "X", .offset = FIELD(convergence),
     .help = "passes end when the largest standard error of sampling is below X times the range of the values (the sage package's rule)"},
    {.name = "policy", .kind = OPTION_STRING, .argument = "WORD", .offset = OF_OPTIONS(policy),
     .help = "absent tokens are: remove = dropped, positions kept; delete = dropped, positions closed up; mask, pad, unk = replaced by that "
             "token; id:N = by token N"},
    {.name = "seed", .kind = OPTION_UINT64, .argument = "N", .offset = OF_OPTIONS(seed), .help = "of the orders"},

    COMPUTE_OPTIONS(OF_OPTIONS),
    MACHINE_OPTIONS(OF_OPTIONS),
};
// clang-format on

static void set_defaults(void *values)
{
    const asc_importance_job job = asc_importance_job_default();

    *(importance_values *)values = (importance_values){.options = job.options,
                                                       .rows = {0, -1},
                                                       .progress = "auto",
                                                       .min_rows = (int64_t)job.min_rows,
                                                       .top = (int64_t)job.top,
                                                       .passes = (int64_t)job.most_passes,
                                                       .convergence = job.convergence};
}

static asc_status check(const command_call *call, asc_error *err)
{
    const importance_values *values = call->values;

    if ((values->quiet || values->force) && !values->out)
        return cli_fail(err, ASC_USAGE, "--%s: expected --out beside it", values->quiet ? "quiet" : "force");
    if (values->quiet && (values->json || values->dry_run))
        return cli_fail(err, ASC_USAGE, "importance: expected one of --quiet and --%s, found both", values->json ? "json" : "dry-run");
    if (values->groups && (optable_is_given(&command_importance.table, call->given, "min-rows") ||
                           optable_is_given(&command_importance.table, call->given, "top")))
        return cli_fail(err, ASC_USAGE, "--groups: all groups of the file are taken, expected neither --min-rows nor --top beside it");
    if (values->out && (file_kind_same(values->out, values->data) || (values->groups && file_kind_same(values->out, values->groups))))
        return cli_fail(err, ASC_USAGE, "--out: expected another file than --data and --groups, found '%s'", values->out);
    return file_kind_check_prepared(values->data, values->model, err);
}

static asc_importance_job job_of(const importance_values *values, progress_display *progress)
{
    const int64_t n_rows = values->rows.end < 0 ? -1 : values->rows.end - values->rows.first;
    asc_importance_job job = {.model_path = values->model,
                              .dataset_path = values->data,
                              .out_path = values->out,
                              .groups_path = values->groups,
                              .force = values->force,
                              .fold_case = values->fold_case,
                              .dry_run = values->dry_run,
                              .min_rows = (size_t)values->min_rows,
                              .top = (size_t)values->top,
                              .most_passes = (size_t)values->passes,
                              .convergence = values->convergence,
                              .options = values->options,
                              .log = {progress_log, progress},
                              .progress = progress_update,
                              .progress_user = progress,
                              .should_stop = stop_signals_asked};

    job.options.first_row = values->rows.first;
    job.options.n_rows = values->limit > 0 && (n_rows < 0 || values->limit < n_rows) ? values->limit : n_rows;
    return job;
}

static asc_status run(const command_call *call, asc_error *err)
{
    const importance_values *values = call->values;
    asc_importance *importance = NULL;
    progress_display progress;
    asc_status status = check(call, err);

    if (status != ASC_OK)
        return status;
    const asc_importance_job job = job_of(values, &progress);
    stop_signals_begin();
    progress_begin(&progress, values->quiet ? "none" : values->progress);
    progress_say(&progress, "reading the model");
    status = asc_importance_make(&job, &importance, err);
    progress_clear(&progress);
    if (status == ASC_STOPPED)
        return cli_hint(err, "nothing is kept: give the same command again");
    if (status != ASC_OK)
        return status;
    if (values->json)
        status = importance_print_json(asc_importance_describe(importance), values->out, err);
    else if (values->dry_run)
        importance_print_plan(stdout, asc_importance_describe(importance));
    else if (!values->quiet)
        importance_print(stdout, asc_importance_describe(importance));
    asc_importance_close(importance);
    return status;
}

const cli_command command_importance = {
    .summary = "Shows which words the model needs to predict the labels",
    .table =
        {.command = "importance",
         .usage = "importance --model DIR --data DATASET.h5 [-o IMPORTANCE.h5] [options]",
         .description =
             "Measures importance by prediction error, over a dataset with labels, for the most frequent words or for groups of them: SAGE, the Shapley "
             "value of the mean loss (Covert et al. 2020), and how much loss, accuracy and the area under the ROC curve suffer when the words are "
             "removed from every row. The loss is cross-entropy, of several labels a row the sum of their binary ones, of a regression the squared "
             "error. All other words are one group. Intervals are over the rows, as a sample. The result is the same, bit for bit, for any number of "
             "workers.",
         .examples = "  ascribe importance --model my-model --data reviews.h5 --fold-case\n"
                     "  ascribe importance --model my-model --data reviews.h5 --top 200 --passes 50 -o importance.h5\n"
                     "  ascribe importance --model my-model --data reviews.h5 --groups identity-terms.tsv -o importance.h5",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(importance_values),
    .set_defaults = set_defaults,
    .run = run,
};
