// `ascribe bench`: how fast this machine explains.
#include "bench_print.h"
#include "command.h"
#include "explain_options.h"
#include "file_kind.h"
#include "progress.h"
#include "report_error.h"

#include <ascribe/bench.h>

typedef struct bench_values {
    asc_bench_job job;
    int64_t limit, n_rows; // 0: what fits the time
    bool json, quiet;
} bench_values;

#define FIELD(member) offsetof(bench_values, member)
#define OF_METHOD(member) FIELD(job.options.member)

enum { USUAL_LENGTH = 128 };

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .offset = FIELD(job.model_path),
     .group = "What to explain", .help = "folder with config.json and model.safetensors (or its shards)"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "FILE.h5", .offset = FIELD(job.dataset_path),
     .help = "dataset, as 'ascribe prepare' makes it"},
    {.name = "limit", .kind = OPTION_INT64, .argument = "N", .low = 1, .zero = "what fits the time, from all parts of it",
     .offset = FIELD(limit), .help = "the first N rows of the dataset"},
    {.name = "shape", .kind = OPTION_STRING, .argument = "WORD", .choices = "minilm-l6|distilbert|bert-base|bert-large",
     .offset = FIELD(job.shape),
     .help = "instead of a model and data: random weights and rows of these sizes, with a vocabulary of 8192; minilm-l6; "
             "distilbert; bert-base; bert-large"},
    {.name = "length", .kind = OPTION_SIZE, .argument = "N", .offset = FIELD(job.length),
     .help = "of a shape: tokens of each row"},
    {.name = "features", .kind = OPTION_SIZE, .argument = "N", .zero = "length - 2", .offset = FIELD(job.n_features),
     .help = "of a shape: how many of them are a feature; the others are always present"},
    {.name = "rows", .kind = OPTION_INT64, .argument = "N", .low = 1, .zero = "what fits the time", .offset = FIELD(n_rows),
     .help = "of a shape: rows"},

    METHOD_OPTIONS(OF_METHOD),

    COMPUTE_OPTIONS(OF_METHOD),
    MACHINE_OPTIONS(OF_METHOD),

    {.name = "seconds", .kind = OPTION_NUMBER, .argument = "S", .offset = FIELD(job.seconds), .group = "Measuring",
     .help = "about how long; the rows pass through the engine until it is over, at least once. With --shape and --budget auto "
             "a row's budget is lowered to fit, down to two coalitions a feature"},
    {.name = "savings", .kind = OPTION_SET, .offset = FIELD(job.savings),
     .help = "also the same work with every exact saving off, each alone on, and all on, in turns; each takes about that long"},
    {.name = "precision-check", .kind = OPTION_SET, .offset = FIELD(job.precision_check),
     .help = "also compare the attributions in this precision (fp32: in bf16) with those in fp32, beside the standard error of sampling"},

    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json), .group = "Messages", .help = "one JSON object"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = FIELD(quiet),
     .help = "no progress; warnings and errors stay"},
};
// clang-format on

static void set_defaults(void *values)
{
    *(bench_values *)values = (bench_values){
        .job = {.length = USUAL_LENGTH, .seconds = 10, .options = asc_explain_options_default()}};
}

// Options that belong to the other kind of rows.
static asc_status check(const bench_values *values, const bool *given, asc_error *err)
{
    const asc_bench_job *job = &values->job;
    const char *const of_shape[] = {"length", "features", "rows"}, *const of_data[] = {"model", "data", "limit"};
    const char *const *const others = job->shape ? of_data : of_shape;

    for (size_t i = 0; i < 3; i++)
        if (optable_is_given(&command_bench.table, given, others[i]))
            return cli_fail(err, ASC_USAGE, job->shape ? "--shape and --%s exclude each other" : "--%s belongs to --shape, which is missing",
                            others[i]);
    if (!job->shape && (!job->model_path || !job->dataset_path)) {
        (void)cli_fail(err, ASC_USAGE, "bench: expected --model DIR and --data FILE.h5, or --shape WORD, found %s",
                       job->model_path     ? "no --data"
                       : job->dataset_path ? "no --model"
                                           : "neither");
        return cli_hint(err, "'ascribe bench --help' shows the usage");
    }
    return job->shape ? ASC_OK : file_kind_check_prepared(job->dataset_path, job->model_path, err);
}

static void say(void *user, const char *what)
{
    progress_say(user, what);
}

static asc_status run(const command_call *call, asc_error *err)
{
    bench_values *values = call->values;
    asc_bench_job *job = &values->job;
    asc_bench_report report;
    progress_display progress;
    asc_status status = check(values, call->given, err);

    if (status != ASC_OK)
        return status;
    progress_begin(&progress, values->quiet ? "none" : "auto");
    job->options.n_rows = job->shape && values->n_rows ? values->n_rows : values->limit ? values->limit : -1;
    job->log = (asc_log){progress_log, &progress};
    job->say = say;
    job->say_user = &progress;
    status = asc_bench_run(job, &report, err);
    progress_clear(&progress);
    if (status != ASC_OK)
        return status;
    if (values->json)
        return bench_print_json(job, &report, err);
    bench_print(job, &report);
    return ASC_OK;
}

const cli_command command_bench = {
    .summary = "Measures how fast this machine explains",
    .table = {.command = "bench",
              .usage = "bench --model DIR --data FILE.h5 [options]\n"
                       "bench --shape WORD [--length N] [options]",
              .description =
                  "Explains rows for some seconds and says how fast that went: coalitions, rows and tokens a second, floating-point "
                  "operations a second beside those of the matrix multiplication alone (measured in the same run, on as many "
                  "threads), where the time went, and the memory that it took. The best of several passes over the same rows "
                  "counts. Nothing is written. Other programs that run meanwhile slow it down.",
              .examples = "  ascribe bench --model my-model --data reviews.h5\n"
                          "  ascribe bench --shape bert-base --length 128          # a model that is not at hand\n"
                          "  ascribe bench --shape minilm-l6 --length 32 --workers 1\n"
                          "  ascribe bench --shape minilm-l6 --length 32 --budget 512 --rows 8 --savings\n"
                          "  ascribe bench --model my-model --data reviews.h5 --precision-check --json",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(bench_values),
    .set_defaults = set_defaults,
    .run = run,
};
