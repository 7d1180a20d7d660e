// `ascribe explain`: the option table and what is checked before anything is opened; explain_run.c does the
// work.
#include "command.h"
#include "explain_like.h"
#include "explain_options.h"
#include "explain_run.h"
#include "explain_task.h"
#include "explain_values.h"
#include "report_error.h"

#define FIELD(member) offsetof(explain_values, member)
#define OF_METHOD(member) FIELD(options.member)

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .offset = FIELD(model), .group = "Input and output",
     .help = "folder with config.json, model.safetensors (or its shards) and the tokenizer; needed without --plan"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "FILE", .offset = FIELD(data),
     .help = "dataset (.h5), or texts: .csv, .tsv, .jsonl, .parquet, .txt (one a line); texts are prepared first, "
             "into OUT-dataset.h5"},
    {.name = "text", .letter = 't', .kind = OPTION_LIST, .argument = "TEXT", .offset = FIELD(texts),
     .help = "a text instead of --data; may be repeated; the attributions are shown at once"},
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "FILE.h5", .offset = FIELD(out),
     .help = "result file; needed with --data; running the same command again continues or says that it "
             "is complete"},
    {.name = "force", .kind = OPTION_SET, .offset = FIELD(options.force),
     .help = "replace an existing result, and start over where OUT.parts belongs to another run"},
    {.name = "keep-parts", .kind = OPTION_SET, .offset = FIELD(options.keep_parts), .help = "leave the folder OUT.parts behind"},
    RESULT_OPTIONS(FIELD),

    {.name = "plan", .kind = OPTION_STRING, .argument = "PLAN.json", .offset = FIELD(plan), .group = "One task of many",
     .help = "work on a task of this plan, which says what is computed ('ascribe plan' makes it); beside it --model and --data only name "
             "copies of the plan's own, for instance on a local disk"},
    {.name = "task", .kind = OPTION_INT64, .argument = "K", .zero = "none", .offset = FIELD(task),
     .help = "which task, from 0; the same command again continues it, 'ascribe merge' makes the result when all are done"},

    ROW_OPTIONS(FIELD),

    METHOD_OPTIONS(OF_METHOD),
    DRAW_OPTIONS(FIELD),
    {.name = "export-masks", .kind = OPTION_STRING, .argument = "FILE.h5",
     .offset = FIELD(options.export_masks),
     .help = "write the coalitions and weights that rows drew (estimators shap and permutation, method "
             "lime)"},

    PREPARE_OPTIONS(FIELD),

    COMPUTE_OPTIONS(OF_METHOD),
    MACHINE_OPTIONS(OF_METHOD),
    {.name = "devices", .kind = OPTION_STRING, .argument = "LIST", .offset = FIELD(options.devices),
     .help = "several GPUs, a process each: 0,1,3 or all; never changes a result"},
    {.name = "processes", .kind = OPTION_INT, .argument = "N", .zero = "1", .offset = FIELD(options.n_processes),
     .help = "the same on the processor; --workers counts for each; never changes a result"},
    MIXED_OPTION(FIELD),
    EXPERT_OPTIONS(FIELD),

    {.name = "dry-run", .kind = OPTION_SET, .offset = FIELD(dry_run), .group = "Planning",
     .help = "say what the run would take (coalitions, operations, memory, output, time) and write nothing; "
             "a few seconds of real steps are timed; --out may be left out"},
    {.name = "max-hours", .kind = OPTION_NUMBER, .argument = "H", .zero = "none", .offset = FIELD(max_hours),
     .help = "refuse to start (exit code 64) when that estimate is longer"},

    {.name = "strict", .kind = OPTION_SET, .offset = FIELD(strict), .group = "Messages",
     .help = "exit code 1 when a row has no attributions"},
    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json),
     .help = "the summary as a JSON object; with --text the attributions, one object a line"},
    PROGRESS_OPTION(FIELD),
    {.name = "color", .kind = OPTION_STRING, .argument = "WHEN", .choices = "auto|always|never",
     .offset = FIELD(color), .help = "for --text: auto; always; never"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = FIELD(quiet),
     .help = "no progress and no summary; warnings and errors stay"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(explain_values *)values = (explain_values){
        .options = asc_explain_options_default(), .rows = {0, -1}, .color = "auto", .progress = "auto"};
}

static asc_status check(const explain_values *values, asc_error *err)
{
    const prepare_values *prepare = &values->prepare;

    if (!values->model) {
        (void)cli_fail(err, ASC_USAGE, "explain: missing option --model DIR");
        return cli_hint(err, "'ascribe explain --help' shows the usage");
    }
    if ((values->data != NULL) == (values->texts.count > 0)) {
        (void)cli_fail(err, ASC_USAGE, "explain: expected --data FILE or --text TEXT, found %s",
                       values->data ? "both" : "neither");
        return cli_hint(err, "'ascribe explain --help' shows the usage");
    }
    if (values->data && !values->out && !values->dry_run) {
        (void)cli_fail(err, ASC_USAGE, "explain: missing option --out FILE.h5");
        return cli_hint(err,
                        "the result of a dataset is a file; a few texts can be shown at once: --text TEXT");
    }
    if (values->texts.count > 0 &&
        (prepare->text_column || prepare->text_pair_column || prepare->label_column || prepare->label_type ||
         prepare->label_separator || prepare->id_column || prepare->keep.count))
        return cli_fail(err, ASC_USAGE, "--text has no columns: found --%s",
                        prepare->text_column        ? "text-column"
                        : prepare->text_pair_column ? "text-pair-column"
                        : prepare->label_column     ? "label-column"
                        : prepare->label_type       ? "label-type"
                        : prepare->label_separator  ? "label-separator"
                        : prepare->id_column        ? "id-column"
                                                    : "keep");
    if (values->texts.count > 0 && (values->limit || values->rows.first || values->rows.end >= 0))
        return cli_fail(err, ASC_USAGE, "--text and --%s exclude each other",
                        values->limit ? "limit" : "rows");
    return asc_explain_options_check(&values->options, err);
}

static asc_status run(const command_call *call, asc_error *err)
{
    explain_values *values = call->values;
    earlier_options earlier = {0};
    asc_status status = ASC_OK;

    if (values->plan)
        return explain_task_run(values, &command_explain.table, call->given, call->command_line, err);
    if (optable_is_given(&command_explain.table, call->given, "task"))
        return cli_fail(err, ASC_USAGE, "--task belongs to --plan, which is missing");
    if (values->like)
        status = explain_like_apply(values, &command_explain.table, call->given, &earlier, err);
    if (status == ASC_OK)
        status = check(values, err);
    if (status == ASC_OK)
        status = explain_run(values, call->command_line, err);
    explain_like_release(&earlier);
    return status;
}

const cli_command command_explain = {
    .summary = "Explains texts or the rows of a dataset with a model",
    .table = {.command = "explain",
              .usage = "explain --model DIR --data FILE --out FILE.h5 [options]\n"
                       "explain --model DIR --text TEXT [--text TEXT ...] [options]\n"
                       "explain --plan PLAN.json --task K [machine options]",
              .description = "Computes how much each word moved the model's output, for every row of a "
                             "dataset, and writes a result "
                             "file; or for a few texts, and shows it. The model is a Hugging Face folder. "
                             "Stopped by SIGTERM, SIGINT or SIGUSR1 (exit code 75) or killed, the same command "
                             "continues.",
              .examples = "  ascribe explain --model my-model --data reviews.csv --out result.h5\n"
                          "  ascribe explain --model my-model --text \"What a wonderful film!\"\n"
                          "  ascribe explain --plan plan.json --task 3 --data /local/reviews.h5   # of 'ascribe plan'\n"
                          "  ascribe explain --model my-model --data reviews.h5 --out result.h5 --devices all",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(explain_values),
    .set_defaults = set_defaults,
    .run = run,
};
