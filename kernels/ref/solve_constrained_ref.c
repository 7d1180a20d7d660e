// Weighted least squares under the efficiency constraint, as shap's KernelExplainer solves it (Lundberg & Lee, "A unified
// approach to interpreting model predictions", NIPS 2017).
//
// With y_s = v(S) - v(empty), total = v(all) - v(empty) and l the last selected feature:
//     minimise sum over s of w_s (y_s - z_sl total - sum over i of (z_si - z_sl) phi_i)^2,   phi_l = total - sum of the others.
// z_si - z_sl is 0, or for all i of one coalition the same sign, so that the normal matrix is a sum of weights alone.
//
// The selection runs on shap's augmented system: rows z with weight w (M - |S|) and target y, rows z - 1 with weight w |S| and
// target y - total.
#include "ref/solve_ref.h"

#include <math.h>
#include <string.h>

static const double smallest_phi = 1e-10; // below it phi becomes 0

// The places among `selected` of the features that are (or are not) in the mask.
static size_t list_features(const uint64_t *mask, bool present, const size_t *selected, size_t n_selected, size_t *list)
{
    size_t count = 0;
    for (size_t a = 0; a < n_selected; a++)
        if ((mask_has(mask, selected[a]) != 0) == present)
            list[count++] = a;
    return count;
}

static double target_value(const solve_row *row, size_t s, size_t k)
{
    const size_t n_targets = row->args->n_targets;
    return row->values[s * n_targets + k] - row->values[n_targets + k];
}

// Adds `weight` to every pair of listed places of the lower triangle of a [n, n].
static void add_pairs(double *a, size_t n, const size_t *list, size_t count, double weight)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++)
            a[list[i] * n + list[j]] += weight;
}

static void mirror(double *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            a[j * n + i] = a[i * n + j];
}

// ---- The fit ------------------------------------------------------------------------------------

// A range of targets that share one list of selected features.
typedef struct target_range {
    size_t first, count;
} target_range;

// Normal matrix [n, n] and right-hand sides [n, targets.count] of the n_selected - 1 features that stay.
static void make_normal(const solve_row *row, const solve_memory *memory, size_t n_selected, target_range targets)
{
    const size_t n = n_selected - 1, last = memory->selected[n], count = targets.count;
    memset(memory->gram, 0, n * n * sizeof *memory->gram);
    memset(memory->right, 0, n * count * sizeof *memory->right);
    for (size_t s = 2; s < row->n_coalitions; s++) {
        const uint64_t *mask = solve_mask(row, s);
        const bool has_last = mask_has(mask, last) != 0;
        const size_t n_listed = list_features(mask, !has_last, memory->selected, n, memory->listed);
        const double weight = row->weights[s];
        add_pairs(memory->gram, n, memory->listed, n_listed, weight);
        for (size_t k = 0; k < count; k++) {
            const double y = target_value(row, s, targets.first + k);
            const double total = target_value(row, 0, targets.first + k);
            const double share = has_last ? -weight * (y - total) : weight * y;
            for (size_t i = 0; i < n_listed; i++)
                memory->right[memory->listed[i] * count + k] += share;
        }
    }
    mirror(memory->gram, n);
}

static asc_status fit_selected(solve_row *row, const solve_memory *memory, size_t n_selected, target_range targets, asc_error *err)
{
    const size_t n_targets = row->args->n_targets, n = n_selected - 1, count = targets.count;
    bool deficient = false;
    make_normal(row, memory, n_selected, targets);
    TRY(solve_symmetric(n, memory->gram, memory->factor, count, memory->right, &deficient, err));
    row->deficient = row->deficient || deficient;
    for (size_t k = 0; k < count; k++) {
        double left = target_value(row, 0, targets.first + k);
        for (size_t i = 0; i <= n; i++) {
            const double phi = i < n ? memory->right[i * count + k] : left;
            left -= phi;
            row->phi[memory->selected[i] * n_targets + targets.first + k] = fabs(phi) < smallest_phi ? 0 : phi;
        }
    }
    return ASC_OK;
}

// ---- The selection ------------------------------------------------------------------------------

static void make_augmented_gram(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->args->n_features;
    for (size_t i = 0; i < n; i++)
        memory->selected[i] = i;
    memset(memory->path, 0, n * n * sizeof *memory->path);
    for (size_t s = 2; s < row->n_coalitions; s++) {
        const uint64_t *mask = solve_mask(row, s);
        const double weight = row->weights[s];
        const size_t size = list_features(mask, true, memory->selected, n, memory->listed);
        add_pairs(memory->path, n, memory->listed, size, weight * (double)(n - size));
        const size_t n_absent = list_features(mask, false, memory->selected, n, memory->listed);
        add_pairs(memory->path, n, memory->listed, n_absent, weight * (double)size);
    }
    mirror(memory->path, n);
}

static void make_augmented_xy(const solve_row *row, const solve_memory *memory, size_t k)
{
    const size_t n = row->args->n_features;
    const double total = target_value(row, 0, k);
    memset(memory->xy, 0, n * sizeof *memory->xy);
    for (size_t s = 2; s < row->n_coalitions; s++) {
        const uint64_t *mask = solve_mask(row, s);
        const double y = target_value(row, s, k), weight = row->weights[s];
        size_t size = 0;
        for (size_t i = 0; i < n; i++)
            size += mask_has(mask, i) != 0;
        for (size_t i = 0; i < n; i++)
            memory->xy[i] += mask_has(mask, i) ? weight * (double)(n - size) * y : -weight * (double)size * (y - total);
    }
}

static asc_status solve_selected(solve_row *row, const solve_memory *memory, asc_error *err)
{
    make_augmented_gram(row, memory);
    for (size_t k = 0; k < row->args->n_targets; k++) {
        make_augmented_xy(row, memory, k);
        const lars_problem problem = {
            .n = row->args->n_features,
            .gram = memory->path,
            .xy = memory->xy,
            .n_samples = 2 * row->n_draws,
            .n_selected = row->args->n_selected,
        };
        const size_t n_selected = lars_select(&problem, memory, memory->selected);
        if (n_selected > 0)
            TRY(fit_selected(row, memory, n_selected, (target_range){k, 1}, err));
    }
    return ASC_OK;
}

asc_status solve_constrained(solve_row *row, const solve_memory *memory, asc_error *err)
{
    const size_t n = row->args->n_features, n_targets = row->args->n_targets;
    memset(row->phi, 0, n * n_targets * sizeof *row->phi);
    if (row->args->selection == ASC_SELECT_LARS)
        return solve_selected(row, memory, err);
    for (size_t i = 0; i < n; i++)
        memory->selected[i] = i;
    return fit_selected(row, memory, n, (target_range){0, n_targets}, err);
}
