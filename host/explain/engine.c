// The life of a slice of rows: classified, ordered, cut into batches; then, batch by batch in waves that fit memory, uploaded,
// evaluated step by step by all workers, solved and collected. See engine.h.
#include "explain/engine_private.h"

#include <ascribe/result.h>

#include "explain/row_status.h"
#include "explain/self_test.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DEFAULT_STEP_TOKENS = 1024,
    DEFAULT_GPU_STEP_TOKENS = 1 << 16, // enough to fill it, and to hide what launching costs
    WAVE_BYTES = 256 << 20,   // of the batches that are on the device at once
    BATCHES_OF_A_WAVE = 4,    // at least: device memory for masks and values of one batch
    WARN_BUDGET_PER_FEATURE = 4,
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
    for (size_t i = 0; e->workers && i < e->config.n_workers; i++) {
        if (e->profiles) {
            stopwatch_destroy(e->profiles[i].watch);
            e->profiles[i].watch = NULL;
        }
        value_worker_free(&e->workers[i]);
    }
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
        e->worker_bytes = backend_memory_used(e->backend).now - e->weight_bytes;
        if (status == ASC_OK)
            return ASC_OK;
        stop_workers(e);
        if (status != ASC_OUT_OF_MEMORY || !shrink_steps(e))
            return status;
    }
}

// What makes of itself another engine obeys this one's (overflow.h).
static asc_status test_algorithms(engine *e, asc_error *err)
{
    e->config.algorithms = backend_algorithms(e->backend);
    return self_test_run(e->model, e->pool, e->workers, err);
}

static asc_status propose(void *context, size_t worker, size_t task, asc_error *err)
{
    engine *e = context;
    (void)task;
    return backend_propose_algorithms(e->streams[worker], err);
}

asc_status engine_propose(engine *e, asc_error *err)
{
    if (!e->config.algorithms[0])
        return ASC_OK;
    TRY(pool_run(e->pool, 1, propose, e, err));
    return test_algorithms(e, err);
}

static asc_status obey(void *context, size_t worker, size_t task, asc_error *err)
{
    engine *e = context;
    (void)task;
    return backend_obey_algorithms(e->streams[worker], e->config.algorithms, err);
}

asc_status engine_obey(engine *e, const char *algorithms, asc_error *err)
{
    e->config.algorithms = algorithms;
    const asc_status status = pool_run(e->pool, 1, obey, e, err);
    e->config.algorithms = backend_algorithms(e->backend);
    return status == ASC_OK ? test_algorithms(e, err) : status;
}

const char *engine_algorithms(const engine *e)
{
    return backend_algorithms(e->backend);
}

static asc_status start(engine *e, asc_error *err)
{
    const engine_config *config = &e->config;
    const size_t n_max_tokens = config->model->config.n_max_tokens;
    const size_t automatic = config->request->backend == ASC_BACKEND_CUDA ? DEFAULT_GPU_STEP_TOKENS : DEFAULT_STEP_TOKENS;
    e->limits = choose_limits(config, config->step_tokens ? config->step_tokens : automatic);
    TRY(request_open_backend(config->request, &e->backend, err));
    TRY(model_load(config->model, e->backend, config->request->savings, &e->model, err));
    e->weight_bytes = backend_memory_used(e->backend).now;
    TRY(design_cache_create(config->request, e->backend, n_max_tokens, &e->designs, err));
    e->workers = calloc(config->n_workers, sizeof *e->workers);
    e->streams = calloc(config->n_workers, sizeof *e->streams);
    if (!e->workers || !e->streams)
        return fail_memory(err, "the workers", config->n_workers * sizeof *e->workers);
    TRY(pool_create(config->n_workers, &e->pool, err));
    pool_set_stop(e->pool, &config->request->stop);
    TRY(start_workers(e, err));
    return config->algorithms && config->algorithms[0] ? engine_obey(e, config->algorithms, err) : test_algorithms(e, err);
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
    overflow_free(e->overflow);
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

engine_memory engine_memory_used(const engine *e)
{
    const backend_memory memory = backend_memory_used(e->backend);
    return (engine_memory){
        .weights = e->weight_bytes,
        .workers = e->worker_bytes,
        .batches = memory.most - e->weight_bytes - e->worker_bytes,
        .free = memory.free,
        .total = memory.total,
        .step_tokens = e->limits.max_tokens,
    };
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
    const engine_work again = overflow_work_done(e->overflow);
    return (engine_work){atomic_load(&e->evaluations) + again.evaluations, atomic_load(&e->tokens) + again.tokens};
}

asc_status engine_profile_start(engine *e, asc_error *err)
{
    const size_t n_workers = e->config.n_workers;
    if (!e->profiles)
        e->profiles = calloc(n_workers, sizeof *e->profiles);
    if (!e->profiles)
        return fail_memory(err, "the profile", n_workers * sizeof *e->profiles);
    for (size_t i = 0; i < n_workers; i++) {
        if (!e->profiles[i].watch)
            TRY(stopwatch_create(e->streams[i], &e->profiles[i].watch, err));
        e->workers[i].workspace.profile = &e->profiles[i];
    }
    return ASC_OK;
}

asc_status engine_profile(const engine *e, forward_profile *sum, asc_error *err)
{
    *sum = (forward_profile){0};
    for (size_t i = 0; e->profiles && i < e->config.n_workers; i++) {
        if (e->profiles[i].watch)
            TRY(stopwatch_finish(e->profiles[i].watch, err));
        for (size_t stage = 0; stage < N_FORWARD_STAGES; stage++)
            sum->seconds[stage] += e->profiles[i].seconds[stage];
    }
    return ASC_OK;
}

// ---- One slice of rows -------------------------------------------------------------------------------------------

static asc_status order_rows(slice *s, asc_error *err)
{
    s->order = malloc((s->rows->n_rows + 1) * sizeof *s->order);
    if (!s->order)
        return fail_memory(err, "the order of rows", s->rows->n_rows * sizeof *s->order);
    for (size_t row = 0; row < s->rows->n_rows; row++) {
        const row_facts facts = row_classify(s->e->config.request, &s->e->config.model->config, s->rows, row);
        s->results->rows[row].status = facts.status;
        s->order[s->n_ordered] = (ordered_row){row, facts.n_features, facts.n_tokens, facts.n_fixed};
        s->n_ordered += !(facts.status & ASC_ROW_UNEXPLAINED) && (!s->wanted || s->wanted[row]);
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

// What workers enqueue next comes after all that any of them has enqueued: the next phase takes up what other streams have made.
static asc_status join_streams(const engine *e, asc_error *err)
{
    for (size_t i = 0; i < e->config.n_workers; i++)
        for (size_t j = 0; j < e->config.n_workers; j++)
            if (i != j)
                TRY(stream_wait(e->streams[i], e->streams[j], err));
    return ASC_OK;
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
    asc_status status = design_cache_prepare(e->designs, e->pool, e->streams, sizes, count, err);
    if (status == ASC_OK)
        status = join_streams(e, err);
    for (size_t i = 0; status == ASC_OK && i < count; i++) {
        warn_short_walk(e, sizes[i]);
        warn_small_budget(e, sizes[i]);
    }
    free(sizes);
    return status;
}

static size_t wave_bytes(const engine *e)
{
    return e->config.wave_bytes ? e->config.wave_bytes : (size_t)WAVE_BYTES;
}

// The next batch from `from` on: rows with one number of features, as many as a part of a wave allows. *to = where the one after starts.
static asc_status next_batch(slice *s, size_t from, size_t *to, size_t *bytes, asc_error *err)
{
    engine *e = s->e;
    const device_design *shared = design_cache_get(e->designs, s->order[from].n_features);
    size_t last = from + 1;
    *bytes = batch_row_bytes(shared->host, e->config.request, e->model, s->order[from].n_tokens);
    for (; last < s->n_ordered && s->order[last].n_features == s->order[from].n_features; last++) {
        const size_t row_bytes = batch_row_bytes(shared->host, e->config.request, e->model, s->order[last].n_tokens);
        if (*bytes + row_bytes > wave_bytes(e) / BATCHES_OF_A_WAVE)
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

asc_status slice_upload_batch(void *context, size_t worker, size_t task, asc_error *err)
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

static asc_status solve_batch(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    const forward_workspace *workspace = &s->e->workers[worker].workspace;
    TRY(forward_begin_stage(workspace, err));
    TRY(batch_solve(s->batches[task], s->e->streams[worker], err));
    return forward_end_stage(workspace, STAGE_SOLVE, err);
}

static asc_status take_values(void *context, size_t worker, size_t task, asc_error *err)
{
    slice *s = context;
    return batch_take_values(s->batches[task], s->e->streams[worker], err);
}

// Only the many are cut evenly: anchors share what they share within a step.
asc_status slice_list_steps(slice *s, const step_kind *kinds, size_t n_kinds, asc_error *err)
{
    const engine *e = s->e;
    s->steps.count = 0;
    for (size_t k = 0; k < n_kinds; k++) {
        const size_t wanted = kinds[k] != STEP_REST
                                  ? SIZE_MAX
                                  : schedule_wanted_tokens(s->batches, s->n_batches, STEP_REST, e->limits, e->config.n_workers);
        for (size_t i = 0; i < s->n_batches; i++)
            TRY(schedule_steps(&s->steps, s->batches[i], kinds[k], e->limits, wanted, err));
    }
    return ASC_OK;
}

asc_status slice_run_phase(slice *s, size_t n_tasks, pool_task run, asc_error *err)
{
    TRY(pool_run(s->e->pool, n_tasks, run, s, err));
    return join_streams(s->e, err);
}

static asc_status run_steps(slice *s, const step_kind *kinds, size_t n_kinds, asc_error *err)
{
    TRY(slice_list_steps(s, kinds, n_kinds, err));
    return slice_run_phase(s, s->steps.count, run_step, err);
}

static void free_batches(batch **batches, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        batch_free(batches[i]);
    *count = 0;
}

// Waits for the results of the wave before.
static asc_status finish_wave(slice *s, asc_error *err)
{
    for (size_t i = 0; i < s->n_finishing; i++)
        TRY(batch_collect(s->finishing[i], s->results, err));
    free_batches(s->finishing, &s->n_finishing);
    return ASC_OK;
}

// The anchors come first: v(all) decides predicted targets, which every other value needs. On a device the wave before is taken in only
// when this one stands in its queue, so that it never runs dry.
static asc_status run_wave(slice *s, asc_error *err)
{
    static const step_kind first[] = {STEP_PLAIN, STEP_ANCHORS}, rest[] = {STEP_REST};
    TRY(slice_run_phase(s, s->n_batches, slice_upload_batch, err));
    TRY(s->given ? run_steps(s, first + 1, 1, err) : run_steps(s, first, 2, err)); // plain: what attributions are held against
    TRY(run_steps(s, rest, 1, err));
    if (s->given)
        return slice_run_phase(s, s->n_batches, take_values, err);
    TRY(slice_run_phase(s, s->n_batches, solve_batch, err));
    TRY(finish_wave(s, err));
    batch **const taken_in = s->finishing;
    s->finishing = s->batches;
    s->n_finishing = s->n_batches;
    s->batches = taken_in;
    s->n_batches = 0;
    return s->e->config.request->backend == ASC_BACKEND_CUDA ? ASC_OK : finish_wave(s, err);
}

static void free_wave(slice *s)
{
    free_batches(s->batches, &s->n_batches);
    s->wave_bytes = 0;
}

// `work` gets every wave of batches, made but not on the device.
static asc_status each_wave(slice *s, asc_status (*work)(slice *s, asc_error *err), asc_error *err)
{
    TRY(order_rows(s, err));
    TRY(prepare_designs(s, err));
    s->batches = calloc(s->n_ordered + 1, sizeof(batch *));
    s->finishing = calloc(s->n_ordered + 1, sizeof(batch *));
    if (!s->batches || !s->finishing)
        return fail_memory(err, "the batches", s->n_ordered * sizeof(batch *));
    size_t next = 0;
    while (next < s->n_ordered) {
        size_t bytes = 0;
        TRY(next_batch(s, next, &next, &bytes, err));
        s->wave_bytes += bytes;
        if (s->wave_bytes < wave_bytes(s->e) && next < s->n_ordered)
            continue;
        TRY(work(s, err));
        free_wave(s);
    }
    return finish_wave(s, err);
}

asc_status slice_run(slice *s, asc_status (*work)(slice *s, asc_error *err), asc_error *err)
{
    const explain_request *request = s->e->config.request;
    const explained_shape shape = {request->n_targets, s->e->config.model->n_classes, request->method->n_fit};
    TRY(explained_create(s->rows, shape, &s->results, err));
    const asc_status status = each_wave(s, work, err);
    free_wave(s);
    free_batches(s->finishing, &s->n_finishing);
    schedule_free(&s->steps);
    free(s->finishing);
    free(s->batches);
    free(s->order);
    if (status != ASC_OK) {
        explained_free(s->results);
        s->results = NULL;
    }
    return status;
}

// On a GPU that runs out of memory the slice is explained from its start, in smaller steps.
static asc_status explain_slice(engine *e, const slice *wish, explained **out, asc_error *err)
{
    for (;;) {
        slice s = *wish;
        const engine_work before = {atomic_load(&e->evaluations), atomic_load(&e->tokens)};
        const asc_status status = slice_run(&s, run_wave, err);
        *out = s.results;
        if (status != ASC_OUT_OF_MEMORY || !shrink_steps(e))
            return status;
        atomic_store(&e->evaluations, before.evaluations);
        atomic_store(&e->tokens, before.tokens);
        stop_workers(e);
        TRY(start_workers(e, err));
    }
}

asc_status engine_explain_some(engine *e, const asc_rows *rows, const bool *wanted, explained **out, asc_error *err)
{
    return explain_slice(e, &(slice){.e = e, .rows = rows, .wanted = wanted}, out, err);
}

asc_status engine_evaluate(engine *e, const asc_rows *rows, const given_coalitions *given, asc_error *err)
{
    explained *results = NULL;
    const asc_status status = explain_slice(e, &(slice){.e = e, .rows = rows, .given = given}, &results, err);
    explained_free(results);
    return status;
}

asc_status engine_explain(engine *e, const asc_rows *rows, explained **out, asc_error *err)
{
    TRY(engine_explain_some(e, rows, NULL, out, err));
    if (e->config.request->precision != ASC_PRECISION_FP16 || e->config.request->planning)
        return ASC_OK;
    asc_status status = overflow_recompute(&e->config, rows, &e->overflow, *out, err);
    while (status == ASC_OUT_OF_MEMORY && shrink_steps(e)) {
        stop_workers(e);
        status = start_workers(e, err);
        if (status == ASC_OK)
            status = overflow_recompute(&e->config, rows, &e->overflow, *out, err);
    }
    if (status != ASC_OK) {
        explained_free(*out);
        *out = NULL;
    }
    return status;
}
