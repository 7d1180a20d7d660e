// `ascribe evaluate`: how faithful a result's attributions are to the model.
#include "command.h"
#include "evaluate_print.h"
#include "explain_options.h"
#include "file_kind.h"
#include "progress.h"
#include "report_error.h"
#include "stop_signals.h"

typedef struct evaluate_values {
    asc_explain_options options;
    const char *model, *data, *out, *progress;
    row_range rows;
    int64_t limit, orders;
    bool force, json, quiet;
} evaluate_values;

#define FIELD(member) offsetof(evaluate_values, member)
#define OF_OPTIONS(member) FIELD(options.member)

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .offset = FIELD(model), .required = true,
     .group = "Input and output", .help = "the model that the result was made with"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "DATASET.h5", .offset = FIELD(data), .required = true,
     .help = "the dataset that it was made of"},
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "EVAL.h5", .zero = "nothing is kept", .offset = FIELD(out),
     .help = "keeps every row's numbers and curves"},
    {.name = "force", .kind = OPTION_SET, .offset = FIELD(force), .help = "replaces EVAL.h5 when it exists"},
    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json), .help = "one JSON object instead of the table"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = FIELD(quiet), .help = "prints no table (with --out)"},
    PROGRESS_OPTION(FIELD),
    {.name = "orders", .kind = OPTION_INT64, .argument = "N", .low = 1, .offset = FIELD(orders), .group = "What is measured",
     .help = "random orders of each row's features that the baseline is averaged over; each costs what the attributions' own does"},
    {.name = "seed", .kind = OPTION_UINT64, .argument = "N", .offset = OF_OPTIONS(seed), .help = "of the random orders"},
    {.name = "rows", .kind = OPTION_RANGE, .argument = "A:B", .zero = "all", .offset = FIELD(rows),
     .help = "rows of the result from A on and before B, counted from 0"},
    {.name = "limit", .kind = OPTION_INT64, .argument = "N", .low = 1, .zero = "none", .offset = FIELD(limit),
     .help = "the first N of them at most"},
    COMPUTE_OPTIONS(OF_OPTIONS),
    MACHINE_OPTIONS(OF_OPTIONS),
};
// clang-format on

static void set_defaults(void *values)
{
    *(evaluate_values *)values =
        (evaluate_values){.options = asc_explain_options_default(), .rows = {0, -1}, .orders = 5, .progress = "auto"};
}

static asc_status check(const evaluate_values *values, const char *result, asc_error *err)
{
    if (values->orders > ASC_EVALUATION_MOST_ORDERS)
        return cli_fail(err, ASC_USAGE, "--orders: expected 1 to %d, found %lld", ASC_EVALUATION_MOST_ORDERS, (long long)values->orders);
    if ((values->quiet || values->force) && !values->out)
        return cli_fail(err, ASC_USAGE, "--%s: expected --out beside it", values->quiet ? "quiet" : "force");
    if (values->quiet && values->json)
        return cli_fail(err, ASC_USAGE, "evaluate: expected one of --quiet and --json, found both");
    if (values->out && (file_kind_same(values->out, result) || file_kind_same(values->out, values->data)))
        return cli_fail(err, ASC_USAGE, "--out: expected another file than the result and --data, found '%s'", values->out);
    return ASC_OK;
}

static void choose_rows(evaluate_values *values)
{
    const int64_t n_rows = values->rows.end < 0 ? -1 : values->rows.end - values->rows.first;
    values->options.first_row = values->rows.first;
    values->options.n_rows = values->limit > 0 && (n_rows < 0 || values->limit < n_rows) ? values->limit : n_rows;
}

static asc_status run(const command_call *call, asc_error *err)
{
    evaluate_values *values = call->values;
    asc_evaluation_summary summary;
    progress_display progress;
    asc_status status = check(values, call->operands[0], err);

    if (status != ASC_OK)
        return status;
    choose_rows(values);
    const asc_evaluate_job job = {.result_path = call->operands[0],
                                  .model_path = values->model,
                                  .dataset_path = values->data,
                                  .out_path = values->out,
                                  .force = values->force,
                                  .n_orders = (size_t)values->orders,
                                  .options = values->options,
                                  .log = {progress_log, &progress},
                                  .progress = progress_update,
                                  .progress_user = &progress,
                                  .should_stop = stop_signals_asked};
    stop_signals_begin();
    progress_begin(&progress, values->quiet ? "none" : values->progress);
    progress_say(&progress, "reading the model");
    status = asc_evaluate(&job, &summary, err);
    progress_clear(&progress);
    if (status == ASC_STOPPED)
        return cli_hint(err, "nothing is kept: give the same command again");
    if (status == ASC_OK && values->json)
        return evaluate_print_json(&summary, values->out, err);
    if (status == ASC_OK && !values->quiet)
        evaluate_print(stdout, &summary);
    return status;
}

const cli_command command_evaluate = {
    .summary = "Measures how faithful attributions are to the model",
    .table =
        {.command = "evaluate",
         .usage = "evaluate RESULT --model DIR --data DATASET.h5 [-o EVAL.h5] [options]",
         .description =
             "Takes features away, and leaves them alone, in the descending order of their attributions to the predicted class, and looks at its "
             "probability: ERASER's comprehensiveness and sufficiency at 1, 5, 10, 20 and 50 % of the features (rounded up) and their mean "
             "(aopc), and the areas under the deletion and insertion curves (20 steps, one feature each in rows of so many or fewer); "
             "beside each the mean over random orders of the same rows. Where the dataset has rationales (prepare --rationales) also how plausible "
             "attributions are: token F1, IoU F1 and AUPRC. Intervals are Student's t over the rows. Absent features are masked as in the result. Rows without attributions are left out and counted.",
         .operands = "RESULT",
         .n_operands = 1,
         .examples = "  ascribe evaluate result.h5 --model my-model --data reviews.h5\n"
                     "  ascribe evaluate result.h5 --model my-model --data reviews.h5 -o eval.h5 --orders 10 --limit 1000",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(evaluate_values),
    .set_defaults = set_defaults,
    .run = run,
};
