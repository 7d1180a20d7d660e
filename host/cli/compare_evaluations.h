// `ascribe compare` of two files of `ascribe evaluate`: the shift of faithfulness.
#ifndef ASCRIBE_CLI_COMPARE_EVALUATIONS_H
#define ASCRIBE_CLI_COMPARE_EVALUATIONS_H

#include "global_print.h"
#include "optable.h"

typedef struct compare_evaluations_call {
    const char *const *paths; // A, B
    const string_list *fail_above;
    global_form form;
} compare_evaluations_call;

// Opens, compares, prints on standard output and judges. ASC_FAILED_CHECK after printing.
asc_status compare_evaluations(const compare_evaluations_call *call, asc_error *err);

#endif
