// `ascribe convert`: becomes ascribe-convert with the same arguments.
#include "command.h"
#include "prepare_program.h"

// ascribe-convert parses its own arguments. This table describes them for the manual and the completions.
typedef struct described_values {
    const char *word;
    bool flag;
} described_values;

#define WORD .kind = OPTION_STRING, .offset = offsetof(described_values, word)
#define FLAG .kind = OPTION_SET, .offset = offsetof(described_values, flag)

// clang-format off
static const option_spec options[] = {
    {.name = "output", .letter = 'o', WORD, .argument = "FILE", .group = "Options", .zero = "model.safetensors in DIR",
     .help = "the file to make"},
    {.name = "force", FLAG, .help = "replace an existing output"},
    {.name = "quiet", .letter = 'q', FLAG, .help = "no summary"},
    {.name = "version", FLAG, .help = "the version of ascribe-convert"},
};
// clang-format on

static asc_status hand_over(char **argv, asc_error *err)
{
    return python_program_become(&convert_program, argv, err);
}

const cli_command command_convert = {
    .summary = "Makes model.safetensors from pytorch_model.bin (a Python program)",
    .table = {.command = "convert",
              .usage = "convert DIR [options]",
              .description = "Makes model.safetensors from pytorch_model.bin (or its shards) in a Hugging Face model folder. "
                             "Nothing but tensors is taken from a file; one that asks for anything else is refused, and PyTorch is not "
                             "needed. Runs the program ascribe-convert.",
              .examples = "  ascribe convert my-model\n"
                          "  ascribe convert my-model -o elsewhere/model.safetensors",
              .operands = "DIR",
              .n_operands = 1,
              .options = options,
              .n_options = sizeof options / sizeof options[0]},
    .values_size = sizeof(described_values),
    .hand_over = hand_over,
};
