// The work of `ascribe explain`: dataset, run, summary or rendering.
#ifndef ASCRIBE_CLI_EXPLAIN_RUN_H
#define ASCRIBE_CLI_EXPLAIN_RUN_H

#include "explain_values.h"

#include <ascribe/status.h>

// `values` are checked; `command_line` is stored in the result. Prints to stdout. The statuses of
// asc_explain, those of explain_input_resolve, and ASC_FAILED_CHECK with --strict.
asc_status explain_run(const explain_values *values, const char *command_line, asc_error *err);

#endif
