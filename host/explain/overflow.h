// Rows that overflow half precision, explained anew in bfloat16, which has float's range. Which rows these are, and what becomes of each, depends
// on the row alone.
#ifndef ASCRIBE_EXPLAIN_OVERFLOW_H
#define ASCRIBE_EXPLAIN_OVERFLOW_H

#include "explain/engine.h"

typedef struct overflow overflow;

// Rows of `results` that are ASC_ROW_NON_FINITE are explained whole in bfloat16, by an engine like this one that is made when the first such row
// comes and kept in *kept; they get ASC_ROW_RECOMPUTED_BF16, or stay as they are where bfloat16 is not finite either.
asc_status overflow_recompute(const engine_config *like, const asc_rows *rows, overflow **kept, explained *results, asc_error *err);
void overflow_free(overflow *o); // accepts NULL

// What the second engine has done so far; accepts NULL.
engine_work overflow_work_done(const overflow *o);

#endif
