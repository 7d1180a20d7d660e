// `ascribe convert`: becomes ascribe-convert with the same arguments.
#include "command.h"
#include "prepare_program.h"

static asc_status hand_over(char **argv, asc_error *err)
{
    return python_program_become(&convert_program, argv, err);
}

const cli_command command_convert = {
    .summary = "Makes model.safetensors from pytorch_model.bin (needs Python with torch)",
    .table = {.command = "convert"},
    .hand_over = hand_over,
};
