// `ascribe completion`: prints the completion script for a shell. Left out of --help: packages install the scripts.
#include "command.h"
#include "completion.h"
#include "report_error.h"

#include <string.h>

static asc_status run(const command_call *call, asc_error *err)
{
    const char *shell = call->operands[0];

    if (strcmp(shell, "bash") == 0)
        completion_print_bash(stdout);
    else if (strcmp(shell, "zsh") == 0)
        completion_print_zsh(stdout);
    else
        return cli_fail(err, ASC_USAGE, "completion: expected bash or zsh, found '%s'", shell);
    return ASC_OK;
}

const cli_command command_completion = {
    .summary = "The completion script for a shell",
    .hidden = true,
    .table = {.command = "completion",
              .usage = "completion bash|zsh",
              .description = "Prints a script that makes the shell complete ascribe's commands and options.",
              .operands = "bash|zsh",
              .n_operands = 1,
              .examples = "  source <(ascribe completion bash)"},
    .run = run,
};
