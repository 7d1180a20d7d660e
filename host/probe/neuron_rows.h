// The rows on which each neuron of the FFNs is most active: a bounded list for every neuron, the same whatever the order of rows.
#ifndef ASCRIBE_PROBE_NEURON_ROWS_H
#define ASCRIBE_PROBE_NEURON_ROWS_H

#include "io/probe_file.h"
#include "probe/row_pass.h"

// One row; its best place and the tokens around it.
typedef struct neuron_row {
    float activation; // -INFINITY: none
    int32_t position;
    uint64_t row; // id
    int32_t context[PROBE_CONTEXT]; // token ids, the middle one at `position`; -1 beyond the row's ends
} neuron_row;

typedef struct neuron_rows {
    size_t n_neurons, n_kept;
    neuron_row *rows; // [n_neurons, n_kept] largest activation first, equal ones by row id
} neuron_rows;

asc_status neuron_rows_create(size_t n_neurons, size_t n_kept, neuron_rows *out, asc_error *err);
void neuron_rows_free(neuron_rows *list);
void neuron_rows_add(neuron_rows *list, const row_numbers *row);
// Fills `neurons/` but for the means, and `top_neurons/`: of each block the neurons with the largest activations, equal ones by number.
asc_status neuron_rows_put(const neuron_rows *list, probe_content *content, asc_error *err);

#endif
