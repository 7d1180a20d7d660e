// Errors of the command line: how one is made and how every error reaches the user.
#ifndef ASCRIBE_CLI_REPORT_ERROR_H
#define ASCRIBE_CLI_REPORT_ERROR_H

#include <ascribe/status.h>

// Fills `err` with `status` and the formatted message, clears the hint and returns `status`.
asc_status cli_fail(asc_error *err, asc_status status, const char *format, ...) ASC_PRINTF(3, 4);

// Adds what to do about it; returns the status that `err` holds.
asc_status cli_hint(asc_error *err, const char *format, ...) ASC_PRINTF(2, 3);

// Writes "ascribe: error: MESSAGE" and, when there is one, "hint: HINT" to stderr. Control characters (names
// come from files) are replaced.
void report_error(const asc_error *err);

// Writes "ascribe: warning: MESSAGE" to stderr in the same way.
void report_warning(const char *message);

#endif
