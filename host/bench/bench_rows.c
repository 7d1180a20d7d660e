// Which rows are measured, and with what budget: see bench_private.h. Without a number of rows it is what fits a pass at the speed that the
// GEMM peak promises. The rows of a dataset then come from a few stretches spread over it, so that all lengths are there.
#include "bench/bench_private.h"

#include "bench/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_STRETCHES = 8, MOST_SLICE_ROWS = 1024 };
// Share of the GEMM peak that is assumed in choosing, and the speed of a worker where there is no peak.
#define USUAL_SHARE 0.8
#define USUAL_FLOPS_PER_S 1e10

// A row as it matters here.
typedef struct row_size {
    size_t n_features;
    double n_tokens, n_fixed;
} row_size;

static double pass_seconds(const bench *b)
{
    return b->job->seconds / BENCH_USUAL_PASSES;
}

// About how long a row takes: its coalitions have half of its tokens on average.
static double row_seconds(const bench *b, row_size row)
{
    const double n_sequences = (double)request_evaluations(&b->request, row.n_features) + 3;
    const double length = b->request.policy == ASC_POLICY_REPLACE ? row.n_tokens : (row.n_tokens + row.n_fixed) / 2;
    const forward_load load = {.sequences = (uint64_t)n_sequences, .tokens = (uint64_t)(n_sequences * length),
                               .squares = n_sequences * length * length};
    const double speed = b->gemm_flops_per_s > 0 ? b->gemm_flops_per_s * USUAL_SHARE : (double)b->n_workers * USUAL_FLOPS_PER_S;
    return forward_flops(&b->model->config, b->request.savings, &load) / speed;
}

static size_t rows_that_fit(const bench *b, row_size row, size_t most)
{
    const double rows = pass_seconds(b) / row_seconds(b, row);
    return rows < 1 ? 1 : rows > (double)most ? most : (size_t)rows;
}

static asc_status add_slices(bench *b, size_t count)
{
    b->slices = calloc(count, sizeof(asc_rows *));
    return b->slices ? ASC_OK : fail_memory(b->err, "the rows", count * sizeof(asc_rows *));
}

// ---- Shapes ------------------------------------------------------------------------------------------------------

// Lowers an automatic budget to what fits a pass, though not below two coalitions a feature, which the regression needs.
static asc_status fit_budget(bench *b, row_size row)
{
    const size_t usual = request_evaluations(&b->request, row.n_features);
    const double share = pass_seconds(b) / row_seconds(b, row);
    if (strcmp(b->options.budget, "auto") != 0 || share >= 1)
        return ASC_OK;
    size_t fitting = (size_t)((double)usual * share);
    fitting = fitting < 2 * row.n_features ? 2 * row.n_features : fitting - fitting % 2;
    if (fitting >= usual)
        return ASC_OK;
    asc_explain_options options = b->options;
    explain_request lowered;
    char text[sizeof b->report->budget];
    snprintf(text, sizeof text, "%zu", fitting);
    options.budget = text;
    TRY(bench_resolve(b, &options, &lowered));
    if (request_evaluations(&lowered, row.n_features) >= usual) { // the method has no use for a budget
        request_free(&lowered);
        return ASC_OK;
    }
    request_free(&b->request);
    b->request = lowered;
    memcpy(b->report->budget, text, sizeof text);
    b->options.budget = b->report->budget;
    return ASC_OK;
}

static asc_status make_rows(bench *b)
{
    const asc_bench_job *job = b->job;
    const size_t n_features = job->n_features ? job->n_features : job->length - 2;
    const row_size row = {n_features, (double)job->length, (double)(job->length - n_features)};
    TRY(fit_budget(b, row));
    const size_t n_rows = b->options.n_rows >= 0 ? (size_t)b->options.n_rows : rows_that_fit(b, row, MOST_SLICE_ROWS);
    b->expected_s = (double)n_rows * row_seconds(b, row);
    TRY(add_slices(b, 1));
    TRY(shape_rows(&(shape_rows_plan){n_rows, job->length, n_features}, &b->slices[0], b->err));
    b->n_slices = 1;
    return ASC_OK;
}

// ---- Datasets ----------------------------------------------------------------------------------------------------

static asc_status read_slice(bench *b, size_t first, size_t count)
{
    TRY(asc_dataset_read(b->dataset, first, count, &b->slices[b->n_slices], b->err));
    b->n_slices++;
    return ASC_OK;
}

static asc_status read_all(bench *b, size_t first, size_t count)
{
    TRY(add_slices(b, (count + MOST_SLICE_ROWS - 1) / MOST_SLICE_ROWS));
    for (size_t done = 0; done < count; done += MOST_SLICE_ROWS)
        TRY(read_slice(b, first + done, count - done < MOST_SLICE_ROWS ? count - done : MOST_SLICE_ROWS));
    return ASC_OK;
}

static asc_status read_stretches(bench *b, size_t first, size_t available, size_t count)
{
    const size_t n_stretches = count < N_STRETCHES ? count : N_STRETCHES;
    TRY(add_slices(b, n_stretches));
    for (size_t i = 0; i < n_stretches; i++) {
        const size_t begin = count * i / n_stretches, end = count * (i + 1) / n_stretches;
        TRY(read_slice(b, first + available * i / n_stretches, end - begin));
    }
    return ASC_OK;
}

static asc_status read_rows(bench *b)
{
    const asc_dataset_info *data = &b->data;
    const size_t first = (size_t)b->options.first_row, available = data->n_rows - first;
    const double n_rows = (double)data->n_rows, n_tokens = (double)data->n_tokens / n_rows;
    const row_size mean = {(size_t)((double)data->n_features / n_rows) + 1, n_tokens, 2};
    const bool is_given = b->options.n_rows >= 0;
    size_t count = is_given ? (size_t)b->options.n_rows : rows_that_fit(b, mean, available);
    count = count < available ? count : available;
    b->expected_s = (double)count * row_seconds(b, mean);
    return is_given || count == available ? read_all(b, first, count) : read_stretches(b, first, available, count);
}

asc_status bench_choose_rows(bench *b)
{
    TRY(b->dataset ? read_rows(b) : make_rows(b));
    asc_bench_report *report = b->report;
    for (size_t i = 0; i < b->n_slices; i++) {
        const asc_rows *rows = b->slices[i];
        report->n_rows += rows->n_rows;
        report->n_features += (size_t)rows->feature_offsets[rows->n_rows];
        for (size_t row = 0; row < rows->n_rows; row++) {
            const size_t n_tokens = (size_t)(rows->token_offsets[row + 1] - rows->token_offsets[row]);
            report->n_longest = n_tokens > report->n_longest ? n_tokens : report->n_longest;
        }
    }
    return ASC_OK;
}
