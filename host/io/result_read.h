// What the verifier and the merge need of an open result beyond the public reader.
#ifndef ASCRIBE_IO_RESULT_READ_H
#define ASCRIBE_IO_RESULT_READ_H

#include <ascribe/result.h>

#include "io/part.h"

// Bits that say "no answer": the row's values are NaN.
enum {
    RESULT_UNEXPLAINED =
        ASC_ROW_TOO_LONG | ASC_ROW_BAD_TOKEN_ID | ASC_ROW_NON_FINITE | ASC_ROW_TOO_MANY_FEATURES,
};

enum { RESULT_N_FIT = 3 }; // numbers of lime's fit per target

// The digest that the file states, hexadecimal; belongs to the result.
const char *result_stored_digest(const asc_result *result);

// Row `row` of a slice in the form that part_row_digest takes; pointers into the slice.
part_row result_row(const asc_result_info *info, const asc_result_rows *rows, size_t row);

#endif
