// What to compute and how: one struct, its defaults, one check. Choices are the words that a user types.
#ifndef ASCRIBE_OPTIONS_H
#define ASCRIBE_OPTIONS_H

#include <ascribe/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct asc_explain_options {
    const char *method;    // "shapley" (default), "kernelshap" (= shapley by wls), "occlusion", "lime"
    const char *estimator; // "auto" (default): exact while 2^n fits the budget, else wls; "exact", "wls"; "shap" = shap's KernelExplainer,
                           // "permutation" = antithetic walks
    const char *policy;    // "remove" (default): absent tokens are dropped, positions kept; "delete": dropped, positions closed up;
                           // "mask", "pad", "unk": replaced by that token of the dataset's tokenizer; "id:N": by token N
    const char *output;    // "logit" (default), "probability", "logodds"
    const char *target;    // "auto" (default): all classes up to 8, else predicted; "all", "predicted", "label", or class names or
                           // indexes separated by commas
    const char *budget;    // "auto" = min(2^n - 2, max(512, 16 n)), for shap 2 n + 2048, for permutation max(512, 16 n), for lime 4999; a
                           // number; a multiple of the number of features like "16n"
    const char *l1_reg;    // estimator shap: "off" (default) or "num_features:N", KernelExplainer's choice of features by LARS
    const char *lime_selection; // "auto" (default: forward up to 6 features, else highest_weights), "forward", "highest_weights",
                                // "lasso_path", "none"
    int lime_features;          // most features with an attribution, default 10; "none" takes all
    const char *masks;        // mask file that gives each row's coalitions and weights (estimator shap, method lime); NULL: drawn
    const char *masks_sha256; // what its SHA-256 must be, 64 lower-case hexadecimal digits; NULL (default): any
    const char *export_masks; // where to write the coalitions and weights that rows were evaluated on; NULL: nowhere
    int exact_limit;       // longest row in features for estimator "exact"; default 16
    uint64_t seed;         // default 0
    const char *savings;   // exact savings, for tests and the benchmark: "auto" (default: all, on ref none), "all", "none", or some of
                           // "first_layer", "last_layer", "fold", "duplicates" separated by commas
    const char *backend;   // "auto" (default: cuda where a GPU can be used, else cpu), "cpu", "cuda", "ref"
    const char *precision; // "auto" (default: fp32 on cpu, fp16 on cuda), "fp32" (ref computes in double all the same), "bf16" (on cpu of the
                           // linear maps alone), and on cuda "fp16", "tf32"
    int device;            // which GPU, from 0
    const char *devices;   // "0,1,3" or "all": one worker process on each of these GPUs; NULL (default): `device`, in this process. Never
                           // changes a result
    int n_processes;       // worker processes on the processor; 0 (default) and 1: this one. Never changes a result
    int n_workers;         // threads (on cuda: streams); 0 = one per available core (on cuda: 2). Never changes a result
    size_t step_tokens;    // tokens per step and worker; 0 = default. Never changes a result
    size_t rows_per_part;  // 0 = chosen from the model's and the rows' size. Never changes a result
    int64_t first_row;     // dataset positions [first_row, first_row + n_rows); n_rows -1 = to the end
    int64_t n_rows;
    bool keep_text;        // copy texts and kept columns into the result (default true)
    bool keep_parts;       // leave the part files behind
    bool force;            // replace an existing result, and start over where parts of another run are
    bool allow_mixed;      // parts may come from different kernel sets, whose results differ in their last bits; the result says which
    bool allow_tokenizer_mismatch; // explain although the dataset was made with another tokenizer
} asc_explain_options;

asc_explain_options asc_explain_options_default(void);

// ASC_USAGE with the option's name, what was given and what is possible.
asc_status asc_explain_options_check(const asc_explain_options *options, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
