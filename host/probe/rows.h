// The rows of a probe: through the model by all workers, a window at a time, and into the columns in their order.
#ifndef ASCRIBE_PROBE_ROWS_H
#define ASCRIBE_PROBE_ROWS_H

#include <ascribe/probe.h>

#include "explain/request.h"
#include "io/probe_file.h"

typedef struct probe_inputs {
    const asc_probe_job *job;
    const asc_model *model;
    asc_dataset *dataset;
    const explain_request *request;
    int64_t first_row, n_rows;
} probe_inputs;

// Sizes of the rows that are kept whole, [n_full_rows] each, in new memory. ASC_USAGE: rows that the dataset does not have; ASC_MALFORMED: one
// that the model cannot take. Reads them in a child process first: before threads start.
asc_status probe_full_sizes(const probe_inputs *in, size_t **n_tokens, size_t **text_sizes, asc_error *err);

// Adds up what probe_rows would do, by the rows' lengths. Errors as probe_full_sizes: before threads start.
asc_status probe_rows_cost(const probe_inputs *in, asc_probe_cost *cost, asc_error *err);

// Fills the columns of rows and the facts about them, and puts the whole rows.
asc_status probe_rows(const probe_inputs *in, probe_content *content, probe_writer *writer, asc_error *err);

#endif
