// See self_test.h. The row is evaluated alone and as the last of several others of unequal length.
#include "explain/self_test.h"

#include <stdlib.h>
#include <string.h>

enum { PROBE_TOKENS = 12, N_OTHERS = 9, MAX_SEQUENCES = N_OTHERS + 1 };

typedef struct probe {
    const device_model *model;
    value_worker *worker;
    asc_buffer *table_data; // I32: features, ids, positions, types, [SELF_TEST_TOKENS] each
    asc_error *err;
} probe;

// Logits of `n_sequences` sequences of these lengths; the last sequence's are copied to `logits` [C].
static asc_status evaluate(const probe *p, const size_t *lengths, size_t n_sequences, double *logits)
{
    const model_config *config = &p->model->model->config;
    const size_t n_classes = p->model->model->n_classes;
    int32_t data[4 * SELF_TEST_TOKENS] = {0}, offsets[MAX_SEQUENCES + 1] = {0};
    size_t n_tokens = 0;
    for (size_t q = 0; q < n_sequences; q++) {
        for (size_t t = 0; t < lengths[q]; t++, n_tokens++) {
            const size_t last = q + 1 == n_sequences;
            data[SELF_TEST_TOKENS + n_tokens] = (int32_t)((t * 7 + (last ? 1 : 13 + q)) % config->n_vocabulary);
            data[2 * SELF_TEST_TOKENS + n_tokens] = (int32_t)(t % config->n_positions);
        }
        offsets[q + 1] = (int32_t)n_tokens;
    }
    asc_stream *stream = p->worker->stream;
    TRY(buffer_upload(stream, view_at(p->table_data, 0), data, sizeof data / sizeof *data, p->err));
    TRY(buffer_upload(stream, view_at(p->worker->sequences, 0), offsets, n_sequences + 1, p->err));
    const token_table table = {
        .n_tokens = n_tokens,
        .features = view_at(p->table_data, 0),
        .ids = view_at(p->table_data, SELF_TEST_TOKENS),
        .positions = view_at(p->table_data, 2 * SELF_TEST_TOKENS),
        .types = view_at(p->table_data, 3 * SELF_TEST_TOKENS),
    };
    const forward_input input = {
        .n_sequences = n_sequences,
        .n_tokens = n_tokens,
        .max_length = PROBE_TOKENS + N_OTHERS,
        .table = &table,
        .sequence_offsets = view_at(p->worker->sequences, 0),
    };
    TRY(forward_run(p->model, stream, &p->worker->workspace, &input, p->err));
    const asc_view last = view_at(p->worker->workspace.logits, (n_sequences - 1) * n_classes);
    return buffer_download(stream, last, logits, n_classes, p->err);
}

static asc_status compare(const probe *p)
{
    const size_t n_classes = p->model->model->n_classes;
    size_t lengths[MAX_SEQUENCES];
    for (size_t q = 0; q < N_OTHERS; q++)
        lengths[q] = 1 + 2 * q;
    lengths[N_OTHERS] = PROBE_TOKENS;
    double *alone = calloc(2 * n_classes, sizeof *alone), *among = alone + n_classes;
    if (!alone)
        return fail_memory(p->err, "the self-test", 2 * n_classes * sizeof *alone);
    asc_status status = evaluate(p, lengths + N_OTHERS, 1, alone);
    if (status == ASC_OK)
        status = evaluate(p, lengths, MAX_SEQUENCES, among);
    if (status == ASC_OK && memcmp(alone, among, n_classes * sizeof *alone) != 0) {
        (void)fail(p->err, ASC_INTERNAL, "self-test: a row's logits depend on its place in a step (backend %s, %s)",
                   backend_name(p->model->backend), backend_kernel_set(p->model->backend));
        status = fail_hint(p->err, ASC_INTERNAL, "results would not be reproducible; please report the processor and the library named above");
    }
    free(alone);
    return status;
}

// Runs on the worker that owns the stream.
typedef struct self_test {
    const device_model *model;
    value_worker *workers;
} self_test;

static asc_status run_probe(void *context, size_t worker, size_t task, asc_error *err)
{
    const self_test *test = context;
    (void)task;
    probe p = {test->model, &test->workers[worker], NULL, err};
    asc_status status = buffer_create(test->model->backend, ASC_I32, 4 * SELF_TEST_TOKENS, &p.table_data, err);
    if (status == ASC_OK)
        status = compare(&p);
    buffer_destroy(p.table_data);
    return status;
}

asc_status self_test_run(const device_model *model, thread_pool *pool, value_worker *workers, asc_error *err)
{
    self_test test = {model, workers};
    return pool_run(pool, 1, run_probe, &test, err);
}
