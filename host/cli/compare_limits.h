// --fail-above NAME=X: limits of named statistics.
#ifndef ASCRIBE_CLI_COMPARE_LIMITS_H
#define ASCRIBE_CLI_COMPARE_LIMITS_H

#include "optable.h"

#include <ascribe/status.h>

typedef struct compare_limits {
    const string_list *texts; // "NAME=X", as the user wrote them
    const char *const *names; // [n_names]
    size_t n_names;
} compare_limits;

// ASC_USAGE: one of them is no such name, or no number of at least 0.
asc_status compare_limits_check(const compare_limits *limits, asc_error *err);
// ASC_FAILED_CHECK: a value (one for each name) is above its limit, or NaN.
asc_status compare_limits_judge(const compare_limits *limits, const double *values, asc_error *err);

#endif
