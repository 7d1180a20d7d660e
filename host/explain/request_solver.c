// See request_solver.h.
#include "explain/request_solver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SELECTED = 1 << 20, FORWARD_UP_TO = 6 };

static const char *const selection_names[] = {"all", "lars", "forward", "highest_weights", "lasso_path"};

const char *request_selection_name(asc_selection selection)
{
    return selection_names[selection];
}

// "off" or "num_features:N"; false for anything else.
static bool parse_l1_reg(const char *text, size_t *n_selected)
{
    static const char prefix[] = "num_features:";
    *n_selected = 0;
    if (strcmp(text, "off") == 0)
        return true;
    if (strncmp(text, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *number = text + sizeof prefix - 1;
    char *end = NULL;
    errno = 0;
    const unsigned long long value = number[0] >= '0' && number[0] <= '9' ? strtoull(number, &end, 10) : 0;
    if (errno != 0 || value < 1 || value > MOST_SELECTED || *end != '\0')
        return false;
    *n_selected = (size_t)value;
    return true;
}

// false for an unknown word.
static bool parse_lime_selection(const char *text, int n_features, asc_selection *selection)
{
    static const asc_selection choices[] = {ASC_SELECT_FORWARD, ASC_SELECT_HIGHEST, ASC_SELECT_LASSO};
    if (strcmp(text, "none") == 0) {
        *selection = ASC_SELECT_ALL;
        return true;
    }
    if (strcmp(text, "auto") == 0) {
        *selection = n_features <= FORWARD_UP_TO ? ASC_SELECT_FORWARD : ASC_SELECT_HIGHEST;
        return true;
    }
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(text, selection_names[choices[i]]) == 0) {
            *selection = choices[i];
            return true;
        }
    return false;
}

static const row_sampler *chosen_sampler(const asc_explain_options *options)
{
    estimator forced, choice = ESTIMATOR_AUTO;
    const method *found = method_find(options->method, &forced);
    (void)estimator_parse(options->estimator, &choice);
    return found->sampler ? found->sampler(forced != ESTIMATOR_AUTO ? forced : choice) : NULL;
}

static asc_status check_masks(const asc_explain_options *options, const row_sampler *sampler, asc_error *err)
{
    if (options->masks && (!sampler || !sampler->replays))
        return fail(err, ASC_USAGE, "--masks: only estimator shap and method lime take masks from a file, found method %s, estimator %s",
                    options->method, options->estimator);
    if (options->masks && strcmp(options->budget, "auto") != 0)
        return fail(err, ASC_USAGE, "--masks and --budget exclude each other: the file says which coalitions are evaluated");
    if (options->export_masks && !sampler)
        return fail(err, ASC_USAGE, "--export-masks: only the estimators shap and permutation and method lime draw masks for each row, found "
                                    "method %s, estimator %s", options->method, options->estimator);
    if (options->export_masks && options->masks)
        return fail(err, ASC_USAGE, "--masks and --export-masks exclude each other");
    return ASC_OK;
}

asc_status request_solver_check(const asc_explain_options *options, asc_error *err)
{
    const asc_explain_options usual = asc_explain_options_default();
    const row_sampler *sampler = chosen_sampler(options);
    asc_selection selection;
    size_t n_selected;
    if (!parse_l1_reg(options->l1_reg, &n_selected))
        return fail(err, ASC_USAGE, "--l1-reg '%s' is unknown, expected off or num_features:N such as num_features:10", options->l1_reg);
    if (n_selected > 0 && sampler != &sampler_shap)
        return fail(err, ASC_USAGE, "--l1-reg belongs to estimator shap, found method %s, estimator %s", options->method, options->estimator);
    if (!parse_lime_selection(options->lime_selection, options->lime_features, &selection))
        return fail(err, ASC_USAGE, "--lime-selection '%s' is unknown, expected auto, forward, highest_weights, lasso_path or none",
                    options->lime_selection);
    if (options->lime_features < 1 || options->lime_features > MOST_SELECTED)
        return fail(err, ASC_USAGE, "--lime-features is %d, expected 1..%d", options->lime_features, MOST_SELECTED);
    const bool changed = strcmp(options->lime_selection, usual.lime_selection) != 0 || options->lime_features != usual.lime_features;
    if (changed && sampler != &sampler_lime)
        return fail(err, ASC_USAGE, "--lime-selection and --lime-features belong to method lime, found method %s", options->method);
    return check_masks(options, sampler, err);
}

asc_status request_solver_resolve(const asc_explain_options *options, explain_request *out, asc_error *err)
{
    out->sampler = chosen_sampler(options);
    if (out->sampler == &sampler_lime) {
        (void)parse_lime_selection(options->lime_selection, options->lime_features, &out->selection);
        out->n_selected = (size_t)options->lime_features;
    } else if (out->sampler == &sampler_shap) {
        (void)parse_l1_reg(options->l1_reg, &out->n_selected);
        out->selection = out->n_selected > 0 ? ASC_SELECT_LARS : ASC_SELECT_ALL;
    }
    if (out->sampler && (out->budget.count > ROW_DESIGN_MOST_BUDGET || out->budget.per_feature > ROW_DESIGN_MOST_BUDGET))
        return fail(err, ASC_USAGE, "--budget '%s': expected at most %d for designs that each row draws itself", options->budget,
                    ROW_DESIGN_MOST_BUDGET);
    if (!options->masks)
        return ASC_OK;
    TRY(mask_file_open(options->masks, &out->stop, &out->masks, err));
    TRY(mask_file_hash(out->masks, out->masks_sha256, err));
    char found[HASH_HEX_SIZE];
    hash_hex(out->masks_sha256, found);
    if (!options->masks_sha256 || strcmp(options->masks_sha256, found) == 0)
        return ASC_OK;
    return fail(err, ASC_DIFFERENT_RUN, "--masks: %s is another file than the earlier run's: expected SHA-256 %s, found %s", options->masks,
                options->masks_sha256, found);
}
