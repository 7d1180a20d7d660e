// Shapley values (Shapley 1953; Lundberg & Lee, NIPS 2017): exact enumeration or KernelSHAP's weighted regression.
#include "explain/method.h"

#include <ascribe/result.h>

static bool takes(estimator choice)
{
    return choice == ESTIMATOR_AUTO || choice == ESTIMATOR_EXACT || choice == ESTIMATOR_WLS;
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
        return ASC_OK;
    }
    if (request->estimator == ESTIMATOR_EXACT || (request->estimator == ESTIMATOR_AUTO && affordable) || n == 1)
        return design_exact(n, out, err);
    TRY(design_wls(n, request->budget, out, err));
    if ((*out)->under_determined)
        *row_status = ASC_ROW_UNDER_DETERMINED;
    return ASC_OK;
}

const method method_shapley = {
    .name = "shapley",
    .estimators = "auto, exact, wls",
    .takes = takes,
    .evaluations = evaluations,
    .make_design = make_design,
    .efficient = true,
};
