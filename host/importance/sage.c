// See sage.h.
#include "importance/sage.h"

#include <math.h>
#include <stdlib.h>

asc_status sage_create(size_t n_groups, sage_sums *out, asc_error *err)
{
    *out = (sage_sums){.n_groups = n_groups};
    double **const arrays[] = {&out->exact.sum, &out->exact.squares, &out->sampled.sum, &out->sampled.squares, &out->spread};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = calloc(n_groups, sizeof **arrays[i]);
        if (!*arrays[i])
            return fail_memory(err, "sums of groups", n_groups * sizeof **arrays[i]);
    }
    out->n_rows = calloc(n_groups, sizeof *out->n_rows);
    return out->n_rows ? ASC_OK : fail_memory(err, "sums of groups", n_groups * sizeof *out->n_rows);
}

void sage_free(sage_sums *sums)
{
    free(sums->exact.sum);
    free(sums->exact.squares);
    free(sums->sampled.sum);
    free(sums->sampled.squares);
    free(sums->spread);
    free(sums->n_rows);
    *sums = (sage_sums){0};
}

void sage_add(sage_sums *sums, const sage_row *row)
{
    sage_part *part = row->exact ? &sums->exact : &sums->sampled;
    for (size_t i = 0; i < row->n_players; i++) {
        const size_t group = row->groups[i];
        const double value = 0.5 * (row->first[i] + row->second[i]), half = 0.5 * (row->first[i] - row->second[i]);
        part->sum[group] += value;
        part->squares[group] += value * value;
        sums->spread[group] += half * half;
        sums->n_rows[group] += sums->n_visits == 0;
    }
    part->loss_full += row->loss_full;
    part->loss_empty += row->loss_empty;
    part->n_rows++;
}

// A sum over the rows of one visit: enumerated rows, and the mean over visits of the others.
static double of_visit(const sage_sums *sums, double exact, double sampled)
{
    return exact + sampled / (double)(sums->n_visits ? sums->n_visits : 1);
}

double sage_n_rows(const sage_sums *sums)
{
    return of_visit(sums, (double)sums->exact.n_rows, (double)sums->sampled.n_rows);
}

double sage_loss_full(const sage_sums *sums)
{
    return of_visit(sums, sums->exact.loss_full, sums->sampled.loss_full) / sage_n_rows(sums);
}

double sage_loss_empty(const sage_sums *sums)
{
    return of_visit(sums, sums->exact.loss_empty, sums->sampled.loss_empty) / sage_n_rows(sums);
}

sage_value sage_estimate(const sage_sums *sums, size_t group)
{
    const double n = sage_n_rows(sums), visits = (double)(sums->n_visits ? sums->n_visits : 1);
    const double value = of_visit(sums, sums->exact.sum[group], sums->sampled.sum[group]) / n;
    const double squares = of_visit(sums, sums->exact.squares[group], sums->sampled.squares[group]);
    const double one_visit = of_visit(sums, 0, sums->spread[group]) / n; // d of sage.h
    const double sampling = one_visit / (n * visits);
    const double rows = fmax((squares / n - value * value) * n / (n - 1) - one_visit, 0) / n; // of the rows' own values
    return (sage_value){value, sqrt(sampling), n > 1 ? sqrt(rows + sampling) : NAN};
}

double sage_ratio(const sage_sums *sums)
{
    const double least_range = 1e-12; // the sage package's own
    const size_t n_groups = sums->n_groups > 1 ? sums->n_groups - 1 : 1; // the rest is the last one
    double most = -INFINITY, least = INFINITY, error = 0;
    for (size_t group = 0; group < n_groups; group++) {
        const sage_value value = sage_estimate(sums, group);
        most = fmax(most, value.value);
        least = fmin(least, value.value);
        error = fmax(error, value.sampling_error);
    }
    return error / fmax(most - least, least_range);
}
