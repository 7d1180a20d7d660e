// solve: rows with designs of their own, each by itself. See backend.h.
#ifndef ASCRIBE_SOLVE_ROWS_H
#define ASCRIBE_SOLVE_ROWS_H

#include "solve/constrained.h"
#include "solve/ridge.h"
#include "solve/walks.h"

TEAM_FUNCTION solve_row solve_open_row(const solve_arrays *all, size_t r)
{
    const size_t n_values = all->n_features * all->n_targets, first = r * all->n_coalitions;
    solve_row row;
    row.all = all;
    row.n_coalitions = (size_t)all->counts[r];
    row.n_draws = all->n_draws ? (size_t)all->n_draws[r] : 0;
    row.masks = all->masks + first * all->n_words;
    row.weights = all->weights ? all->weights + first : NULL;
    row.values = all->values + first * all->n_targets;
    row.phi = all->phi + r * n_values;
    row.std_errors = all->std_errors + r * n_values;
    row.fit = all->fit ? all->fit + r * 3 * all->n_targets : NULL;
    row.deficient = false;
    return row;
}

TEAM_FUNCTION bool solve_all_finite(const solve_row *row, const solve_memory *memory)
{
    if (TEAM_LEADS)
        *memory->flag = 0;
    TEAM_SYNC();
    TEAM_FOR(i, 0, row->n_coalitions * row->all->n_targets)
        if (!isfinite(row->values[i]))
            *memory->flag = 1;
    TEAM_SYNC();
    const bool finite = *memory->flag == 0;
    TEAM_SYNC();
    return finite;
}

TEAM_FUNCTION solve_outcome solve_by_kind(solve_row *row, const solve_memory *memory)
{
    switch (row->all->kind) {
    case ASC_SOLVE_WALKS: return solve_walks(row, memory);
    case ASC_SOLVE_CONSTRAINED: return solve_constrained(row, memory);
    case ASC_SOLVE_RIDGE: return solve_ridge(row, memory);
    }
    return SOLVE_DONE;
}

// Row r; counts[r] is at least 2 and at most S.
TEAM_FUNCTION solve_outcome solve_one(const solve_arrays *all, size_t r, const solve_memory *memory)
{
    const size_t n_targets = all->n_targets, n_values = all->n_features * n_targets;
    solve_row row = solve_open_row(all, r);
    solve_outcome outcome = SOLVE_DONE;
    const bool finite = solve_all_finite(&row, memory);
    TEAM_FOR(i, 0, 2 * n_targets) // coalitions 0 and 1: all and empty
        all->anchors[r * 2 * n_targets + i] = row.values[i];
    TEAM_FOR(i, 0, n_values)
        row.phi[i] = row.std_errors[i] = (double)NAN;
    TEAM_FOR(i, 0, row.fit ? 3 * n_targets : 0)
        row.fit[i] = (double)NAN;
    TEAM_SYNC();
    if (finite)
        outcome = solve_by_kind(&row, memory);
    if (TEAM_LEADS) {
        all->finite[r] = finite;
        all->deficient[r] = row.deficient;
    }
    TEAM_SYNC();
    return outcome;
}

#endif
