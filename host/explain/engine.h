// The engine: a loaded model, a backend and its workers; explains slices of rows. What a row's result is does not depend on the
// slice it comes in, its neighbours, the number of workers or the size of steps.
#ifndef ASCRIBE_EXPLAIN_ENGINE_H
#define ASCRIBE_EXPLAIN_ENGINE_H

#include <ascribe/dataset.h>
#include <ascribe/log.h>

#include "explain/explained.h"
#include "explain/request.h"
#include "model/model.h"

#include <stdint.h>

typedef struct engine engine;

typedef struct engine_config {
    const asc_model *model;
    const explain_request *request;
    size_t n_workers;
    size_t step_tokens;    // tokens a step aims at; 0 = default
    size_t max_row_tokens; // longest row that will come
    asc_log log;
} engine_config;

// Opens the backend, loads the weights, starts the workers and checks that a row's logits do not depend on its place in a step
// (ASC_INTERNAL when they do).
asc_status engine_create(const engine_config *config, engine **out, asc_error *err);
void engine_destroy(engine *e); // accepts NULL

const char *engine_backend(const engine *e);
const char *engine_kernel_set(const engine *e);

// Called about ten times a second from the thread that waits in engine_explain.
void engine_set_tick(engine *e, void (*tick)(void *context), void *context);

// Work done since the engine was made: coalitions (anchors apart) and tokens that went through the model.
typedef struct engine_work {
    uint64_t evaluations, tokens;
} engine_work;
engine_work engine_work_done(const engine *e);

// Explains all rows of a slice. The caller frees *out.
asc_status engine_explain(engine *e, const asc_rows *rows, explained **out, asc_error *err);

#endif
