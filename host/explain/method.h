// Methods say what is estimated, estimators how. One row of the table per method; a method is one file.
#ifndef ASCRIBE_EXPLAIN_METHOD_H
#define ASCRIBE_EXPLAIN_METHOD_H

#include "backend.h"
#include "base/fail.h"
#include "coalition/design.h"
#include "coalition/row_design.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum estimator { ESTIMATOR_AUTO, ESTIMATOR_EXACT, ESTIMATOR_WLS, ESTIMATOR_SHAP, ESTIMATOR_PERMUTATION } estimator;

// How rows with designs of their own are drawn and solved.
typedef struct row_sampler {
    size_t automatic, automatic_per_feature; // --budget auto: the one plus the other times n, or the larger of the two
    bool automatic_is_larger;
    // What `budget` becomes for n features: whole walks, at most all coalitions.
    size_t (*round_budget)(size_t n_features, size_t budget);
    size_t (*capacity)(size_t n_features, size_t budget); // coalitions, anchors included, at most
    asc_status (*draw)(const row_draw *draw, row_design *out, asc_error *err);
    size_t least_features; // rows with fewer have a shared design
    bool paired;
    bool replays; // takes imported masks
    asc_solve_kind solve;
} row_sampler;

extern const row_sampler sampler_shap, sampler_permutation, sampler_lime;

typedef struct method_request {
    size_t n_features;
    size_t budget; // evaluations, already resolved for n_features
    estimator estimator;
    size_t exact_limit;
    const row_sampler *sampler; // of the method with this estimator, or NULL
} method_request;

typedef struct method {
    const char *name;
    const char *estimators;          // the words it takes, for messages
    bool (*takes)(estimator choice); // whether this estimator belongs to it
    // Coalitions that a row of n_features is evaluated on with this budget, anchors apart.
    size_t (*evaluations)(size_t n_features, size_t budget);
    // The design for rows with n_features features. Rows that get no attributions have the anchors only and their ASC_ROW_* bit.
    asc_status (*make_design)(const method_request *request, design **out, uint32_t *row_status, asc_error *err);
    // How rows of their own design are drawn with this estimator; NULL: rows share designs. The function may be NULL too.
    const row_sampler *(*sampler)(estimator choice);
    bool efficient;  // attributions sum to v(all) - v(empty)
    bool has_budget; // spends what --budget says
    size_t n_fit;    // numbers per row and target besides the attributions: 3 for lime (intercept, score, local prediction), else 0
} method;

extern const method method_shapley;
extern const method method_occlusion;
extern const method method_lime;

// By name; NULL when there is none. "kernelshap" is shapley with *forced set to ESTIMATOR_WLS (else ESTIMATOR_AUTO).
const method *method_find(const char *name, estimator *forced);
const char *method_names(void);

bool estimator_parse(const char *name, estimator *out);
const char *estimator_name(estimator choice);

// The design of rows of which only v(all) and v(empty) are wanted, or that have no features: every attribution is NaN.
asc_status method_anchors_only(size_t n_features, design **out, asc_error *err);

#endif
