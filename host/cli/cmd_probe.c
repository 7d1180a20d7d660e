// `ascribe probe`: a look inside a model, its weights alone or with rows of a dataset.
#include "command.h"
#include "explain_input.h"
#include "explain_options.h"
#include "file_kind.h"
#include "probe_print.h"
#include "progress.h"
#include "report_error.h"
#include "stop_signals.h"
#include "token_names.h"

#include <ascribe/probe.h>

#include <stdio.h>

typedef struct probe_values {
    const char *model, *data, *out, *progress;
    asc_explain_options options;
    row_range rows, full_rows;
    int64_t limit, ablation_rows, neurons, neuron_rows, flow_tokens, top;
    token_names names;
    bool dry_run, json, quiet;
} probe_values;

#define FIELD(member) offsetof(probe_values, member)
#define OF_OPTIONS(member) FIELD(options.member)

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .required = true, .offset = FIELD(model),
     .group = "Input and output", .help = "folder with config.json and model.safetensors (or its shards)"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "FILE.h5", .zero = "the weights alone", .offset = FIELD(data),
     .help = "dataset whose rows go through the model"},
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "PROBE.h5", .required = true, .offset = FIELD(out), .help = "what was found (HDF5)"},
    {.name = "force", .kind = OPTION_SET, .offset = OF_OPTIONS(force), .help = "replaces PROBE.h5 when it exists"},
    {.name = "allow-tokenizer-mismatch", .kind = OPTION_SET, .offset = OF_OPTIONS(allow_tokenizer_mismatch),
     .help = "probe although the dataset was made with another tokenizer"},

    ROW_OPTIONS(FIELD),
    {.name = "full-rows", .kind = OPTION_RANGE, .argument = "A:B", .zero = "none", .offset = FIELD(full_rows),
     .help = "rows that are kept whole: attention of every head, rollout, flow, norms"},
    {.name = "flow-tokens", .kind = OPTION_INT64, .argument = "N", .low = 0, .offset = FIELD(flow_tokens),
     .help = "those of them with more tokens get no attention flow: its time grows with the 4th power of the tokens; 0: none does"},
    {.name = "neurons", .kind = OPTION_INT64, .argument = "N", .low = 0, .offset = FIELD(neurons),
     .help = "neurons of each block, those with the largest activations, that are kept with the rows where they are most active"},
    {.name = "neuron-rows", .kind = OPTION_INT64, .argument = "N", .low = 1, .offset = FIELD(neuron_rows),
     .help = "so many rows of each of them, at most 1000; memory: 72 bytes for each and every neuron of the model"},
    {.name = "ablation-rows", .kind = OPTION_INT64, .argument = "N", .low = 0, .offset = FIELD(ablation_rows),
     .help = "rows, evenly spaced, on which every head is switched off in turn: a pass for each head; 0: none"},

    COMPUTE_OPTIONS(OF_OPTIONS),
    MACHINE_OPTIONS(OF_OPTIONS),

    {.name = "dry-run", .kind = OPTION_SET, .offset = FIELD(dry_run), .group = "Planning",
     .help = "say how many passes through the model and operations the rows would take, and write nothing"},

    {.name = "top", .letter = 'k', .kind = OPTION_INT64, .argument = "K", .low = 0, .offset = FIELD(top),
     .group = "Messages", .help = "so many heads, neurons of a block and token ids are printed at most; 0: all"},
    PROGRESS_OPTION(FIELD),
    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json), .help = "the summary as a JSON object"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_SET, .offset = FIELD(quiet), .help = "no progress and no summary; warnings and errors stay"},
};
// clang-format on

static void set_defaults(void *values)
{
    const asc_probe_job job = asc_probe_job_default();

    *(probe_values *)values = (probe_values){.options = job.options, .rows = {0, -1}, .full_rows = {0, -1}, .progress = "auto",
                                             .ablation_rows = job.n_ablation_rows, .neurons = job.n_top_neurons,
                                             .neuron_rows = job.n_neuron_rows, .flow_tokens = job.n_flow_tokens, .top = 5};
}

static asc_status check_choices(const command_call *call, asc_error *err)
{
    const probe_values *values = call->values;
    static const char *const of_rows[] = {"rows", "limit", "full-rows", "flow-tokens", "neurons", "neuron-rows", "ablation-rows", "allow-tokenizer-mismatch"};

    for (size_t i = 0; !values->data && i < sizeof of_rows / sizeof *of_rows; i++)
        if (optable_is_given(&command_probe.table, call->given, of_rows[i]))
            return cli_fail(err, ASC_USAGE, "--%s: expected --data beside it", of_rows[i]);
    if (values->json && values->quiet)
        return cli_fail(err, ASC_USAGE, "probe: expected one of --json and --quiet, found both");
    if (values->full_rows.end < 0 && optable_is_given(&command_probe.table, call->given, "full-rows"))
        return cli_fail(err, ASC_USAGE, "--full-rows: expected A:B with an end, as 0:3: every row that is kept whole holds all attention");
    return values->data ? file_kind_check_prepared(values->data, values->model, err) : ASC_OK;
}

static asc_probe_job job_of(const probe_values *values, progress_display *progress)
{
    asc_probe_job job = asc_probe_job_default();

    job.model_path = values->model;
    job.dataset_path = values->data;
    job.out_path = values->out;
    job.options = values->options;
    if (values->full_rows.end >= 0) {
        job.first_full_row = values->full_rows.first;
        job.n_full_rows = values->full_rows.end - values->full_rows.first;
    }
    job.n_ablation_rows = values->ablation_rows;
    job.n_top_neurons = values->neurons;
    job.n_neuron_rows = values->neuron_rows;
    job.n_flow_tokens = values->flow_tokens;
    job.token_names = values->names.n_names > 0 ? values->names.names : NULL;
    job.n_token_names = values->names.n_names;
    job.log = (asc_log){progress_log, progress};
    job.progress = progress_update;
    job.progress_user = progress;
    job.should_stop = stop_signals_asked;
    return job;
}

static asc_status print_cost(const probe_values *values, const asc_probe_job *job, asc_error *err)
{
    asc_probe_cost cost;
    const asc_status status = asc_probe_estimate(job, &cost, err);

    return status == ASC_OK ? probe_print_cost(&cost, values->json, err) : status;
}

static asc_status print_summary(const probe_values *values, asc_error *err)
{
    asc_probe *probe = NULL;
    asc_status status = asc_probe_open(values->out, &probe, err);

    if (status != ASC_OK)
        return status;
    const asc_probe_info *info = asc_probe_describe(probe);
    status = (values->json ? probe_print_json : probe_print_text)(info, &values->names, (size_t)values->top, err);
    asc_probe_close(probe);
    return status;
}

static asc_status run(const command_call *call, asc_error *err)
{
    probe_values *values = call->values;
    progress_display progress;
    asc_status status = check_choices(call, err);

    if (status != ASC_OK)
        return status;
    stop_signals_begin();
    progress_begin(&progress, values->quiet ? "none" : values->progress);
    token_names_read(values->model, &values->names);
    asc_probe_job job = job_of(values, &progress);
    if (values->data)
        status = explain_input_choose_rows(&(explain_values){.rows = values->rows, .limit = values->limit}, values->data, &job.options, err);
    if (status == ASC_OK)
        status = values->dry_run ? print_cost(values, &job, err) : asc_probe_make(&job, err);
    progress_clear(&progress);
    if (status == ASC_OK && !values->quiet && !values->dry_run)
        status = print_summary(values, err);
    token_names_free(&values->names);
    return status;
}

const cli_command command_probe = {
    .summary = "Looks inside a model: weights, attention, hidden states, neurons, heads that matter",
    .table =
        {.command = "probe",
         .usage = "probe --model DIR [--data DATASET.h5] -o PROBE.h5 [options]",
         .description =
             "Of the weights: norms and effective ranks of what each head looks for (W_Q' W_K) and moves (W_O W_V), histograms of all matrices, and "
             "each token's dot product with each class. With --data also, over the rows: how each head's attention is spread, norms and similarities of "
             "hidden states, where each neuron is most active, and what becomes of the prediction and the loss when a head "
             "is switched off. Rows of --full-rows are kept with all their attention, its rollout and flow. The result is the same, bit for bit, for any "
             "number of workers.",
         .examples = "  ascribe probe --model my-model -o probe.h5\n"
                     "  ascribe probe --model my-model --data reviews.h5 --limit 1000 --full-rows 0:3 -o probe.h5\n"
                     "  ascribe probe --model my-model --data reviews.h5 --ablation-rows 200 --dry-run -o probe.h5",
         .options = options,
         .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(probe_values),
    .set_defaults = set_defaults,
    .run = run,
};
