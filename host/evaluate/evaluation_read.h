// Reading an `ascribe-evaluation` v1; see evaluation_columns.h for what stands in it.
#ifndef ASCRIBE_EVALUATE_EVALUATION_READ_H
#define ASCRIBE_EVALUATE_EVALUATION_READ_H

#include "evaluate/scores.h"

struct asc_evaluation {
    row_scores *rows; // [summary.n_evaluated] in ascending order of their ids, which differ
    char **class_names;
    char *manifest, *settings;
    asc_evaluation_summary summary; // of the rows
    asc_evaluation_summary stated;  // means and curves as they stand in the file
    asc_evaluation_info info; // of these
};

// asc_evaluation_open without the child process, and without holding the means against the rows.
asc_status evaluation_read_here(const char *path, asc_evaluation **out, asc_error *err);
// ASC_MALFORMED: what is stated is not what the rows say.
asc_status evaluation_check_means(const char *path, const asc_evaluation *evaluation, asc_error *err);

#endif
