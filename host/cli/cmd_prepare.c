// `ascribe prepare`: becomes ascribe-prepare with the same arguments.
#include "command.h"
#include "prepare_program.h"

static asc_status hand_over(char **argv, asc_error *err)
{
    return python_program_become(&prepare_program, argv, err);
}

const cli_command command_prepare = {
    .summary = "Turns texts into a dataset (CSV, TSV, JSONL or one text a line; needs Python)",
    .table = {.command = "prepare"},
    .hand_over = hand_over,
};
