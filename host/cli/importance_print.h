// What `ascribe importance` says: a table, or JSON.
#ifndef ASCRIBE_CLI_IMPORTANCE_PRINT_H
#define ASCRIBE_CLI_IMPORTANCE_PRINT_H

#include <ascribe/importance.h>

#include <stdio.h>

void importance_print(FILE *out, const asc_importance_info *info);
// Of a dry run.
void importance_print_plan(FILE *out, const asc_importance_info *info);
// `path`: of the file that was written, or NULL.
asc_status importance_print_json(const asc_importance_info *info, const char *path, asc_error *err);

#endif
