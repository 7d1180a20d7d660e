// Imported masks against the rows that are to be explained on them.
#ifndef ASCRIBE_EXPLAIN_MASK_IMPORT_H
#define ASCRIBE_EXPLAIN_MASK_IMPORT_H

#include "explain/request.h"

// Whether request->masks holds every row in [first, first + count) that will draw from it, with as many features; without imported masks
// there is nothing to check. ASC_MALFORMED says how many rows are missing.
asc_status mask_import_check(const explain_request *request, const asc_model *model, asc_dataset *dataset, size_t first, size_t count,
                             asc_error *err);

#endif
