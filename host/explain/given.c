// See given.h. Its "method" solves nothing: rows have designs of their own, and their values are fetched as they are.
#include "explain/given.h"

#include <stdlib.h>

static size_t keep_budget(size_t n_features, size_t budget)
{
    (void)n_features;
    return budget;
}

static size_t capacity(size_t n_features, size_t budget)
{
    (void)n_features;
    return budget + 2;
}

static const row_sampler sampler_given = {.round_budget = keep_budget, .capacity = capacity, .least_features = 1};

static asc_status make_design(const method_request *request, design **out, uint32_t *row_status, asc_error *err)
{
    *row_status = 0;
    return design_of_rows(request->n_features, capacity(request->n_features, request->budget), false, out, err);
}

static const method method_given = {.name = "given", .make_design = make_design};

static void give(explain_request *request, target_rule rule, size_t n_targets, budget_rule budget)
{
    free(request->listed);
    request->listed = NULL;
    request->method = &method_given;
    request->sampler = &sampler_given;
    request->budget = budget;
    request->target_rule = rule;
    request->n_targets = n_targets;
}

void request_give(explain_request *request, size_t most_coalitions)
{
    give(request, TARGETS_LISTED, 1, (budget_rule){.count = most_coalitions});
}

void request_give_all(explain_request *request, size_t n_classes, size_t most_per_feature)
{
    give(request, TARGETS_ALL, n_classes, (budget_rule){.per_feature = most_per_feature});
}

bool request_is_given(const explain_request *request)
{
    return request->method == &method_given;
}
