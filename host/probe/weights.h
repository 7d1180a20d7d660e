// What a model's weights say by themselves: matrices and their histograms, the maps of each head, the vocabulary's direction to the classes.
#ifndef ASCRIBE_PROBE_WEIGHTS_H
#define ASCRIBE_PROBE_WEIGHTS_H

#include "io/probe_file.h"
#include "model/model.h"

// Fills the columns of `heads/`, `matrices/` and `vocabulary/`, the matrices' names and their number; content->facts holds the model's
// dimensions. ASC_MALFORMED for a weight that is not finite, ASC_STOPPED.
asc_status probe_weights(const asc_model *model, probe_content *content, asc_error *err);

#endif
