// Methods say what is estimated, estimators how. One row of the table per method; a method is one file.
#ifndef ASCRIBE_EXPLAIN_METHOD_H
#define ASCRIBE_EXPLAIN_METHOD_H

#include "base/fail.h"
#include "coalition/design.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum estimator { ESTIMATOR_AUTO, ESTIMATOR_EXACT, ESTIMATOR_WLS } estimator;

typedef struct method_request {
    size_t n_features;
    size_t budget; // evaluations, already resolved for n_features
    estimator estimator;
    size_t exact_limit;
} method_request;

typedef struct method {
    const char *name;
    const char *estimators;          // the words it takes, for messages
    bool (*takes)(estimator choice); // whether this estimator belongs to it
    // Coalitions that a row of n_features is evaluated on with this budget, anchors apart.
    size_t (*evaluations)(size_t n_features, size_t budget);
    // The design for rows with n_features features. Rows that cannot be explained get *out NULL and their ASC_ROW_* bit.
    asc_status (*make_design)(const method_request *request, design **out, uint32_t *row_status, asc_error *err);
    bool efficient; // attributions sum to v(all) - v(empty)
} method;

extern const method method_shapley;
extern const method method_occlusion;

// By name; NULL when there is none. "kernelshap" is shapley with *forced set to ESTIMATOR_WLS (else ESTIMATOR_AUTO).
const method *method_find(const char *name, estimator *forced);
const char *method_names(void);

bool estimator_parse(const char *name, estimator *out);
const char *estimator_name(estimator choice);

// The design of a row without features: two anchors that are the same coalition, and nothing to attribute.
asc_status method_no_features(design **out, asc_error *err);

#endif
