// Opening a dataset without the trial, for a process that may die: the trial itself, and tests. And which file it is.
#ifndef ASCRIBE_IO_DATASET_READ_H
#define ASCRIBE_IO_DATASET_READ_H

#include <ascribe/dataset.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/stop.h"

// As asc_dataset_open; `stop` (may be NULL) is asked now and by everything that is done with the dataset: ASC_STOPPED.
asc_status dataset_open(const char *path, const stop_check *stop, asc_dataset **out, asc_error *err);
// As asc_dataset_open, in this process.
asc_status dataset_open_here(const char *path, asc_dataset **out, asc_error *err);
// As asc_dataset_check, in this process: rows and the columns that a result copies.
asc_status dataset_check_here(asc_dataset *dataset, size_t first, size_t count, asc_error *err);

// Sizes of rows [first, first + count), [count] each: what planning needs, without reading the rows.
asc_status dataset_row_sizes(const asc_dataset *dataset, size_t first, size_t count, size_t *n_tokens, size_t *n_features, asc_error *err);

// SHA-256 of the file that was opened. ASC_MALFORMED when its path leads to another one by now.
asc_status dataset_hash(const asc_dataset *dataset, uint8_t digest[HASH_BYTES], asc_error *err);

#endif
