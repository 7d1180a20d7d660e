// See explained.h.
#include "explain/explained.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void lay_out(explained *results, const asc_rows *rows)
{
    const size_t n_targets = results->n_targets, n_classes = results->n_classes;
    float *next = results->floats;
    for (size_t row = 0; row < results->n_rows; row++) {
        const size_t n_features = (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]);
        explained_row *into = &results->into[row];
        into->values = next;
        into->std_errors = into->values + n_features * n_targets;
        into->base_values = into->std_errors + n_features * n_targets;
        into->outputs = into->base_values + n_targets;
        into->efficiency_residual = into->outputs + n_targets;
        into->scores = into->efficiency_residual + n_targets;
        into->targets = results->targets + row * n_targets;
        into->fit = into->scores + n_classes;
        next = into->fit + results->n_fit * n_targets;
        results->rows[row] = (part_row){
            .id = rows->id[row],
            .position = rows->first + (int64_t)row,
            .n_features = (uint32_t)n_features,
            .values = into->values,
            .std_errors = into->std_errors,
            .base_values = into->base_values,
            .outputs = into->outputs,
            .efficiency_residual = into->efficiency_residual,
            .targets = into->targets,
            .scores = into->scores,
            .fit = into->fit,
        };
    }
}

asc_status explained_create(const asc_rows *rows, explained_shape shape, explained **out, asc_error *err)
{
    const size_t n_rows = rows->n_rows, n_features = (size_t)rows->feature_offsets[n_rows], n_targets = shape.n_targets;
    const size_t n_floats = 2 * n_features * n_targets + n_rows * ((3 + shape.n_fit) * n_targets + shape.n_classes);
    explained *results = calloc(1, sizeof *results);
    if (results) {
        *results = (explained){.n_rows = n_rows, .n_targets = n_targets, .n_classes = shape.n_classes, .n_fit = shape.n_fit};
        results->rows = calloc(n_rows + 1, sizeof *results->rows);
        results->into = calloc(n_rows + 1, sizeof *results->into);
        results->floats = malloc((n_floats + 1) * sizeof *results->floats);
        results->targets = malloc((n_rows * n_targets + 1) * sizeof *results->targets);
    }
    if (!results || !results->rows || !results->into || !results->floats || !results->targets) {
        explained_free(results);
        return fail_memory(err, "the results of a part", n_floats * sizeof(float));
    }
    for (size_t i = 0; i < n_floats; i++)
        results->floats[i] = NAN;
    for (size_t i = 0; i < n_rows * n_targets; i++)
        results->targets[i] = -1;
    lay_out(results, rows);
    *out = results;
    return ASC_OK;
}

void explained_copy_row(explained *to, const explained *from, size_t row)
{
    const size_t n_targets = to->n_targets;
    const size_t n_floats = 2 * to->rows[row].n_features * n_targets + (3 + to->n_fit) * n_targets + to->n_classes;
    memcpy(to->into[row].values, from->into[row].values, n_floats * sizeof(float)); // the row's floats stand in a row: lay_out
    memcpy(to->into[row].targets, from->into[row].targets, n_targets * sizeof(int32_t));
    to->rows[row].status = from->rows[row].status;
    to->rows[row].evaluations = from->rows[row].evaluations;
}

void explained_free(explained *results)
{
    if (!results)
        return;
    free(results->targets);
    free(results->floats);
    free(results->into);
    free(results->rows);
    free(results);
}
