// Verifying a result file: digest over all rows, efficiency of the Shapley values (phi sums up to v(all) -
// v(empty)), and finiteness wherever a row's status promises an answer. One slice is in memory at a time.
#include <ascribe/result.h>

#include "base/fail.h"
#include "base/hash.h"
#include "io/result_read.h"
#include "io/trial.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_PER_SLICE = 1024 };
static const double residual_limit = 1e-4; // of max(1, |output|, |base value|)

typedef struct verifier {
    const asc_result_info *info;
    asc_verify_report *report;
    bool shapley;    // attributions sum to output - base value
    bool has_errors; // and an estimator that promises standard errors
    char first_fault[200]; // of the first row that is wrong, in words
} verifier;

static void note_fault(verifier *v, const part_row *row, const char *what, double found)
{
    if (v->first_fault[0] == '\0')
        snprintf(v->first_fault, sizeof v->first_fault, "position %lld (id %llu): %s: %g",
                 (long long)row->position, (unsigned long long)row->id, what, found);
}

// Numbers that are not finite among the `count` values that lie `stride` apart.
static void check_finite(verifier *v, const part_row *row, const float *values, size_t count, size_t stride)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i * stride]))
            continue;
        v->report->n_unexpected_nan++;
        note_fault(v, row, "no finite number where the row has an answer", (double)values[i * stride]);
    }
}

static void check_target_finite(verifier *v, const part_row *row, size_t target)
{
    const size_t n_targets = v->info->n_targets;
    check_finite(v, row, row->values + target, row->n_features, n_targets);
    if (v->has_errors && !(row->status & ASC_ROW_UNDER_DETERMINED))
        check_finite(v, row, row->std_errors + target, row->n_features, n_targets);
    check_finite(v, row, row->base_values + target, 1, 1);
    check_finite(v, row, row->outputs + target, 1, 1);
    check_finite(v, row, row->efficiency_residual + target, 1, 1);
    if (v->info->has_lime && row->n_features > 0)
        check_finite(v, row, row->fit + target, RESULT_N_FIT, n_targets);
}

// |sum phi - (output - base)| of one target in double; true when it is over the limit.
static bool residual_over_limit(verifier *v, const part_row *row, size_t target)
{
    const double output = (double)row->outputs[target], base = (double)row->base_values[target];
    double sum = 0;
    for (size_t feature = 0; feature < row->n_features; feature++)
        sum += (double)row->values[feature * v->info->n_targets + target];
    const double residual = fabs(sum - (output - base));
    if (residual > v->report->max_residual)
        v->report->max_residual = residual;
    if (residual <= residual_limit * fmax(1, fmax(fabs(output), fabs(base))))
        return false;
    note_fault(v, row, "the attributions do not sum up to output - base value, difference", residual);
    return isfinite(residual);
}

static void check_row(verifier *v, const part_row *row)
{
    bool over = false;
    v->report->n_rows_with_status += row->status != 0;
    if (row->status & ASC_ROW_UNEXPLAINED) {
        v->report->n_unexplained++;
        return;
    }
    check_finite(v, row, row->scores, v->info->n_classes, 1);
    for (size_t target = 0; target < v->info->n_targets; target++) {
        if (row->targets[target] < 0)
            continue;
        check_target_finite(v, row, target);
        over |= v->shapley && residual_over_limit(v, row, target);
    }
    v->report->n_residual_over_limit += over;
}

static asc_status check_slice(verifier *v, asc_result *result, size_t first, hash_state *digest,
                              asc_error *err)
{
    asc_result_rows *rows = NULL;
    const part_shape shape = {(uint32_t)v->info->n_targets, (uint32_t)v->info->n_classes, v->info->has_lime ? RESULT_N_FIT : 0};
    const size_t left = v->info->n_rows - first;
    TRY(asc_result_read(result, first, left < ROWS_PER_SLICE ? left : ROWS_PER_SLICE, &rows, err));
    for (size_t i = 0; i < rows->n_rows; i++) {
        const part_row row = result_row(v->info, rows, i);
        part_row_digest(digest, &row, shape);
        check_row(v, &row);
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
                report->n_residual_over_limit, report->n_unexpected_nan, v->first_fault[0] ? "; first: " : "",
                v->first_fault);
}

asc_status result_verify_here(const char *path, asc_verify_report *report, asc_error *err)
{
    asc_result *result = NULL;
    *report = (asc_verify_report){0};
    TRY(result_open_here(path, &result, err));
    verifier v = {.info = asc_result_describe(result), .report = report};
    v.shapley = strcmp(v.info->method, "shapley") == 0;
    report->max_residual = v.shapley ? 0 : -1;
    // shap's regression gives none, and a single walk has no spread.
    v.has_errors = v.shapley && strcmp(v.info->estimator, "shap") != 0 && strcmp(v.info->estimator, "permutation") != 0;
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
