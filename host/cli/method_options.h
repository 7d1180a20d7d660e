// The options that say what is computed, for every command that computes: AT(member) is the offset of a member of asc_explain_options in
// the command's own struct.
#ifndef ASCRIBE_CLI_METHOD_OPTIONS_H
#define ASCRIBE_CLI_METHOD_OPTIONS_H

// clang-format off
#define METHOD_OPTIONS(AT) \
    {.name = "method", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(method), \
     .group = "Method", .help = "shapley; kernelshap (= shapley by wls); occlusion; lime"}, \
    {.name = "estimator", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(estimator), \
     .help = "auto (exact while 2^n - 2 coalitions fit the budget, else wls); exact; wls; shap (shap's " \
             "KernelExplainer); permutation (antithetic walks)"}, \
    {.name = "budget", .kind = OPTION_STRING, .argument = "N|Mn|auto", .offset = AT(budget), \
     .help = "coalitions a row may spend: a number, a multiple of its n features like 16n, or auto = " \
             "min(2^n - 2, max(512, 16n)), for shap 2n + 2048, for permutation max(512, 16n), for lime 4999 " \
             "samples; permutation spends whole walks of 2(n - 1), at least one whatever the budget"}, \
    {.name = "policy", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(policy), \
     .help = "absent tokens are: remove = dropped, positions kept; delete = dropped, positions closed up; mask, " \
             "pad, unk = replaced by that token; id:N = by token N"}, \
    {.name = "output", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(output), \
     .help = "what is explained: logit; probability; logodds"}, \
    {.name = "target", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(target), \
     .help = "classes: auto (all up to 8, else predicted); all; predicted; label; or names or indexes " \
             "with commas"}, \
    {.name = "exact-limit", .kind = OPTION_INT, .argument = "N", .offset = AT(exact_limit), \
     .help = "most features of a row for --estimator exact"}, \
    {.name = "l1-reg", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(l1_reg), \
     .help = "estimator shap: off; num_features:N (KernelExplainer's own default is num_features:10)"}, \
    {.name = "lime-features", .kind = OPTION_INT, .argument = "N", .offset = AT(lime_features), \
     .help = "most features with an attribution"}, \
    {.name = "lime-selection", .kind = OPTION_STRING, .argument = "WORD", \
     .offset = AT(lime_selection), \
     .help = "how lime chooses them: auto (forward up to 6, else highest_weights); forward; " \
             "highest_weights; lasso_path; none = all"}
// clang-format on

#endif
