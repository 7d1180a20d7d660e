// Least angle regression and the lasso path (Efron, Hastie, Johnstone, Tibshirani, "Least angle regression", Annals of
// Statistics 32, 2004), from the Gram matrix X'X and the correlations X'y.
//
// shap and lime call scikit-learn's lars_path, so the path here takes its decisions: where it stops (the largest
// correlation per sample at most the float epsilon; more steps than allowed; correlations that rise again), the
// rounding of correlations with the direction to 15 decimals, what a degenerate feature does, and that under plain least angle
// regression a coefficient that changes its sign costs the next step its new feature.
#ifndef ASCRIBE_SOLVE_LARS_H
#define ASCRIBE_SOLVE_LARS_H

#include "solve/row.h"

#include <float.h>

typedef struct lars_problem {
    size_t n;           // features
    const double *gram; // [n, n] X'X
    const double *xy;   // [n] X'y
    size_t n_samples;   // rows of X: the path ends where the largest |correlation| / n_samples is below 1.2e-7
    size_t n_selected;
    bool lasso; // features may leave; the path goes on to its end
} lars_problem;

// Places 0 ... n_active - 1 of `order` are the active features in the order of their coming; cov [n] goes by place.
typedef struct lars_state {
    const lars_problem *problem;
    size_t n_active, n_steps, most_steps;
    size_t *order;
    double *factor;    // [n, n] lower Cholesky factor of the active features' Gram matrix
    double *cov;       // [n] correlations with the residual, right for the places that are not active
    double *coef;      // [n] by feature: of the last point
    double *sign;      // [n] by active place
    double *direction; // [n] by active place
    double *along;     // [n] by place: correlation with the equiangular direction
    bool changed_sign;
} lars_state;

TEAM_FUNCTION double lars_gram(const lars_state *s, size_t place, size_t other)
{
    return s->problem->gram[s->order[place] * s->problem->n + s->order[other]];
}

// One member's.
TEAM_FUNCTION void swap_places(lars_state *s, size_t a, size_t b)
{
    const size_t feature = s->order[a];
    s->order[a] = s->order[b];
    s->order[b] = feature;
}

// One member's.
TEAM_FUNCTION void swap_cov(lars_state *s, size_t a, size_t b)
{
    const double cov = s->cov[a];
    s->cov[a] = s->cov[b];
    s->cov[b] = cov;
}

// Row `place` of the factor from the rows above it; returns its diagonal element.
TEAM_FUNCTION double factor_row(lars_state *s, size_t place)
{
    const size_t n = s->problem->n;
    double *row = s->factor + place * n, sum = 0;
    TEAM_FOR(j, 0, place)
        row[j] = lars_gram(s, place, j);
    TEAM_SYNC();
    for (size_t j = 0; j < place; j++) {
        if (TEAM_LEADS)
            row[j] /= s->factor[j * n + j];
        TEAM_SYNC();
        TEAM_FOR(i, j + 1, place)
            row[i] -= row[j] * s->factor[i * n + j];
        TEAM_SYNC();
    }
    for (size_t j = 0; j < place; j++)
        sum += row[j] * row[j];
    const double diagonal = fmax(sqrt(fabs(lars_gram(s, place, place) - sum)), DBL_EPSILON);
    if (TEAM_LEADS)
        row[place] = diagonal;
    TEAM_SYNC();
    return diagonal;
}

TEAM_FUNCTION size_t largest_cov(const lars_state *s)
{
    size_t best = s->n_active;
    for (size_t p = best + 1; p < s->problem->n; p++)
        if (fabs(s->cov[p]) > fabs(s->cov[best]))
            best = p;
    return best;
}

// The feature at `place` becomes active; false when it is a combination of those that are.
TEAM_FUNCTION bool add_feature(lars_state *s, size_t place)
{
    const size_t at = s->n_active;
    TEAM_SYNC(); // all have read cov
    if (TEAM_LEADS) {
        s->sign[at] = (s->cov[place] > 0) - (s->cov[place] < 0);
        swap_cov(s, place, at);
        swap_places(s, place, at);
    }
    TEAM_SYNC();
    const bool independent = !(factor_row(s, at) < 1e-7);
    if (TEAM_LEADS && !independent) {
        s->cov[at] = 0;
        swap_cov(s, place, at);
    }
    TEAM_SYNC();
    s->n_active += independent;
    return independent;
}

// direction = what the factor makes of the signs, before scaling.
TEAM_FUNCTION void solve_signs(lars_state *s)
{
    const size_t n = s->problem->n, n_active = s->n_active;
    double *x = s->direction;
    TEAM_FOR(i, 0, n_active)
        x[i] = s->sign[i];
    TEAM_SYNC();
    for (size_t j = 0; j < n_active; j++) {
        if (TEAM_LEADS)
            x[j] /= s->factor[j * n + j];
        TEAM_SYNC();
        TEAM_FOR(i, j + 1, n_active)
            x[i] -= s->factor[i * n + j] * x[j];
        TEAM_SYNC();
    }
    for (size_t i = n_active; TEAM_LEADS && i-- > 0;) { // ascending in j: not for a team
        for (size_t j = i + 1; j < n_active; j++)
            x[i] -= s->factor[j * n + i] * x[j];
        x[i] /= s->factor[i * n + i];
    }
    TEAM_SYNC();
}

// direction = the equiangular one; returns its scale, 0 when the factor does not give one.
TEAM_FUNCTION double find_direction(lars_state *s)
{
    const size_t n = s->problem->n, n_active = s->n_active;
    double *x = s->direction, sum = 0;
    solve_signs(s);
    for (size_t i = 0; i < n_active; i++)
        sum += x[i] * s->sign[i];
    TEAM_SYNC();
    if (!(sum > 0) || !isfinite(sum))
        return 0;
    const double scale = 1 / sqrt(sum);
    TEAM_FOR(i, 0, n_active)
        x[i] *= scale;
    TEAM_SYNC();
    TEAM_FOR(p, n_active, n) {
        double along = 0;
        for (size_t i = 0; i < n_active; i++)
            along += lars_gram(s, p, i) * x[i];
        s->along[p] = rint(along * 1e15) / 1e15;
    }
    TEAM_SYNC();
    return scale;
}

TEAM_FUNCTION double smaller_positive(double found, double candidate)
{
    return candidate > 0 && candidate < found ? candidate : found;
}

// How far to go: until another feature is as correlated as the active ones, or nothing is left to explain.
TEAM_FUNCTION double step_length(const lars_state *s, double largest, double scale)
{
    double length = DBL_MAX;
    for (size_t p = s->n_active; p < s->problem->n; p++) {
        length = smaller_positive(length, (largest - s->cov[p]) / (scale - s->along[p] + (double)FLT_MIN));
        length = smaller_positive(length, (largest + s->cov[p]) / (scale + s->along[p] + (double)FLT_MIN));
    }
    return fmin(length, largest / scale);
}

// The lasso's feature at `place` leaves.
TEAM_FUNCTION void drop_feature(lars_state *s, size_t place)
{
    const lars_problem *problem = s->problem;
    s->n_active--;
    for (size_t p = place; TEAM_LEADS && p < s->n_active; p++) {
        swap_places(s, p, p + 1);
        s->sign[p] = s->sign[p + 1];
    }
    TEAM_SYNC();
    for (size_t p = place; p < s->n_active; p++)
        factor_row(s, p);
    const size_t feature = s->order[s->n_active];
    double cov = problem->xy[feature];
    for (size_t i = 0; i < s->n_active; i++)
        cov -= problem->gram[feature * problem->n + s->order[i]] * s->coef[s->order[i]];
    if (TEAM_LEADS)
        s->cov[s->n_active] = cov;
    TEAM_SYNC();
}

// One step along the direction; the coefficients are those of the new point afterwards.
TEAM_FUNCTION void take_step(lars_state *s, double largest, double scale)
{
    double length = step_length(s, largest, scale), until_change = DBL_MAX;
    size_t place = s->n_active;
    for (size_t i = 0; i < s->n_active; i++) {
        const double candidate = -s->coef[s->order[i]] / (s->direction[i] + (double)FLT_MIN);
        if (candidate > 0 && candidate <= until_change) {
            until_change = candidate;
            place = i;
        }
    }
    s->changed_sign = until_change < length;
    TEAM_SYNC(); // all have read coef and cov
    if (TEAM_LEADS && s->changed_sign)
        s->sign[place] = -s->sign[place];
    if (s->changed_sign && s->problem->lasso)
        length = until_change;
    s->n_steps++;
    TEAM_FOR(i, 0, s->n_active)
        s->coef[s->order[i]] += length * s->direction[i];
    TEAM_FOR(p, s->n_active, s->problem->n)
        s->cov[p] -= length * s->along[p];
    TEAM_SYNC();
    if (s->changed_sign && s->problem->lasso)
        drop_feature(s, place);
}

TEAM_FUNCTION size_t count_nonzero(const lars_state *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->problem->n; i++)
        count += s->coef[i] != 0;
    return count;
}

// The features with a coefficient, ascending.
TEAM_FUNCTION void list_nonzero(const lars_state *s, size_t *list)
{
    size_t count = 0;
    for (size_t i = 0; TEAM_LEADS && i < s->problem->n; i++)
        if (s->coef[i] != 0)
            list[count++] = i;
}

TEAM_FUNCTION void start_path(lars_state *s, const lars_problem *problem, const solve_memory *memory)
{
    const size_t n = problem->n, most_lasso_steps = 500;
    s->problem = problem;
    s->n_active = s->n_steps = 0;
    s->changed_sign = false;
    s->order = memory->order;
    s->factor = memory->factor;
    s->most_steps = problem->lasso ? most_lasso_steps : problem->n_selected;
    s->cov = memory->vectors;
    s->coef = s->cov + n;
    s->sign = s->coef + n;
    s->direction = s->sign + n;
    s->along = s->direction + n;
    TEAM_FOR(i, 0, n) {
        s->cov[i] = problem->xy[i];
        s->coef[i] = 0;
        s->order[i] = i;
    }
    TEAM_SYNC();
}

// Of the lasso's new point: its features where they are few enough; what is not active has no coefficient.
TEAM_FUNCTION void keep_point(lars_state *s, size_t *selected, size_t *n_selected)
{
    const size_t n_nonzero = count_nonzero(s);
    if (n_nonzero <= s->problem->n_selected || s->n_steps == 1) {
        list_nonzero(s, selected);
        *n_selected = n_nonzero;
    }
    TEAM_SYNC();
    TEAM_FOR(p, s->n_active, s->problem->n)
        s->coef[s->order[p]] = 0;
    TEAM_SYNC();
}

// Least angle regression: the first n_selected features in the order in which they entered. Lasso: the features of the
// last point on the path with at most n_selected of them (all features when the path has no point but the first). Returns their number.
TEAM_FUNCTION size_t lars_select(const lars_problem *problem, const solve_memory *memory, size_t *selected)
{
    lars_state s;
    size_t n_selected = 0;
    double before = INFINITY;
    start_path(&s, problem, memory);
    while (true) {
        const size_t place = s.n_active < problem->n ? largest_cov(&s) : 0;
        const double largest = s.n_active < problem->n ? fabs(s.cov[place]) : 0;
        const double per_sample = largest / (double)problem->n_samples;
        if (!(per_sample > (double)FLT_EPSILON) || s.n_steps >= s.most_steps)
            break;
        if (!s.changed_sign && !add_feature(&s, place))
            continue;
        if (problem->lasso && before < per_sample)
            break;
        const double scale = find_direction(&s);
        if (scale == 0)
            break;
        take_step(&s, largest, scale);
        before = per_sample;
        if (problem->lasso)
            keep_point(&s, selected, &n_selected);
    }
    if (!problem->lasso) {
        n_selected = s.n_active;
        TEAM_FOR(i, 0, n_selected)
            selected[i] = s.order[i];
    } else if (s.n_steps == 0) {
        n_selected = problem->n;
        TEAM_FOR(i, 0, n_selected)
            selected[i] = i;
    }
    TEAM_SYNC();
    return n_selected;
}

#endif
