// `ascribe explain`: the option table and what is checked before anything is opened; explain_run.c does the
// work.
#include "command.h"
#include "explain_like.h"
#include "explain_run.h"
#include "explain_values.h"
#include "method_options.h"
#include "report_error.h"

#define FIELD(member) offsetof(explain_values, member)
#define OF_METHOD(member) FIELD(options.member)

// clang-format off
static const option_spec options[] = {
    {.name = "model", .letter = 'm', .kind = OPTION_STRING, .argument = "DIR", .required = true,
     .offset = FIELD(model), .group = "Input and output",
     .help = "folder with config.json, model.safetensors (or its shards) and the tokenizer"},
    {.name = "data", .letter = 'd', .kind = OPTION_STRING, .argument = "FILE", .offset = FIELD(data),
     .help = "dataset (.h5), or texts: .csv, .tsv, .jsonl, .parquet, .txt (one a line); texts are prepared first, "
             "into OUT-dataset.h5"},
    {.name = "text", .letter = 't', .kind = OPTION_LIST, .argument = "TEXT", .offset = FIELD(texts),
     .help = "a text instead of --data; may be repeated; the attributions are shown at once"},
    {.name = "out", .letter = 'o', .kind = OPTION_STRING, .argument = "FILE.h5", .offset = FIELD(out),
     .help = "result file; needed with --data; running the same command again continues or says that it "
             "is complete"},
    {.name = "force", .kind = OPTION_SET, .offset = FIELD(options.force),
     .help = "replace an existing result"},
    {.name = "no-text", .kind = OPTION_CLEAR, .offset = FIELD(options.keep_text),
     .help = "leave texts and kept columns out of the result"},
    {.name = "keep-parts", .kind = OPTION_SET, .offset = FIELD(options.keep_parts),
     .help = "leave the folder OUT.parts behind"},
    {.name = "allow-tokenizer-mismatch", .kind = OPTION_SET,
     .offset = FIELD(options.allow_tokenizer_mismatch),
     .help = "explain although the dataset was made with another tokenizer"},

    {.name = "rows", .kind = OPTION_RANGE, .argument = "A:B", .zero = "all", .offset = FIELD(rows),
     .group = "Rows", .help = "rows of the dataset from A on and before B, counted from 0"},
    {.name = "limit", .kind = OPTION_INT64, .argument = "N", .low = 1, .zero = "none",
     .offset = FIELD(limit), .help = "the first N of them at most"},

    METHOD_OPTIONS(OF_METHOD),
    {.name = "masks", .kind = OPTION_STRING, .argument = "FILE.h5", .offset = FIELD(options.masks),
     .help = "take each row's coalitions and weights from a mask file (estimator shap, method lime)"},
    {.name = "export-masks", .kind = OPTION_STRING, .argument = "FILE.h5",
     .offset = FIELD(options.export_masks),
     .help = "write the coalitions and weights that rows drew (estimators shap and permutation, method "
             "lime)"},
    {.name = "seed", .kind = OPTION_UINT64, .argument = "N", .offset = FIELD(options.seed),
     .help = "of the random draws"},
    {.name = "like", .kind = OPTION_STRING, .argument = "RESULT.h5", .offset = FIELD(like),
     .help = "take the options of this group from an earlier result, except those that are given here; a "
             "result of --masks needs that very file given again"},

    {.name = "text-column", .kind = OPTION_STRING, .argument = "COLUMN",
     .zero = "text, sentence, content, review or the only one", .offset = FIELD(prepare.text_column),
     .group = "Preparing texts (when --data is no dataset)",
     .help = "name or index of the column with the text"},
    {.name = "text-pair-column", .kind = OPTION_STRING, .argument = "COLUMN",
     .offset = FIELD(prepare.text_pair_column), .help = "of the second text, for models that take pairs"},
    {.name = "label-column", .kind = OPTION_STRING, .argument = "COLUMN", .zero = "label, when there",
     .offset = FIELD(prepare.label_column), .help = "of the labels; none = no labels"},
    {.name = "label-type", .kind = OPTION_STRING, .argument = "WORD",
     .choices = "auto|class|multi|hot|number", .zero = "auto", .offset = FIELD(prepare.label_type),
     .help = "what labels are; 'ascribe prepare --help' explains it"},
    {.name = "label-separator", .kind = OPTION_STRING, .argument = "TEXT",
     .offset = FIELD(prepare.label_separator), .help = "what stands between several labels of a row"},
    {.name = "id-column", .kind = OPTION_STRING, .argument = "COLUMN", .zero = "id, when there",
     .offset = FIELD(prepare.id_column), .help = "of the row ids; none = positions"},
    {.name = "keep", .kind = OPTION_LIST, .argument = "COLUMN[,...]", .offset = FIELD(prepare.keep),
     .help = "columns to keep in the dataset and the result"},
    {.name = "features", .kind = OPTION_STRING, .argument = "RULE", .zero = "word",
     .offset = FIELD(prepare.features),
     .help = "what receives an attribution: word; whitespace; token; sentence; bow; regex:PATTERN"},
    {.name = "spans", .kind = OPTION_STRING, .argument = "FILE.jsonl", .offset = FIELD(prepare.spans),
     .help = "features from a file, a line for every row; 'ascribe prepare --help' explains it"},
    {.name = "max-length", .kind = OPTION_INT64, .argument = "N", .low = 1,
     .zero = "what the model allows", .offset = FIELD(prepare.max_length),
     .help = "most tokens of a row; longer ones are cut off"},

    {.name = "backend", .kind = OPTION_STRING, .argument = "WORD", .offset = FIELD(options.backend),
     .group = "Machine", .help = "auto; cpu; cuda; ref ('ascribe devices' lists them). auto: cuda where a GPU can be used, else cpu"},
    {.name = "device", .kind = OPTION_INT, .argument = "N", .offset = FIELD(options.device),
     .help = "which GPU, from 0 ('ascribe devices' lists them)"},
    {.name = "precision", .kind = OPTION_STRING, .argument = "WORD", .offset = FIELD(options.precision),
     .help = "auto (cpu: fp32, cuda: fp16); fp32; bf16 (cpu: linear maps, faster on AMD Zen 4, slower than fp32 on Intel without AMX); "
             "on cuda also fp16, tf32"},
    {.name = "workers", .letter = 'j', .kind = OPTION_INT, .argument = "N", .zero = "one for each core, on a GPU 2",
     .offset = FIELD(options.n_workers), .help = "threads, on a GPU streams; never changes a result"},
    {.name = "savings", .kind = OPTION_STRING, .argument = "LIST", .hidden = true, .offset = FIELD(options.savings),
     .help = "exact savings: auto; all; none; or some of first_layer, last_layer, fold, duplicates"},
    {.name = "step-tokens", .kind = OPTION_SIZE, .argument = "N", .hidden = true,
     .offset = FIELD(options.step_tokens), .help = "tokens for each step and worker"},
    {.name = "rows-per-part", .kind = OPTION_SIZE, .argument = "N", .hidden = true,
     .offset = FIELD(options.rows_per_part), .help = "rows for each part file"},

    {.name = "dry-run", .kind = OPTION_SET, .offset = FIELD(dry_run), .group = "Planning",
     .help = "say what the run would take (coalitions, operations, memory, output, time) and write nothing; "
             "a few seconds of real steps are timed; --out may be left out"},
    {.name = "max-hours", .kind = OPTION_NUMBER, .argument = "H", .zero = "none", .offset = FIELD(max_hours),
     .help = "refuse to start (exit code 64) when that estimate is longer"},

    {.name = "strict", .kind = OPTION_SET, .offset = FIELD(strict), .group = "Messages",
     .help = "exit code 1 when a row has no attributions"},
    {.name = "json", .kind = OPTION_SET, .offset = FIELD(json),
     .help = "the summary as a JSON object; with --text the attributions, one object a line"},
    {.name = "progress", .kind = OPTION_STRING, .argument = "HOW", .choices = "auto|bar|plain|none",
     .offset = FIELD(progress),
     .help = "auto (a bar on a terminal, else plain); bar; plain (a line every 30 s); none"},
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
                       "explain --model DIR --text TEXT [--text TEXT ...] [options]",
              .description = "Computes how much each word moved the model's output, for every row of a "
                             "dataset, and writes a result "
                             "file; or for a few texts, and shows it. The model is a Hugging Face folder.",
              .examples = "  ascribe explain --model my-model --data reviews.csv --out result.h5\n"
                          "  ascribe explain --model my-model --text \"What a wonderful film!\"",
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(explain_values),
    .set_defaults = set_defaults,
    .run = run,
};
