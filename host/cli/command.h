// The commands of the program, each a table and a function.
#ifndef ASCRIBE_CLI_COMMAND_H
#define ASCRIBE_CLI_COMMAND_H

#include "optable.h"

#include <ascribe/status.h>

typedef struct command_call {
    void *values; // the command's own struct, parsed
    char **operands;
    size_t n_operands;
    const bool *given;        // which options were among the arguments, for optable_is_given
    const char *command_line; // the whole call as a shell would take it
} command_call;

typedef struct cli_command {
    const char *summary; // one line for `ascribe --help`
    bool hidden;         // not in --help, the manual and completions
    option_table table;
    size_t values_size;
    void (*set_defaults)(void *values); // on zeroed memory; may be NULL
    // Prints results to stdout; the error, if any, is reported by main, and the status is the exit code. A
    // status without a message has been reported already.
    asc_status (*run)(const command_call *call, asc_error *err);
    // For a command that is a program of its own, whose table only describes it: gets all its arguments as they are (argv[0] is its name)
    // and returns only on failure.
    asc_status (*hand_over)(char **argv, asc_error *err);
} cli_command;

extern const cli_command command_bench;
extern const cli_command command_compare;
extern const cli_command command_completion;
extern const cli_command command_convert;
extern const cli_command command_devices;
extern const cli_command command_evaluate;
extern const cli_command command_explain;
extern const cli_command command_export;
extern const cli_command command_global;
extern const cli_command command_importance;
extern const cli_command command_inspect;
extern const cli_command command_merge;
extern const cli_command command_plan;
extern const cli_command command_prepare;
extern const cli_command command_probe;
extern const cli_command command_report;
extern const cli_command command_show;
extern const cli_command command_status;
extern const cli_command command_verify;
extern const cli_command command_version;

// All of them, in the order of --help.
extern const cli_command *const cli_commands[];
extern const size_t cli_n_commands;

#endif
