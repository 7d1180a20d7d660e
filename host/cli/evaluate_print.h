// What `ascribe evaluate` says: a table with the random baseline beside it, or JSON.
#ifndef ASCRIBE_CLI_EVALUATE_PRINT_H
#define ASCRIBE_CLI_EVALUATE_PRINT_H

#include <ascribe/evaluate.h>

#include <stdio.h>

void evaluate_print(FILE *out, const asc_evaluation_summary *summary);
// `path`: of the file that was written, or NULL.
asc_status evaluate_print_json(const asc_evaluation_summary *summary, const char *path, asc_error *err);

#endif
