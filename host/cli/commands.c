// The list of commands: the program, the manual and the completions go through it.
#include "command.h"

const cli_command *const cli_commands[] = {
    &command_explain,     &command_show,        &command_export,      &command_global,
    &command_compare,     &command_evaluate,    &command_importance,  &command_probe,
    &command_report,      &command_prepare,     &command_convert,     &command_inspect,
    &command_verify,      &command_plan,        &command_status,      &command_merge,
    &command_bench,       &command_devices,     &command_version,     &command_completion,
};
const size_t cli_n_commands = sizeof cli_commands / sizeof cli_commands[0];
