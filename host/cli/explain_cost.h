// What a run would take, for --dry-run and --max-hours.
#ifndef ASCRIBE_CLI_EXPLAIN_COST_H
#define ASCRIBE_CLI_EXPLAIN_COST_H

#include "explain_values.h"

#include <ascribe/explain.h>

// Both print to stdout. ASC_OUT_OF_MEMORY, ASC_IO_ERROR for the second.
void explain_cost_print(const explain_values *values, const asc_explain_cost *cost);
asc_status explain_cost_print_json(const explain_values *values, const asc_explain_cost *cost, asc_error *err);

// ASC_USAGE with the estimate in the message when it is longer than --max-hours; never without that option.
asc_status explain_cost_check(const explain_values *values, const asc_explain_cost *cost, asc_error *err);

#endif
