// What explaining rows takes: counted on the engine's own schedule, and timed on real steps of it. See engine.h.
#include "explain/engine_private.h"

#include "base/clock.h"

#include <stdlib.h>

static asc_status draw_batch(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    (void)worker;
    return batch_make_rows(s->batches[task], err);
}

double engine_flops(const engine *e, const engine_load *load)
{
    const model_config *config = &e->config.model->config;
    return forward_flops(config, 0, &load->plain) + forward_flops(config, e->config.request->savings, &load->packed);
}

// Adds packed sequences of a batch, whose entries are made apart.
static void add_packed(const slice *s, const batch *b, forward_load load, forward_load *sum)
{
    load.looked_up = batch_n_entries(b, s->e->model) > 0 ? load.tokens : 0;
    forward_load_add(sum, &load);
}

static void add_step(const slice *s, const step *packed, forward_load *sum)
{
    forward_load load = {0};
    schedule_measure_step(packed, &load);
    add_packed(s, packed->batch, load, sum);
}

static asc_status measure_wave(slice *s, asc_error *err)
{
    static const step_kind anchors = STEP_ANCHORS;
    engine_load *load = s->load;
    TRY(pool_run(s->e->pool, s->n_batches, draw_batch, s, err));
    for (size_t i = 0; i < s->n_batches; i++) {
        forward_load rest = {0};
        schedule_measure(s->batches[i], STEP_PLAIN, &load->plain);
        schedule_measure(s->batches[i], STEP_REST, &rest);
        add_packed(s, s->batches[i], rest, &load->packed);
        load->packed.entries += batch_n_entries(s->batches[i], s->e->model);
        load->evaluations += rest.sequences;
    }
    TRY(slice_list_steps(s, &anchors, 1, err));
    for (size_t i = 0; i < s->steps.count; i++)
        add_step(s, &s->steps.steps[i], &load->packed);
    load->batch_bytes = s->wave_bytes > load->batch_bytes ? s->wave_bytes : load->batch_bytes;
    return ASC_OK;
}

asc_status engine_measure(engine *e, const asc_rows *rows, engine_load *load, asc_error *err)
{
    slice s = {.e = e, .rows = rows, .load = load};
    TRY(slice_run(&s, measure_wave, err));
    explained_free(s.results);
    return ASC_OK;
}

// Steps are taken with a stride, so that those that fit the time come from all rows and sizes of coalitions.
struct calibration {
    double deadline_s;
    size_t stride;
    engine_timing *workers; // [n_workers]
};

// The smallest stride from a fifth of n on that visits every one of n steps.
static size_t choose_stride(size_t n)
{
    for (size_t stride = n / 5 + 1; stride < n; stride++) {
        size_t a = n, b = stride;
        while (b) {
            const size_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return stride;
    }
    return 1;
}

static asc_status time_step(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    engine_timing *timing = &s->calibration->workers[worker];
    const step *next = &s->steps.steps[task * s->calibration->stride % s->steps.count];
    const double start_s = clock_seconds();
    if (start_s >= s->calibration->deadline_s)
        return ASC_OK;
    TRY(value_run_step(s->e->model, &s->e->workers[worker], next, err));
    TRY(stream_sync(s->e->streams[worker], err));
    timing->busy_s += clock_seconds() - start_s;
    add_step(s, next, &timing->load.packed);
    return ASC_OK;
}

static asc_status calibrate_wave(slice *s, asc_error *err)
{
    static const step_kind first[] = {STEP_ANCHORS}, rest[] = {STEP_REST};
    const step_kind *const phases[] = {first, rest};
    TRY(slice_run_phase(s, s->n_batches, slice_upload_batch, err));
    for (size_t phase = 0; phase < 2; phase++) {
        TRY(slice_list_steps(s, phases[phase], 1, err));
        s->calibration->stride = choose_stride(s->steps.count);
        TRY(slice_run_phase(s, s->steps.count, time_step, err));
    }
    for (size_t i = 0; i < s->e->config.n_workers; i++)
        TRY(stream_sync(s->e->streams[i], err)); // the batches go, and no results were waited for
    return ASC_OK;
}

asc_status engine_calibrate(engine *e, const asc_rows *rows, double deadline_s, engine_timing *timing, asc_error *err)
{
    calibration c = {.deadline_s = deadline_s, .workers = calloc(e->config.n_workers, sizeof *c.workers)};
    slice s = {.e = e, .rows = rows, .calibration = &c};
    if (!c.workers)
        return fail_memory(err, "the calibration", e->config.n_workers * sizeof *c.workers);
    const asc_status status = slice_run(&s, calibrate_wave, err);
    for (size_t i = 0; status == ASC_OK && i < e->config.n_workers; i++) {
        timing->busy_s += c.workers[i].busy_s;
        forward_load_add(&timing->load.packed, &c.workers[i].load.packed);
    }
    explained_free(s.results);
    free(c.workers);
    return status;
}

size_t engine_worker_bytes(const engine *e, size_t real_bytes)
{
    return e->config.n_workers * value_worker_bytes(&e->workers[0], real_bytes);
}
