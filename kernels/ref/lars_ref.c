// Least angle regression and the lasso path (Efron, Hastie, Johnstone, Tibshirani, "Least angle regression", Annals of
// Statistics 32, 2004), from the Gram matrix X'X and the correlations X'y.
//
// shap and lime call scikit-learn's lars_path, so the path here takes its decisions: where it stops (the largest
// correlation per sample at most the float epsilon; more steps than allowed; correlations that rise again), the
// rounding of correlations with the direction to 15 decimals, what a degenerate feature does, and that under plain least angle
// regression a coefficient that changes its sign costs the next step its new feature.
#include "ref/solve_ref.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST_LASSO_STEPS = 500 };

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

static double gram(const lars_state *s, size_t place, size_t other)
{
    return s->problem->gram[s->order[place] * s->problem->n + s->order[other]];
}

static void swap_places(lars_state *s, size_t a, size_t b)
{
    const size_t feature = s->order[a];
    s->order[a] = s->order[b];
    s->order[b] = feature;
}

static void swap_cov(lars_state *s, size_t a, size_t b)
{
    const double cov = s->cov[a];
    s->cov[a] = s->cov[b];
    s->cov[b] = cov;
}

// Row `place` of the factor from the rows above it; returns its diagonal element.
static double factor_row(lars_state *s, size_t place)
{
    const size_t n = s->problem->n;
    double *row = s->factor + place * n, sum = 0;
    for (size_t j = 0; j < place; j++) {
        const double *above = s->factor + j * n;
        double value = gram(s, place, j);
        for (size_t i = 0; i < j; i++)
            value -= row[i] * above[i];
        row[j] = value / above[j];
        sum += row[j] * row[j];
    }
    row[place] = fmax(sqrt(fabs(gram(s, place, place) - sum)), DBL_EPSILON);
    return row[place];
}

static size_t largest_cov(const lars_state *s)
{
    size_t best = s->n_active;
    for (size_t p = best + 1; p < s->problem->n; p++)
        if (fabs(s->cov[p]) > fabs(s->cov[best]))
            best = p;
    return best;
}

// The feature at `place` becomes active; false when it is a combination of those that are.
static bool add_feature(lars_state *s, size_t place)
{
    const size_t at = s->n_active;
    s->sign[at] = (s->cov[place] > 0) - (s->cov[place] < 0);
    swap_cov(s, place, at);
    swap_places(s, place, at);
    if (factor_row(s, at) < 1e-7) {
        s->cov[at] = 0;
        swap_cov(s, place, at);
        return false;
    }
    s->n_active++;
    return true;
}

// direction = the equiangular one; returns its scale, 0 when the factor does not give one.
static double find_direction(lars_state *s)
{
    const size_t n = s->problem->n, n_active = s->n_active;
    double *x = s->direction, sum = 0;
    for (size_t i = 0; i < n_active; i++) {
        x[i] = s->sign[i];
        for (size_t j = 0; j < i; j++)
            x[i] -= s->factor[i * n + j] * x[j];
        x[i] /= s->factor[i * n + i];
    }
    for (size_t i = n_active; i-- > 0;) {
        for (size_t j = i + 1; j < n_active; j++)
            x[i] -= s->factor[j * n + i] * x[j];
        x[i] /= s->factor[i * n + i];
    }
    for (size_t i = 0; i < n_active; i++)
        sum += x[i] * s->sign[i];
    if (!(sum > 0) || !isfinite(sum))
        return 0;
    const double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < n_active; i++)
        x[i] *= scale;
    for (size_t p = n_active; p < n; p++) {
        s->along[p] = 0;
        for (size_t i = 0; i < n_active; i++)
            s->along[p] += gram(s, p, i) * x[i];
        s->along[p] = rint(s->along[p] * 1e15) / 1e15;
    }
    return scale;
}

static double smaller_positive(double found, double candidate)
{
    return candidate > 0 && candidate < found ? candidate : found;
}

// How far to go: until another feature is as correlated as the active ones, or nothing is left to explain.
static double step_length(const lars_state *s, double largest, double scale)
{
    double length = DBL_MAX;
    for (size_t p = s->n_active; p < s->problem->n; p++) {
        length = smaller_positive(length, (largest - s->cov[p]) / (scale - s->along[p] + (double)FLT_MIN));
        length = smaller_positive(length, (largest + s->cov[p]) / (scale + s->along[p] + (double)FLT_MIN));
    }
    return fmin(length, largest / scale);
}

// The lasso's feature at `place` leaves.
static void drop_feature(lars_state *s, size_t place)
{
    const lars_problem *problem = s->problem;
    s->n_active--;
    for (size_t p = place; p < s->n_active; p++) {
        swap_places(s, p, p + 1);
        s->sign[p] = s->sign[p + 1];
    }
    for (size_t p = place; p < s->n_active; p++)
        factor_row(s, p);
    const size_t feature = s->order[s->n_active];
    double cov = problem->xy[feature];
    for (size_t i = 0; i < s->n_active; i++)
        cov -= problem->gram[feature * problem->n + s->order[i]] * s->coef[s->order[i]];
    s->cov[s->n_active] = cov;
}

// One step along the direction; the coefficients are those of the new point afterwards.
static void take_step(lars_state *s, double largest, double scale)
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
    if (s->changed_sign)
        s->sign[place] = -s->sign[place];
    if (s->changed_sign && s->problem->lasso)
        length = until_change;
    s->n_steps++;
    for (size_t i = 0; i < s->n_active; i++)
        s->coef[s->order[i]] += length * s->direction[i];
    for (size_t p = s->n_active; p < s->problem->n; p++)
        s->cov[p] -= length * s->along[p];
    if (s->changed_sign && s->problem->lasso)
        drop_feature(s, place);
}

static size_t list_nonzero(const lars_state *s, size_t *list)
{
    size_t count = 0;
    for (size_t i = 0; i < s->problem->n; i++)
        if (s->coef[i] != 0)
            list[count++] = i;
    return count;
}

static void start(lars_state *s, const lars_problem *problem, const solve_memory *memory)
{
    const size_t n = problem->n;
    *s = (lars_state){.problem = problem, .order = memory->order, .factor = memory->factor};
    s->most_steps = problem->lasso ? MOST_LASSO_STEPS : problem->n_selected;
    s->cov = memory->vectors;
    s->coef = s->cov + n;
    s->sign = s->coef + n;
    s->direction = s->sign + n;
    s->along = s->direction + n;
    memcpy(s->cov, problem->xy, n * sizeof *s->cov);
    memset(s->coef, 0, n * sizeof *s->coef);
    for (size_t i = 0; i < n; i++)
        s->order[i] = i;
}

size_t lars_select(const lars_problem *problem, const solve_memory *memory, size_t *selected)
{
    lars_state s;
    size_t n_selected = 0;
    double before = INFINITY;
    start(&s, problem, memory);
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
        if (problem->lasso) {
            const size_t n_nonzero = list_nonzero(&s, memory->listed);
            if (n_nonzero <= problem->n_selected || s.n_steps == 1) {
                memcpy(selected, memory->listed, n_nonzero * sizeof *selected);
                n_selected = n_nonzero;
            }
            for (size_t p = s.n_active; p < problem->n; p++)
                s.coef[s.order[p]] = 0;
        }
    }
    if (!problem->lasso) {
        memcpy(selected, s.order, s.n_active * sizeof *selected);
        return s.n_active;
    }
    for (size_t i = 0; s.n_steps == 0 && i < problem->n; i++)
        selected[n_selected++] = i;
    return n_selected;
}
