// Weighted ridge regression with a free intercept and a selection of features, as lime fits it (Ribeiro, Singh, Guestrin,
// "Why should I trust you?", KDD 2016; LimeTextExplainer's feature selections and its last fit with penalty 1).
//
// Everything follows from the weighted, centred moments of features z and values y:
//     gram_ij = sum w (z_i - mean_i)(z_j - mean_j),  right_i = sum w (z_i - mean_i)(y - mean_y),  square = sum w (y - mean_y)^2
//     beta = (gram + penalty I)^-1 right over the selected features,  intercept = mean_y - sum of beta mean
//     R^2  = 1 - (square - 2 beta' right + beta' gram beta) / square
// Order: every sum over coalitions or features ascends.
#ifndef ASCRIBE_SOLVE_RIDGE_H
#define ASCRIBE_SOLVE_RIDGE_H

#include "solve/lars.h"
#include "solve/row.h"

// What one target adds to the moments of the features.
typedef struct target_moments {
    double mean, square;
} target_moments;

TEAM_FUNCTION double total_weight(const solve_row *row)
{
    double sum = 0;
    for (size_t s = 0; s < row->n_coalitions; s++)
        sum += row->weights[s];
    return sum;
}

TEAM_FUNCTION void make_gram(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->all->n_features, n_words = (row->n_coalitions + 63) / 64;
    const double total = total_weight(row);
    TEAM_FOR(i, 0, n) {
        double sum = 0;
        for (size_t w = 0; w < n_words; w++)
            sum = solve_add_shares(memory->columns[w * n + i], row->weights + w * 64, sum);
        memory->centre[i] = sum / total;
    }
    TEAM_SYNC();
    TEAM_FOR(at, 0, n * n) {
        const size_t i = at / n, j = at % n;
        double sum = 0;
        for (size_t w = 0; j <= i && w < n_words; w++)
            sum = solve_add_shares(memory->columns[w * n + i] & memory->columns[w * n + j], row->weights + w * 64, sum);
        if (j <= i)
            memory->gram[i * n + j] = memory->gram[j * n + i] = sum - total * memory->centre[i] * memory->centre[j];
    }
    TEAM_SYNC();
}

TEAM_FUNCTION target_moments make_right(const solve_row *row, const solve_memory *memory, size_t k)
{
    const size_t n = row->all->n_features, n_targets = row->all->n_targets, n_words = (row->n_coalitions + 63) / 64;
    target_moments found = {0, 0};
    for (size_t s = 0; s < row->n_coalitions; s++)
        found.mean += row->weights[s] * row->values[s * n_targets + k];
    found.mean /= total_weight(row);
    TEAM_FOR(s, 0, row->n_coalitions)
        memory->shares[s] = row->weights[s] * (row->values[s * n_targets + k] - found.mean);
    TEAM_SYNC();
    TEAM_FOR(i, 0, n) {
        double sum = 0;
        for (size_t w = 0; w < n_words; w++)
            sum = solve_add_shares(memory->columns[w * n + i], memory->shares + w * 64, sum);
        memory->xy[i] = sum;
    }
    for (size_t s = 0; s < row->n_coalitions; s++)
        found.square += memory->shares[s] * (row->values[s * n_targets + k] - found.mean);
    TEAM_SYNC();
    return found;
}

// beta [n_selected] of the selected features.
TEAM_FUNCTION solve_outcome fit_ridge(const solve_row *row, const solve_memory *memory, double penalty, size_t n_selected, bool *deficient)
{
    const size_t n = row->all->n_features;
    double *a = memory->path;
    TEAM_FOR(at, 0, n_selected * n_selected) {
        const size_t i = at / n_selected, j = at % n_selected;
        a[at] = memory->gram[memory->selected[i] * n + memory->selected[j]] + (i == j ? penalty : 0);
    }
    TEAM_FOR(i, 0, n_selected)
        memory->beta[i] = memory->xy[memory->selected[i]];
    TEAM_SYNC();
    return solve_symmetric(memory, n_selected, a, 1, memory->beta, deficient);
}

// Overwrites vectors.
TEAM_FUNCTION double score_fit(const solve_row *row, const solve_memory *memory, size_t n_selected, double square)
{
    const size_t n = row->all->n_features;
    double error = square;
    TEAM_FOR(i, 0, n_selected) {
        double fitted = 0;
        for (size_t j = 0; j < n_selected; j++)
            fitted += memory->gram[memory->selected[i] * n + memory->selected[j]] * memory->beta[j];
        memory->vectors[i] = fitted;
    }
    TEAM_SYNC();
    for (size_t i = 0; i < n_selected; i++)
        error += memory->beta[i] * (memory->vectors[i] - 2 * memory->xy[memory->selected[i]]);
    TEAM_SYNC();
    return square > 0 ? 1 - error / square : error <= 0;
}

// ---- Selections ---------------------------------------------------------------------------------

TEAM_FUNCTION bool is_selected(const solve_memory *memory, size_t n_selected, size_t feature)
{
    bool found = false;
    for (size_t i = 0; i < n_selected; i++)
        found = found || memory->selected[i] == feature;
    return found;
}

// The next of the selected features.
TEAM_FUNCTION void select_next(const solve_memory *memory, size_t n_selected, size_t feature)
{
    if (TEAM_LEADS)
        memory->selected[n_selected] = feature;
    TEAM_SYNC();
}

// Each turn takes the feature, the lowest on ties, that makes the largest R^2 with those taken before.
TEAM_FUNCTION solve_outcome select_forward(const solve_row *row, const solve_memory *memory, double square, size_t *n_selected)
{
    const size_t n = row->all->n_features;
    const size_t most = row->all->n_selected < n ? row->all->n_selected : n;
    for (size_t taken = 0; taken < most; taken++) {
        double best_score = -INFINITY;
        size_t best = 0;
        for (size_t feature = 0; feature < n; feature++) {
            bool deficient = false;
            if (is_selected(memory, taken, feature))
                continue;
            select_next(memory, taken, feature);
            const solve_outcome outcome = fit_ridge(row, memory, 0, taken + 1, &deficient);
            if (outcome != SOLVE_DONE)
                return outcome;
            const double score = score_fit(row, memory, taken + 1, square);
            if (score > best_score) {
                best_score = score;
                best = feature;
            }
        }
        select_next(memory, taken, best);
    }
    *n_selected = most;
    return SOLVE_DONE;
}

TEAM_FUNCTION solve_outcome select_highest(const solve_row *row, const solve_memory *memory, size_t *n_selected)
{
    const double penalty = 0.01; // of the fit whose largest coefficients are selected
    const size_t n = row->all->n_features;
    const size_t most = row->all->n_selected < n ? row->all->n_selected : n;
    double *size = memory->vectors;
    bool deficient = false;
    solve_select_all(row, memory);
    const solve_outcome outcome = fit_ridge(row, memory, penalty, n, &deficient);
    TEAM_FOR(i, 0, n)
        size[i] = fabs(memory->beta[i]);
    TEAM_SYNC();
    for (size_t taken = 0; TEAM_LEADS && taken < most; taken++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (size[i] > size[best])
                best = i;
        memory->selected[taken] = best;
        size[best] = -1;
    }
    TEAM_SYNC();
    *n_selected = most;
    return outcome;
}

TEAM_FUNCTION solve_outcome select_features(const solve_row *row, const solve_memory *memory, double square, size_t *n_selected)
{
    const solve_arrays *all = row->all;
    const lars_problem problem = {all->n_features, memory->gram, memory->xy, row->n_draws, all->n_selected, true};
    switch (all->selection) {
    case ASC_SELECT_FORWARD: return select_forward(row, memory, square, n_selected);
    case ASC_SELECT_HIGHEST: return select_highest(row, memory, n_selected);
    case ASC_SELECT_LASSO: *n_selected = lars_select(&problem, memory, memory->selected); return SOLVE_DONE;
    case ASC_SELECT_ALL:
    case ASC_SELECT_LARS: break;
    }
    solve_select_all(row, memory);
    *n_selected = all->n_features;
    return SOLVE_DONE;
}

// ---- One target, one row ------------------------------------------------------------------------

TEAM_FUNCTION void write_fit(const solve_row *row, const solve_memory *memory, size_t k, size_t n_selected, target_moments moments)
{
    const size_t n_targets = row->all->n_targets;
    const double score = score_fit(row, memory, n_selected, moments.square);
    double intercept = moments.mean, sum = 0;
    for (size_t i = 0; i < n_selected; i++) {
        intercept -= memory->beta[i] * memory->centre[memory->selected[i]];
        sum += memory->beta[i];
    }
    TEAM_FOR(i, 0, n_selected)
        row->phi[memory->selected[i] * n_targets + k] = memory->beta[i];
    if (TEAM_LEADS) {
        row->fit[k] = intercept;
        row->fit[n_targets + k] = score;
        row->fit[2 * n_targets + k] = intercept + sum;
    }
    TEAM_SYNC();
}

TEAM_FUNCTION solve_outcome solve_ridge(solve_row *row, const solve_memory *memory)
{
    const size_t n_targets = row->all->n_targets;
    bool deficient = false; // the penalty decides
    TEAM_FOR(i, 0, row->all->n_features * n_targets)
        row->phi[i] = 0;
    solve_fill_columns(row, memory);
    make_gram(row, memory);
    for (size_t k = 0; k < n_targets; k++) {
        size_t n_selected = 0;
        const target_moments moments = make_right(row, memory, k);
        solve_outcome outcome = select_features(row, memory, moments.square, &n_selected);
        if (outcome == SOLVE_DONE)
            outcome = fit_ridge(row, memory, row->all->ridge, n_selected, &deficient);
        if (outcome != SOLVE_DONE)
            return outcome;
        write_fit(row, memory, k, n_selected, moments);
    }
    return SOLVE_DONE;
}

#endif
