// Opening a dataset without the trial, for a process that may die: the trial itself, and tests.
#ifndef ASCRIBE_IO_DATASET_READ_H
#define ASCRIBE_IO_DATASET_READ_H

#include <ascribe/dataset.h>

#include "base/fail.h"

// As asc_dataset_open, in this process.
asc_status dataset_open_here(const char *path, asc_dataset **out, asc_error *err);
// As asc_dataset_check, in this process: rows and the columns that a result copies.
asc_status dataset_check_here(asc_dataset *dataset, size_t first, size_t count, asc_error *err);

#endif
