// From what the user has (a dataset, a table of texts, texts on the command line) to a dataset on disk.
#ifndef ASCRIBE_CLI_EXPLAIN_INPUT_H
#define ASCRIBE_CLI_EXPLAIN_INPUT_H

#include "explain_values.h"

#include <ascribe/status.h>

// Finds or makes the dataset to explain; the caller frees *dataset_path. A table of texts or --text is
// prepared into OUT minus
// ".h5" plus "-dataset.h5", which stays. `texts_folder` takes the file of the texts given by --text.
// ASC_NOT_FOUND, ASC_USAGE (neither HDF5 nor a table by its name), ASC_CANNOT_CREATE, ASC_NO_DEVICE (no
// ascribe-prepare), and its codes; before anything is prepared, those of asc_model_check.
asc_status explain_input_resolve(const explain_values *values, const char *out, const char *texts_folder,
                                 char **dataset_path, asc_error *err);

// Turns --rows and --limit into positions of this dataset. ASC_USAGE, and the statuses of asc_dataset_open.
asc_status explain_input_choose_rows(const explain_values *values, const char *dataset_path, asc_explain_options *options, asc_error *err);

#endif
