// Weighted least squares under the efficiency constraint, as shap's KernelExplainer solves it (Lundberg & Lee, "A unified
// approach to interpreting model predictions", NIPS 2017).
//
// With y_s = v(S) - v(empty), total = v(all) - v(empty) and l the last selected feature:
//     minimise sum over s of w_s (y_s - z_sl total - sum over i of (z_si - z_sl) phi_i)^2,   phi_l = total - sum of the others.
// z_si - z_sl is 0, or for all i of one coalition the same sign, so that the normal matrix is a sum of weights alone. Order: every sum over
// coalitions ascends.
//
// The selection runs on shap's augmented system: rows z with weight w (M - |S|) and target y, rows z - 1 with weight w |S| and
// target y - total.
#ifndef ASCRIBE_SOLVE_CONSTRAINED_H
#define ASCRIBE_SOLVE_CONSTRAINED_H

#include "solve/lars.h"
#include "solve/row.h"

TEAM_FUNCTION double target_value(const solve_row *row, size_t s, size_t k)
{
    const size_t n_targets = row->all->n_targets;
    return row->values[s * n_targets + k] - row->values[n_targets + k];
}

// Of the 64 coalitions of column word w: those that are no anchors.
TEAM_FUNCTION uint64_t own_coalitions(const solve_row *row, size_t w)
{
    const size_t room = row->n_coalitions - w * 64;
    const uint64_t there = room < 64 ? ((uint64_t)1 << room) - 1 : UINT64_MAX;
    return w == 0 ? there & ~(uint64_t)3 : there;
}

// Of the 64 coalitions of column word w: those where feature i is present and `last` is not, or the other way round.
TEAM_FUNCTION uint64_t differing(const solve_row *row, const solve_memory *memory, size_t w, size_t i, size_t last)
{
    const uint64_t *columns = memory->columns + w * row->all->n_features;
    return (columns[i] ^ columns[last]) & own_coalitions(row, w);
}

// ---- The fit ------------------------------------------------------------------------------------

// A range of targets that share one list of selected features.
typedef struct target_range {
    size_t first, count;
} target_range;

// Normal matrix [n, n] of the n_selected - 1 features that stay.
TEAM_FUNCTION void make_normal(const solve_row *row, const solve_memory *memory, size_t n_selected)
{
    const size_t n = n_selected - 1, last = memory->selected[n], n_words = (row->n_coalitions + 63) / 64;
    TEAM_FOR(at, 0, n * n) {
        const size_t i = at / n, j = at % n;
        double sum = 0;
        for (size_t w = 0; j <= i && w < n_words; w++)
            sum = solve_add_shares(differing(row, memory, w, memory->selected[i], last) & differing(row, memory, w, memory->selected[j], last),
                                   row->weights + w * 64, sum);
        if (j <= i)
            memory->gram[i * n + j] = memory->gram[j * n + i] = sum;
    }
    TEAM_SYNC();
}

// Column `at` of the right-hand sides [n_selected - 1, n_right], of target k.
TEAM_FUNCTION void make_right_column(const solve_row *row, const solve_memory *memory, size_t n_selected, target_range targets, size_t at)
{
    const size_t n = n_selected - 1, last = memory->selected[n], n_words = (row->n_coalitions + 63) / 64, k = targets.first + at;
    const double total = target_value(row, 0, k);
    TEAM_FOR(s, 2, row->n_coalitions) {
        const double y = target_value(row, s, k), weight = row->weights[s];
        memory->shares[s] = mask_has(solve_mask(row, s), last) ? -weight * (y - total) : weight * y;
    }
    TEAM_SYNC();
    TEAM_FOR(i, 0, n) {
        double sum = 0;
        for (size_t w = 0; w < n_words; w++)
            sum = solve_add_shares(differing(row, memory, w, memory->selected[i], last), memory->shares + w * 64, sum);
        memory->right[i * targets.count + at] = sum;
    }
    TEAM_SYNC();
}

TEAM_FUNCTION solve_outcome fit_selected(solve_row *row, const solve_memory *memory, size_t n_selected, target_range targets)
{
    const double smallest_phi = 1e-10; // below it phi becomes 0
    const size_t n_targets = row->all->n_targets, n = n_selected - 1, count = targets.count;
    make_normal(row, memory, n_selected);
    for (size_t k = 0; k < count; k++)
        make_right_column(row, memory, n_selected, targets, k);
    const solve_outcome outcome = solve_symmetric(memory, n, memory->gram, count, memory->right, &row->deficient);
    if (outcome != SOLVE_DONE)
        return outcome;
    TEAM_FOR(k, 0, count) {
        double left = target_value(row, 0, targets.first + k);
        for (size_t i = 0; i <= n; i++) {
            const double phi = i < n ? memory->right[i * count + k] : left;
            left -= phi;
            row->phi[memory->selected[i] * n_targets + targets.first + k] = fabs(phi) < smallest_phi ? 0 : phi;
        }
    }
    TEAM_SYNC();
    return SOLVE_DONE;
}

// ---- The selection ------------------------------------------------------------------------------

// What a coalition's rows z and z - 1 weigh in the augmented system: shares [2, S].
TEAM_FUNCTION void weigh_rows(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->all->n_features;
    TEAM_FOR(s, 2, row->n_coalitions) {
        size_t size = 0;
        for (size_t i = 0; i < n; i++)
            size += mask_has(solve_mask(row, s), i) != 0;
        memory->shares[s] = row->weights[s] * (double)(n - size);
        memory->shares[row->all->n_coalitions + s] = row->weights[s] * (double)size;
    }
    TEAM_SYNC();
}

TEAM_FUNCTION void make_augmented_gram(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->all->n_features, n_words = (row->n_coalitions + 63) / 64;
    const double *with = memory->shares, *without = with + row->all->n_coalitions;
    weigh_rows(row, memory);
    TEAM_FOR(at, 0, n * n) {
        const size_t i = at / n, j = at % n;
        double sum = 0;
        for (size_t w = 0; j <= i && w < n_words; w++) {
            const uint64_t a = memory->columns[w * n + i], b = memory->columns[w * n + j];
            for (uint64_t bits = ~(a ^ b) & own_coalitions(row, w); bits; bits &= bits - 1) {
                const size_t bit = TEAM_LOWEST_BIT(bits);
                sum += (a >> bit & 1 ? with : without)[w * 64 + bit];
            }
        }
        if (j <= i)
            memory->path[i * n + j] = memory->path[j * n + i] = sum;
    }
    TEAM_SYNC();
}

TEAM_FUNCTION void make_augmented_xy(const solve_row *row, const solve_memory *memory, size_t k)
{
    const size_t n = row->all->n_features;
    const double *with = memory->shares, *without = with + row->all->n_coalitions;
    const double total = target_value(row, 0, k);
    weigh_rows(row, memory); // the fit of the target before has overwritten them
    TEAM_FOR(i, 0, n) {
        double sum = 0;
        for (size_t s = 2; s < row->n_coalitions; s++) {
            const double y = target_value(row, s, k);
            sum += mask_has(solve_mask(row, s), i) ? with[s] * y : -without[s] * (y - total);
        }
        memory->xy[i] = sum;
    }
    TEAM_SYNC();
}

TEAM_FUNCTION solve_outcome solve_selected(solve_row *row, const solve_memory *memory)
{
    make_augmented_gram(row, memory);
    for (size_t k = 0; k < row->all->n_targets; k++) {
        make_augmented_xy(row, memory, k);
        const lars_problem problem = {row->all->n_features, memory->path, memory->xy, 2 * row->n_draws, row->all->n_selected, false};
        const target_range one = {k, 1};
        const size_t n_selected = lars_select(&problem, memory, memory->selected);
        const solve_outcome outcome = n_selected > 0 ? fit_selected(row, memory, n_selected, one) : SOLVE_DONE;
        if (outcome != SOLVE_DONE)
            return outcome;
    }
    return SOLVE_DONE;
}

TEAM_FUNCTION solve_outcome solve_constrained(solve_row *row, const solve_memory *memory)
{
    const size_t n = row->all->n_features, n_targets = row->all->n_targets;
    const target_range every = {0, n_targets};
    TEAM_FOR(i, 0, n * n_targets)
        row->phi[i] = 0;
    solve_fill_columns(row, memory);
    if (row->all->selection == ASC_SELECT_LARS)
        return solve_selected(row, memory);
    solve_select_all(row, memory);
    return fit_selected(row, memory, n, every);
}

#endif
