// Shapley values (Shapley 1953; Lundberg & Lee, NIPS 2017): exact enumeration, KernelSHAP's weighted regression on our designs, shap's
// KernelExplainer as it is, or antithetic walks.
#include "explain/method.h"

#include <ascribe/result.h>

static bool takes(estimator choice)
{
    return choice <= ESTIMATOR_PERMUTATION;
}

static size_t evaluations(size_t n_features, size_t budget)
{
    return n_features == 0 ? 0 : budget;
}

static asc_status make_design(const method_request *request, design **out, uint32_t *row_status, asc_error *err)
{
    const size_t n = request->n_features;
    const bool affordable = n <= DESIGN_EXACT_LIMIT && design_full_budget(n) <= request->budget;
    *out = NULL;
    *row_status = 0;
    if (request->estimator == ESTIMATOR_EXACT && n > request->exact_limit) {
        *row_status = ASC_ROW_TOO_MANY_FEATURES;
        return method_anchors_only(n, out, err);
    }
    if (request->sampler && n >= request->sampler->least_features)
        return design_of_rows(n, request->sampler->capacity(n, request->budget), request->sampler->paired, out, err);
    if (request->estimator == ESTIMATOR_EXACT || (request->estimator == ESTIMATOR_AUTO && affordable) || n == 1)
        return design_exact(n, out, err);
    TRY(design_wls(n, request->budget, out, err));
    if ((*out)->under_determined)
        *row_status = ASC_ROW_UNDER_DETERMINED;
    return ASC_OK;
}

// ---- Rows with designs of their own ------------------------------------------------------------------------------

// shap's 2n + 2048 are evaluations besides the two anchors; up to 30 features all coalitions are the most.
static size_t round_shap(size_t n_features, size_t budget)
{
    const size_t full = n_features <= 30 ? design_full_budget(n_features) : ROW_DESIGN_MOST_BUDGET;
    return budget < full ? budget : full;
}

static size_t shap_capacity(size_t n_features, size_t budget)
{
    (void)n_features;
    return budget + 2;
}

const row_sampler sampler_shap = {
    .automatic = 2048,
    .automatic_per_feature = 2,
    .round_budget = round_shap,
    .capacity = shap_capacity,
    .draw = kernel_shap_draw,
    .least_features = 2,
    .replays = true,
    .solve = ASC_SOLVE_CONSTRAINED,
};

// At least one walk, whatever the budget.
static size_t round_walks(size_t n_features, size_t budget)
{
    const size_t length = walks_length(n_features);
    return budget < length ? length : budget - budget % length;
}

const row_sampler sampler_permutation = {
    .automatic = 512,
    .automatic_per_feature = 16,
    .automatic_is_larger = true,
    .round_budget = round_walks,
    .capacity = shap_capacity,
    .draw = walks_draw,
    .least_features = 2,
    .paired = true,
    .solve = ASC_SOLVE_WALKS,
};

static const row_sampler *sampler(estimator choice)
{
    if (choice == ESTIMATOR_SHAP)
        return &sampler_shap;
    return choice == ESTIMATOR_PERMUTATION ? &sampler_permutation : NULL;
}

const method method_shapley = {
    .name = "shapley",
    .estimators = "auto, exact, wls, shap, permutation",
    .takes = takes,
    .evaluations = evaluations,
    .make_design = make_design,
    .sampler = sampler,
    .efficient = true,
    .has_budget = true,
};
