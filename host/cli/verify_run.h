// `ascribe verify` of a run that is not merged yet.
#ifndef ASCRIBE_CLI_VERIFY_RUN_H
#define ASCRIBE_CLI_VERIFY_RUN_H

#include <ascribe/status.h>

#include <stdbool.h>

// Reads every part and prints what is right, and each part that is not. Statuses of asc_parts_check: ASC_FAILED_CHECK unless all is well.
asc_status verify_run(const char *path, bool as_json, asc_error *err);

// One line of a report: ok or FAILED, and what was checked.
void verify_print_check(bool passed, const char *what);

#endif
