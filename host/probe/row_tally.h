// From rows to columns: sums over rows in their order, and the means that they end as.
#ifndef ASCRIBE_PROBE_ROW_TALLY_H
#define ASCRIBE_PROBE_ROW_TALLY_H

#include "io/probe_file.h"
#include "probe/neuron_rows.h"
#include "probe/row_pass.h"

typedef struct row_tally {
    const asc_model *model;
    probe_content *content;
    neuron_rows neurons;
    uint64_t n_usable, n_pairs; // rows so far; of more than one token
} row_tally;

// Makes the columns of rows; content->facts says which (n_rows, n_ablated, n_top_neurons, n_top_rows). The caller frees, whatever the status.
asc_status row_tally_begin(row_tally *t, const asc_model *model, probe_content *content, asc_error *err);
void row_tally_add(row_tally *t, const row_numbers *row);
// Sums become means, and the facts the numbers of rows that went in.
asc_status row_tally_end(row_tally *t, asc_error *err);
void row_tally_free(row_tally *t);

#endif
