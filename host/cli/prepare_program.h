// The program ascribe-prepare (Python): where it is, and running it.
#ifndef ASCRIBE_CLI_PREPARE_PROGRAM_H
#define ASCRIBE_CLI_PREPARE_PROGRAM_H

#include <ascribe/status.h>

#include <stdbool.h>

// Finds it: $ASCRIBE_PREPARE, then beside this executable, in ../venv/bin and venv/bin beside it, then on
// PATH. The caller frees *path. ASC_NO_DEVICE (sysexits' "a support program is missing") says where it was
// looked for and what to install.
asc_status prepare_program_find(char **path, asc_error *err);

// Runs it with argv (argv[0] is set here) and waits. Its stdout goes to stderr, and nowhere when `silent`. It
// reports its own errors: a failure returns its exit code as the status, and the message says which input it
// was.
asc_status prepare_program_run(const char *input, char **argv, bool silent, asc_error *err);

#endif
