// See difference.h.
#include "bench/difference.h"

#include <ascribe/result.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

// The attributions of one class of a row: n of them, `stride` apart.
typedef struct column {
    const float *values, *other, *std_errors;
    size_t n, stride;
} column;

static double range_of(const column *c)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < c->n; i++) {
        const double value = (double)c->values[i * c->stride];
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    return high - low;
}

static bool add_column(difference *sum, const column *c)
{
    const double range = range_of(c);
    if (!(range > 0) || isinf(range))
        return false;
    for (size_t i = 0; i < c->n; i++) {
        const double apart = fabs((double)c->values[i * c->stride] - (double)c->other[i * c->stride]) / range;
        const double std_error = (double)c->std_errors[i * c->stride] / range;
        sum->largest = apart > sum->largest || isnan(apart) ? apart : sum->largest;
        sum->squares += apart * apart;
        sum->n_std_errors += isnan(std_error) ? 0 : 1;
        sum->std_error_squares += isnan(std_error) ? 0 : std_error * std_error;
    }
    sum->n_values += c->n;
    return true;
}

void difference_add(difference *sum, const explained *reference, const explained *other)
{
    const size_t n_targets = reference->n_targets;
    for (size_t row = 0; row < reference->n_rows; row++) {
        const part_row *a = &reference->rows[row], *b = &other->rows[row];
        const bool same_targets = memcmp(a->targets, b->targets, n_targets * sizeof *a->targets) == 0;
        bool compared = false;
        if ((a->status | b->status) & ASC_ROW_UNEXPLAINED || !same_targets)
            continue;
        for (size_t k = 0; k < n_targets; k++)
            compared |= add_column(sum, &(column){a->values + k, b->values + k, a->std_errors + k, a->n_features, n_targets});
        sum->n_rows += compared ? 1 : 0;
    }
}

double difference_rms(const difference *sum)
{
    return sqrt(sum->squares / (double)sum->n_values);
}

double difference_rms_std_error(const difference *sum)
{
    return sqrt(sum->std_error_squares / (double)sum->n_std_errors);
}
