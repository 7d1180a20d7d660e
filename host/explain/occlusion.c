// Occlusion, also leave-one-out: what the output loses when one feature is taken away (Zeiler & Fergus, ECCV 2014).
#include "explain/method.h"

static bool takes(estimator choice)
{
    return choice == ESTIMATOR_AUTO;
}

static size_t evaluations(size_t n_features, size_t budget)
{
    (void)budget;
    return n_features;
}

static asc_status make_design(const method_request *request, design **out, uint32_t *row_status, asc_error *err)
{
    *row_status = 0;
    return design_occlusion(request->n_features, out, err);
}

const method method_occlusion = {
    .name = "occlusion",
    .estimators = "auto",
    .takes = takes,
    .evaluations = evaluations,
    .make_design = make_design,
    .efficient = false,
    .has_budget = false,
};
