// Whether a row's numbers keep what its status promises: finite wherever there is an answer, and attributions that sum up to output - base
// value where the method says so. Of the rows of a result and of a part.
#ifndef ASCRIBE_IO_ROW_CHECK_H
#define ASCRIBE_IO_ROW_CHECK_H

#include <ascribe/result.h>

#include "io/part.h"

#include <stdbool.h>

typedef struct row_check {
    asc_verify_report *report; // n_rows, n_values and digest_matches are left alone
    part_shape shape;
    bool shapley;    // attributions sum to output - base value
    bool has_errors; // and an estimator that promises standard errors
    char first_fault[200]; // of the first row that is wrong, in words; "" none
} row_check;

// Sets report->max_residual too.
void row_check_begin(row_check *check, const char *method, const char *estimator, part_shape shape, asc_verify_report *report);
void row_check_add(row_check *check, const part_row *row);

#endif
