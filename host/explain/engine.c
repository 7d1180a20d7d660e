// The life of a slice of rows: classified, ordered, cut into batches; then, batch by batch in waves that fit memory, uploaded,
// evaluated step by step by all workers, solved and collected. See engine.h.
#include "explain/engine.h"

#include <ascribe/result.h>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "explain/row_status.h"
#include "explain/self_test.h"
#include "explain/value.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEFAULT_STEP_TOKENS = 1024,
    DEFAULT_GPU_STEP_TOKENS = 1 << 16, // enough to fill it, and to hide what launching costs
    BATCH_BYTES = 64 << 20, // device memory for masks and values of one batch
    WAVE_BYTES = 256 << 20, // of the batches that are on the device at once
    WARN_BUDGET_PER_FEATURE = 4,
};

struct engine {
    engine_config config;
    asc_backend *backend;
    device_model *model;
    thread_pool *pool;
    value_worker *workers; // [n_workers]
    asc_stream **streams;  // [n_workers], the workers' own
    forward_profile *profiles; // [n_workers]; NULL: not asked for
    design_cache *designs;
    step_limits limits;
    bool warned_small_budget, warned_short_walk;
    atomic_ullong evaluations, tokens;
};

static asc_status start_worker(void *context, size_t worker, size_t task, asc_error *err)
{
    engine *e = context;
    (void)task;
    TRY(value_worker_create(e->model, e->limits, &e->workers[worker], err));
    e->streams[worker] = e->workers[worker].stream;
    return ASC_OK;
}

static void stop_workers(engine *e)
{
    for (size_t i = 0; e->workers && i < e->config.n_workers; i++)
        value_worker_free(&e->workers[i]);
}

// A step holds at least the two full-length coalitions of the longest row.
static size_t least_step_tokens(const engine_config *config)
{
    return 2 * config->max_row_tokens < SELF_TEST_TOKENS ? SELF_TEST_TOKENS : 2 * config->max_row_tokens;
}

static step_limits choose_limits(const engine_config *config, size_t wanted)
{
    const size_t needed = least_step_tokens(config), max_tokens = wanted > needed ? wanted : needed;
    return (step_limits){max_tokens, max_tokens / 4 + 2};
}

// A GPU that is short of memory gets smaller steps; false when they cannot be smaller.
static bool shrink_steps(engine *e)
{
    const size_t before = e->limits.max_tokens;
    if (e->config.request->backend != ASC_BACKEND_CUDA)
        return false;
    e->limits = choose_limits(&e->config, before / 2);
    if (e->limits.max_tokens == before)
        return false;
    char message[160];
    snprintf(message, sizeof message, "the GPU is short of memory: steps of %zu tokens instead of %zu", e->limits.max_tokens, before);
    if (e->config.log.write)
        e->config.log.write(e->config.log.user, ASC_LOG_WARNING, message);
    return true;
}

static asc_status start_workers(engine *e, asc_error *err)
{
    for (;;) {
        const asc_status status = pool_run_each(e->pool, start_worker, e, err);
        if (status == ASC_OK)
            return ASC_OK;
        stop_workers(e);
        if (status != ASC_OUT_OF_MEMORY || !shrink_steps(e))
            return status;
    }
}

static asc_status start(engine *e, asc_error *err)
{
    const engine_config *config = &e->config;
    const size_t n_max_tokens = config->model->config.n_max_tokens;
    const size_t automatic = config->request->backend == ASC_BACKEND_CUDA ? DEFAULT_GPU_STEP_TOKENS : DEFAULT_STEP_TOKENS;
    e->limits = choose_limits(config, config->step_tokens ? config->step_tokens : automatic);
    TRY(request_open_backend(config->request, &e->backend, err));
    TRY(model_load(config->model, e->backend, config->request->savings, &e->model, err));
    TRY(design_cache_create(config->request, e->backend, n_max_tokens, &e->designs, err));
    e->workers = calloc(config->n_workers, sizeof *e->workers);
    e->streams = calloc(config->n_workers, sizeof *e->streams);
    if (!e->workers || !e->streams)
        return fail_memory(err, "the workers", config->n_workers * sizeof *e->workers);
    TRY(pool_create(config->n_workers, &e->pool, err));
    pool_set_stop(e->pool, &config->request->stop);
    TRY(start_workers(e, err));
    return self_test_run(e->model, e->pool, e->workers, err);
}

asc_status engine_create(const engine_config *config, engine **out, asc_error *err)
{
    engine *e = calloc(1, sizeof *e);
    if (!e)
        return fail_memory(err, "the engine", sizeof *e);
    e->config = *config;
    const asc_status status = start(e, err);
    if (status != ASC_OK) {
        engine_destroy(e);
        return status;
    }
    *out = e;
    return ASC_OK;
}

void engine_destroy(engine *e)
{
    if (!e)
        return;
    pool_destroy(e->pool);
    stop_workers(e);
    free(e->workers);
    free(e->streams);
    free(e->profiles);
    design_cache_destroy(e->designs);
    model_unload(e->model);
    backend_close(e->backend);
    free(e);
}

const char *engine_backend(const engine *e)
{
    return backend_name(e->backend);
}

const char *engine_kernel_set(const engine *e)
{
    return backend_kernel_set(e->backend);
}

void engine_set_tick(engine *e, void (*tick)(void *context), void *context)
{
    pool_set_tick(e->pool, tick, context);
}

engine_work engine_work_done(const engine *e)
{
    return (engine_work){atomic_load(&e->evaluations), atomic_load(&e->tokens)};
}

asc_status engine_profile_start(engine *e, asc_error *err)
{
    const size_t n_workers = e->config.n_workers;
    if (!e->profiles)
        e->profiles = calloc(n_workers, sizeof *e->profiles);
    if (!e->profiles)
        return fail_memory(err, "the profile", n_workers * sizeof *e->profiles);
    for (size_t i = 0; i < n_workers; i++)
        e->workers[i].workspace.profile = &e->profiles[i];
    return ASC_OK;
}

forward_profile engine_profile(const engine *e)
{
    forward_profile sum = {0};
    for (size_t i = 0; e->profiles && i < e->config.n_workers; i++)
        for (size_t stage = 0; stage < N_FORWARD_STAGES; stage++)
            sum.seconds[stage] += e->profiles[i].seconds[stage];
    return sum;
}

// ---- One slice of rows -------------------------------------------------------------------------------------------

typedef struct calibration calibration;

typedef struct slice {
    engine *e;
    const asc_rows *rows;
    const given_coalitions *given; // of engine_evaluate
    explained *results;
    ordered_row *order; // rows that can be explained
    size_t n_ordered;
    batch **batches; // of the wave
    size_t n_batches, wave_bytes;
    step_list steps;
    engine_load *load;        // of engine_measure
    calibration *calibration; // of engine_calibrate
} slice;

static asc_status order_rows(slice *s, asc_error *err)
{
    s->order = malloc((s->rows->n_rows + 1) * sizeof *s->order);
    if (!s->order)
        return fail_memory(err, "the order of rows", s->rows->n_rows * sizeof *s->order);
    for (size_t row = 0; row < s->rows->n_rows; row++) {
        const row_facts facts = row_classify(s->e->config.request, &s->e->config.model->config, s->rows, row);
        s->results->rows[row].status = facts.status;
        s->order[s->n_ordered] = (ordered_row){row, facts.n_features, facts.n_tokens, facts.n_fixed};
        s->n_ordered += !(facts.status & ASC_ROW_UNEXPLAINED);
    }
    schedule_order(s->order, s->n_ordered);
    return ASC_OK;
}

// Lime's samples serve a fit of few features, with a score of its own.
static void warn_small_budget(engine *e, size_t n_features)
{
    const explain_request *request = e->config.request;
    const design *d = design_cache_get(e->designs, n_features)->host;
    const size_t spent = d->n_coalitions - 2;
    if (e->warned_small_budget || !e->config.log.write || d->error_kind == DESIGN_ERROR_NONE || request->sampler == &sampler_lime || request_is_given(request) ||
        spent >= WARN_BUDGET_PER_FEATURE * n_features || spent >= design_full_budget(n_features))
        return;
    char message[240];
    const char *const format =
        request->masks ? "--masks: at most %zu coalitions for a row of %zu features, fewer than %d per feature: attributions will be rough"
                       : "%zu evaluations for %zu features are fewer than %d per feature: attributions will be rough (--budget)";
    snprintf(message, sizeof message, format, spent, n_features, WARN_BUDGET_PER_FEATURE);
    e->config.log.write(e->config.log.user, ASC_LOG_WARNING, message);
    e->warned_small_budget = true;
}

// The sampler spends more than the budget where that is less than one whole walk.
static void warn_short_walk(engine *e, size_t n_features)
{
    const explain_request *request = e->config.request;
    const budget_rule *rule = &request->budget;
    const bool automatic = rule->count == 0 && rule->per_feature == 0;
    if (e->warned_short_walk || !e->config.log.write || request->sampler != &sampler_permutation || automatic ||
        n_features < request->sampler->least_features || rule->count + rule->per_feature * n_features >= walks_length(n_features))
        return;
    char message[240];
    snprintf(message, sizeof message,
             "--budget: %zu is less than one walk of permutation through %zu features: such rows spend the %zu evaluations of a whole walk",
             rule->count + rule->per_feature * n_features, n_features, walks_length(n_features));
    e->config.log.write(e->config.log.user, ASC_LOG_WARNING, message);
    e->warned_short_walk = true;
}

static asc_status prepare_designs(slice *s, asc_error *err)
{
    engine *e = s->e;
    size_t *sizes = malloc((s->n_ordered + 1) * sizeof *sizes);
    if (!sizes)
        return fail_memory(err, "the designs", s->n_ordered * sizeof *sizes);
    size_t count = 0;
    for (size_t i = 0; i < s->n_ordered; i++)
        if (count == 0 || sizes[count - 1] != s->order[i].n_features)
            sizes[count++] = s->order[i].n_features;
    const asc_status status = design_cache_prepare(e->designs, e->pool, e->streams, sizes, count, err);
    for (size_t i = 0; status == ASC_OK && i < count; i++) {
        warn_short_walk(e, sizes[i]);
        warn_small_budget(e, sizes[i]);
    }
    free(sizes);
    return status;
}

// The next batch from `from` on: rows with one number of features, as many as BATCH_BYTES allow. *to = where the one after starts.
static asc_status next_batch(slice *s, size_t from, size_t *to, size_t *bytes, asc_error *err)
{
    engine *e = s->e;
    const device_design *shared = design_cache_get(e->designs, s->order[from].n_features);
    size_t last = from + 1;
    *bytes = batch_row_bytes(shared->host, e->config.request, e->model, s->order[from].n_tokens);
    for (; last < s->n_ordered && s->order[last].n_features == s->order[from].n_features; last++) {
        const size_t row_bytes = batch_row_bytes(shared->host, e->config.request, e->model, s->order[last].n_tokens);
        if (*bytes + row_bytes > BATCH_BYTES)
            break;
        *bytes += row_bytes;
    }
    size_t *index = malloc((last - from) * sizeof *index);
    if (!index)
        return fail_memory(err, "a batch", (last - from) * sizeof *index);
    for (size_t i = from; i < last; i++)
        index[i - from] = s->order[i].row;
    batch *made = NULL;
    const batch_inputs inputs = {s->rows, index, last - from, shared, e->config.request, e->model, s->given};
    const asc_status status = batch_create(&inputs, &made, err);
    free(index);
    if (status != ASC_OK)
        return status;
    s->batches[s->n_batches++] = made;
    *to = last;
    return ASC_OK;
}

static asc_status upload_batch(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    TRY(batch_upload(s->batches[task], s->e->streams[worker], err));
    return value_make_entries(s->e->model, &s->e->workers[worker], s->batches[task], err);
}

static asc_status run_step(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    const step *next = &s->steps.steps[task];
    TRY(value_run_step(s->e->model, &s->e->workers[worker], next, err));
    if (next->kind == STEP_REST)
        atomic_fetch_add(&s->e->evaluations, next->n_sequences);
    atomic_fetch_add(&s->e->tokens, next->n_tokens);
    return ASC_OK;
}

static asc_status collect_batch(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    if (s->given)
        return batch_collect_values(s->batches[task], s->e->streams[worker], err);
    return batch_collect(s->batches[task], s->e->streams[worker], s->results, err);
}

// Lists the steps of some kinds over all batches of the wave.
static asc_status list_steps(slice *s, const step_kind *kinds, size_t n_kinds, asc_error *err)
{
    asc_status status = ASC_OK;
    s->steps.count = 0;
    for (size_t i = 0; status == ASC_OK && i < s->n_batches; i++)
        for (size_t k = 0; status == ASC_OK && k < n_kinds; k++)
            status = schedule_steps(&s->steps, s->batches[i], kinds[k], s->e->limits, err);
    return status;
}

static asc_status run_steps(slice *s, const step_kind *kinds, size_t n_kinds, asc_error *err)
{
    TRY(list_steps(s, kinds, n_kinds, err));
    return pool_run(s->e->pool, s->steps.count, run_step, s, err);
}

// The anchors come first: v(all) decides predicted targets, which every other value needs.
static asc_status run_wave(slice *s, asc_error *err)
{
    static const step_kind first[] = {STEP_PLAIN, STEP_ANCHORS}, rest[] = {STEP_REST};
    TRY(pool_run(s->e->pool, s->n_batches, upload_batch, s, err));
    TRY(s->given ? run_steps(s, first + 1, 1, err) : run_steps(s, first, 2, err)); // plain: what attributions are held against
    TRY(run_steps(s, rest, 1, err));
    return pool_run(s->e->pool, s->n_batches, collect_batch, s, err);
}

static void free_wave(slice *s)
{
    for (size_t i = 0; i < s->n_batches; i++)
        batch_free(s->batches[i]);
    s->n_batches = 0;
    s->wave_bytes = 0;
}

// `work` gets every wave of batches, made but not on the device.
static asc_status each_wave(slice *s, asc_status (*work)(slice *s, asc_error *err), asc_error *err)
{
    TRY(order_rows(s, err));
    TRY(prepare_designs(s, err));
    s->batches = calloc(s->n_ordered + 1, sizeof(batch *));
    if (!s->batches)
        return fail_memory(err, "the batches", s->n_ordered * sizeof(batch *));
    size_t next = 0;
    while (next < s->n_ordered) {
        size_t bytes = 0;
        TRY(next_batch(s, next, &next, &bytes, err));
        s->wave_bytes += bytes;
        if (s->wave_bytes < WAVE_BYTES && next < s->n_ordered)
            continue;
        TRY(work(s, err));
        free_wave(s);
    }
    return ASC_OK;
}

// Takes a slice from its rows through `work`; the results stay in s->results on success.
static asc_status run_slice(slice *s, asc_status (*work)(slice *s, asc_error *err), asc_error *err)
{
    const explain_request *request = s->e->config.request;
    const explained_shape shape = {request->n_targets, s->e->config.model->n_classes, request->method->n_fit};
    TRY(explained_create(s->rows, shape, &s->results, err));
    const asc_status status = each_wave(s, work, err);
    free_wave(s);
    schedule_free(&s->steps);
    free(s->batches);
    free(s->order);
    if (status != ASC_OK) {
        explained_free(s->results);
        s->results = NULL;
    }
    return status;
}

// On a GPU that runs out of memory the slice is explained from its start, in smaller steps.
static asc_status explain_slice(engine *e, const asc_rows *rows, const given_coalitions *given, explained **out, asc_error *err)
{
    for (;;) {
        slice s = {.e = e, .rows = rows, .given = given};
        const engine_work before = engine_work_done(e);
        const asc_status status = run_slice(&s, run_wave, err);
        *out = s.results;
        if (status != ASC_OUT_OF_MEMORY || !shrink_steps(e))
            return status;
        atomic_store(&e->evaluations, before.evaluations);
        atomic_store(&e->tokens, before.tokens);
        stop_workers(e);
        TRY(start_workers(e, err));
    }
}

asc_status engine_explain(engine *e, const asc_rows *rows, explained **out, asc_error *err)
{
    return explain_slice(e, rows, NULL, out, err);
}

asc_status engine_evaluate(engine *e, const asc_rows *rows, const given_coalitions *given, asc_error *err)
{
    explained *results = NULL;
    const asc_status status = explain_slice(e, rows, given, &results, err);
    explained_free(results);
    return status;
}

// ---- What it takes -----------------------------------------------------------------------------------------------

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
    TRY(list_steps(s, &anchors, 1, err));
    for (size_t i = 0; i < s->steps.count; i++)
        add_step(s, &s->steps.steps[i], &load->packed);
    load->batch_bytes = s->wave_bytes > load->batch_bytes ? s->wave_bytes : load->batch_bytes;
    return ASC_OK;
}

asc_status engine_measure(engine *e, const asc_rows *rows, engine_load *load, asc_error *err)
{
    slice s = {.e = e, .rows = rows, .load = load};
    TRY(run_slice(&s, measure_wave, err));
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
    TRY(pool_run(s->e->pool, s->n_batches, upload_batch, s, err));
    for (size_t phase = 0; phase < 2; phase++) {
        TRY(list_steps(s, phases[phase], 1, err));
        s->calibration->stride = choose_stride(s->steps.count);
        TRY(pool_run(s->e->pool, s->steps.count, time_step, s, err));
    }
    return ASC_OK;
}

asc_status engine_calibrate(engine *e, const asc_rows *rows, double deadline_s, engine_timing *timing, asc_error *err)
{
    calibration c = {.deadline_s = deadline_s, .workers = calloc(e->config.n_workers, sizeof *c.workers)};
    slice s = {.e = e, .rows = rows, .calibration = &c};
    if (!c.workers)
        return fail_memory(err, "the calibration", e->config.n_workers * sizeof *c.workers);
    const asc_status status = run_slice(&s, calibrate_wave, err);
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
