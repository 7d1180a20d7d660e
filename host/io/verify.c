// Verifying a result file: digest over all rows, efficiency of the Shapley values (phi sums up to v(all) -
// v(empty)), and finiteness wherever a row's status promises an answer. One slice is in memory at a time.
#include <ascribe/result.h>

#include "base/fail.h"
#include "base/hash.h"
#include "io/result_read.h"
#include "io/row_check.h"
#include "io/trial.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_PER_SLICE = 1024 };

typedef struct verifier {
    const asc_result_info *info;
    asc_verify_report *report;
    row_check rows;
} verifier;

static asc_status check_slice(verifier *v, asc_result *result, size_t first, hash_state *digest,
                              asc_error *err)
{
    asc_result_rows *rows = NULL;
    const size_t left = v->info->n_rows - first;
    TRY(asc_result_read(result, first, left < ROWS_PER_SLICE ? left : ROWS_PER_SLICE, &rows, err));
    for (size_t i = 0; i < rows->n_rows; i++) {
        const part_row row = result_row(v->info, rows, i);
        part_row_digest(digest, &row, v->rows.shape);
        row_check_add(&v->rows, &row);
    }
    asc_result_rows_free(rows);
    return ASC_OK;
}

static asc_status check_all(verifier *v, asc_result *result, asc_error *err)
{
    hash_state *digest = NULL;
    uint8_t bytes[HASH_BYTES];
    char hex[HASH_HEX_SIZE];
    TRY(hash_open(&digest, err));
    for (size_t first = 0; first < v->info->n_rows; first += ROWS_PER_SLICE) {
        const asc_status status = check_slice(v, result, first, digest, err);
        if (status != ASC_OK) {
            hash_close(digest);
            return status;
        }
    }
    hash_finish(digest, bytes);
    hash_hex(bytes, hex);
    v->report->digest_matches = strcmp(hex, result_stored_digest(result)) == 0;
    return ASC_OK;
}

static asc_status judge(const char *path, const verifier *v, asc_error *err)
{
    const asc_verify_report *report = v->report;
    if (report->digest_matches && report->n_residual_over_limit == 0 && report->n_unexpected_nan == 0)
        return ASC_OK;
    return fail(err, ASC_FAILED_CHECK,
                "%s: %s, %zu rows with too large a residual, %zu numbers not finite%s%s", path,
                report->digest_matches ? "the digest agrees" : "the digest does not agree with the rows",
                report->n_residual_over_limit, report->n_unexpected_nan, v->rows.first_fault[0] ? "; first: " : "",
                v->rows.first_fault);
}

asc_status result_verify_here(const char *path, asc_verify_report *report, asc_error *err)
{
    asc_result *result = NULL;
    *report = (asc_verify_report){0};
    TRY(result_open_here(path, &result, err));
    verifier v = {.info = asc_result_describe(result), .report = report};
    const part_shape shape = {(uint32_t)v.info->n_targets, (uint32_t)v.info->n_classes, v.info->has_lime ? RESULT_N_FIT : 0};
    row_check_begin(&v.rows, v.info->method, v.info->estimator, shape, report);
    report->n_rows = v.info->n_rows;
    report->n_values = v.info->n_values;
    asc_status status = check_all(&v, result, err);
    if (status == ASC_OK)
        status = judge(path, &v, err);
    asc_result_close(result);
    return status;
}

typedef struct verify_call {
    const char *path;
    asc_verify_report *report;
} verify_call;

static asc_status verify_in_child(void *context, asc_error *err)
{
    const verify_call *call = context;
    return result_verify_here(call->path, call->report, err);
}

asc_status asc_result_verify(const char *path, asc_verify_report *report, asc_error *err)
{
    verify_call call = {path, report};
    const trial job = {
        .path = path, .step = verify_in_child, .context = &call, .answer = report, .answer_size = sizeof *report};
    *report = (asc_verify_report){0};
    return trial_run(&job, err);
}
