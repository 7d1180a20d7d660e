// What the verifier and the merge need of an open result beyond the public reader.
#ifndef ASCRIBE_IO_RESULT_READ_H
#define ASCRIBE_IO_RESULT_READ_H

#include <ascribe/result.h>

#include "base/hash.h"
#include "base/stop.h"
#include "io/part.h"

enum { RESULT_N_FIT = 3 }; // numbers of lime's fit per target

// As asc_result_open; `stop` (may be NULL) is asked while it is tried: ASC_STOPPED.
asc_status result_open(const char *path, const stop_check *stop, asc_result **out, asc_error *err);
// As asc_result_open and asc_result_verify, in this process, without a trial: for a child that may die.
asc_status result_open_here(const char *path, asc_result **out, asc_error *err);
asc_status result_verify_here(const char *path, asc_verify_report *report, asc_error *err);

// The digest that the file states, hexadecimal; belongs to the result.
const char *result_stored_digest(const asc_result *result);

// The SHA-256 of the dataset that a manifest names; false when it names none.
bool result_dataset_sha256(const char *manifest, char hex[HASH_HEX_SIZE]);

// Row `row` of a slice in the form that part_row_digest takes; pointers into the slice.
part_row result_row(const asc_result_info *info, const asc_result_rows *rows, size_t row);

#endif
