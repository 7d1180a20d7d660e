// The programs in Python: ascribe-prepare, ascribe-convert and ascribe-report. Where they are, and running them.
#ifndef ASCRIBE_CLI_PREPARE_PROGRAM_H
#define ASCRIBE_CLI_PREPARE_PROGRAM_H

#include <ascribe/status.h>

#include <stdbool.h>

// A program: its name, the environment variable that may hold its path, what it is for and what can be done
// without it (for messages).
typedef struct python_program {
    const char *name, *variable, *purpose, *otherwise;
} python_program;

extern const python_program prepare_program, convert_program, report_program;

// Finds it: the environment variable, then beside this executable, in ../venv/bin and venv/bin beside it, then
// on PATH. The caller frees *path. ASC_NO_DEVICE (sysexits' "a support program is missing") says where it was
// looked for and what to install.
asc_status python_program_find(const python_program *program, char **path, asc_error *err);

// Becomes the program with the same arguments (argv[0] is set here); ASCRIBE_PROGRAM tells it where this one is, unless it is set. Returns only
// on failure.
asc_status python_program_become(const python_program *program, char **argv, asc_error *err);

// Runs ascribe-prepare with argv (argv[0] is set here) and waits. Its stdout goes to stderr, and nowhere when
// `silent`. It reports its own errors: a failure returns its exit code as the status, and the message says
// which input it was.
asc_status prepare_program_run(const char *input, char **argv, bool silent, asc_error *err);

#endif
