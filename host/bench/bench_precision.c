// Attributions in 16 bits beside those in float: the same rows through two engines.
#include "bench/bench_private.h"
#include "bench/difference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// An engine of its own for each slice would load the weights as often; so all results of one precision are kept.
static void free_results(const bench *b, explained **results)
{
    for (size_t i = 0; results && i < b->n_slices; i++)
        explained_free(results[i]);
    free(results);
}

static asc_status explain_slices(const bench *b, engine *e, explained ***out)
{
    explained **results = calloc(b->n_slices, sizeof(explained *));
    asc_status status = results ? ASC_OK : fail_memory(b->err, "the results", b->n_slices * sizeof(explained *));
    for (size_t i = 0; status == ASC_OK && i < b->n_slices; i++)
        status = engine_explain(e, b->slices[i], &results[i], b->err);
    if (status != ASC_OK) {
        free_results(b, results);
        return status;
    }
    *out = results;
    return ASC_OK;
}

// The caller frees *out with free_results.
static asc_status explain_in(const bench *b, const char *precision, explained ***out)
{
    asc_explain_options options = b->options;
    explain_request request;
    engine *e = NULL;
    options.precision = precision;
    TRY(bench_resolve(b, &options, &request));
    asc_status status = bench_open_engine(b, &request, &e);
    if (status == ASC_OK)
        status = explain_slices(b, e, out);
    engine_destroy(e);
    request_free(&request);
    return status;
}

static void conclude(const bench *b, const char *precision, explained *const *reference, explained *const *other)
{
    difference sum = {0};
    for (size_t i = 0; i < b->n_slices; i++)
        difference_add(&sum, reference[i], other[i]);
    b->report->precision_check = (asc_bench_precision){
        .name = precision,
        .n_rows = sum.n_rows,
        .max_difference = sum.n_values ? sum.largest : NAN,
        .rms_difference = difference_rms(&sum),
        .rms_std_error = difference_rms_std_error(&sum),
    };
}

asc_status bench_precision(bench *b)
{
    asc_bench_precision *report = &b->report->precision_check;
    explained **reference = NULL, **other = NULL;
    if (b->request.backend != ASC_BACKEND_CPU && b->request.backend != ASC_BACKEND_CUDA) {
        snprintf(report->reason, sizeof report->reason, "backend %s computes in double alone", b->report->backend);
        return ASC_OK;
    }
    const char *const compared = b->request.precision == ASC_PRECISION_FULL ? "bf16" : request_precision_name(&b->request);
    char what[64];
    snprintf(what, sizeof what, "comparing %s with fp32", compared);
    bench_say(b, what, 2 * b->report->passes.best_s);
    asc_status status = explain_in(b, compared, &other);
    if (status == ASC_NO_DEVICE) {
        snprintf(report->reason, sizeof report->reason, "%.200s", b->err ? b->err->message : "this machine has none");
        return ASC_OK;
    }
    if (status == ASC_OK)
        status = explain_in(b, "fp32", &reference);
    if (status == ASC_OK)
        conclude(b, compared, reference, other);
    free_results(b, reference);
    free_results(b, other);
    return status;
}
