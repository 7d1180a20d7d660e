// See row_check.h.
#include "io/row_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double residual_limit = 1e-4; // of max(1, |output|, |base value|)

static void note_fault(row_check *check, const part_row *row, const char *what, double found)
{
    if (check->first_fault[0] == '\0')
        snprintf(check->first_fault, sizeof check->first_fault, "position %lld (id %llu): %s: %g",
                 (long long)row->position, (unsigned long long)row->id, what, found);
}

// Numbers that are not finite among the `count` values that lie `stride` apart.
static void check_finite(row_check *check, const part_row *row, const float *values, size_t count, size_t stride)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i * stride]))
            continue;
        check->report->n_unexpected_nan++;
        note_fault(check, row, "no finite number where the row has an answer", (double)values[i * stride]);
    }
}

static void check_target_finite(row_check *check, const part_row *row, size_t target)
{
    const size_t n_targets = check->shape.n_targets;
    check_finite(check, row, row->values + target, row->n_features, n_targets);
    if (check->has_errors && !(row->status & ASC_ROW_UNDER_DETERMINED))
        check_finite(check, row, row->std_errors + target, row->n_features, n_targets);
    check_finite(check, row, row->base_values + target, 1, 1);
    check_finite(check, row, row->outputs + target, 1, 1);
    check_finite(check, row, row->efficiency_residual + target, 1, 1);
    if (check->shape.n_fit && row->n_features > 0)
        check_finite(check, row, row->fit + target, check->shape.n_fit, n_targets);
}

// |sum phi - (output - base)| of one target in double; true when it is over the limit.
static bool residual_over_limit(row_check *check, const part_row *row, size_t target)
{
    const double output = (double)row->outputs[target], base = (double)row->base_values[target];
    double sum = 0;
    for (size_t feature = 0; feature < row->n_features; feature++)
        sum += (double)row->values[feature * check->shape.n_targets + target];
    const double residual = fabs(sum - (output - base));
    if (residual > check->report->max_residual)
        check->report->max_residual = residual;
    if (residual <= residual_limit * fmax(1, fmax(fabs(output), fabs(base))))
        return false;
    note_fault(check, row, "the attributions do not sum up to output - base value, difference", residual);
    return isfinite(residual);
}

void row_check_add(row_check *check, const part_row *row)
{
    bool over = false;
    check->report->n_rows_with_status += row->status != 0;
    if (row->status & ASC_ROW_UNEXPLAINED) {
        check->report->n_unexplained++;
        return;
    }
    check_finite(check, row, row->scores, check->shape.n_classes, 1);
    for (size_t target = 0; target < check->shape.n_targets; target++) {
        if (row->targets[target] < 0)
            continue;
        check_target_finite(check, row, target);
        over |= check->shapley && residual_over_limit(check, row, target);
    }
    check->report->n_residual_over_limit += over;
}

void row_check_begin(row_check *check, const char *method, const char *estimator, part_shape shape, asc_verify_report *report)
{
    *check = (row_check){.report = report, .shape = shape, .shapley = strcmp(method, "shapley") == 0};
    // shap's regression gives none, and a single walk has no spread.
    check->has_errors = check->shapley && strcmp(estimator, "shap") != 0 && strcmp(estimator, "permutation") != 0;
    report->max_residual = check->shapley ? 0 : -1;
}
