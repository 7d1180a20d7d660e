// Weighted ridge regression with a free intercept and a selection of features, as lime fits it (Ribeiro, Singh, Guestrin,
// "Why should I trust you?", KDD 2016; LimeTextExplainer's feature selections and its last fit with penalty 1).
//
// Everything follows from the weighted, centred moments of features z and values y:
//     gram_ij = sum w (z_i - mean_i)(z_j - mean_j),  right_i = sum w (z_i - mean_i)(y - mean_y),  square = sum w (y - mean_y)^2
//     beta = (gram + penalty I)^-1 right over the selected features,  intercept = mean_y - sum of beta mean
//     R^2  = 1 - (square - 2 beta' right + beta' gram beta) / square
#include "ref/solve_ref.h"

#include <math.h>
#include <string.h>

static const double highest_penalty = 0.01; // of the fit whose largest coefficients are selected

// What one target adds to the moments of the features.
typedef struct target_moments {
    double mean, square;
} target_moments;

static void make_gram(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->args->n_features;
    double sum = 0;
    memset(memory->gram, 0, n * n * sizeof *memory->gram);
    memset(memory->centre, 0, n * sizeof *memory->centre);
    for (size_t s = 0; s < row->n_coalitions; s++) {
        const uint64_t *mask = solve_mask(row, s);
        const double weight = row->weights[s];
        size_t n_listed = 0;
        for (size_t i = 0; i < n; i++)
            if (mask_has(mask, i))
                memory->listed[n_listed++] = i;
        for (size_t a = 0; a < n_listed; a++) {
            memory->centre[memory->listed[a]] += weight;
            for (size_t b = 0; b <= a; b++)
                memory->gram[memory->listed[a] * n + memory->listed[b]] += weight;
        }
        sum += weight;
    }
    for (size_t i = 0; i < n; i++)
        memory->centre[i] /= sum;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            memory->gram[i * n + j] -= sum * memory->centre[i] * memory->centre[j];
            memory->gram[j * n + i] = memory->gram[i * n + j];
        }
}

static target_moments make_right(const solve_row *row, const solve_memory *memory, size_t k)
{
    const size_t n = row->args->n_features, n_targets = row->args->n_targets;
    target_moments found = {0};
    double sum = 0;
    for (size_t s = 0; s < row->n_coalitions; s++) {
        sum += row->weights[s];
        found.mean += row->weights[s] * row->values[s * n_targets + k];
    }
    found.mean /= sum;
    memset(memory->xy, 0, n * sizeof *memory->xy);
    for (size_t s = 0; s < row->n_coalitions; s++) {
        const uint64_t *mask = solve_mask(row, s);
        const double from_mean = row->values[s * n_targets + k] - found.mean;
        const double weighted = row->weights[s] * from_mean;
        for (size_t i = 0; i < n; i++)
            if (mask_has(mask, i))
                memory->xy[i] += weighted;
        found.square += weighted * from_mean;
    }
    return found;
}

// beta [n_selected] of the selected features.
static asc_status fit_ridge(const solve_row *row, const solve_memory *memory, double penalty, size_t n_selected, bool *deficient,
                            asc_error *err)
{
    const size_t n = row->args->n_features;
    double *a = memory->path;
    for (size_t i = 0; i < n_selected; i++) {
        for (size_t j = 0; j < n_selected; j++)
            a[i * n_selected + j] = memory->gram[memory->selected[i] * n + memory->selected[j]] + (i == j ? penalty : 0);
        memory->beta[i] = memory->xy[memory->selected[i]];
    }
    return solve_symmetric(n_selected, a, memory->factor, 1, memory->beta, deficient, err);
}

static double score_fit(const solve_row *row, const solve_memory *memory, size_t n_selected, double square)
{
    const size_t n = row->args->n_features;
    double error = square;
    for (size_t i = 0; i < n_selected; i++) {
        double fitted = 0;
        for (size_t j = 0; j < n_selected; j++)
            fitted += memory->gram[memory->selected[i] * n + memory->selected[j]] * memory->beta[j];
        error += memory->beta[i] * (fitted - 2 * memory->xy[memory->selected[i]]);
    }
    return square > 0 ? 1 - error / square : error <= 0;
}

// ---- Selections ---------------------------------------------------------------------------------

// Each turn takes the feature, the lowest on ties, that makes the largest R^2 with those taken before.
static asc_status select_forward(const solve_row *row, const solve_memory *memory, double square, size_t *n_selected, asc_error *err)
{
    const size_t n = row->args->n_features;
    const size_t most = row->args->n_selected < n ? row->args->n_selected : n;
    for (size_t taken = 0; taken < most; taken++) {
        double best_score = -INFINITY;
        size_t best = 0;
        for (size_t feature = 0; feature < n; feature++) {
            bool used = false, deficient = false;
            for (size_t i = 0; i < taken; i++)
                used = used || memory->selected[i] == feature;
            if (used)
                continue;
            memory->selected[taken] = feature;
            TRY(fit_ridge(row, memory, 0, taken + 1, &deficient, err));
            const double score = score_fit(row, memory, taken + 1, square);
            if (score > best_score) {
                best_score = score;
                best = feature;
            }
        }
        memory->selected[taken] = best;
    }
    *n_selected = most;
    return ASC_OK;
}

static asc_status select_highest(const solve_row *row, const solve_memory *memory, size_t *n_selected, asc_error *err)
{
    const size_t n = row->args->n_features;
    const size_t most = row->args->n_selected < n ? row->args->n_selected : n;
    bool deficient = false;
    for (size_t i = 0; i < n; i++)
        memory->selected[i] = i;
    TRY(fit_ridge(row, memory, highest_penalty, n, &deficient, err));
    double *size = memory->vectors;
    for (size_t i = 0; i < n; i++)
        size[i] = fabs(memory->beta[i]);
    for (size_t taken = 0; taken < most; taken++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (size[i] > size[best])
                best = i;
        memory->selected[taken] = best;
        size[best] = -1;
    }
    *n_selected = most;
    return ASC_OK;
}

static asc_status select_features(const solve_row *row, const solve_memory *memory, double square, size_t *n_selected, asc_error *err)
{
    const solve_args *args = row->args;
    const lars_problem problem = {args->n_features, memory->gram, memory->xy, row->n_draws, args->n_selected, true};
    switch (args->selection) {
    case ASC_SELECT_FORWARD: return select_forward(row, memory, square, n_selected, err);
    case ASC_SELECT_HIGHEST: return select_highest(row, memory, n_selected, err);
    case ASC_SELECT_LASSO: *n_selected = lars_select(&problem, memory, memory->selected); return ASC_OK;
    case ASC_SELECT_ALL:
    case ASC_SELECT_LARS: break;
    }
    for (size_t i = 0; i < args->n_features; i++)
        memory->selected[i] = i;
    *n_selected = args->n_features;
    return ASC_OK;
}

asc_status solve_ridge(solve_row *row, const solve_memory *memory, asc_error *err)
{
    const size_t n_targets = row->args->n_targets;
    bool deficient = false;
    make_gram(row, memory);
    memset(row->phi, 0, row->args->n_features * n_targets * sizeof *row->phi);
    for (size_t k = 0; k < n_targets; k++) {
        size_t n_selected = 0;
        const target_moments moments = make_right(row, memory, k);
        TRY(select_features(row, memory, moments.square, &n_selected, err));
        TRY(fit_ridge(row, memory, row->args->ridge, n_selected, &deficient, err));
        double intercept = moments.mean, sum = 0;
        for (size_t i = 0; i < n_selected; i++) {
            intercept -= memory->beta[i] * memory->centre[memory->selected[i]];
            sum += memory->beta[i];
            row->phi[memory->selected[i] * n_targets + k] = memory->beta[i];
        }
        row->fit[k] = intercept;
        row->fit[n_targets + k] = score_fit(row, memory, n_selected, moments.square);
        row->fit[2 * n_targets + k] = intercept + sum;
    }
    return ASC_OK;
}
