// LIME for texts (Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016; LimeTextExplainer): a weighted ridge regression of the output
// on the features of random neighbours of the row.
#include "explain/method.h"

static bool takes(estimator choice)
{
    return choice == ESTIMATOR_AUTO;
}

static size_t evaluations(size_t n_features, size_t budget)
{
    return n_features == 0 ? 0 : lime_capacity(n_features, budget) - 2;
}

static asc_status make_design(const method_request *request, design **out, uint32_t *row_status, asc_error *err)
{
    *row_status = 0;
    return design_of_rows(request->n_features, lime_capacity(request->n_features, request->budget), false, out, err);
}

// Samples may repeat: even a short row can use many.
static size_t round_budget(size_t n_features, size_t budget)
{
    (void)n_features;
    return budget;
}

// LimeTextExplainer's 5000 samples include the row itself.
const row_sampler sampler_lime = {
    .automatic = 4999,
    .round_budget = round_budget,
    .capacity = lime_capacity,
    .draw = lime_draw,
    .least_features = 1,
    .replays = true,
    .solve = ASC_SOLVE_RIDGE,
};

static const row_sampler *sampler(estimator choice)
{
    (void)choice;
    return &sampler_lime;
}

const method method_lime = {
    .name = "lime",
    .estimators = "auto",
    .takes = takes,
    .evaluations = evaluations,
    .make_design = make_design,
    .sampler = sampler,
    .efficient = false,
    .has_budget = true,
    .n_fit = 3,
};
