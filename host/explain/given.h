// Coalitions that the caller gives row by row, and their values: for whoever asks for v(S) itself instead of attributions.
#ifndef ASCRIBE_EXPLAIN_GIVEN_H
#define ASCRIBE_EXPLAIN_GIVEN_H

#include "coalition/row_design.h"
#include "explain/request.h"

// The callbacks come from any worker; `row` counts within the rows given to engine_evaluate. All are pure: when a GPU is short of memory the
// rows begin again.
typedef struct given_coalitions {
    void *context;
    // Appends the row's coalitions to `out`, where the anchors stand already.
    asc_status (*fill)(void *context, size_t row, row_design *out, asc_error *err);
    // The class whose output is the value; NULL: the outputs of all classes are (request_give_all).
    int32_t (*choose_class)(void *context, size_t row);
    // v(S) of every coalition of `out`, anchors included, in its order: [count], of all classes [count, C]; NaN or infinite where the model's
    // output was.
    void (*take)(void *context, size_t row, const double *values, size_t count);
} given_coalitions;

// Turns a request into one for engine_evaluate: what is masked, with what, and which output, stay; rows have at most `most_coalitions`
// besides the anchors.
void request_give(explain_request *request, size_t most_coalitions);

// The same for the outputs of all classes; rows have at most `most_per_feature` times their features. The callbacks choose no class.
void request_give_all(explain_request *request, size_t n_classes, size_t most_per_feature);

// Whether it is one.
bool request_is_given(const explain_request *request);

#endif
