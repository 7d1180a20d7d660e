// What a row of the dataset is to a request and a model: its size, and whether it can be explained.
#ifndef ASCRIBE_EXPLAIN_ROW_STATUS_H
#define ASCRIBE_EXPLAIN_ROW_STATUS_H

#include "explain/request.h"

typedef struct row_facts {
    uint32_t status; // ASC_ROW_* bits
    size_t n_features, n_tokens, n_fixed; // fixed: tokens that are never masked
} row_facts;

row_facts row_classify(const explain_request *request, const model_config *config, const asc_rows *rows, size_t row);

#endif
