// `ascribe explain --plan P --task K`: one task of a plan.
#ifndef ASCRIBE_CLI_EXPLAIN_TASK_H
#define ASCRIBE_CLI_EXPLAIN_TASK_H

#include "explain_values.h"

#include <ascribe/status.h>

// `given` as parsing left it: an option that would change the result is refused (ASC_USAGE), for the plan says what is computed.
// `command_line` is stored with the parts. Prints to stdout. Statuses of asc_plan_open and asc_explain.
asc_status explain_task_run(const explain_values *values, const option_table *table, const bool *given, const char *command_line,
                            asc_error *err);

#endif
