// `ascribe prepare`: becomes ascribe-prepare with the same arguments.
#include "command.h"
#include "prepare_program.h"

// ascribe-prepare parses its own arguments. This table describes them for the manual and the completions; a test holds it against
// the --help of the program.
typedef struct described_values {
    const char *word;
    bool flag;
    string_list list;
} described_values;

#define WORD .kind = OPTION_STRING, .offset = offsetof(described_values, word)
#define FLAG .kind = OPTION_SET, .offset = offsetof(described_values, flag)
#define LIST .kind = OPTION_LIST, .offset = offsetof(described_values, list)

// clang-format off
static const option_spec options[] = {
    {.name = "output", .letter = 'o', WORD, .argument = "OUT.h5", .required = true, .group = "Options",
     .help = "the dataset file to make"},
    {.name = "model", WORD, .argument = "DIR", .required = true, .help = "Hugging Face model directory"},
    {.name = "tokenizer", WORD, .argument = "FILE", .zero = "the model's",
     .help = "tokenizer.json or vocab.txt"},
    {.name = "features", WORD, .argument = "RULE", .zero = "word",
     .help = "what receives an attribution: word, whitespace, token, sentence, bow, regex:PATTERN"},
    {.name = "spans", WORD, .argument = "FILE.jsonl", .help = "features from a file, a line for every row"},
    {.name = "rationales", WORD, .argument = "FILE.jsonl", .help = "spans that people marked as reasons, a line for every row"},
    {.name = "max-length", WORD, .argument = "N", .zero = "what the model allows",
     .help = "most tokens a row, special ones included"},
    {.name = "limit", WORD, .argument = "N", .zero = "all", .help = "take the first N rows only"},
    {.name = "force", FLAG, .help = "replace an existing output"},
    {.name = "json", FLAG, .help = "print the summary as JSON"},
    {.name = "quiet", .letter = 'q', FLAG, .help = "no progress, warnings or summary"},
    {.name = "version", FLAG, .help = "the version of ascribe-prepare"},

    {.name = "format", WORD, .argument = "WORD", .choices = "auto|csv|tsv|jsonl|parquet|text", .group = "The input",
     .zero = "by the file's ending", .help = "auto; csv; tsv; jsonl; parquet; text (one a line)"},
    {.name = "encoding", WORD, .argument = "NAME", .zero = "UTF-8, checked", .help = "of the text file"},
    {.name = "no-header", FLAG, .help = "the first line of a CSV or TSV file is a row"},
    {.name = "text-column", WORD, .argument = "NAME|INDEX",
     .zero = "text, sentence, content, review or the only string column",
     .help = "the column with the text; indexes count from 0"},
    {.name = "text-pair-column", WORD, .argument = "NAME|INDEX", .help = "of the second text, if the model takes pairs"},
    {.name = "label-column", WORD, .argument = "NAME|INDEX", .zero = "label, when there",
     .help = "of the labels; none = no labels"},
    {.name = "label-type", WORD, .argument = "WORD", .choices = "auto|class|multi|hot|number", .zero = "auto",
     .help = "auto; class; multi (several a row); hot (0 and 1 for every class); number"},
    {.name = "label-separator", WORD, .argument = "TEXT", .help = "what stands between the labels of a row"},
    {.name = "id-column", WORD, .argument = "NAME|INDEX", .zero = "id, when there",
     .help = "of the row ids; none = positions"},
    {.name = "keep", LIST, .argument = "COL[,COL]", .help = "columns to keep as meta/COL"},
};
// clang-format on

static asc_status hand_over(char **argv, asc_error *err)
{
    return python_program_become(&prepare_program, argv, err);
}

const cli_command command_prepare = {
    .summary = "Turns texts into a dataset (CSV, TSV, JSONL, Parquet or one text a line; needs Python)",
    .table = {.command = "prepare",
              .usage = "prepare INPUT -o OUT.h5 --model DIR [options]",
              .description = "Turns texts into a dataset: tokens, features that receive attributions, labels and ids. "
                             "INPUT - is standard input. Runs the program ascribe-prepare.",
              .examples = "  ascribe prepare reviews.csv -o reviews.h5 --model my-model\n"
                          "  cut -f2 tweets.tsv | ascribe prepare - --format text -o tweets.h5 --model my-model",
              .operands = "INPUT",
              .n_operands = 1,
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(described_values),
    .hand_over = hand_over,
};
