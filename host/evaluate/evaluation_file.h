// The file of an evaluation, `ascribe-evaluation` v1: a line for every evaluated row, and the means over them.
#ifndef ASCRIBE_EVALUATE_EVALUATION_FILE_H
#define ASCRIBE_EVALUATE_EVALUATION_FILE_H

#include "evaluate/scores.h"

#include "base/stop.h"

typedef struct evaluation_file {
    const char *path;
    bool force;
    stop_check stop;
    const char *manifest;    // of the result, as it stands there
    const char *settings;    // JSON: how it was evaluated
    const char *const *class_names; // [n_classes]
    size_t n_classes;
    const row_scores *rows;  // [n_rows]
    size_t n_rows;
    const asc_evaluation_summary *summary;
} evaluation_file;

// Whether it may be written. ASC_CANNOT_CREATE.
asc_status evaluation_file_check(const evaluation_file *file, asc_error *err);
// As column_file_write.
asc_status evaluation_file_write(const evaluation_file *file, asc_error *err);

#endif
