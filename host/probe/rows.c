// See rows.h. A window's rows are computed by whichever worker is free, each into its own slot, and summed up in order: the result does not depend
// on the workers. Memory: the slots of one window and one whole row.
#include "probe/rows.h"

#include "base/clock.h"
#include "base/thread_pool.h"
#include "explain/row_status.h"
#include "probe/attention_flow.h"
#include "probe/row_pass.h"
#include "probe/row_tally.h"

#include <ascribe/result.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_PER_WORKER = 4, ROWS_COUNTED = 256 };
static const uint32_t unusable = ASC_ROW_TOO_LONG | ASC_ROW_BAD_TOKEN_ID;

typedef struct probing {
    const probe_inputs *in;
    asc_backend *backend;
    device_model *device;
    thread_pool *pool;
    row_pass **workers; // [n_workers]
    row_numbers *slots; // [n_slots]
    size_t n_workers, n_slots, max_tokens;
    const asc_rows *rows; // the window
    row_tally tally;
    double begun_s;
} probing;

// ---- Setting up ----

static asc_status create_worker(void *context, size_t worker, size_t task, asc_error *err)
{
    const probing *p = context;
    (void)task;
    return row_pass_create(p->device, p->max_tokens, &p->workers[worker], err);
}

static asc_status set_up(probing *p, probe_facts *facts, asc_error *err)
{
    const probe_inputs *in = p->in;
    const size_t longest = asc_dataset_describe(in->dataset)->max_row_tokens, most = in->model->config.n_max_tokens;
    p->max_tokens = longest < 1 ? 1 : longest < most ? longest : most;
    p->n_workers = request_n_workers(in->request, in->job->options.n_workers);
    p->n_slots = p->n_workers * ROWS_PER_WORKER;
    TRY(request_open_backend(in->request, &p->backend, err));
    snprintf(facts->kernel_set, sizeof facts->kernel_set, "%s", backend_kernel_set(p->backend));
    TRY(model_load(in->model, p->backend, 0, &p->device, err));
    TRY(pool_create(p->n_workers, &p->pool, err));
    pool_set_stop(p->pool, &in->request->stop);
    p->workers = calloc(p->n_workers, sizeof *p->workers);
    p->slots = calloc(p->n_slots, sizeof *p->slots);
    if (!p->workers || !p->slots)
        return fail_memory(err, "the workers", p->n_slots * sizeof *p->slots);
    TRY(pool_run_each(p->pool, create_worker, p, err));
    for (size_t i = 0; i < p->n_slots; i++)
        TRY(row_numbers_create(p->device, in->job->n_ablation_rows > 0, &p->slots[i], err));
    return ASC_OK;
}

static void tear_down(probing *p)
{
    row_tally_free(&p->tally);
    for (size_t i = 0; p->slots && i < p->n_slots; i++)
        row_numbers_free(&p->slots[i]);
    free(p->slots);
    for (size_t i = 0; p->workers && i < p->n_workers; i++)
        row_pass_free(p->workers[i]);
    free(p->workers);
    pool_destroy(p->pool);
    model_unload(p->device);
    backend_close(p->backend);
}

// ---- A window ----

static row_input input_of(const asc_rows *rows, size_t row)
{
    const size_t first = (size_t)rows->token_offsets[row];
    return (row_input){(size_t)rows->token_offsets[row + 1] - first, rows->tokens + first, rows->token_types + first};
}

static bool is_usable(const probe_inputs *in, const asc_rows *rows, size_t row)
{
    const row_facts facts = row_classify(in->request, &in->model->config, rows, row);
    return facts.n_tokens > 0 && !(facts.status & unusable);
}

// Evenly spaced over the selection.
static bool is_ablated(const probe_inputs *in, int64_t position)
{
    const int64_t wanted = in->job->n_ablation_rows < in->n_rows ? in->job->n_ablation_rows : in->n_rows, i = position - in->first_row;
    return (i + 1) * wanted / in->n_rows > i * wanted / in->n_rows;
}

static asc_status compute_row(void *context, size_t worker, size_t task, asc_error *err)
{
    const probing *p = context;
    const asc_rows *rows = p->rows;
    const row_input input = input_of(rows, task);
    row_numbers *out = &p->slots[task];
    out->id = rows->id[task];
    out->label_class = rows->labels ? request_label_class(p->in->request, rows->labels[task]) : -1;
    out->label_number = rows->label_numbers ? rows->label_numbers[task] : NAN;
    out->usable = is_usable(p->in, rows, task);
    out->ablated = out->usable && is_ablated(p->in, rows->first + (int64_t)task);
    if (!out->usable)
        return ASC_OK;
    TRY(row_pass_run(p->workers[worker], &input, out, NULL, err));
    return out->ablated ? row_pass_ablate(p->workers[worker], out, err) : ASC_OK;
}

static void report(const probing *p, size_t done)
{
    const asc_probe_job *job = p->in->job;
    const double elapsed_s = clock_seconds() - p->begun_s;
    const size_t n_rows = (size_t)p->in->n_rows;
    const asc_progress now = {.phase = "probing", .rows_done = done, .n_rows = n_rows, .elapsed_s = elapsed_s,
                              .remaining_s = done ? elapsed_s / (double)done * (double)(n_rows - done) : -1};
    if (job->progress)
        job->progress(job->progress_user, &now);
}

static asc_status compute_window(probing *p, int64_t first, size_t count, asc_error *err)
{
    asc_rows *rows = NULL;
    TRY(asc_dataset_read(p->in->dataset, (size_t)first, count, &rows, err));
    p->rows = rows;
    const asc_status status = pool_run(p->pool, count, compute_row, p, err);
    for (size_t i = 0; status == ASC_OK && i < count; i++)
        row_tally_add(&p->tally, &p->slots[i]);
    asc_rows_free(rows);
    return status;
}

// ---- Whole rows ----

static bool has_flow(const probing *p, size_t n_tokens)
{
    return (int64_t)n_tokens <= p->in->job->n_flow_tokens;
}

asc_status probe_full_sizes(const probe_inputs *in, size_t **n_tokens, size_t **text_sizes, asc_error *err)
{
    const int64_t first = in->job->first_full_row, n = in->job->n_full_rows, n_available = (int64_t)asc_dataset_describe(in->dataset)->n_rows;
    *n_tokens = calloc((size_t)n + 1, sizeof **n_tokens);
    *text_sizes = calloc((size_t)n + 1, sizeof **text_sizes);
    if (!*n_tokens || !*text_sizes)
        return fail_memory(err, "the sizes of whole rows", (size_t)n * sizeof **n_tokens);
    if (n > 0 && (first < 0 || n > n_available || first > n_available - n))
        return fail(err, ASC_USAGE, "--full-rows: expected rows within 0:%lld, found %lld:%lld", (long long)n_available, (long long)first, (long long)(first + n));
    TRY(asc_dataset_check(in->dataset, (size_t)first, (size_t)n, err));
    for (int64_t i = 0; i < n; i++) {
        asc_rows *rows = NULL;
        TRY(asc_dataset_read(in->dataset, (size_t)(first + i), 1, &rows, err));
        const bool usable = is_usable(in, rows, 0);
        (*n_tokens)[i] = (size_t)rows->token_offsets[1];
        (*text_sizes)[i] = (size_t)rows->text_offsets[1];
        asc_rows_free(rows);
        if (!usable)
            return fail(err, ASC_MALFORMED, "--full-rows: row %lld has %zu tokens, or tokens that the model does not know; expected 1 to %zu known ones",
                        (long long)(first + i), (*n_tokens)[i], in->model->config.n_max_tokens);
    }
    return ASC_OK;
}

// Shares: what flows to each token over what flows to all, behind every block; NaN in a row that is too long.
static void share_flow(const probing *p, const row_whole *whole, size_t n_tokens, float *out)
{
    const size_t n_blocks = p->in->model->config.n_layers;
    if (!has_flow(p, n_tokens)) {
        for (size_t i = 0; i < n_tokens * n_blocks; i++)
            out[i] = NAN;
        return;
    }
    for (size_t block = 0; block < n_blocks; block++) {
        double sum = 0;
        for (size_t t = 0; t < n_tokens; t++)
            sum += whole->flow[t * n_blocks + block];
        for (size_t t = 0; t < n_tokens; t++)
            out[t * n_blocks + block] = (float)(whole->flow[t * n_blocks + block] / sum);
    }
}

static asc_status put_whole(const probing *p, const asc_rows *rows, const row_whole *whole, probe_writer *writer, asc_error *err)
{
    const row_numbers *numbers = &p->slots[0];
    const size_t n_classes = p->in->model->n_classes, n_flow = numbers->n_tokens * p->in->model->config.n_layers;
    float *logits = malloc((n_classes + n_flow) * sizeof *logits), *flow = logits + n_classes;
    if (!logits)
        return fail_memory(err, "a row's logits", (n_classes + n_flow) * sizeof *logits);
    for (size_t c = 0; c < n_classes; c++)
        logits[c] = (float)numbers->logits[c];
    if (p->in->job->n_flow_tokens > 0)
        share_flow(p, whole, numbers->n_tokens, flow);
    const probe_full_row row = {.id = rows->id[0], .n_tokens = numbers->n_tokens, .tokens = rows->tokens, .attention = whole->attention, .rollout = whole->rollout,
                                .flow = p->in->job->n_flow_tokens > 0 ? flow : NULL,
                                .norms = whole->norms, .logits = logits, .text = rows->text, .text_size = (size_t)rows->text_offsets[1]};
    const asc_status status = probe_writer_put_full(writer, &row, err);
    free(logits);
    return status;
}

typedef struct whole_task {
    probing *p;
    row_whole whole;
} whole_task;

static asc_status compute_whole(void *context, size_t worker, size_t task, asc_error *err)
{
    whole_task *t = context;
    const row_input input = input_of(t->p->rows, task);
    return row_pass_run(t->p->workers[worker], &input, &t->p->slots[0], &t->whole, err);
}

static asc_status compute_flow(void *context, size_t worker, size_t task, asc_error *err)
{
    whole_task *t = context;
    const size_t n_blocks = t->p->in->model->config.n_layers;
    (void)worker;
    const flow_source from = {t->whole.mean, n_blocks, t->p->slots[0].n_tokens, &t->p->in->request->stop};
    return attention_flow_to(&from, task, t->whole.flow + task * n_blocks, err);
}

static asc_status keep_whole(probing *p, int64_t position, probe_writer *writer, asc_error *err)
{
    asc_rows *rows = NULL;
    whole_task task = {.p = p};
    TRY(asc_dataset_read(p->in->dataset, (size_t)position, 1, &rows, err));
    asc_status status = row_whole_create(&p->in->model->config, (size_t)rows->token_offsets[1], &task.whole, err);
    p->rows = rows;
    if (status == ASC_OK)
        status = pool_run(p->pool, 1, compute_whole, &task, err);
    if (status == ASC_OK && has_flow(p, (size_t)rows->token_offsets[1]))
        status = pool_run(p->pool, (size_t)rows->token_offsets[1], compute_flow, &task, err);
    if (status == ASC_OK)
        status = put_whole(p, rows, &task.whole, writer, err);
    row_whole_free(&task.whole);
    asc_rows_free(rows);
    return status;
}

// ---- All rows ----

static asc_status compute_all(probing *p, probe_writer *writer, asc_error *err)
{
    const probe_inputs *in = p->in;
    for (int64_t i = 0; i < in->job->n_full_rows; i++)
        TRY(keep_whole(p, in->job->first_full_row + i, writer, err));
    p->begun_s = clock_seconds();
    for (int64_t done = 0; done < in->n_rows;) {
        const int64_t left = in->n_rows - done, count = left < (int64_t)p->n_slots ? left : (int64_t)p->n_slots;
        report(p, (size_t)done);
        TRY(compute_window(p, in->first_row + done, (size_t)count, err));
        done += count;
    }
    report(p, (size_t)in->n_rows);
    return ASC_OK;
}

asc_status probe_rows(const probe_inputs *in, probe_content *content, probe_writer *writer, asc_error *err)
{
    probing p = {.in = in};
    asc_status status = set_up(&p, &content->facts, err);
    if (status == ASC_OK)
        status = row_tally_begin(&p.tally, in->model, content, err);
    if (status == ASC_OK)
        status = compute_all(&p, writer, err);
    if (status == ASC_OK)
        status = row_tally_end(&p.tally, err);
    tear_down(&p);
    return status;
}

// ---- What it would take ----

static void add_passes(asc_probe_cost *cost, const model_config *c, size_t n_tokens, size_t n_passes)
{
    const double D = (double)c->n_hidden, F = (double)c->n_ffn, s = (double)n_tokens;
    cost->n_passes += n_passes;
    cost->n_operations += (double)n_passes * (double)c->n_layers * s * (8 * D * D + 4 * D * F + 4 * D * s);
}

static void add_rows(const probe_inputs *in, const asc_rows *rows, size_t count, asc_probe_cost *cost)
{
    const model_config *c = &in->model->config;
    for (size_t row = 0; row < count; row++) {
        const bool usable = is_usable(in, rows, row), ablated = usable && is_ablated(in, rows->first + (int64_t)row);
        const size_t n_tokens = input_of(rows, row).n_tokens, n_ablation_passes = ablated ? c->n_layers * c->n_heads : 0;
        cost->n_skipped += !usable;
        cost->n_ablated += ablated;
        cost->n_tokens += usable ? n_tokens : 0;
        cost->n_ablation_passes += n_ablation_passes;
        add_passes(cost, c, n_tokens, usable ? 1 + n_ablation_passes : 0);
    }
}

asc_status probe_rows_cost(const probe_inputs *in, asc_probe_cost *cost, asc_error *err)
{
    size_t *n_tokens = NULL, *text_sizes = NULL;
    const size_t n_full = (size_t)in->job->n_full_rows;
    asc_status status = probe_full_sizes(in, &n_tokens, &text_sizes, err);
    for (size_t i = 0; status == ASC_OK && i < n_full; i++)
        add_passes(cost, &in->model->config, n_tokens[i], 1);
    free(text_sizes);
    free(n_tokens);
    cost->n_rows = (uint64_t)in->n_rows;
    cost->n_full_rows = n_full;
    for (int64_t done = 0; status == ASC_OK && done < in->n_rows; done += ROWS_COUNTED) {
        const size_t count = in->n_rows - done < ROWS_COUNTED ? (size_t)(in->n_rows - done) : ROWS_COUNTED;
        asc_rows *rows = NULL;
        status = stop_poll(&in->request->stop, err);
        if (status == ASC_OK)
            status = asc_dataset_read(in->dataset, (size_t)(in->first_row + done), count, &rows, err);
        if (status == ASC_OK)
            add_rows(in, rows, count, cost);
        asc_rows_free(rows);
    }
    return status;
}
