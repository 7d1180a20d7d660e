// The engine: a loaded model, a backend and its workers; explains slices of rows. What a row's result is does not depend on the
// slice it comes in, its neighbours, the number of workers or the size of steps.
#ifndef ASCRIBE_EXPLAIN_ENGINE_H
#define ASCRIBE_EXPLAIN_ENGINE_H

#include <ascribe/dataset.h>
#include <ascribe/log.h>

#include "explain/explained.h"
#include "explain/given.h"
#include "explain/request.h"
#include "explain/schedule.h"
#include "model/forward.h"

#include <stdint.h>

typedef struct engine engine;

typedef struct engine_config {
    const asc_model *model;
    const explain_request *request;
    size_t n_workers;
    size_t step_tokens;    // tokens a step aims at; 0 = default
    size_t max_row_tokens; // longest row that will come
    size_t wave_bytes;     // of the batches that are on the device at once; 0 = default
    const char *algorithms; // to obey from the beginning (engine_obey), as long as the engine lives; NULL or "": the library's own choice
    asc_log log;
} engine_config;

// Opens the backend, loads the weights, starts the workers and checks that a row's logits do not depend on its place in a step
// (ASC_INTERNAL when they do).
asc_status engine_create(const engine_config *config, engine **out, asc_error *err);
void engine_destroy(engine *e); // accepts NULL

const char *engine_backend(const engine *e);
const char *engine_kernel_set(const engine *e);

// Which algorithms the matrix library's products have, as far as several would do (backend_algorithms); "" where there is nothing to choose. They
// belong to what decides a result. Until one of the two below, or of the engine's end.
const char *engine_algorithms(const engine *e);
// Takes the fastest ones here, by timing them, or those that another process kept (ASC_DIFFERENT_RUN where this device cannot); then what
// engine_create checked is checked again. Not while it explains.
asc_status engine_propose(engine *e, asc_error *err);
asc_status engine_obey(engine *e, const char *algorithms, asc_error *err);

// Called about ten times a second from the thread that waits in engine_explain.
void engine_set_tick(engine *e, void (*tick)(void *context), void *context);

// Work done since the engine was made: coalitions (anchors apart) and tokens that went through the model.
typedef struct engine_work {
    uint64_t evaluations, tokens;
} engine_work;
engine_work engine_work_done(const engine *e);

// What explaining rows takes: what goes through the model as it stands and through packing, the coalitions apart from anchors and plain
// rows, and the device memory of the largest wave of batches.
typedef struct engine_load {
    forward_load plain, packed;
    uint64_t evaluations;
    size_t batch_bytes;
} engine_load;

// Floating point operations of a load, with what the engine saves (model/cost.h).
double engine_flops(const engine *e, const engine_load *load);

// Adds what engine_explain would do with these rows, without running the model: designs are made as they would be. Counts are exact.
asc_status engine_measure(engine *e, const asc_rows *rows, engine_load *load, asc_error *err);

// Work that was timed: `busy_s` is the sum over the workers.
typedef struct engine_timing {
    engine_load load; // evaluations and batch_bytes are not filled in
    double busy_s;
} engine_timing;

// Runs real steps of these rows, spread over all of them, until the clock (base/clock.h) shows deadline_s or none is left, and adds them
// to *timing. No result comes of it, and engine_work_done does not count it.
asc_status engine_calibrate(engine *e, const asc_rows *rows, double deadline_s, engine_timing *timing, asc_error *err);

// From now on times every stage of the forward passes (forward.h), by the device's clock or, on a processor, by waiting at every stage; and
// the sum over the workers so far, zeros before. On a GPU a stage's time is that on its own stream: while another worker's
// stream runs beside it, both take longer.
asc_status engine_profile_start(engine *e, asc_error *err);
asc_status engine_profile(const engine *e, forward_profile *sum, asc_error *err);

// Device memory in bytes, as it was asked for: zeros where the device is the processor. `batches`: all that comes beside weights and workers, at
// its largest so far, designs and scratch included. Of an engine whose request is `planning`: what the same calls would have taken.
typedef struct engine_memory {
    size_t weights, workers, batches;
    size_t free, total; // of the device, as it was found
    size_t step_tokens; // that a step may hold
} engine_memory;
engine_memory engine_memory_used(const engine *e);

// Device memory of all workers; `real_bytes` is the size of the backend's REAL.
size_t engine_worker_bytes(const engine *e, size_t real_bytes);

// Explains all rows of a slice; in half precision, rows that overflow are explained in bfloat16 (overflow.h). The caller frees *out.
asc_status engine_explain(engine *e, const asc_rows *rows, explained **out, asc_error *err);
// Only those of them that are wanted [n_rows]; overflow is left as it is. The others' numbers say "no answer".
asc_status engine_explain_some(engine *e, const asc_rows *rows, const bool *wanted, explained **out, asc_error *err);

// Evaluates coalitions that the caller gives for each row of a slice (the engine's request: request_give). A row without features and one that
// no model can read (ASC_ROW_UNEXPLAINED) is not asked for, and nothing is handed over for it.
asc_status engine_evaluate(engine *e, const asc_rows *rows, const given_coalitions *given, asc_error *err);

#endif
