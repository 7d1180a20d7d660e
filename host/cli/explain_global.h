// `explain --global`: the sums over all rows, made from the result as soon as it is there; with --no-values the result goes afterwards.
#ifndef ASCRIBE_CLI_EXPLAIN_GLOBAL_H
#define ASCRIBE_CLI_EXPLAIN_GLOBAL_H

#include "explain_values.h"

#include <ascribe/status.h>

// Before anything is opened. ASC_USAGE: options that belong together and are not; ASC_CANNOT_CREATE: the file exists and --force is not given.
asc_status explain_global_check(const explain_values *values, asc_error *err);

// Where rows are collected that are not kept: FILE.rows.h5; the caller frees *path.
asc_status explain_global_rows_path(const explain_values *values, char **path, asc_error *err);

// Sums the result `out` up, where that was asked for.
asc_status explain_global_make(const explain_values *values, const char *out, asc_error *err);

#endif
