// What a run computes: the user's options resolved against a model and a dataset, every word turned into a choice.
#ifndef ASCRIBE_EXPLAIN_REQUEST_H
#define ASCRIBE_EXPLAIN_REQUEST_H

#include <ascribe/dataset.h>
#include <ascribe/log.h>
#include <ascribe/options.h>

#include "base/hash.h"
#include "explain/method.h"
#include "io/mask_file.h"
#include "model/model.h"

// How many coalitions a row may spend: `count`, plus `per_feature` times its features; both 0 = auto.
typedef struct budget_rule {
    size_t count, per_feature;
} budget_rule;

typedef enum target_rule { TARGETS_ALL, TARGETS_PREDICTED, TARGETS_LABEL, TARGETS_LISTED } target_rule;

typedef struct explain_request {
    stop_check stop; // the model's: asked by all that works on the request
    const method *method;
    estimator estimator;
    budget_rule budget;
    size_t exact_limit;
    uint64_t seed;
    asc_policy policy;
    char policy_name[16];  // "remove", "id:103"
    int32_t mask_token_id; // what an absent token becomes under ASC_POLICY_REPLACE
    asc_output output;
    bool sigmoid;
    target_rule target_rule;
    size_t n_targets;      // K
    int32_t *listed;       // [K] for TARGETS_LISTED
    int32_t *label_class;  // [n_label_names] class of each label name of the dataset, -1 = none; NULL without labels
    size_t n_label_names;
    asc_backend_kind backend;
    asc_precision precision;
    int device;              // of backend cuda
    const char *cuda_module; // of backend cuda, for tests; NULL: where it is looked for
    bool planning;           // of backend cuda: memory is counted, nothing is computed
    unsigned savings; // ASC_SAVING_*
    const row_sampler *sampler; // NULL: rows share designs
    asc_selection selection;    // of the sampler's solver, and what it allows
    size_t n_selected;
    mask_file *masks; // imported designs of rows, or NULL; read from one thread only
    uint8_t masks_sha256[HASH_BYTES];
} explain_request;

// ASC_USAGE names the option and what is possible. `log` may be NULL.
asc_status request_resolve(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                           explain_request *out, asc_error *err);
// The same where the device need not be there: `backend` and `precision` stay open, and what is filled in for them is only a guess at the
// kind of machine: a GPU when one is asked for or can be used here.
asc_status request_resolve_open(const asc_explain_options *options, const asc_model *model, const asc_dataset_info *data, const asc_log *log,
                                explain_request *out, asc_error *err);
void request_free(explain_request *request);

// The rows that are selected of a dataset of `n_available`; there is at least one (ASC_USAGE).
asc_status request_select_rows(const asc_explain_options *options, int64_t n_available, int64_t *first, int64_t *n_rows, asc_error *err);

// Whether rows of n features have designs of their own.
bool request_draws_rows(const explain_request *request, size_t n_features);

// Evaluations that a row of n features spends: the rule applied, at most 2^n - 2, whole pairs; what the sampler makes of the rule where rows
// have designs of their own (for lime: samples).
size_t request_budget(const explain_request *request, size_t n_features);

// Evaluations that the method will make of such a row: what request_budget allows, or what the method needs.
size_t request_evaluations(const explain_request *request, size_t n_features);

// Coalitions, anchors included, that a row of n features with a design of its own has at most; 2 when imported masks have no such row.
size_t request_row_capacity(const explain_request *request, size_t n_features);

// The class of a row's label (an index into the dataset's label names), or -1.
int32_t request_label_class(const explain_request *request, int32_t label);

// The words for results: "logit", "remove", ...
const char *request_output_name(const explain_request *request);
const char *request_policy_name(const explain_request *request);
const char *request_backend_name(const explain_request *request);
const char *request_precision_name(const explain_request *request); // "fp64" on ref, "fp32", "bf16", ...

asc_status request_open_backend(const explain_request *request, asc_backend **out, asc_error *err);
// Threads, or on a GPU streams: what the user wants, or (0) one for each core, on a GPU two.
size_t request_n_workers(const explain_request *request, int wanted);
// Bytes of an element of the backend's REAL.
size_t request_real_bytes(const explain_request *request);
// Bytes of an element of a linear map's weights there.
size_t request_map_bytes(const explain_request *request);

#endif
