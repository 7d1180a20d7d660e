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
    const char *method;    // "shapley" (default), "kernelshap" (= shapley by wls), "occlusion"
    const char *estimator; // "auto" (default): exact while 2^n fits the budget, else wls; "exact", "wls"
    const char *policy;    // "remove" (default): absent tokens are dropped, positions kept; "delete": dropped, positions closed up;
                           // "mask", "pad", "unk": replaced by that token of the dataset's tokenizer; "id:N": by token N
    const char *output;    // "logit" (default), "probability", "logodds"
    const char *target;    // "auto" (default): all classes up to 8, else predicted; "all", "predicted", "label", or class names or
                           // indexes separated by commas
    const char *budget;    // "auto" = min(2^n - 2, max(512, 16 n)); a number; a multiple of the number of features like "16n"
    int exact_limit;       // longest row in features for estimator "exact"; default 16
    uint64_t seed;         // default 0
    const char *backend;   // "auto" (default), "cpu", "ref"
    int n_workers;         // threads; 0 = one per available core. Never changes a result
    size_t step_tokens;    // tokens per step and worker; 0 = default. Never changes a result
    size_t rows_per_part;  // 0 = chosen from the model's and the rows' size. Never changes a result
    int64_t first_row;     // dataset positions [first_row, first_row + n_rows); n_rows -1 = to the end
    int64_t n_rows;
    bool keep_text;        // copy texts and kept columns into the result (default true)
    bool keep_parts;       // leave the part files behind
    bool force;            // replace an existing result
    bool allow_tokenizer_mismatch; // explain although the dataset was made with another tokenizer
} asc_explain_options;

asc_explain_options asc_explain_options_default(void);

// ASC_USAGE with the option's name, what was given and what is possible.
asc_status asc_explain_options_check(const asc_explain_options *options, asc_error *err) ASC_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
