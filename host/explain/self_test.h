// Start-up self-test: one row's logits must be the same bits wherever it stands in a step. It catches, at the user's site, a GEMM
// library or driver whose sums depend on the batch.
#ifndef ASCRIBE_EXPLAIN_SELF_TEST_H
#define ASCRIBE_EXPLAIN_SELF_TEST_H

#include "base/thread_pool.h"
#include "explain/value.h"

enum { SELF_TEST_TOKENS = 256 }; // what a step must hold at least

// ASC_INTERNAL, naming backend and kernel set, when the bits differ.
asc_status self_test_run(const device_model *model, thread_pool *pool, value_worker *workers, asc_error *err);

#endif
