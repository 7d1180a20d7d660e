// asc_probe_make: one child computes and writes, another reads what was written, and then it gets its name.
#include <ascribe/probe.h>

#include "base/child.h"
#include "base/durable.h"
#include "explain/request_backend.h"
#include "io/dataset_read.h"
#include "probe/rows.h"
#include "probe/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

asc_probe_job asc_probe_job_default(void)
{
    return (asc_probe_job){.options = asc_explain_options_default(), .n_ablation_rows = 32, .n_top_neurons = 10, .n_neuron_rows = 8, .n_flow_tokens = 128};
}

enum { MOST_ABLATION_ROWS = 1000000, MOST_NAME = 64 };

// ---- The child ----

typedef struct making {
    const asc_probe_job *job;
    const char *path;
} making;

static asc_status describe_model(const asc_model *model, probe_facts *f, asc_error *err)
{
    const model_config *c = &model->config;
    f->n_blocks = c->n_layers;
    f->n_heads = c->n_heads;
    f->n_hidden = c->n_hidden;
    f->n_ffn = c->n_ffn;
    f->n_vocabulary = c->n_vocabulary;
    f->has_heat = true;
    snprintf(f->architecture, sizeof f->architecture, "%s", c->architecture);
    snprintf(f->weights_sha256, sizeof f->weights_sha256, "%s", model->weights_sha256);
    snprintf(f->config_sha256, sizeof f->config_sha256, "%s", model->config_sha256);
    f->class_names = calloc(model->n_classes, sizeof *f->class_names);
    f->n_classes = f->class_names ? model->n_classes : 0;
    for (size_t i = 0; i < f->n_classes; i++)
        if (!(f->class_names[i] = strdup(model->class_names[i])))
            return fail_memory(err, "the class names", strlen(model->class_names[i]));
    return f->class_names ? ASC_OK : fail_memory(err, "the class names", model->n_classes * sizeof *f->class_names);
}

// The bytes of a name that are kept: at most MOST_NAME, and no part of a UTF-8 character at the end.
static size_t kept_size(const char *name)
{
    size_t size = strnlen(name, MOST_NAME);
    if (name[size] == '\0')
        return size;
    while (size > 0 && ((unsigned char)name[size] & 0xC0) == 0x80)
        size--;
    return size;
}

static asc_status name_tokens(const asc_probe_job *job, probe_facts *f, asc_error *err)
{
    if (!job->token_names)
        return ASC_OK;
    f->token_names = calloc(f->n_vocabulary + 1, sizeof *f->token_names);
    if (!f->token_names)
        return fail_memory(err, "the names of tokens", f->n_vocabulary * sizeof *f->token_names);
    for (size_t i = 0; i < f->n_vocabulary; i++) {
        const char *name = i < job->n_token_names && job->token_names[i] ? job->token_names[i] : "";
        if (!(f->token_names[i] = strndup(name, kept_size(name))))
            return fail_memory(err, "the names of tokens", MOST_NAME);
    }
    return ASC_OK;
}

static asc_status describe_rows(const probe_inputs *in, probe_facts *f, asc_error *err)
{
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX_SIZE];
    TRY(dataset_hash(in->dataset, digest, err));
    hash_hex(digest, hex);
    snprintf(f->dataset_sha256, sizeof f->dataset_sha256, "%s", hex);
    snprintf(f->backend, sizeof f->backend, "%s", request_backend_name(in->request));
    snprintf(f->precision, sizeof f->precision, "%s", request_precision_name(in->request));
    f->first_row = (uint64_t)in->first_row;
    f->n_rows = (uint64_t)in->n_rows;
    f->n_ablated = (uint64_t)in->job->n_ablation_rows;
    f->n_top_neurons = (size_t)in->job->n_top_neurons < f->n_ffn ? (size_t)in->job->n_top_neurons : f->n_ffn;
    f->n_top_rows = (size_t)in->job->n_neuron_rows;
    f->n_full = (size_t)in->job->n_full_rows;
    f->n_flow_tokens = (size_t)in->job->n_flow_tokens;
    return ASC_OK;
}

// Opens the dataset, and the rows of it, by children of their own: before threads start.
static asc_status open_rows(probe_inputs *in, explain_request *request, asc_error *err)
{
    const asc_probe_job *job = in->job;
    const stop_check stop = {job->should_stop, job->stop_user};
    TRY(dataset_open(job->dataset_path, &stop, &in->dataset, err));
    TRY(request_resolve(&job->options, in->model, asc_dataset_describe(in->dataset), &job->log, request, err));
    in->request = request;
    TRY(request_select_rows(&job->options, (int64_t)asc_dataset_describe(in->dataset)->n_rows, &in->first_row, &in->n_rows, err));
    return asc_dataset_check(in->dataset, (size_t)in->first_row, (size_t)in->n_rows, err);
}

static asc_status make_with_rows(probe_inputs *in, const char *path, probe_content *content, asc_error *err)
{
    explain_request request = {0};
    size_t *n_tokens = NULL, *text_sizes = NULL;
    probe_writer *writer = NULL;
    TRY(open_rows(in, &request, err));
    TRY(describe_rows(in, &content->facts, err));
    TRY(probe_full_sizes(in, &n_tokens, &text_sizes, err));
    TRY(probe_weights(in->model, content, err));
    TRY(probe_writer_create(path, &content->facts, &(probe_full_plan){n_tokens, text_sizes}, &writer, err));
    TRY(probe_rows(in, content, writer, err));
    TRY(probe_writer_finish(writer, content, err));
    free(text_sizes);
    free(n_tokens);
    request_free(&request);
    asc_dataset_close(in->dataset);
    return ASC_OK;
}

static asc_status make_of_weights(const asc_model *model, const char *path, probe_content *content, asc_error *err)
{
    probe_writer *writer = NULL;
    TRY(probe_weights(model, content, err));
    TRY(probe_writer_create(path, &content->facts, NULL, &writer, err));
    return probe_writer_finish(writer, content, err);
}

// What a failure leaves behind goes with the process.
static asc_status make(void *context, asc_error *err)
{
    const making *m = context;
    const stop_check stop = {m->job->should_stop, m->job->stop_user};
    asc_model *model = NULL;
    probe_content content = {0};
    TRY(model_open(m->job->model_path, &m->job->log, &stop, &model, err));
    TRY(describe_model(model, &content.facts, err));
    TRY(name_tokens(m->job, &content.facts, err));
    if (m->job->dataset_path)
        TRY(make_with_rows(&(probe_inputs){.job = m->job, .model = model}, m->path, &content, err));
    else
        TRY(make_of_weights(model, m->path, &content, err));
    probe_content_free(&content);
    asc_model_close(model);
    return ASC_OK;
}

// ---- Around it ----

static asc_status check_job(const asc_probe_job *job, asc_error *err)
{
    const char *const missing = !job->model_path ? "model_path" : !job->out_path ? "out_path" : NULL;
    if (missing)
        return fail(err, ASC_USAGE, "%s is NULL, expected a text", missing);
    if (job->n_full_rows < 0 || job->n_ablation_rows < 0 || job->n_ablation_rows > MOST_ABLATION_ROWS)
        return fail(err, ASC_USAGE, "%lld whole rows and %lld rows of ablation; expected at least 0, and 0 to %d", (long long)job->n_full_rows,
                    (long long)job->n_ablation_rows, MOST_ABLATION_ROWS);
    if (job->n_top_neurons < 0 || job->n_neuron_rows < 1 || job->n_neuron_rows > PROBE_MOST_TOP_ROWS || job->n_flow_tokens < 0 || job->n_flow_tokens > PROBE_MOST_FLOW_TOKENS)
        return fail(err, ASC_USAGE, "%lld neurons of a block, %lld rows of each, flow of %lld tokens; expected at least 0, 1 to %d, and 0 to %d",
                    (long long)job->n_top_neurons, (long long)job->n_neuron_rows, (long long)job->n_flow_tokens, PROBE_MOST_TOP_ROWS,
                    PROBE_MOST_FLOW_TOKENS);
    if (!job->dataset_path && job->n_full_rows > 0)
        return fail(err, ASC_USAGE, "--full-rows: expected --data beside it");
    TRY(request_backend_check_words(&job->options, err)); // no more: whoever has looked at a GPU cannot fork one that uses it
    return durable_check_new(job->out_path, job->options.force, err);
}

static asc_status check_written(const char *path, asc_error *err)
{
    probe_content content;
    TRY(probe_file_read(path, &content, err));
    probe_content_free(&content);
    return ASC_OK;
}

asc_status asc_probe_make(const asc_probe_job *job, asc_error *err)
{
    char *path = NULL;
    TRY(check_job(job, err));
    TRY(durable_temporary(job->out_path, &path, err));
    const child_job child = {.step = make,
                             .context = &(making){job, path},
                             .stop = {job->should_stop, job->stop_user},
                             .writes = true,
                             .dead = "the process that probes",
                             .dead_hint = "the inputs are untouched: the same command tries again",
                             .dead_status = ASC_IO_ERROR};
    asc_status status = child_run(&child, err);
    if (status == ASC_OK)
        status = check_written(path, err);
    status = durable_finish(status, path, job->out_path, job->options.force, err);
    free(path);
    return status;
}

asc_status asc_probe_estimate(const asc_probe_job *job, asc_probe_cost *out, asc_error *err)
{
    const stop_check stop = {job->should_stop, job->stop_user};
    asc_model *model = NULL;
    explain_request request = {0};
    *out = (asc_probe_cost){0};
    TRY(check_job(job, err));
    TRY(model_open(job->model_path, &job->log, &stop, &model, err));
    probe_inputs in = {.job = job, .model = model};
    asc_status status = job->dataset_path ? open_rows(&in, &request, err) : ASC_OK;
    if (status == ASC_OK && in.dataset)
        status = probe_rows_cost(&in, out, err);
    request_free(&request);
    asc_dataset_close(in.dataset);
    asc_model_close(model);
    return status;
}
