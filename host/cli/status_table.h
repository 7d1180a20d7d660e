// A run's state for people: a bar, counts, and a line for each task that is worth one.
#ifndef ASCRIBE_CLI_STATUS_TABLE_H
#define ASCRIBE_CLI_STATUS_TABLE_H

#include <ascribe/plan.h>

#include <stdbool.h>

// `all`: a line for every task, however many there are. Prints to stdout. ASC_OUT_OF_MEMORY.
asc_status status_table_print(const char *path, const asc_run_status *run, bool all, asc_error *err);

#endif
