// Two results of the same rows, as one: what B's attributions and scores are more than A's.
#ifndef ASCRIBE_GLOBAL_COLLECT_PAIRS_H
#define ASCRIBE_GLOBAL_COLLECT_PAIRS_H

#include "global/collect.h"

// *are_pairs: whether the results are of the same rows of one dataset (by its SHA-256); if not, nothing is collected. A class counts in a row
// that explains it in both; labels are A's, predictions are left out. ASC_DIFFERENT_RUN: not comparable. ASC_MALFORMED.
asc_status collect_pairs(collector *c, const char *const paths[2], bool *are_pairs, asc_error *err);

#endif
