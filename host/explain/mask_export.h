// Writing the designs of rows that have their own to a mask file.
#ifndef ASCRIBE_EXPLAIN_MASK_EXPORT_H
#define ASCRIBE_EXPLAIN_MASK_EXPORT_H

#include "explain/request.h"

typedef struct mask_export {
    const explain_request *request; // draws rows itself: no imported masks
    const char *dataset_path;
    const uint8_t *dataset_sha256; // [HASH_BYTES] of the file that was explained: no other is read
    int64_t first_position, n_rows; // of the selection
    const char *out_path;
    bool force;
    bool may_be_there; // the run's result stands there already, and so may its masks
} mask_export;

// ASC_CANNOT_CREATE when OUT exists and is not to be replaced by force, or is no file that may be.
asc_status mask_export_check(const mask_export *job, asc_error *err);

// Draws every row's design again and writes OUT, complete or not at all; rows without a design of their own have no coalitions. An anchor
// is written where it has a weight. A file that holds just this is left as it is; another one without force is ASC_CANNOT_CREATE. Call with
// no other thread running: a child process writes.
asc_status mask_export_run(const mask_export *job, asc_error *err);

#endif
