// What the engine's tests share: rows made in memory, requests with the usual choices, runs in one call, v(S) one at a time.
#ifndef ASCRIBE_TEST_ENGINE_FIXTURE_H
#define ASCRIBE_TEST_ENGINE_FIXTURE_H

#include "explain/engine.h"
#include "model/savings.h"

#include <stddef.h>
#include <stdint.h>

// Opens data/golden/models/NAME, or the folder itself when NAME begins with '/'.
asc_model *fixture_model(const char *name);

// Copies that model to `folder`, with other embeddings of some tokens: `even` at their elements 0, 2, ..., `odd` at the others.
typedef struct fixture_poisoned {
    size_t token;
    float even, odd;
} fixture_poisoned;
void fixture_poison(const char *folder, const char *name, const fixture_poisoned *tokens, size_t n_tokens);

// Rows with the given numbers of features, ids 100, 101, ...: [CLS] f0 [f0] f1 ... [SEP], every third feature two tokens long; contents
// differ from row to row. Freed by fixture_rows_free.
asc_rows *fixture_rows(const size_t *n_features, size_t n_rows);
void fixture_rows_free(asc_rows *rows);

// Rows `order[0..count)` of `from`, in that order.
asc_rows *fixture_pick(const asc_rows *from, const size_t *order, size_t count);

// shapley, auto, remove, logit, all classes, automatic budget, seed 7, on this backend.
explain_request fixture_request(const asc_model *model, asc_backend_kind backend);

typedef struct fixture_run_config {
    size_t n_workers, step_tokens;
} fixture_run_config;

// Explains rows with a fresh engine; fails the test on an error. The caller frees the result.
explained *fixture_explain(const asc_model *model, const explain_request *request, const asc_rows *rows, fixture_run_config config);

// One coalition of one row: bit f of `mask` = feature f present; absent tokens go under REMOVE (mask_id < 0) or become mask_id.
typedef struct fixture_coalition {
    size_t row;
    uint64_t mask;
    int32_t mask_id;
} fixture_coalition;

// Its logits [C] by a forward pass of that sequence alone: independent of packing, relabelling and scheduling.
void fixture_logits(const asc_model *model, asc_backend_kind backend, const asc_rows *rows, fixture_coalition coalition, double *logits);

#endif
