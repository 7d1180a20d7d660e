// One row's own design: drawn, or read from the imported masks.
#ifndef ASCRIBE_EXPLAIN_ROW_MASKS_H
#define ASCRIBE_EXPLAIN_ROW_MASKS_H

#include "explain/request.h"

// Fills `out`, whose capacity is at least request_row_capacity(n). Imported masks: from one thread only; ASC_MALFORMED. Equal imported
// coalitions become one with the sum of their weights.
asc_status row_masks_make(const explain_request *request, uint64_t row_id, row_design *out, asc_error *err);

#endif
