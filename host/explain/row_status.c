// See row_status.h.
#include "explain/row_status.h"

#include <ascribe/result.h>

row_facts row_classify(const explain_request *request, const model_config *config, const asc_rows *rows, size_t row)
{
    const int64_t first = rows->token_offsets[row], last = rows->token_offsets[row + 1];
    row_facts facts = {
        .status = rows->truncated[row] ? ASC_ROW_TRUNCATED : 0,
        .n_features = (size_t)(rows->feature_offsets[row + 1] - rows->feature_offsets[row]),
        .n_tokens = (size_t)(last - first),
    };
    if (first == last || rows->token_features[first] >= 0)
        facts.status |= ASC_ROW_NO_FIXED_TOKEN;
    if (request->target_rule == TARGETS_LABEL && request_label_class(request, rows->labels[row]) < 0)
        facts.status |= ASC_ROW_NO_LABEL;
    if (facts.n_features == 0)
        facts.status |= ASC_ROW_NO_FEATURES;
    if (facts.n_features == 1)
        facts.status |= ASC_ROW_ONE_FEATURE;
    if (facts.n_tokens > config->n_max_tokens)
        facts.status |= ASC_ROW_TOO_LONG;
    for (int64_t t = first; t < last; t++) {
        facts.n_fixed += rows->token_features[t] < 0;
        if (rows->tokens[t] < 0 || (size_t)rows->tokens[t] >= config->n_vocabulary ||
            (config->n_types > 0 && rows->token_types[t] >= config->n_types))
            facts.status |= ASC_ROW_BAD_TOKEN_ID;
    }
    return facts;
}
