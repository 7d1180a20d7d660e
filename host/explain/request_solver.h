// The options of rows with designs of their own: l1_reg, lime's selection, imported and exported masks.
#ifndef ASCRIBE_EXPLAIN_REQUEST_SOLVER_H
#define ASCRIBE_EXPLAIN_REQUEST_SOLVER_H

#include "explain/request.h"

// ASC_USAGE names the option and what is possible; method, estimator and budget of `options` are known words.
asc_status request_solver_check(const asc_explain_options *options, asc_error *err);

// Sets the request's sampler, selection and masks; method, estimator and budget are set. A mask file's errors.
asc_status request_solver_resolve(const asc_explain_options *options, explain_request *out, asc_error *err);

// The selection and its number for results and messages: "all", "lars", ...
const char *request_selection_name(asc_selection selection);

#endif
