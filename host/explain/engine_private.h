// The engine inside, shared by engine.c, which explains, and engine_load.c, which says what explaining takes.
#ifndef ASCRIBE_EXPLAIN_ENGINE_PRIVATE_H
#define ASCRIBE_EXPLAIN_ENGINE_PRIVATE_H

#include "base/thread_pool.h"
#include "explain/engine.h"
#include "explain/overflow.h"
#include "explain/value.h"

#include <stdatomic.h>

struct engine {
    engine_config config;
    asc_backend *backend;
    device_model *model;
    thread_pool *pool;
    value_worker *workers; // [n_workers]
    asc_stream **streams;  // [n_workers], the workers' own
    forward_profile *profiles; // [n_workers]; NULL: not asked for
    design_cache *designs;
    overflow *overflow; // NULL until a row overflows
    step_limits limits;
    size_t weight_bytes, worker_bytes; // of a device's memory
    bool warned_small_budget, warned_short_walk;
    atomic_ullong evaluations, tokens;
};

// One slice of rows on its way.
typedef struct calibration calibration;

typedef struct slice {
    engine *e;
    const asc_rows *rows;
    const bool *wanted; // [n_rows]; NULL: all
    const given_coalitions *given; // of engine_evaluate, else NULL
    explained *results;
    ordered_row *order; // rows that can be explained
    size_t n_ordered;
    batch **batches; // of the wave
    size_t n_batches, wave_bytes;
    batch **finishing; // of the wave before, whose results are on their way
    size_t n_finishing;
    step_list steps;
    engine_load *load;        // of engine_measure
    calibration *calibration; // of engine_calibrate
} slice;

// Takes a slice from its rows through `work`, which gets every wave of batches, made but not on the device; the results stay in s->results
// on success.
asc_status slice_run(slice *s, asc_status (*work)(slice *s, asc_error *err), asc_error *err);

// Runs tasks on all workers; what their streams get next comes after all of these.
asc_status slice_run_phase(slice *s, size_t n_tasks, pool_task run, asc_error *err);

// A task of a phase: puts batch number `task` on the device.
asc_status slice_upload_batch(void *context, size_t worker, size_t task, asc_error *err);

// Lists the steps of some kinds over all batches of the wave.
asc_status slice_list_steps(slice *s, const step_kind *kinds, size_t n_kinds, asc_error *err);

#endif
