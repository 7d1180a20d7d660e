// The antithetic walks: Castro, Gomez, Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers & Operations
// Research 36 (2009); each order walked forward and backward: Mitchell et al., "Sampling permutations for Shapley value estimation", JMLR
// 23 (2022).
#ifndef ASCRIBE_SOLVE_WALKS_H
#define ASCRIBE_SOLVE_WALKS_H

#include "solve/row.h"

// The feature that a walk's prefix number j adds to the one before; n when it adds none, several, or takes one away.
TEAM_FUNCTION size_t walk_feature(const solve_row *row, size_t first, size_t j)
{
    const size_t n = row->all->n_features, n_words = row->all->n_words;
    size_t n_new = 0, feature = n;
    for (size_t w = 0; w < n_words; w++) {
        const uint64_t before = j == 0 ? 0 : solve_mask(row, first + 2 * (j - 1))[w];
        const uint64_t now = j == n - 1 ? row->masks[w] : solve_mask(row, first + 2 * j)[w];
        if (before & ~now)
            return n;
        for (uint64_t added = now & ~before; added; added &= added - 1, n_new++)
            feature = w * ASC_MASK_BITS + TEAM_LOWEST_BIT(added);
    }
    return n_new == 1 && feature < n ? feature : n;
}

// The order of a walk from its prefixes; false when they are none.
TEAM_FUNCTION bool read_order(const solve_row *row, const solve_memory *memory, size_t first)
{
    const size_t n = row->all->n_features;
    if (TEAM_LEADS)
        *memory->flag = 0;
    TEAM_SYNC();
    TEAM_FOR(j, 0, n) {
        memory->order[j] = walk_feature(row, first, j);
        if (memory->order[j] == n)
            *memory->flag = 1;
    }
    TEAM_SYNC();
    return *memory->flag == 0;
}

// Value of the walk's j-th prefix (j = 0 ... n), or of its complement.
TEAM_FUNCTION double walk_value(const solve_row *row, size_t first, size_t j, size_t side, size_t k)
{
    const size_t n = row->all->n_features, n_targets = row->all->n_targets;
    size_t coalition = first + 2 * (j - 1) + side;
    if (j == 0 || j == n)
        coalition = (j == n) == (side == 0) ? 0 : 1;
    return row->values[coalition * n_targets + k];
}

// What the walk's j-th step says of target k.
TEAM_FUNCTION void add_step(const solve_row *row, const solve_memory *memory, size_t first, size_t j, size_t k, double n_walks)
{
    const size_t at = memory->order[j] * row->all->n_targets + k;
    const double forward = walk_value(row, first, j + 1, 0, k) - walk_value(row, first, j, 0, k);
    const double backward = walk_value(row, first, j, 1, k) - walk_value(row, first, j + 1, 1, k);
    const double found = (forward + backward) / 2;
    // Welford's update: mean in phi, sum of squared deviations in std_errors.
    const double from_mean = found - row->phi[at];
    row->phi[at] += from_mean / n_walks;
    row->std_errors[at] += from_mean * (found - row->phi[at]);
}

TEAM_FUNCTION solve_outcome solve_walks(const solve_row *row, const solve_memory *memory)
{
    const size_t n = row->all->n_features, n_targets = row->all->n_targets, n_values = n * n_targets, length = 2 * (n - 1);
    const size_t n_walks = length ? (row->n_coalitions - 2) / length : 1;
    if (n_walks == 0 || 2 + n_walks * length != row->n_coalitions)
        return SOLVE_NO_WHOLE_WALKS;
    TEAM_FOR(i, 0, n_values)
        row->phi[i] = row->std_errors[i] = 0;
    for (size_t walk = 0; walk < n_walks; walk++) {
        const size_t first = 2 + walk * length;
        if (!read_order(row, memory, first))
            return SOLVE_NO_WALK;
        TEAM_FOR(i, 0, n_values)
            add_step(row, memory, first, i / n_targets, i % n_targets, (double)(walk + 1));
        TEAM_SYNC();
    }
    const double freedom = (double)(n_walks - 1) * (double)n_walks;
    TEAM_FOR(i, 0, n_values)
        row->std_errors[i] = n_walks > 1 ? sqrt(row->std_errors[i] / freedom) : (double)NAN;
    return SOLVE_DONE;
}

#endif
