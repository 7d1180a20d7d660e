// Adding up what worker processes have done.
#ifndef ASCRIBE_EXPLAIN_TALLY_H
#define ASCRIBE_EXPLAIN_TALLY_H

#include "explain/worker.h"

worker_tally tally_none(void);
void tally_add(worker_tally *sum, const worker_tally *more);

#endif
