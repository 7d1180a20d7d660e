// --like: the options of an earlier result as defaults.
#ifndef ASCRIBE_CLI_EXPLAIN_LIKE_H
#define ASCRIBE_CLI_EXPLAIN_LIKE_H

#include "explain_values.h"

#include <ascribe/status.h>

#include <jansson.h>

// What the options point into after explain_like_apply.
typedef struct earlier_options {
    json_t *manifest;
    char *target, *budget, *selection;
} earlier_options;

// Takes method, estimator, budget, policy, output, target, seed, exact-limit and the choice of features (l1-reg, lime-selection,
// lime-features) from the manifest of the result values->like, except what was given on the command line; with --method given estimator
// and choice of features stay as well, for they belong to the method. Imported masks are not taken, but what their
// SHA-256 was: another file is refused later. Release
// *earlier after the last use of values, whatever the status. Statuses of asc_result_open, and ASC_MALFORMED.
asc_status explain_like_apply(explain_values *values, const option_table *table, const bool *given,
                              earlier_options *earlier, asc_error *err);
void explain_like_release(earlier_options *earlier);

#endif
