// `ascribe report`: becomes ascribe-report with the same arguments.
#include "command.h"
#include "prepare_program.h"

// ascribe-report parses its own arguments. This table describes them for the manual and the completions.
typedef struct described_values {
    const char *word;
    int64_t number;
    bool flag;
} described_values;

#define WORD .kind = OPTION_STRING, .offset = offsetof(described_values, word)
#define NUMBER .kind = OPTION_INT64, .offset = offsetof(described_values, number)
#define FLAG .kind = OPTION_SET, .offset = offsetof(described_values, flag)

// clang-format off
static const option_spec options[] = {
    {.name = "output", .letter = 'o', WORD, .argument = "FILE", .group = "Options", .help = "the HTML file to make"},
    {.name = "force", FLAG, .help = "replace an existing output"},
    {.name = "title", WORD, .argument = "TEXT", .zero = "the first file's name", .help = "heading of the page"},
    {.name = "class", .letter = 'c', WORD, .argument = "NAME|INDEX", .zero = "the second of two, else the one predicted most", .help = "the class that is shown first"},
    {.name = "rows", .letter = 'r', WORD, .argument = "LIST", .zero = "none",
     .help = "rows that must be shown, by their numbers in the results one after the other: 0,4,10-12"},
    {.name = "max-rows", NUMBER, .argument = "N", .zero = "60", .help = "rows that are shown at most"},
    {.name = "min-count", NUMBER, .argument = "N", .zero = "3", .help = "words with fewer occurrences are left out"},
    {.name = "keep-case", FLAG, .help = "words that differ in case only are different words (without a file of 'ascribe global')"},
    {.name = "quiet", .letter = 'q', FLAG, .help = "no summary"},
    {.name = "version", FLAG, .help = "the version of ascribe-report"},
};
// clang-format on

static asc_status hand_over(char **argv, asc_error *err)
{
    return python_program_become(&report_program, argv, err);
}

const cli_command command_report = {
    .summary = "Makes one HTML file: words, rows, how sure, what it means (a Python program)",
    .table = {.command = "report",
              .usage = "report FILE... -o REPORT.html [options]",
              .description = "Makes one HTML file of results, of what 'ascribe global -o' kept, or of what 'ascribe compare --json' printed. It needs no "
                             "network and opens from disk in any browser: the run, bars and dots of the most important words, a table of all of "
                             "them, single rows, what moves wrong predictions, how exact the numbers are, and what they mean. Runs the program "
                             "ascribe-report.",
              .examples = "  ascribe report result.h5 -o report.html\n"
                          "  ascribe report result.h5 --class negative --rows 0,17,40-45 -o report.html\n"
                          "  ascribe compare old.h5 new.h5 --json > shift.json\n"
                          "  ascribe report new.h5 shift.json -o report.html",
              .operands = "FILE",
              .n_operands = 1,
              .more_operands = true,
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(described_values),
    .hand_over = hand_over,
};
